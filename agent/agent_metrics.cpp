// SPDX-License-Identifier: Apache-2.0
//
// What the agent tells Prometheus.  Documentation/daemons.rst lists the names: dashboards and alerts depend on them.
#include "agent/agent.hpp"
#include "relay/totals.hpp"

namespace sluice::agent {
namespace {

using metrics::Families;

void add_counts(Families& families, const Counts& counts) {
  families.counter("sluice_agent_sessions_total", "Control sessions opened; one more than reconnects.",
                   counts.sessions);
  families.counter("sluice_agent_dials_failed_total", "Attempts to open one that failed.", counts.failed_dials);
  families.counter("sluice_agent_offers_total", "Offers from gateways.", counts.offers);
  families.counter("sluice_agent_offers_withdrawn_total", "Offers withdrawn before they were answered.",
                   counts.withdrawn);
  for (const auto& [kind, count] :
       {std::pair{"connect", counts.connects}, {"ping", counts.pings}, {"bind", counts.binds}})
    families.counter("sluice_agent_attempts_total", "What offers led to: connects, pings, sockets for datagrams.",
                     count, {{"kind", kind}});
  for (const auto& [name, verdict] : {std::pair{"accept", session::v1::ACCEPT},
                                      {"refuse", session::v1::REFUSE},
                                      {"unreachable", session::v1::UNREACHABLE},
                                      {"timeout", session::v1::TIMEOUT}})
    families.counter("sluice_agent_answers_total", "Answers to offers.", counts.answers[verdict], {{"verdict", name}});
  families.counter("sluice_agent_streams_total", "Connections carried, those that have ended included.",
                   counts.streams);
  const char* carried = "Bytes of connections, both those that have ended and those that are open.";
  families.counter("sluice_agent_stream_bytes_total", carried, relay::totals().to_tls.load(),
                   {{"direction", "to_gateway"}});
  families.counter("sluice_agent_stream_bytes_total", carried, relay::totals().to_tcp.load(),
                   {{"direction", "to_server"}});
  families.counter("sluice_agent_dgram_sessions_total", "DGRAM sessions opened.", counts.dgram_sessions);
}

void add_session(Families& families, const Session::Numbers& numbers) {
  auto gauge = [&](const char* name, const char* help, std::size_t value) {
    families.gauge(name, help, static_cast<double>(value));
  };
  gauge("sluice_agent_offers_waiting", "Offers that wait for an answer.", numbers.offers);
  gauge("sluice_agent_pings_waiting", "Pings under way.", numbers.pings);
  gauge("sluice_agent_streams_active", "Connections that are carried.", numbers.streams);
  gauge("sluice_agent_pool_sessions", "STREAM sessions that wait for a connection.", numbers.pool.idle);
  gauge("sluice_agent_pool_dialing", "STREAM sessions being opened.", numbers.pool.dialing);
  gauge("sluice_agent_pool_waiting", "Connections that wait for a STREAM session.", numbers.pool.waiting);
}

void add_datagrams(Families& families, const Associations::Numbers& numbers) {
  const session::Datagrams::Counters& counters = numbers.counters;
  auto both_ways = [&](const char* name, const char* help, std::uint64_t sent, std::uint64_t received) {
    families.counter(name, help, sent, {{"direction", "to_gateway"}});
    families.counter(name, help, received, {{"direction", "from_gateway"}});
  };
  both_ways("sluice_agent_datagrams_total", "Datagrams on DGRAM sessions.", counters.sent, counters.received);
  both_ways("sluice_agent_datagram_bytes_total", "Bytes of their frames, headers included.", counters.bytes_sent,
            counters.bytes_received);
  for (const auto& [reason, count] : {std::pair{"full", counters.dropped_full},
                                      {"late", counters.dropped_late},
                                      {"gone", counters.dropped_gone},
                                      {"lost", counters.lost},
                                      {"server", numbers.not_taken}})
    families.counter("sluice_agent_datagrams_dropped_total",
                     "Datagrams dropped: for the gateway, queue full, waited too long, association gone, or lost with "
                     "the session; for a server, not taken by its socket.",
                     count, {{"reason", reason}});
  families.counter("sluice_agent_datagrams_stray_total", "Datagrams from the gateway for no association.",
                   numbers.unknown);
  auto gauge = [&](const char* name, const char* help, std::size_t value) {
    families.gauge(name, help, static_cast<double>(value));
  };
  gauge("sluice_agent_associations_active", "Associations of datagrams, each a socket.", numbers.associations);
  gauge("sluice_agent_datagram_waiting_bytes", "Bytes that wait to be written to the gateway.", numbers.waiting);
  gauge("sluice_agent_datagram_outstanding_bytes", "Bytes written and not acknowledged by the gateway.",
        numbers.outstanding);
}

}  // namespace

void Agent::measure(metrics::Reply reply) const {
  Families families;
  const bool is_connected = session_ && session_->is_open();
  families.gauge("sluice_agent_connected", "1 while there is a control session.", is_connected ? 1 : 0);
  add_counts(families, counts_);
  add_session(families, session_ ? session_->numbers() : Session::Numbers{});
  // The rest is the datagrams' thread's.  Added up now: a session that ends meanwhile is in *now*, and counted once.
  auto finish = [families = std::move(families), reply = std::move(reply),
                 sum = counts_.ended](const Associations::Numbers& now) mutable {
    sum += now;
    add_datagrams(families, sum);
    reply(std::move(families));
  };
  if (session_) return session_->datagram_numbers(std::move(finish));
  finish({});
}

}  // namespace sluice::agent
