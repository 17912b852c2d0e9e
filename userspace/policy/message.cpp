// SPDX-License-Identifier: Apache-2.0
#include "policy/message.hpp"

#include <algorithm>
#include <string_view>

namespace sluice::policy {
namespace {

constexpr std::string_view question_magic = "SLPQ";
constexpr std::string_view answer_magic = "SLPA";
constexpr std::uint8_t version = 1;
constexpr std::uint8_t flag_truncated = 1;
constexpr std::size_t nonce_at = 8;

}  // namespace

std::vector<std::uint8_t> question(const Nonce& nonce) {
  std::vector<std::uint8_t> bytes(question_size);
  std::ranges::copy(question_magic, bytes.begin());
  bytes[4] = version;
  std::ranges::copy(nonce, bytes.begin() + nonce_at);
  return bytes;
}

std::optional<std::vector<std::uint8_t>> parse_answer(std::span<const std::uint8_t> bytes, const Nonce& nonce) {
  if (bytes.size() < header_size ||
      !std::ranges::equal(bytes.first(4), answer_magic, {}, {}, [](char c) { return static_cast<std::uint8_t>(c); }))
    return std::nullopt;
  // The question had room for every answer: one that is cut is not from a gateway.
  if (bytes[4] != version || bytes[5] & flag_truncated) return std::nullopt;
  if (!std::ranges::equal(bytes.subspan(nonce_at, nonce.size()), nonce)) return std::nullopt;
  const auto blob = bytes.subspan(header_size);
  if (blob.empty() || blob.size() != bytes[6] * std::size_t{256} + bytes[7]) return std::nullopt;
  return std::vector<std::uint8_t>(blob.begin(), blob.end());
}

}  // namespace sluice::policy
