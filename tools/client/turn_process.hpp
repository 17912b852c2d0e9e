// SPDX-License-Identifier: Apache-2.0
//
// The process that takes a turn: tells on its standard output what came of it, and ends; or is ended.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace sluice::client {

class TurnProcess {
 public:
  /// *words*: its arguments, the name first.
  static Result<TurnProcess> start(const std::string& program, std::vector<std::string> words);

  /// Readable once it has ended.
  [[nodiscard]] int handle() const { return handle_.get(); }
  [[nodiscard]] bool ended() const { return ended_within(std::chrono::milliseconds(0)); }

  /// SIGTERM, and when *patience* is over SIGKILL.  False: it lives when that is over once more, as one does that waits
  /// for a device in the kernel.
  [[nodiscard]] bool end(std::chrono::milliseconds patience) const;

  /// Of one that has ended, once: what it told, or why it told nothing.
  Result<std::string> told();

 private:
  TurnProcess() = default;
  [[nodiscard]] bool ended_within(std::chrono::milliseconds patience) const;

  pid_t pid_ = -1;
  UniqueFd handle_, output_;
};

}  // namespace sluice::client
