// SPDX-License-Identifier: Apache-2.0
#include "evidence/base64url.hpp"

namespace sluice::evidence {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kNone = 0xff;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNone);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

constexpr std::array<std::uint8_t, 256> kValues = make_values();

}  // namespace

std::string to_base64url(std::span<const std::uint8_t> bytes) {
  std::string text;
  text.reserve(base64url_length(bytes.size()));
  std::uint32_t pending = 0;  // the bits that no character carries yet are the lowest
  unsigned bits = 0;
  for (std::uint8_t byte : bytes) {
    pending = (pending << 8 | byte) & 0xffff;
    for (bits += 8; bits >= 6; bits -= 6) text += kAlphabet[pending >> (bits - 6) & 63];
  }
  if (bits > 0) text += kAlphabet[pending << (6 - bits) & 63];
  return text;
}

Result<std::vector<std::uint8_t>> from_base64url(std::string_view text) {
  // Six bits are less than a byte.
  if (text.size() % 4 == 1) {
    return refusal(Reason::malformed, "no base64url has " + std::to_string(text.size()) + " characters");
  }
  std::vector<std::uint8_t> bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t pending = 0;
  unsigned bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::uint8_t value = kValues[static_cast<std::uint8_t>(text[i])];
    if (value == kNone) {
      return refusal(Reason::malformed, "character " + std::to_string(i + 1) + ", " + in_quotes(text.substr(i, 1)) +
                                            ", is none of base64url (A-Z a-z 0-9 - _, no padding)");
    }
    pending = (pending << 6 | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<std::uint8_t>(pending >> bits));
  }
  if ((pending & ((1U << bits) - 1)) != 0) {
    return refusal(Reason::malformed, "base64url whose last character has bits beyond the last byte");
  }
  return bytes;
}

}  // namespace sluice::evidence
