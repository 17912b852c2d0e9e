// SPDX-License-Identifier: Apache-2.0
//
// Who the operator is and which key servers he asks: operator.toml, and the options that take the place of its keys.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "realm/settings.hpp"

namespace sluice::cli {

inline constexpr const char* operator_path = "/etc/sluice/operator.toml";

struct KdsOptions {
  std::optional<std::string> config;  ///< nothing: operator_path, if it is there
  std::vector<std::string> kds;       ///< instead of the file's servers; HOST or HOST:PORT
  std::optional<std::string> realm, authority, certificate, key, revoked;
};

/// Whole: realm, certificate, key and authority are there.
Result<realm::Settings> read_kds_settings(const KdsOptions& options);
/// From memory; *name* stands for the file in errors.
Result<realm::Settings> parse_kds_settings(std::string_view text, std::string name, const KdsOptions& options);

}  // namespace sluice::cli
