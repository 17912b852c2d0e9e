// SPDX-License-Identifier: Apache-2.0
#include "tls/error.hpp"

#include <openssl/err.h>

#include <cstring>

namespace sluice::tls {

Error take_error(const std::string& what) {
  std::string reasons;
  while (unsigned long code = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(code);
    // System errors have no reason string of OpenSSL's.
    std::string text = reason != nullptr ? reason : std::strerror(ERR_GET_REASON(code));
    if (!reasons.empty()) reasons += ", ";
    reasons += text;
  }
  return {reasons.empty() ? what : what + ": " + reasons};
}

}  // namespace sluice::tls
