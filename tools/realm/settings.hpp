// SPDX-License-Identifier: Apache-2.0
//
// Who one is in a realm, and which key servers to ask: the part of a configuration file that all have who ask one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "http/client.hpp"
#include "tls/context.hpp"

namespace sluice::realm {

inline constexpr std::uint16_t kds_port = 8443;  ///< where a server's name has none; that of sluice-kds
inline constexpr std::size_t servers_most = 16;

struct Settings {
  std::string realm;
  tls::Identity identity;
  std::vector<http::ServerName> kds;  ///< in the order in which to try them; empty: by SRV records
  std::vector<std::string> domains;   ///< where to look for SRV records; empty: the host's search domains
};

/// realm, certificate, key, authority, revoked, kds, domain.  What is wrong is noted at the table, as config does.
/// Unless *whole*, the first four may be absent, and are empty then.
Settings read_settings(config::Table& root, bool whole = true);

/// What is wrong with a realm's name; "" if nothing is.
std::string wrong_realm(std::string_view text);

/// The settings' servers, or those that DNS tells.  Blocks.  ENOTCONN: none is known.
Result<std::vector<http::ServerName>> servers_of(const Settings& settings);

}  // namespace sluice::realm
