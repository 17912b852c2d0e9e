// SPDX-License-Identifier: Apache-2.0
#include "sluiced/router.hpp"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include <algorithm>

namespace sluice::gateway {

Choice choose_agent(const NetworkSettings& network, const Address& destination,
                    const std::function<bool(const std::string& agent)>& is_connected) {
  const Route* best = nullptr;
  for (const Route& route : network.routes)
    if (route.prefix.contains(destination) && (!best || route.prefix.length > best->prefix.length)) best = &route;
  if (!best) return {};
  const auto agent = std::ranges::find_if(best->agents, is_connected);
  return {best->prefix.to_string(), agent == best->agents.end() ? std::string() : *agent};
}

netlink::IcmpError net_unreachable(bool v4) {
  if (v4) return {ICMP_DEST_UNREACH, ICMP_NET_UNREACH, {}, {}};
  return {ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOROUTE, {}, {}};
}

}  // namespace sluice::gateway
