// SPDX-License-Identifier: Apache-2.0
//
// One child process in a group of its own, killed with that group and reaped when the object ends.
#pragma once

#include <sys/types.h>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "client/measure/run.hpp"

namespace sluice::client::measure {

class Child {
 public:
  /// The program may fail to be executed; reap() tells.
  static Result<Child> start(const Command& command);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  /// Reads without blocking; -1 when it is closed.
  [[nodiscard]] int output() const { return output_.get(); }
  void close_output() { output_.reset(); }
  /// Readable when the child has ended (pidfd_open(2)).
  [[nodiscard]] int pid_fd() const { return pid_fd_.get(); }

  /// SIGKILL to all of the group.  Only before reap(): then its number may be another's.
  void kill_group() const;
  /// Waits, and gives what it exited with.  An error: a signal ended it, or it was never executed.
  Result<int> reap();

 private:
  Child(pid_t pid, UniqueFd pid_fd, UniqueFd output, UniqueFd failure)
      : pid_(pid), pid_fd_(std::move(pid_fd)), output_(std::move(output)), failure_(std::move(failure)) {}
  void end();

  pid_t pid_ = -1;
  UniqueFd pid_fd_, output_;
  UniqueFd failure_;  ///< errno of execve(), if that failed
};

}  // namespace sluice::client::measure
