// SPDX-License-Identifier: Apache-2.0
//
// Dates with English names of months, whatever the locale (strptime(3) would ask it).  Pure.
#pragma once

#include <ctime>
#include <optional>
#include <string_view>

namespace sluice::client::measure {

/// "16 Apr 2020 07-58 -0400", as in the header of a ClamAV database; seconds since 1970.
std::optional<std::time_t> parse_clamav_date(std::string_view text);
/// "Tue, 24 Nov 2026 00:34:33 UTC", as in a Release file of apt (the zone is UTC or GMT; "+0000" too).
std::optional<std::time_t> parse_release_date(std::string_view text);

}  // namespace sluice::client::measure
