// SPDX-License-Identifier: Apache-2.0
//
// For tests: a network namespace of our own, for as long as the object lives.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/unique_fd.hpp"

namespace sluice::testing_support {

/// Of this thread, and of those that it starts meanwhile.
class Namespace {
 public:
  Namespace() : before_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    entered_ = ::geteuid() == 0 && before_ && ::unshare(CLONE_NEWNET) == 0 && run("ip link set lo up");
  }
  ~Namespace() {
    if (entered_ && ::setns(before_.get(), CLONE_NEWNET) != 0) std::abort();
  }
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;

  /// False when we may not make one: the test is then skipped.
  [[nodiscard]] bool entered() const { return entered_; }
  static bool run(const std::string& command) { return std::system(command.c_str()) == 0; }

 private:
  UniqueFd before_;
  bool entered_ = false;
};

}  // namespace sluice::testing_support
