// SPDX-License-Identifier: Apache-2.0
//
// What the Gateway tells Prometheus.  Built anew for every scrape from what the parts know, as the status socket's
// answers are.  Documentation/daemons.rst lists the names: dashboards and alerts depend on them.
#include <set>

#include "relay/totals.hpp"
#include "sluiced/gateway.hpp"
#include "sluiced/kernel_metrics.hpp"

namespace sluice::gateway {
namespace {

using metrics::Families;
using metrics::Labels;

// What an agent may answer; a series is there from the start, or its first increase would not be seen.
constexpr netlink::Verdict agents_verdicts[] = {netlink::Verdict::accept, netlink::Verdict::refuse,
                                                netlink::Verdict::unreachable, netlink::Verdict::timeout,
                                                netlink::Verdict::reply};

Labels with(Labels labels, const char* name, std::string_view value) {
  labels.push_back({name, std::string(value)});
  return labels;
}

void add_datagrams(Families& families, const DatagramSession::Numbers& numbers, const Labels& agent) {
  const session::Datagrams::Counters& counters = numbers.counters;
  auto both_ways = [&](const char* name, const char* help, std::uint64_t sent, std::uint64_t received) {
    families.counter(name, help, sent, with(agent, "direction", "to_agent"));
    families.counter(name, help, received, with(agent, "direction", "from_agent"));
  };
  both_ways("sluice_gateway_agent_datagrams_total", "Datagrams on the agent's DGRAM sessions.", counters.sent,
            counters.received);
  both_ways("sluice_gateway_agent_datagram_bytes_total", "Bytes of their frames, headers included.",
            counters.bytes_sent, counters.bytes_received);
  for (const auto& [reason, count] : {std::pair{"full", counters.dropped_full},
                                      {"late", counters.dropped_late},
                                      {"gone", counters.dropped_gone},
                                      {"lost", counters.lost}})
    families.counter(
        "sluice_gateway_agent_datagrams_dropped_total",
        "Datagrams for the agent that were dropped: queue full, waited too long, association gone, or lost "
        "with the session.",
        count, with(agent, "reason", reason));
  families.counter("sluice_gateway_agent_datagrams_stray_total", "Datagrams of the agent's for no association.",
                   numbers.strays, agent);
  families.gauge("sluice_gateway_agent_datagram_waiting_bytes", "Bytes that wait to be written to the DGRAM sessions.",
                 static_cast<double>(numbers.waiting), agent);
  families.gauge("sluice_gateway_agent_datagram_outstanding_bytes", "Bytes written and not acknowledged by the agent.",
                 static_cast<double>(numbers.outstanding), agent);
}

}  // namespace

Result<void> Gateway::open_metrics() {
  if (!settings_.metrics) return {};
  auto exposer = metrics::Exposer::open(
      *settings_.metrics,
      {"sluiced", control_.get_executor(), [this](const metrics::Reply& reply) { reply(measure()); }, measure_kernel});
  if (!exposer) return exposer.error();
  exposer_ = *std::move(exposer);
  return {};
}

Families Gateway::measure() const {
  Families families;
  auto gauge = [&](const char* name, const char* help, std::size_t value) {
    families.gauge(name, help, static_cast<double>(value));
  };
  gauge("sluice_gateway_networks", "Networks that are served.", networks_.size());
  gauge("sluice_gateway_agents", "Agents that are connected.", links_.size());
  gauge("sluice_gateway_offers_waiting", "Connections, pings and first datagrams that wait here for a verdict.",
        offers_.size());
  gauge("sluice_gateway_streams_active", "Connections that are carried.", streams_.active_count());
  gauge("sluice_gateway_associations_active", "Associations of datagrams that an agent has accepted.",
        associations_.entries().size());
  families.counter("sluice_gateway_records_total", "Connections, pings and first datagrams that the kernel announced.",
                   records_.count());
  families.counter("sluice_gateway_datagrams_stray_total", "Datagrams from the kernel for no association.",
                   associations_.strays());
  const char* carried = "Bytes of connections, both those that have ended and those that are open.";
  families.counter("sluice_gateway_stream_bytes_total", carried, relay::totals().to_tls.load(),
                   {{"direction", "to_agent"}});
  families.counter("sluice_gateway_stream_bytes_total", carried, relay::totals().to_tcp.load(),
                   {{"direction", "to_client"}});
  // From the start for each network that is served, so that the first increase is seen.
  auto agentless = agentless_;
  for (const auto& [index, name] : networks_)
    for (const bool routed : {false, true}) agentless.try_emplace({name, routed});
  for (const auto& [of, count] : agentless)
    families.counter("sluice_gateway_agentless_total",
                     "Offers answered network unreachable here: there was no route, or none of its agents.", count,
                     {{"network", of.first}, {"reason", of.second ? "no_agent" : "no_route"}});
  measure_kds(families);
  measure_agents(families);
  return families;
}

void Gateway::measure_kds(Families& families) const {
  if (!kds_) return;
  const KdsLink::State state = kds_->state();
  families.gauge("sluice_gateway_kds_connected", "1 while a key distribution server answers.", state.connected ? 1 : 0);
  for (std::size_t i = 0; i < update_kinds.size(); ++i)
    families.counter("sluice_gateway_kds_updates_total", "Updates of the KDS that were carried out.", state.updates[i],
                     {{"kind", std::string(update_kinds[i])}});
  families.counter("sluice_gateway_kds_anomalies_total",
                   "Anomalies of ESP clients that the KDS was told, or that did not get to it.", state.anomalies_sent,
                   {{"outcome", "sent"}});
  families.counter("sluice_gateway_kds_anomalies_total",
                   "Anomalies of ESP clients that the KDS was told, or that did not get to it.",
                   state.anomalies_dropped, {{"outcome", "dropped"}});
}

void Gateway::measure_agents(Families& families) const {
  // Those that routes name are told of while they are away, too.
  std::set<std::pair<std::string, std::string>> names;
  for (const auto& [name, id] : link_of_) names.insert(name);
  for (const NetworkSettings& network : settings_.networks)
    for (const Route& route : network.routes)
      for (const auto& group : route.groups)
        for (const RouteAgent& agent : group) names.emplace(network.name, agent.name);
  std::unordered_map<LinkId, std::size_t> streams;
  for (const auto& [serial, stream] : streams_.active()) ++streams[stream.link];

  for (const auto& [network, name] : names) {
    const Labels agent = {{"network", network}, {"agent", name}};
    auto gauge = [&](const char* metric, const char* help, double value) {
      families.gauge(metric, help, value, agent);
    };
    const Link* link = find_link(network, name);
    gauge("sluice_gateway_agent_connected", "1 while the agent has a control session.", link ? 1 : 0);
    if (!link) continue;
    gauge("sluice_gateway_agent_connected_timestamp_seconds", "When that began, in seconds since 1970.",
          std::chrono::duration<double>(link->since.time_since_epoch()).count());
    gauge("sluice_gateway_agent_round_trip_seconds", "Round trip of the control session's last ping.",
          static_cast<double>(link->session->round_trip_us.load()) / 1e6);
    families.counter("sluice_gateway_agent_offers_total", "Offers sent to the agent.", link->offers, agent);
    for (const netlink::Verdict verdict : agents_verdicts) {
      const auto answers = link->answers.find(verdict);
      families.counter("sluice_gateway_agent_answers_total", "Its answers.",
                       answers == link->answers.end() ? 0 : answers->second,
                       with(agent, "verdict", netlink::to_string(verdict)));
    }
    gauge("sluice_gateway_agent_offers_queued", "Offers that wait until the agent has read others.",
          static_cast<double>(offers_.queued(link->id)));
    gauge("sluice_gateway_agent_offers_unread", "Offers sent that the agent has not reported to have read.",
          static_cast<double>(offers_.unread(link->id)));
    gauge("sluice_gateway_agent_out_of_reach", "Addresses that it could not reach, so that others are asked first.",
          static_cast<double>(reachability_.held(link->id, Prefix{{}, 0}, Record::Clock::now())));
    gauge("sluice_gateway_agent_pooled_streams", "STREAM sessions that wait for a connection.",
          static_cast<double>(streams_.pooled(link->id)));
    gauge("sluice_gateway_agent_streams_active", "Connections that the agent carries.",
          static_cast<double>(streams[link->id]));
    std::size_t associations = 0;
    for (const auto& [number, session] : associations_.sessions(link->id)) associations += session.numbers.size();
    gauge("sluice_gateway_agent_associations_active", "Associations of datagrams that the agent carries.",
          static_cast<double>(associations));
    add_datagrams(families, associations_.totals(link->id), agent);
  }
}

}  // namespace sluice::gateway
