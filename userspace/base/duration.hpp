// SPDX-License-Identifier: Apache-2.0
//
// Durations as people write them: "250ms", "10s", "5m", "2h", "90d".
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace sluice {

using Duration = std::chrono::milliseconds;

/// A whole number and one unit of ms, s, m, h, d; zero is allowed, a sign is not.
Result<Duration> parse_duration(std::string_view text);
/// In the largest unit up to hours that is exact: 10000 ms is "10s".
std::string to_string(Duration duration);

}  // namespace sluice
