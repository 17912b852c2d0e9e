// SPDX-License-Identifier: Apache-2.0
//
// Points in time as people write them on sluice-pki's command line; always UTC.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "tls/authority.hpp"

namespace sluice::pki {

/// "2027-01-31", "2027-01-31T12:00:00Z", or days from *now*, which may be negative: "-1".
Result<tls::Time> parse_time(std::string_view text, tls::Time now);
/// "2027-01-31T12:00:00Z".
std::string to_string(tls::Time time);

}  // namespace sluice::pki
