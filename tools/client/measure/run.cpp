// SPDX-License-Identifier: Apache-2.0
#include "client/measure/run.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "client/measure/child.hpp"

namespace sluice::client::measure {
namespace {

// One command while it runs: the child, what it has written, and until when it may go on.
class Running {
 public:
  /// *all_end* is when the time for all commands is over.
  Running(std::size_t index, const Command& command, Child child, Clock::time_point all_end)
      : index_(index), limits_(command.limits), child_(std::move(child)), end_(Clock::now() + command.limits.time) {
    late_ = {"took longer than " + to_string(limits_.time), ETIMEDOUT};
    if (end_ <= all_end) return;
    end_ = all_end;
    late_.message = "had not ended when the time for all was over ([measure] time)";
  }

  [[nodiscard]] std::size_t index() const { return index_; }
  [[nodiscard]] Clock::time_point end() const { return end_; }
  [[nodiscard]] const Error& late() const { return late_; }
  /// Both may be -1 once there is nothing more to wait for.
  [[nodiscard]] int output_fd() const { return child_.output(); }
  [[nodiscard]] int pid_fd() const { return child_.pid_fd(); }

  /// Takes what is in the pipe.  An error: this is too much, or cannot be read.
  Result<void> take_output() {
    char buffer[4096];
    for (;;) {
      const ssize_t size = ::read(child_.output(), buffer, sizeof buffer);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == EAGAIN) return {};
      if (size < 0) return system_error("its output", errno);
      if (size == 0) {
        child_.close_output();
        return {};
      }
      if (output_.text.size() + static_cast<std::size_t>(size) > limits_.output)
        return Error{"wrote more than " + std::to_string(limits_.output) + " bytes", EFBIG};
      output_.text.append(buffer, static_cast<std::size_t>(size));
    }
  }

  /// After it has ended: the group goes first, while the leader still holds its number.
  Result<Output> finish() {
    child_.kill_group();
    if (child_.output() >= 0)
      if (auto done = take_output(); !done) return done.error();
    auto code = child_.reap();
    if (!code) return code.error();
    output_.code = *code;
    return std::move(output_);
  }

 private:
  std::size_t index_;
  Limits limits_;
  Child child_;
  Clock::time_point end_;
  Error late_;
  Output output_;
};

// What became of it, once something has.
std::optional<Result<Output>> look(Running& running, const pollfd& output, const pollfd& ended) {
  if (output.fd >= 0 && output.revents != 0)
    if (auto done = running.take_output(); !done) return Result<Output>(done.error());
  if (ended.revents != 0) return running.finish();
  if (Clock::now() >= running.end()) return Result<Output>(running.late());
  return std::nullopt;
}

int wait_for(std::vector<pollfd>& fds, const std::vector<Running>& running) {
  Clock::time_point first = running.front().end();
  for (const Running& one : running) first = std::min(first, one.end());
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(first - Clock::now()).count();
  return ::poll(fds.data(), fds.size(), static_cast<int>(std::clamp<long>(left, 0, 60'000)));
}

}  // namespace

std::vector<Result<Output>> run_all(std::span<const Command> commands, std::size_t at_once, Clock::time_point end) {
  std::vector<Result<Output>> results(commands.size(), Error{"no time was left to run it", ETIMEDOUT});
  std::vector<Running> running;
  std::size_t next = 0;
  for (;;) {
    while (next < commands.size() && running.size() < std::max<std::size_t>(at_once, 1) && Clock::now() < end) {
      const Command& command = commands[next];
      auto child = Child::start(command);
      if (child)
        running.emplace_back(next, command, *std::move(child), end);
      else
        results[next] = child.error();
      ++next;
    }
    if (running.empty()) return results;
    std::vector<pollfd> fds;
    for (const Running& one : running) {
      fds.push_back({one.output_fd(), POLLIN, 0});  // poll() passes over those that are -1
      fds.push_back({one.pid_fd(), POLLIN, 0});
    }
    if (wait_for(fds, running) < 0 && errno != EINTR) {
      const Error error = system_error("poll", errno);
      for (const Running& one : running) results[one.index()] = error;
      return results;
    }
    // From the back: what has ended is erased, and with it goes what is left of its group.
    for (std::size_t i = running.size(); i-- > 0;) {
      const std::size_t index = running[i].index();
      auto result = look(running[i], fds[2 * i], fds[2 * i + 1]);
      if (!result) continue;
      results[index] = *std::move(result);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

Result<Output> run_limited(const Command& command) {
  return run_all(std::span(&command, 1), 1, Clock::time_point::max()).front();
}

}  // namespace sluice::client::measure
