// SPDX-License-Identifier: Apache-2.0
//
// Which agent the Gateway asks, and whom it asks next (N5).
#include "sluiced/failover.hpp"
#include "sluiced/gateway.hpp"

namespace sluice::gateway {
namespace {

using Clock = Record::Clock;

// Each agent that has no way may take the 3 s in which a router looks for a host, and a client gives up, too.
constexpr std::size_t agents_asked_max = 3;
constexpr std::chrono::seconds asking_time{8};

Flow flow_of(const netlink::Parked& parked) { return {parked.protocol, parked.source.address, parked.destination}; }

std::vector<std::string> tried(const Offer& offer) {
  std::vector<std::string> agents;
  for (const Offer::Failure& failure : offer.failures) agents.push_back(failure.agent);
  return agents;
}

}  // namespace

std::optional<LinkId> Gateway::choose(Offer& offer) {
  Record& record = *offer.record;
  record.route.clear();
  record.agent.clear();
  const NetworkSettings* network = network_of(offer.parked);
  if (!network) return std::nullopt;
  const Flow flow = flow_of(offer.parked);
  const Route* route = find_route(*network, flow);
  if (!route) return std::nullopt;
  record.route = route->to_string();
  const Choice choice = choose(*network, *route, flow, tried(offer));
  record.agent = choice.agent;
  offer.all_held = offer.failures.empty() && choice.standing == Standing::held;
  const Link* link = record.agent.empty() ? nullptr : find_link(network->name, record.agent);
  return link ? std::optional(link->id) : std::nullopt;
}

Choice Gateway::choose(const NetworkSettings& network, const Route& route, const Flow& flow,
                       const std::vector<std::string>& tried) const {
  const auto now = Clock::now();
  return choose_agent(ranked_agents(route, flow), tried, [&](const std::string& agent) {
    const Link* link = find_link(network.name, agent);
    if (!link) return Standing::away;
    return reachability_.is_held(link->id, flow, now) ? Standing::held : Standing::ready;
  });
}

bool Gateway::has_away(const NetworkSettings& network, const Route& route,
                       const std::vector<std::string>& tried) const {
  for (const auto& group : route.groups)
    for (const RouteAgent& agent : group)
      if (std::ranges::find(tried, agent.name) == tried.end() && !find_link(network.name, agent.name)) return true;
  return false;
}

Offers::Next Gateway::next(Offer& offer, const session::v1::Answer& answer) {
  Link& link = links_.at(offer.link);
  const Judgement judgement = judge(answer, offer.parked, UnreachableSource::reporter);
  ++link.answers[judgement.verdict];
  const NetworkSettings* network = network_of(offer.parked);
  const Flow flow = flow_of(offer.parked);
  const Route* route = network ? find_route(*network, flow) : nullptr;
  if (!route) return Offers::Next::verdict;

  const Sense sense = sense_of(offer, answer, judgement);
  if (sense == Sense::reached) reachability_.reached(link.id, flow.destination.address);
  if (sense == Sense::reached || sense == Sense::final) return Offers::Next::verdict;
  offer.failures.push_back({link.greeting.agent, answer});
  offer.record->earlier.push_back(
      {link.greeting.agent, judgement.verdict, judgement.icmp, judgement.reporter, plain_words(answer.detail())});
  if (sense == Sense::out_of_reach && route->names_another(link.greeting.agent))
    reachability_.failed(link.id, flow, Clock::now(), network->unreachable_hold);
  const std::vector<std::string> asked = tried(offer);
  if (offer.all_held || asked.size() >= agents_asked_max || Clock::now() - offer.record->parked > asking_time)
    return Offers::Next::verdict;
  if (!choose(*network, *route, flow, asked).agent.empty()) return Offers::Next::another;
  return has_away(*network, *route, asked) ? Offers::Next::wait : Offers::Next::verdict;
}

const session::v1::Answer& Gateway::conclude(const Offer& offer, const session::v1::Answer& last) {
  if (offer.failures.empty() || offer.failures.back().answer.id() != last.id()) return last;
  const std::size_t said = spokesman(offer.failures);
  Record& record = *offer.record;
  record.agent = offer.failures[said].agent;
  record.earlier.erase(record.earlier.begin() + static_cast<std::ptrdiff_t>(said));
  return offer.failures[said].answer;
}

bool Gateway::out_of_reach(LinkId link, const Record& record) {
  const NetworkSettings* network = settings_.network(record.network);
  const Flow flow{record.protocol, record.source.address, record.destination};
  const Route* route = network ? find_route(*network, flow) : nullptr;
  if (!route || !route->names_another(record.agent)) return false;
  reachability_.failed(link, flow, Clock::now(), network->unreachable_hold);
  return choose(*network, *route, flow, {record.agent}).standing == Standing::ready;
}

}  // namespace sluice::gateway
