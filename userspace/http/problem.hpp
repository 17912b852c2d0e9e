// SPDX-License-Identifier: Apache-2.0
//
// Problem: an error as HTTP carries it (RFC 9457, application/problem+json).
#pragma once

#include <string>
#include <vector>

#include "http/message.hpp"

namespace sluice::http {

/// Something that a person can mend, one of several.
struct Failure {
  std::string name;    ///< what was asked, "os.version"
  std::string detail;  ///< what was found
  std::string remedy;  ///< what to do
};

struct Problem {
  unsigned status = 500;
  std::string title;   ///< the same for all problems of a kind; the status' own words if empty
  std::string detail;  ///< what is wrong with this one; left out if empty
  std::vector<Failure> failures;

  /// Bytes that are no UTF-8 come out as U+FFFD, so that a peer's words may stand in it.
  [[nodiscard]] std::string to_json() const;
  [[nodiscard]] Response to_response() const;
};

}  // namespace sluice::http
