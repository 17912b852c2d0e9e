// SPDX-License-Identifier: Apache-2.0
//
// How our coroutines are started: an exception out of one is a bug, and ends the program rather than the coroutine
// alone, which nobody would notice.
#pragma once

#include <exception>

namespace sluice::gateway {

inline constexpr auto no_exceptions = [](std::exception_ptr exception) {
  if (exception) std::rethrow_exception(exception);
};

}  // namespace sluice::gateway
