// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace sluice::evidence {

/// Bytes of what a key server answers to evidence: a client takes so many, and settings that could come to more are
/// refused.
inline constexpr std::size_t kMostAnswer = std::size_t{1} << 22;

}  // namespace sluice::evidence
