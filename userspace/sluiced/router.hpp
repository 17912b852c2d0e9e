// SPDX-License-Identifier: Apache-2.0
//
// Which agents may carry a connection (N5): the route that fits best, and its agents in order.  Pure; who is connected,
// and who could not reach the destination lately, is asked of the caller.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sluiced/settings.hpp"

namespace sluice::gateway {

// What is to be carried; the destination's port counts for TCP and UDP.
struct Flow {
  std::uint8_t protocol = 0;
  Address source;
  Endpoint destination;
};

// The route with the longest prefix whose service fits; of several with that prefix the one with ports comes before the
// one with a protocol alone, that before the one without, and else the first of the file.  None: nullptr.
//
// Only its agents are asked: a more specific route is a statement, and falling back to a wider one would send the
// connection into another network.
const Route* find_route(const NetworkSettings& network, const Flow& flow);

// The agents of a route, the one to ask first in front: group by group, and within a group by weighted rendezvous
// hashing of the client's and the server's address.  So one client's connections, associations and pings to one server
// have one agent as long as it is there, as a traceroute and a SIP registration need; and an agent that leaves moves
// nobody but its own.  (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998; the weights by
// -w/ln(u) as in the Internet-Draft draft-ietf-bess-weighted-hrw.)
std::vector<std::string> ranked_agents(const Route& route, const Flow& flow);

enum class Standing {
  away,  // not connected
  held,  // could not reach this destination lately
  ready,
};

struct Choice {
  std::string agent;  // empty: none that is connected is left
  Standing standing = Standing::away;
};

// Of those not *tried*, the first that is ready, else the first that is held: what was out of reach may be back.
Choice choose_agent(const std::vector<std::string>& ranked, const std::vector<std::string>& tried,
                    const std::function<Standing(const std::string& agent)>& standing);

// ICMP for "nobody can carry this": network unreachable in the client's family (RFC 792; RFC 4443, 3.1).
netlink::IcmpError net_unreachable(bool v4);

}  // namespace sluice::gateway
