// SPDX-License-Identifier: Apache-2.0
#include "client/step.hpp"

#include <array>

namespace sluice::client {
namespace {

using derivation::Spi;

constexpr std::array kinds{"device", "address", "state", "policy", "block", "route", "barrier"};
constexpr std::array ways{"in", "out", "fwd"};

const char* name(Step::Kind kind) { return kinds[static_cast<std::size_t>(kind)]; }
const char* name(Step::Way way) { return ways[static_cast<std::size_t>(way)]; }

template <class T, std::size_t N>
T find(const std::array<const char*, N>& names, const std::string& text) {
  for (std::size_t i = 0; i < N; ++i)
    if (text == names[i]) return static_cast<T>(i);
  throw std::invalid_argument(text);
}

// Reading a record throws and is caught in one place: a record that does not read is damaged, whatever is wrong with
// it.
template <class T>
T value(Result<T> result) {
  if (!result) throw std::invalid_argument(result.error().message);
  return *std::move(result);
}

Address address(const nlohmann::json& json) { return value(Address::parse(json.get<std::string>())); }
Prefix prefix(const nlohmann::json& json) { return value(Prefix::parse(json.get<std::string>())); }

template <class T>
Result<T> guarded(const std::function<T()>& read) {
  try {
    return read();
  } catch (const std::exception& error) {
    return Error{error.what(), EBADMSG};
  }
}

}  // namespace

std::string Step::to_string() const {
  switch (kind) {
    case Kind::device:
      return "device " + device;
    case Kind::address:
      return "address " + destination.address.to_string() + " on " + device;
    case Kind::state:
      return way == Way::in ? "inbound SA" : "outbound SA";
    case Kind::policy:
    case Kind::block:
      return std::string(kind == Kind::block ? "blocking policy " : "policy ") + name(way) + " " + source.to_string() +
             " to " + destination.to_string();
    case Kind::route:
      return "route " + destination.to_string() + " by " + device;
    case Kind::barrier:
      return "rejecting route " + destination.to_string();
  }
  return "";
}

std::vector<Step> plan(const Tunnel& tunnel) {
  using enum Step::Kind;
  std::vector<Step> steps;
  if (tunnel.own_interface) steps.push_back({device, tunnel.interface, 0, {}, {}, {}, {}});
  for (const Address& inner : tunnel.inner)
    steps.push_back({address, tunnel.interface, 0, {}, {}, host_prefix(inner), {}});
  steps.push_back({state, "", 0, Step::Way::in, {}, {}, {}});
  steps.push_back({state, "", 0, Step::Way::out, {}, {}, {}});
  for (const Step::Way way : {Step::Way::in, Step::Way::forward, Step::Way::out})
    for (const Address& inner : tunnel.inner)
      for (const Prefix& there : tunnel.routes) {
        if (inner.is_v4() != is_v4(there)) continue;
        const Prefix here = host_prefix(inner);
        const bool out = way == Step::Way::out;
        steps.push_back({policy, "", 0, way, out ? here : there, out ? there : here, {}});
        // The policy above is about the interface alone.
        if (tunnel.own_interface && !out) steps.push_back({block, "", 0, way, there, here, {}});
      }
  for (const Address& inner : tunnel.inner)
    for (const Prefix& there : tunnel.routes) {
      if (inner.is_v4() != is_v4(there)) continue;
      if (tunnel.own_interface) steps.push_back({barrier, "", 0, {}, {}, there, {}});
      steps.push_back({route, tunnel.route_device, 0, {}, {}, there, inner});
    }
  return steps;
}

nlohmann::json to_json(const Tunnel& tunnel) {
  nlohmann::json json{{"gateway", tunnel.gateway.to_string()},
                      {"local", tunnel.local.to_string()},
                      {"algorithm", derivation::to_string(tunnel.algorithm)},
                      {"inner", nlohmann::json::array()},
                      {"routes", nlohmann::json::array()},
                      {"outbound", tunnel.outbound.value()},
                      {"inbound", tunnel.inbound.value()},
                      {"tie", tunnel.tie},
                      {"interface", tunnel.interface},
                      {"own_interface", tunnel.own_interface},
                      {"route_device", tunnel.route_device}};
  if (tunnel.udp_port) {
    json["udp_port"] = *tunnel.udp_port;
    json["local_port"] = tunnel.local_port;
  }
  if (tunnel.before) json["before"] = tunnel.before->value();
  for (const Address& inner : tunnel.inner) json["inner"].push_back(inner.to_string());
  for (const Prefix& route : tunnel.routes) json["routes"].push_back(route.to_string());
  return json;
}

nlohmann::json to_json(const Step& step) {
  nlohmann::json json{{"kind", name(step.kind)}};
  if (!step.device.empty()) json["device"] = step.device;
  if (step.ifindex != 0) json["ifindex"] = step.ifindex;
  const bool policy = step.kind == Step::Kind::policy || step.kind == Step::Kind::block;
  if (step.kind == Step::Kind::state || policy) json["way"] = name(step.way);
  if (policy) json["source"] = step.source.to_string();
  if (step.kind != Step::Kind::device && step.kind != Step::Kind::state)
    json["destination"] = step.destination.to_string();
  if (step.prefer) json["prefer"] = step.prefer->to_string();
  return json;
}

Result<Tunnel> tunnel_from_json(const nlohmann::json& json) {
  return guarded<Tunnel>([&] {
    Tunnel tunnel;
    tunnel.gateway = address(json.at("gateway"));
    tunnel.local = address(json.at("local"));
    if (json.contains("udp_port")) {
      tunnel.udp_port = json.at("udp_port").get<std::uint16_t>();
      tunnel.local_port = json.at("local_port").get<std::uint16_t>();
    }
    tunnel.algorithm = value(derivation::parse_algorithm(json.at("algorithm").get<std::string>()));
    for (const auto& inner : json.at("inner")) tunnel.inner.push_back(address(inner));
    for (const auto& route : json.at("routes")) tunnel.routes.push_back(prefix(route));
    tunnel.outbound = value(Spi::parse(json.at("outbound").get<std::uint32_t>()));
    tunnel.inbound = value(Spi::parse(json.at("inbound").get<std::uint32_t>()));
    // A record of a version that replaced no key has none: its one key was the tie.
    tunnel.tie = json.value("tie", tunnel.outbound.value());
    if (json.contains("before")) tunnel.before = value(Spi::parse(json.at("before").get<std::uint32_t>()));
    tunnel.interface = json.at("interface").get<std::string>();
    tunnel.own_interface = json.at("own_interface").get<bool>();
    tunnel.route_device = json.at("route_device").get<std::string>();
    return tunnel;
  });
}

Result<Step> step_from_json(const nlohmann::json& json) {
  return guarded<Step>([&] {
    Step step;
    step.kind = find<Step::Kind>(kinds, json.at("kind").get<std::string>());
    step.device = json.value("device", "");
    step.ifindex = json.value("ifindex", 0U);
    if (json.contains("way")) step.way = find<Step::Way>(ways, json.at("way").get<std::string>());
    if (json.contains("source")) step.source = prefix(json.at("source"));
    if (json.contains("destination")) step.destination = prefix(json.at("destination"));
    if (json.contains("prefer")) step.prefer = address(json.at("prefer"));
    return step;
  });
}

}  // namespace sluice::client
