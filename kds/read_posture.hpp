// SPDX-License-Identifier: Apache-2.0
//
// The [[posture]] tables of sluice-kds.toml.
#pragma once

#include <vector>

#include "config/config.hpp"
#include "kds/posture.hpp"

namespace sluice::kds {

/// Errors and warnings are noted at the file's lines.
std::vector<Posture> read_postures(config::Table& root);

/// A duration of the file between two bounds, which the error tells.
Duration read_duration(config::Table& table, std::string_view key, Duration low, Duration high, Duration fallback);

/// A name that is required, and made of a-z A-Z 0-9 . _ - (1 to 63 characters).
std::string read_name(config::Table& table, std::string_view key);

/// Names of which none stands twice.
std::vector<std::string> read_names(config::Table& table, std::string_view key);

}  // namespace sluice::kds
