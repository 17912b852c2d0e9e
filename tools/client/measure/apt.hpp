// SPDX-License-Identifier: Apache-2.0
//
// What apt says and has, of Debian and of systems made of it.  Pure.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string_view>

namespace sluice::client::measure {

/// In what `apt-get -s upgrade` writes, the lines
///   Inst NAME [OLD] (NEW ORIGIN:VERSION/ARCHIVE, ORIGIN:VERSION/ARCHIVE [ARCHITECTURE]) ...
/// with an archive of security updates among those that have the new version.
std::uint64_t count_security_updates(std::string_view text);

/// The field Date of a Release or InRelease file, if it is of an archive of security updates: labelled
/// Debian-Security, or of a suite NAME-security.
std::optional<std::time_t> date_of_security_release(std::string_view text);

}  // namespace sluice::client::measure
