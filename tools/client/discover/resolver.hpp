// SPDX-License-Identifier: Apache-2.0
//
// Questions to DNS servers by glibc's resolver, resolver(3), with limits on how long they take.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "client/discover/srv.hpp"

namespace sluice::client::discover {

struct Resolver {
  std::optional<Endpoint> server;  ///< IPv4, instead of those of /etc/resolv.conf
  int seconds = 2;                 ///< for each try of each server
  int tries = 2;

  /// The SRV records of *name*, a host name.  Blocks for *seconds* * *tries* * servers at most (3 servers; twice that
  /// where the answer has to be fetched by TCP).  No name, or none of that type: an answer without records.  An
  /// error: nobody answered (ETIMEDOUT), or not well.
  [[nodiscard]] Result<SrvAnswer> srv(const std::string& name) const;
};

/// The addresses of a host with this port, in the order in which to try them (RFC 6724), 8 at most; by getaddrinfo(3),
/// so that /etc/hosts counts, and so that it blocks for as long as resolv.conf(5) says.
Result<std::vector<Endpoint>> addresses_of(const std::string& host, std::uint16_t port);

}  // namespace sluice::client::discover
