// SPDX-License-Identifier: Apache-2.0
//
// What a device can tell of its own health: the object of Documentation/kds.rst, section Posture.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/duration.hpp"

namespace sluice::client::measure {

struct Options {
  std::filesystem::path root = "/";  ///< what is measured is below it; programs that are asked are found there
  /// Which are measured, by name ("updates"); plug-ins and osquery are chosen by what is below.  Nothing: all.
  std::optional<std::vector<std::string>> claims;
  std::vector<std::string> packages;  ///< names, or name:architecture, whose versions are told; 64 at most
  std::filesystem::path plugins = "/etc/sluice/posture.d";  ///< not below *root*; empty: none
  std::map<std::string, std::string> osquery;               ///< SQL by the name that its rows get; 16 at most
  Duration plugin_time = std::chrono::seconds(2);           ///< for each plug-in and each question to osquery
  Duration time = std::chrono::seconds(5);                  ///< for all of it
  /// Bytes of the object as text without blanks.  Evidence has 16 KiB as a JWS, whose base64url makes 4 of 3: with the
  /// other claims and the signature that leaves less than 12.
  std::size_t most = 11 * 1024;
};

/// What could not be measured is absent, and "unmeasured" has a sentence for a person by claim ("secure_boot") or part
/// of one ("plugins.NAME").  The object is valid UTF-8 and no longer than *most*; where it would be, plug-ins'
/// objects are left out, the largest first, then the versions of packages.
///
/// Blocks.  Programs (nft, apt-get, rpm, plug-ins) run four at a time and are killed when the time is over; reading
/// files is bounded by size, not by time.  To be called by one thread at a time; children of others are left alone.
nlohmann::json measure(const Options& options = {});

}  // namespace sluice::client::measure
