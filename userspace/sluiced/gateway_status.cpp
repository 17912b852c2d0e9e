// SPDX-License-Identifier: Apache-2.0
//
// What the Gateway tells on its status socket.
#include <nlohmann/json.hpp>

#include "netlink/rule_text.hpp"
#include "sluiced/gateway.hpp"

namespace sluice::gateway {
namespace {

constexpr std::size_t why_default = 20;

double seconds(std::chrono::system_clock::time_point when) {
  return std::chrono::duration<double>(when.time_since_epoch()).count();
}

// Of each DGRAM session of an agent.
nlohmann::json sessions_json(const Associations::Sessions& sessions) {
  nlohmann::json all = nlohmann::json::array();
  for (const auto& [number, entry] : sessions) {
    const session::Datagrams::Counters& counters = entry.told.counters;
    all.push_back({{"session", number},
                   {"associations", entry.numbers.size()},
                   {"sent", counters.sent},
                   {"received", counters.received},
                   {"bytes_sent", counters.bytes_sent},
                   {"bytes_received", counters.bytes_received},
                   {"waiting_bytes", entry.told.waiting},
                   {"outstanding_bytes", entry.told.outstanding},
                   {"dropped_full", counters.dropped_full},
                   {"dropped_late", counters.dropped_late},
                   {"dropped_gone", counters.dropped_gone},
                   {"strays", entry.told.strays}});
  }
  return all;
}

}  // namespace

Result<nlohmann::json> Gateway::answer_status(const nlohmann::json& request) const {
  const std::string& what = request["get"].get_ref<const std::string&>();
  if (what == "status") return status_json();
  if (what == "agents") return agents_json();
  if (what == "routes") return routes_json();
  if (what == "streams") return streams_json();
  if (what == "associations") return associations_json();
  if (what == "why") return why_json(request);
  return Error{"\"" + what + "\" is not known; agents, associations, routes, streams, why, status and monitor are"};
}

nlohmann::json Gateway::status_json() const {
  nlohmann::json networks = nlohmann::json::array();
  for (const auto& [index, name] : networks_) networks.push_back(name);
  nlohmann::json status = {{"name", settings_.name},
                           {"version", SLUICE_VERSION},
                           {"started", seconds(started_)},
                           {"proxy_port", proxy_.port()},
                           {"networks", networks},
                           {"agents", links_.size()},
                           {"offers", offers_.size()},
                           {"streams", streams_.active_count()},
                           {"associations", associations_.entries().size()},
                           {"stray_datagrams", associations_.strays()},
                           {"workers", workers_.size()}};
  if (kds_) status["kds"] = to_json(kds_->state());
  return status;
}

nlohmann::json Gateway::agents_json() const {
  nlohmann::json agents = nlohmann::json::array();
  for (const auto& [id, link] : links_) {
    nlohmann::json answers = nlohmann::json::object();
    for (const auto& [verdict, count] : link.answers) answers[std::string(netlink::to_string(verdict))] = count;
    agents.push_back({{"network", link.greeting.network},
                      {"agent", link.greeting.agent},
                      {"from", link.greeting.from.to_string()},
                      {"software", link.greeting.software},
                      {"ping", link.greeting.ping},
                      {"datagrams", link.greeting.datagrams},
                      {"dgram_lost", associations_.totals(id).counters.lost},
                      {"dgram_sessions", sessions_json(associations_.sessions(id))},
                      {"since", seconds(link.since)},
                      {"round_trip_us", link.session->round_trip_us.load()},
                      {"offers", link.offers},
                      {"answers", answers},
                      {"queued", offers_.queued(id)},
                      {"unread", offers_.unread(id)},
                      {"pool", streams_.pooled(id)}});
  }
  return {{"agents", agents}};
}

nlohmann::json Gateway::routes_json() const {
  const auto now = Record::Clock::now();
  nlohmann::json routes = nlohmann::json::array();
  for (const NetworkSettings& network : settings_.networks) {
    auto agent_json = [&](const Route& route, const RouteAgent& agent) -> nlohmann::json {
      const Link* link = find_link(network.name, agent.name);
      return {{"agent", agent.name},
              {"weight", agent.weight},
              {"connected", link != nullptr},
              {"out_of_reach", link ? reachability_.held(link->id, route.prefix, now) : 0}};
    };
    for (const Route& route : network.routes) {
      nlohmann::json groups = nlohmann::json::array();
      for (const auto& group : route.groups) {
        nlohmann::json agents = nlohmann::json::array();
        for (const RouteAgent& agent : group) agents.push_back(agent_json(route, agent));
        groups.push_back(std::move(agents));
      }
      nlohmann::json one = {{"network", network.name}, {"prefix", route.prefix.to_string()}, {"agents", groups}};
      if (route.service) one["service"] = route.service->to_string();
      routes.push_back(std::move(one));
    }
  }
  return {{"routes", routes}};
}

nlohmann::json Gateway::streams_json() const {
  nlohmann::json streams = nlohmann::json::array();
  for (const auto& [serial, stream] : streams_.active()) {
    const auto open = Record::Clock::now() - *stream.record->established;
    streams.push_back({{"serial", serial},
                       {"network", stream.record->network},
                       {"client", stream.record->client},
                       {"agent", stream.record->agent},
                       {"source", stream.record->source.to_string()},
                       {"destination", stream.record->destination.to_string()},
                       {"open_ms", std::chrono::duration_cast<std::chrono::milliseconds>(open).count()}});
  }
  return {{"streams", streams}};
}

// What the kernel does not know of those that it lists as bound.
nlohmann::json Gateway::associations_json() const {
  nlohmann::json associations = nlohmann::json::array();
  for (const auto& [id, entry] : associations_.entries()) {
    nlohmann::json association = to_json(*entry.record->traffic);
    const auto idle = Record::Clock::now() - entry.record->traffic->last();
    association["id"] = id;
    association["agent"] = entry.record->agent;
    association["idle_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(idle).count();
    associations.push_back(std::move(association));
  }
  return {{"associations", associations}};
}

Result<nlohmann::json> Gateway::why_json(const nlohmann::json& request) const {
  Records::Filter filter;
  filter.last = why_default;
  auto text = [&](const char* key) -> std::optional<std::string> {
    const auto found = request.find(key);
    if (found == request.end() || !found->is_string()) return std::nullopt;
    return found->get<std::string>();
  };
  if (const auto source = text("source")) {
    auto address = Address::parse(*source);
    if (!address) return address.error();
    filter.source = *address;
  }
  if (const auto destination = text("destination")) {
    auto address = Address::parse(*destination);
    if (!address) return address.error();
    filter.destination = *address;
  }
  if (const auto port = request.find("port"); port != request.end() && port->is_number_unsigned())
    filter.port = static_cast<std::uint16_t>(port->get<unsigned>());
  if (const auto protocol = text("protocol")) {
    auto number = netlink::parse_protocol(*protocol);
    if (!number) return number.error();
    filter.protocol = *number;
  }
  if (const auto last = request.find("last"); last != request.end() && last->is_number_unsigned())
    filter.last = std::min<std::size_t>(last->get<std::size_t>(), Records::capacity);
  nlohmann::json connections = nlohmann::json::array();
  for (const auto& record : records_.find(filter)) connections.push_back(to_json(*record));
  return nlohmann::json{{"connections", connections}};
}

}  // namespace sluice::gateway
