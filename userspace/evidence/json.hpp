// SPDX-License-Identifier: Apache-2.0
//
// JSON of strangers, read strictly: whatever another reader could understand otherwise is refused.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/result.hpp"

namespace sluice::evidence {

/// Objects and arrays within each other.
inline constexpr std::size_t kMostDepth = 16;
/// 2^53: whole numbers up to here are exact in a double, and so the same to every reader (RFC 8259, 6; RFC 7493, 2.2).
inline constexpr double kMostNumber = 9007199254740992.0;

/// What differs between who writes it.
struct JsonRules {
  std::size_t depth = kMostDepth;
  bool exact = true;  ///< numbers beyond kMostNumber are refused
};

/// One JSON text (RFC 8259) of at most *most_bytes*.  Refused (Reason::malformed): bytes that are not UTF-8, a
/// byte-order mark, a key that stands twice in an object (however it is escaped), more levels than that, whole numbers
/// beyond +-kMostNumber, numbers with a fraction or an exponent that are as large (they may have been rounded),
/// comments, and anything but white space behind the value.  Depth, duplicates and numbers are judged as they are read.
///
/// An error names the key it happened at: "at 'posture.packages[2].name': ...".  No untrusted byte in it is other than
/// printable ASCII.
Result<nlohmann::json> parse_json(std::string_view text, std::size_t most_bytes, const JsonRules& rules = {});

}  // namespace sluice::evidence
