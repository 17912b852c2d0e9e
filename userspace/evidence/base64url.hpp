// SPDX-License-Identifier: Apache-2.0
//
// base64url without padding (RFC 4648, section 5; RFC 7515, section 2): one text for each row of bytes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "evidence/reason.hpp"

namespace sluice::evidence {

/// Characters that *size* bytes take.
[[nodiscard]] constexpr std::size_t base64url_length(std::size_t size) { return size / 3 * 4 + (size % 3 * 8 + 5) / 6; }

std::string to_base64url(std::span<const std::uint8_t> bytes);

/// Refuses (Reason::malformed) any text that to_base64url() does not write: padding, white space, the '+' and '/' of
/// plain base64, and bits set behind the last byte, for with these two texts would stand for the same bytes (RFC
/// 4648, 3.5).
Result<std::vector<std::uint8_t>> from_base64url(std::string_view text);

/// The same for exactly *Size* bytes.  What is of another length is refused unread.
template <std::size_t Size>
Result<std::array<std::uint8_t, Size>> array_from_base64url(std::string_view text) {
  if (text.size() != base64url_length(Size)) {
    return refusal(Reason::malformed, "should be " + std::to_string(Size) + " bytes in " +
                                          std::to_string(base64url_length(Size)) + " characters of base64url, not " +
                                          std::to_string(text.size()) + " characters");
  }
  Result<std::vector<std::uint8_t>> bytes = from_base64url(text);
  if (!bytes) return bytes.error();
  std::array<std::uint8_t, Size> array;
  std::copy_n(bytes->begin(), Size, array.begin());
  return array;
}

}  // namespace sluice::evidence
