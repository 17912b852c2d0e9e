// SPDX-License-Identifier: Apache-2.0
//
// OpenSSL's error queue as an Error.
#pragma once

#include <string>

#include "base/result.hpp"

namespace sluice::tls {

/// "what: reason, reason" from this thread's OpenSSL error queue, which is empty afterwards.
Error take_error(const std::string& what);

}  // namespace sluice::tls
