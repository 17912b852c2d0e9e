// SPDX-License-Identifier: Apache-2.0
//
// The steps of a tunnel that are no IPsec: the device, its addresses, the routes, over NETLINK_ROUTE.
#pragma once

#include <string>

#include "client/netlink.hpp"
#include "client/step.hpp"

namespace sluice::client {

class Routing {
 public:
  static Result<Routing> open();

  /// How the kernel reaches an address now.
  struct Path {
    Address source;
    std::string device;
  };
  Result<Path> path_to(const Address& address);
  /// Where a default route of the main table goes; the one that the kernel prefers comes first, IPv4 before IPv6.
  struct NextHop {
    Address address;
    std::uint32_t interface = 0;  ///< index
    bool operator==(const NextHop&) const = default;
  };
  Result<std::vector<NextHop>> default_gateways();
  /// Of an interface that is there.
  Result<bool> is_loopback(const std::string& interface);

  /// Returns the index of the device; 0: it was there already and is left alone (an address).
  Result<std::optional<std::uint32_t>> make(const Tunnel& tunnel, const Step& step);
  /// What is not there any more is no error.
  Result<void> undo(const Step& step);

 private:
  explicit Routing(Netlink netlink) : netlink_(std::move(netlink)) {}
  Netlink netlink_;
};

/// Tells when a route comes or goes: readable then.  Never blocks.
Result<UniqueFd> watch_routes();
/// Reads what it told; true if it told something.
bool routes_changed(const UniqueFd& watch);

}  // namespace sluice::client
