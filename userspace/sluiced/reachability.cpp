// SPDX-License-Identifier: Apache-2.0
#include "sluiced/reachability.hpp"

#include <algorithm>

#include "netlink/protocol.hpp"

namespace sluice::gateway {
namespace {

// An echo request's "port" is its sequence number.
std::uint16_t port_of(const Flow& flow) {
  return netlink::is_told_by_ports(flow.protocol) ? flow.destination.port : std::uint16_t{0};
}

// For how many holds after its end one is remembered.
constexpr int memory = 4;

}  // namespace

void Reachability::failed(LinkId link, const Flow& flow, Clock::time_point now, Duration hold) {
  Agent& agent = agents_[link];
  const Address& destination = flow.destination.address;
  Entry fresh{now + hold, hold, flow.protocol, port_of(flow), false, {}};
  if (const auto known = agent.entries.find(destination); known != agent.entries.end()) {
    const Entry& old = known->second;
    if (now <= old.until + memory * old.hold) {
      fresh.is_of_all_services = old.is_of_all_services || old.protocol != fresh.protocol || old.port != fresh.port;
      // What fails while it is held was asked to be sure, or at the same time.
      fresh.hold = now < old.until ? old.hold : std::min(std::max(hold, 2 * old.hold), unreachable_hold_max);
      fresh.until = now + fresh.hold;
    }
    agent.order.erase(old.place);
    agent.entries.erase(known);
  }
  if (agent.entries.size() >= capacity) {
    agent.entries.erase(agent.order.front());
    agent.order.pop_front();
  }
  fresh.place = agent.order.insert(agent.order.end(), destination);
  agent.entries.emplace(destination, fresh);
}

void Reachability::reached(LinkId link, const Address& destination) {
  const auto agent = agents_.find(link);
  if (agent == agents_.end()) return;
  const auto entry = agent->second.entries.find(destination);
  if (entry == agent->second.entries.end()) return;
  agent->second.order.erase(entry->second.place);
  agent->second.entries.erase(entry);
}

bool Reachability::is_held(LinkId link, const Flow& flow, Clock::time_point now) const {
  const auto agent = agents_.find(link);
  if (agent == agents_.end()) return false;
  const auto found = agent->second.entries.find(flow.destination.address);
  if (found == agent->second.entries.end()) return false;
  const Entry& entry = found->second;
  if (entry.until <= now) return false;
  return entry.is_of_all_services || (entry.protocol == flow.protocol && entry.port == port_of(flow));
}

std::size_t Reachability::held(LinkId link, const Prefix& prefix, Clock::time_point now) const {
  const auto agent = agents_.find(link);
  if (agent == agents_.end()) return 0;
  return static_cast<std::size_t>(std::ranges::count_if(agent->second.entries, [&](const auto& entry) {
    return entry.second.until > now && prefix.contains(entry.first);
  }));
}

}  // namespace sluice::gateway
