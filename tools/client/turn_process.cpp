// SPDX-License-Identifier: Apache-2.0
#include "client/turn_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace sluice::client {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t text_most = 1 << 16;

Result<pid_t> spawn(const std::string& program, std::vector<std::string>& words, int output) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = -1;
  const int failure = ::posix_spawn(&pid, program.c_str(), &files, &attributes, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  if (failure != 0) return system_error("cannot start the process of a turn", failure);
  return pid;
}

int reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Result<TurnProcess> TurnProcess::start(const std::string& program, std::vector<std::string> words) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return system_error("pipe", errno);
  TurnProcess process;
  process.output_.reset(ends[0]);
  const UniqueFd write_end(ends[1]);
  auto pid = spawn(program, words, write_end.get());
  if (!pid) return pid.error();
  process.pid_ = *pid;
  process.handle_.reset(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
  if (process.handle_) return process;
  // Nobody would hear of its end.
  const Error error = system_error("no handle of the process of a turn", errno);
  ::kill(*pid, SIGKILL);
  reap(*pid);
  return error;
}

bool TurnProcess::ended_within(std::chrono::milliseconds patience) const {
  const auto until = Clock::now() + patience;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd waiting{handle_.get(), POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

bool TurnProcess::end(std::chrono::milliseconds patience) const {
  if (ended()) return true;
  // Not reaped yet, so the number is still its own.
  ::kill(pid_, SIGTERM);
  if (ended_within(patience)) return true;
  ::kill(pid_, SIGKILL);
  return ended_within(patience);
}

Result<std::string> TurnProcess::told() {
  const int status = reap(pid_);
  std::string text(text_most, '\0');
  const ssize_t size = ::read(output_.get(), text.data(), text.size());
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  if (text.empty() && WIFSIGNALED(status))
    return Error{"its process was ended by signal " + std::to_string(WTERMSIG(status)), EINTR};
  return text;
}

}  // namespace sluice::client
