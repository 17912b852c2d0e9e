// SPDX-License-Identifier: Apache-2.0
#include "sluiced/record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "netlink/protocol.hpp"
#include "netlink/rule_text.hpp"

namespace sluice::gateway {
namespace {

bool same_protocol(std::uint8_t one, std::uint8_t other) {
  return one == other || (netlink::is_echo(one) && netlink::is_echo(other));
}

using Step = std::optional<Record::Clock::time_point>;

// Milliseconds since the SYN was parked.
void put_step(nlohmann::json& steps, const char* name, const Record& record, const Step& when) {
  if (!when) return;
  const auto passed = std::chrono::duration_cast<std::chrono::microseconds>(*when - record.parked);
  steps[name] = static_cast<double>(passed.count()) / 1000.0;
}

void put_error(nlohmann::json& json, const std::optional<netlink::IcmpError>& icmp,
               const std::optional<Address>& reporter, const std::string& detail) {
  if (icmp) {
    json["icmp"] = {{"type", icmp->type}, {"code", icmp->code}};
    if (icmp->mtu) json["icmp"]["mtu"] = *icmp->mtu;
  }
  if (reporter) json["reporter"] = reporter->to_string();
  if (!detail.empty()) json["detail"] = detail;
}

nlohmann::json to_json(const Traffic::Direction& direction) {
  return {
      {"datagrams", direction.datagrams.get()}, {"bytes", direction.bytes.get()}, {"dropped", direction.dropped.get()}};
}

}  // namespace

nlohmann::json to_json(const Traffic& traffic) {
  return {{"to_server", to_json(traffic.to_server)}, {"to_client", to_json(traffic.to_client)}};
}

std::string plain_words(std::string_view text) {
  constexpr std::size_t longest = 200;
  std::string words(text.substr(0, longest));
  auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  std::ranges::replace_if(words, is_control, '?');
  return words;
}

nlohmann::json to_json(const Record& record) {
  using namespace std::chrono;
  nlohmann::json json = {
      {"serial", record.serial},
      {"time", duration<double>(record.began.time_since_epoch()).count()},
      {"network", record.network},
      {"client", record.client},
      {"protocol", netlink::protocol_name(record.protocol)},
      {"source", netlink::party(record.protocol, record.source)},
      {"destination", netlink::party(record.protocol, record.destination)},
      {"scope", netlink::to_string(record.scope)},
      {"outcome", record.outcome},
  };
  if (netlink::is_echo(record.protocol))
    json["echo"] = {{"id", record.source.port}, {"sequence", record.destination.port}};
  if (record.index) json["index"] = *record.index;
  if (!record.rule.empty()) json["rule"] = record.rule;
  if (!record.route.empty()) json["route"] = record.route;
  if (!record.agent.empty()) json["agent"] = record.agent;
  if (record.verdict) json["verdict"] = netlink::to_string(*record.verdict);
  put_error(json, record.icmp, record.reporter, record.detail);
  for (const Record::Earlier& earlier : record.earlier) {
    nlohmann::json one = {{"agent", earlier.agent}, {"verdict", netlink::to_string(earlier.verdict)}};
    put_error(one, earlier.icmp, earlier.reporter, earlier.detail);
    json["earlier"].push_back(std::move(one));
  }
  if (record.connect.count() > 0) json["connect_us"] = record.connect.count();
  nlohmann::json steps = nlohmann::json::object();
  put_step(steps, "offered", record, record.offered);
  put_step(steps, "answered", record, record.answered);
  put_step(steps, "released", record, record.released);
  put_step(steps, "established", record, record.established);
  put_step(steps, "bound", record, record.bound);
  put_step(steps, "ended", record, record.ended);
  json["steps_ms"] = steps;
  if (record.established) {
    json["to_server"] = record.to_server;
    json["to_client"] = record.to_client;
  }
  if (record.bound) json["traffic"] = to_json(*record.traffic);
  if (record.errors > 0) json["errors"] = record.errors;
  return json;
}

std::string to_log_line(const Record& record) {
  const auto waited = (record.answered ? *record.answered : Record::Clock::now()) - record.parked;
  std::string line = fmt::format(
      "verdict={} network={} client={} source={} destination={} agent={} waited_us={}",
      record.verdict ? netlink::to_string(*record.verdict) : "none", record.network, record.client,
      netlink::party(record.protocol, record.source), netlink::party(record.protocol, record.destination),
      record.agent.empty() ? "-" : record.agent, std::chrono::duration_cast<std::chrono::microseconds>(waited).count());
  if (record.icmp) line += fmt::format(" icmp={}/{}", record.icmp->type, record.icmp->code);
  if (record.reporter) line += " reporter=" + record.reporter->to_string();
  // Words of the far end: quoted and escaped, so that they can't forge fields or lines.
  if (!record.detail.empty())
    line += " detail=" + nlohmann::json(record.detail).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return line;
}

std::shared_ptr<Record> Records::add(Record record) {
  record.serial = next_serial_++;
  auto shared = std::make_shared<Record>(std::move(record));
  ring_.push_back(shared);
  if (ring_.size() > capacity) ring_.pop_front();
  return shared;
}

void Records::changed(const std::shared_ptr<Record>& record) {
  if (record->ended && record->serial + capacity < next_serial_) {
    ring_.push_back(record);
    if (ring_.size() > capacity) ring_.pop_front();
  }
  if (listener_) listener_(*record);
}

std::vector<std::shared_ptr<const Record>> Records::find(const Filter& filter) const {
  std::vector<std::shared_ptr<const Record>> found;
  for (auto record = ring_.rbegin(); record != ring_.rend() && found.size() < filter.last; ++record) {
    if (filter.source && (*record)->source.address != *filter.source) continue;
    if (filter.destination && (*record)->destination.address != *filter.destination) continue;
    const bool is_port = netlink::has_ports((*record)->protocol) && (*record)->destination.port == filter.port;
    if (filter.port && !is_port) continue;
    if (filter.protocol && !same_protocol(*filter.protocol, (*record)->protocol)) continue;
    found.push_back(*record);
  }
  return found;
}

}  // namespace sluice::gateway
