// SPDX-License-Identifier: Apache-2.0
#include "client/measure/child.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

namespace sluice::client::measure {
namespace {

constexpr std::uint64_t open_files = 256;

// All that is needed between fork() and execve(), made before: other threads may hold the allocator's locks then, so
// that only async-signal-safe functions (signal-safety(7)) and bare system calls are left to the child.
struct Prepared {
  std::vector<char*> argv;
  std::array<char*, 5> environment;
  std::array<std::pair<int, rlimit>, 5> limits;
  pid_t parent;
  int input, output, failure;
};

// Soft and hard.  Without privileges a limit that is lower already cannot be raised, and stays.
std::pair<int, rlimit> at_most(__rlimit_resource resource, std::uint64_t value) {
  rlimit now{};
  if (::getrlimit(resource, &now) == 0) value = std::min<std::uint64_t>(value, now.rlim_max);
  return {resource, {value, value}};
}

Prepared prepare(const Command& command) {
  static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C", home[] = "HOME=/",
              shell[] = "SHELL=/bin/sh";
  Prepared prepared{};
  for (const std::string& argument : command.argv) prepared.argv.push_back(const_cast<char*>(argument.c_str()));
  prepared.argv.push_back(nullptr);
  prepared.environment = {path, locale, home, shell, nullptr};
  const Limits& limits = command.limits;
  prepared.limits = {at_most(RLIMIT_CPU, limits.processor), at_most(RLIMIT_AS, limits.address_space),
                     at_most(RLIMIT_FSIZE, limits.file_size), at_most(RLIMIT_CORE, 0),
                     at_most(RLIMIT_NOFILE, open_files)};
  prepared.parent = ::getpid();
  return prepared;
}

[[noreturn]] void fail(const Prepared& prepared) {
  const int number = errno;
  // A pipe takes an int whole or not at all, and nobody could be told of the latter.
  [[maybe_unused]] const ssize_t written = ::write(prepared.failure, &number, sizeof number);
  ::_exit(127);
}

// Signal handlers went with execve(); what is ignored or blocked would stay.
void default_signals() {
  constexpr std::size_t kernel_set = (NSIG - 1) / 8;  // bytes of the kernel's signal set
  const struct sigaction action {};                   // SIG_DFL, in the kernel's layout as well
  // By the bare system call: the C library keeps 32 and 33 for itself and refuses them, and they, too, may come
  // ignored.
  for (int number = 1; number < NSIG; ++number) ::syscall(SYS_rt_sigaction, number, &action, nullptr, kernel_set);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void become(const Prepared& prepared) {
  default_signals();
  if (::setpgid(0, 0) != 0) fail(prepared);
  // Should we die, it does not outlive us: its limits are ours to watch.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail(prepared);
  if (::getppid() != prepared.parent) ::_exit(127);
  if (::chdir("/") != 0) fail(prepared);
  ::umask(077);
  if (::dup2(prepared.input, 0) < 0 || ::dup2(prepared.output, 1) < 0 || ::dup2(prepared.input, 2) < 0) fail(prepared);
  // Not closed but marked: the pipe that tells of a failure is needed until execve().
  if (::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0) fail(prepared);
  for (const auto& [resource, limit] : prepared.limits)
    if (::setrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) fail(prepared);
  ::execve(prepared.argv[0], prepared.argv.data(), prepared.environment.data());
  fail(prepared);
}

// Beyond the three that dup2() overwrites, wherever ours were closed.
bool lift(UniqueFd& fd) {
  if (fd.get() > 2) return true;
  fd.reset(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  return static_cast<bool>(fd);
}

// glibc 2.36 declares pidfd_open() for C only.
int open_pid(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

struct Pipe {
  UniqueFd reads, writes;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("pipe", errno);
  Pipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  if (!lift(pipe.reads) || !lift(pipe.writes)) return system_error("pipe", errno);
  if (::fcntl(pipe.reads.get(), F_SETFL, O_NONBLOCK) != 0) return system_error("pipe", errno);
  return pipe;
}

}  // namespace

Result<Child> Child::start(const Command& command) {
  if (command.argv.empty()) return Error{"no program is named", EINVAL};
  auto output = make_pipe();
  if (!output) return output.error();
  auto failure = make_pipe();
  if (!failure) return failure.error();
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null || !lift(null)) return system_error("/dev/null", errno);
  Prepared prepared = prepare(command);
  prepared.input = null.get();
  prepared.output = output->writes.get();
  prepared.failure = failure->writes.get();
  // No handler of ours may run in the child.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) become(prepared);
  const int number = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return system_error("fork", number);
  // By both, so that the group is there whoever is first; EACCES: the child has been executed, and has done it.
  ::setpgid(pid, pid);
  Child child(pid, UniqueFd(open_pid(pid)), std::move(output->reads), std::move(failure->reads));
  if (!child.pid_fd_) return system_error("pidfd_open", errno);
  return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pid_fd_(std::move(other.pid_fd_)),
      output_(std::move(other.output_)),
      failure_(std::move(other.failure_)) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    end();
    pid_ = std::exchange(other.pid_, -1);
    pid_fd_ = std::move(other.pid_fd_);
    output_ = std::move(other.output_);
    failure_ = std::move(other.failure_);
  }
  return *this;
}

Child::~Child() { end(); }

void Child::end() {
  if (pid_ < 0) return;
  kill_group();
  // Uninterruptible sleep apart (a file system that hangs), SIGKILL takes effect at once.
  const Result<int> ignored = reap();
  static_cast<void>(ignored);
}

void Child::kill_group() const {
  if (pid_ <= 0) return;
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);
}

Result<int> Child::reap() {
  siginfo_t info{};
  int done;
  while ((done = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED)) != 0 && errno == EINTR) {
  }
  const int number = errno;
  pid_ = -1;
  if (done != 0) return system_error("waitid", number);
  int failed = 0;
  if (::read(failure_.get(), &failed, sizeof failed) == static_cast<ssize_t>(sizeof failed))
    return system_error("cannot be executed", failed);
  if (info.si_code != CLD_EXITED) return Error{"was ended by signal " + std::to_string(info.si_status)};
  return info.si_status;
}

}  // namespace sluice::client::measure
