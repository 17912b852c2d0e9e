// SPDX-License-Identifier: Apache-2.0
#include "sluiced/router.hpp"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <tuple>

namespace sluice::gateway {
namespace {

// FNV-1a, and the finalizer of SplitMix64, for FNV's high bits depend little on the last bytes.  Not secret: who
// guesses it learns which of the agents of a route carries him, and can't crowd anything.
class Hash {
 public:
  void add(std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) value_ = (value_ ^ byte) * 0x100000001b3;
  }
  void add(std::string_view text) { add(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size())); }
  // In (0, 1).
  [[nodiscard]] double unit() const {
    std::uint64_t mixed = value_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    mixed ^= mixed >> 31;
    return (static_cast<double>(mixed >> 12) + 0.5) * 0x1p-52;
  }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325;
};

double score(const RouteAgent& agent, const Flow& flow) {
  Hash hash;
  hash.add(agent.name);
  hash.add(flow.source.raw());
  hash.add(flow.destination.address.raw());
  return -static_cast<double>(agent.weight) / std::log(hash.unit());
}

// More is better.
auto fitness(const Route& route) {
  return std::tuple(route.prefix.length, route.service && route.service->ports, route.service.has_value());
}

}  // namespace

const Route* find_route(const NetworkSettings& network, const Flow& flow) {
  const Route* best = nullptr;
  for (const Route& route : network.routes) {
    if (!route.prefix.contains(flow.destination.address)) continue;
    if (route.service && !route.service->matches(flow.protocol, flow.destination.port)) continue;
    if (!best || fitness(route) > fitness(*best)) best = &route;
  }
  return best;
}

std::vector<std::string> ranked_agents(const Route& route, const Flow& flow) {
  std::vector<std::string> ranked;
  for (const auto& group : route.groups) {
    std::vector<std::pair<double, const std::string*>> scored;
    for (const RouteAgent& agent : group) scored.emplace_back(-score(agent, flow), &agent.name);
    std::ranges::sort(scored, {}, &std::pair<double, const std::string*>::first);
    for (const auto& [negated, name] : scored) ranked.push_back(*name);
  }
  return ranked;
}

Choice choose_agent(const std::vector<std::string>& ranked, const std::vector<std::string>& tried,
                    const std::function<Standing(const std::string& agent)>& standing) {
  Choice fallback;
  for (const std::string& agent : ranked) {
    if (std::ranges::find(tried, agent) != tried.end()) continue;
    const Standing stands = standing(agent);
    if (stands == Standing::ready) return {agent, stands};
    if (stands == Standing::held && fallback.agent.empty()) fallback = {agent, stands};
  }
  return fallback;
}

netlink::IcmpError net_unreachable(bool v4) {
  if (v4) return {ICMP_DEST_UNREACH, ICMP_NET_UNREACH, {}, {}};
  return {ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOROUTE, {}, {}};
}

}  // namespace sluice::gateway
