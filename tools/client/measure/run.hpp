// SPDX-License-Identifier: Apache-2.0
//
// Runs other programs within limits: no input, a fixed environment and folder, no descriptor of ours, so much output
// and time and no more.  What is over its limits is killed with its whole process group, and reaped.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/duration.hpp"
#include "base/result.hpp"

namespace sluice::client::measure {

using Clock = std::chrono::steady_clock;

struct Limits {
  Duration time = std::chrono::seconds(5);
  std::size_t output = 4096;                               ///< bytes; one more and it is killed
  std::uint64_t processor = 2;                             ///< seconds of CPU time, each process (RLIMIT_CPU)
  std::uint64_t address_space = std::uint64_t{512} << 20;  ///< bytes, each process (RLIMIT_AS)
  std::uint64_t file_size = 0;                             ///< bytes that a file may grow to (RLIMIT_FSIZE)
};

struct Command {
  std::vector<std::string> argv;  ///< the first is the program's path; PATH is not searched
  Limits limits;
};

struct Output {
  std::string text;  ///< what it wrote to its standard output
  int code = 0;      ///< what it exited with
};

/// Blocks until it has ended, by itself or by force.  An error: it could not be executed (errno is given), was ended by
/// a signal, took too long (ETIMEDOUT) or wrote too much (EFBIG); its words say which, and are not told by the program.
///
/// The output is what was written when the program itself ended: what it left running is killed then, and cannot
/// prolong the waiting by holding the pipe.  A process that makes itself another group escapes that.
Result<Output> run_limited(const Command& command);

/// All of them, in order, at most *at_once* at a time, and none beyond *end*: what is not done then is killed or not
/// begun (ETIMEDOUT).  One result for each.
std::vector<Result<Output>> run_all(std::span<const Command> commands, std::size_t at_once, Clock::time_point end);

}  // namespace sluice::client::measure
