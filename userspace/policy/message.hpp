// SPDX-License-Identifier: Apache-2.0
//
// Question and answer of the policy responder, byte by byte (Documentation/policy.rst).  Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sluice::policy {

inline constexpr std::size_t header_size = 24;
inline constexpr std::size_t question_size = header_size + 1200;  // no answer is longer

using Nonce = std::array<std::uint8_t, 16>;

std::vector<std::uint8_t> question(const Nonce& nonce);
// The blob; nothing where these bytes are no answer to the question with this nonce.
std::optional<std::vector<std::uint8_t>> parse_answer(std::span<const std::uint8_t> bytes, const Nonce& nonce);

}  // namespace sluice::policy
