// SPDX-License-Identifier: Apache-2.0
#include "base/duration.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <span>

namespace sluice {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};
constexpr std::array<Unit, 5> kUnits{{{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  std::uint32_t number = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (code == std::errc()) {
    for (const Unit& known : kUnits) {
      if (unit == known.name) return Duration(number * known.milliseconds);
    }
  }
  return Error{"'" + std::string(text) + "' is no duration; write a whole number and ms, s, m, h or d, as in 10s"};
}

std::string to_string(Duration duration) {
  // A day that is told as "24h" is the lifetime or the limit that was written so.
  for (const Unit& unit : std::span(kUnits).subspan(1)) {
    if (duration.count() != 0 && duration.count() % unit.milliseconds == 0) {
      return std::to_string(duration.count() / unit.milliseconds) + std::string(unit.name);
    }
  }
  return "0s";
}

}  // namespace sluice
