// SPDX-License-Identifier: Apache-2.0
//
// Which agents may carry a connection: the network's route with the longest prefix, and its agents in order of
// preference.  Pure; who is connected is asked of the caller.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluiced/settings.hpp"

namespace sluice::gateway {

struct Choice {
  std::string route;  // the prefix, for people; empty: no route
  std::string agent;  // empty: none of the route's agents is connected
};

// The longest prefix decides, and only its agents are asked: a more specific route is a statement, and falling
// back to a wider one would send the connection into another network.
Choice choose_agent(const NetworkSettings& network, const Address& destination,
                    const std::function<bool(const std::string& agent)>& is_connected);

// ICMP for "nobody can carry this": network unreachable in the client's family (RFC 792; RFC 4443, 3.1).
netlink::IcmpError net_unreachable(bool v4);

}  // namespace sluice::gateway
