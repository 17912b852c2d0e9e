// SPDX-License-Identifier: Apache-2.0
//
// Finds the key distribution servers of the network that this host is in: DHCP told it domains, DNS tells the servers
// of one by SRV records _sluice-kds._tcp.DOMAIN.  Both may be lies; what makes a server the right one is its
// certificate.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "client/discover/resolver.hpp"
#include "client/discover/srv.hpp"

namespace sluice::client::discover {

inline constexpr const char* service = "_sluice-kds._tcp.";
inline constexpr std::size_t servers_most = 16;

struct Options {
  std::vector<std::string> domains;  ///< to ask for, in this order; empty: search_domains(root)
  std::filesystem::path root = "/";
  Resolver resolver;
  Random random = system_random;
};

struct Server {
  std::string host;  ///< what its certificate must be for
  std::uint16_t port = 0;
};

struct Found {
  std::string domain;
  std::vector<Server> servers;  ///< in the order in which to try them, 16 at most, each once
};

/// The servers of the first domain that has any.  An error says of each domain why there is none.  Blocks as
/// Resolver::srv() does, once a domain.  addresses_of() is for the caller, one server at a time.
Result<Found> discover(const Options& options = {});

}  // namespace sluice::client::discover
