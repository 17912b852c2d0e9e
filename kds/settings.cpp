// SPDX-License-Identifier: Apache-2.0
#include "kds/settings.hpp"

#include <algorithm>

#include "config/config.hpp"
#include "derivation/inner_address.hpp"
#include "evidence/limits.hpp"
#include "kds/answer_size.hpp"
#include "kds/read_posture.hpp"
#include "kds/wrap.hpp"
#include "policy/statement.hpp"

namespace sluice::kds {
namespace {

using config::Table;
using derivation::inner_address;
using derivation::last_32_bits;

constexpr Duration lifetime_min = std::chrono::minutes(5);
constexpr Duration lifetime_max = std::chrono::hours(24);
constexpr Duration timeout_min = std::chrono::seconds(1);
constexpr Duration timeout_max = std::chrono::minutes(10);
// A long poll lasts 25 s (Documentation/kds.rst); a connection must not go in between two.
constexpr Duration idle_min = std::chrono::seconds(30);
constexpr std::int64_t rate_max = 100000;
constexpr std::int64_t connections_max = 1000000;
constexpr std::size_t network_name_max = 15;  // of a device in Linux, which it is on the gateway
constexpr std::size_t networks_max = 64;      // pools of a gateway (uapi/sluice.yaml)
constexpr std::size_t routes_max = 64;
constexpr std::uint16_t kds_port = 8443;  // where a name has none; what we listen on
constexpr Duration keep_min = std::chrono::hours(24);
constexpr Duration keep_max = std::chrono::hours(24 * 3650);
constexpr std::size_t gateways_max = 256;  // of one KDS; a device is told of each

std::string ids_text(const NetworkSettings& network) {
  return std::to_string(network.first) + "-" + std::to_string(network.last);
}

std::filesystem::path read_path(Table& table, std::string_view key) {
  std::filesystem::path path = table.string(key);
  if (!path.empty() && path.is_relative()) table.error(key, "must be an absolute path");
  return path;
}

std::filesystem::path read_path(Table& table, std::string_view key, const char* fallback) {
  return table.has(key) ? read_path(table, key) : std::filesystem::path(fallback);
}

std::vector<std::filesystem::path> read_parts(Table& table, std::string_view key) {
  if (!table.has(key)) (void)table.string(key);  // says that it is missing
  const std::vector<std::string> files = table.strings(key);
  if (table.has(key) && (files.empty() || files.size() > Kek::most_parts))
    table.error(key, "must be a file, or 1 to " + std::to_string(Kek::most_parts) + " of them");
  for (std::size_t i = 0; i < files.size(); ++i)
    if (!files[i].starts_with('/'))
      table.error(key, files[i].empty() ? "must not be empty" : "must be an absolute path", i);
  return {files.begin(), files.end()};
}

std::uint32_t read_count(Table& table, std::string_view key, std::int64_t most, std::uint32_t fallback) {
  return static_cast<std::uint32_t>(table.integer(key, 1, most, fallback));
}

Limits read_limits(Table table) {
  Limits limits;
  limits.requests = read_count(table, "requests", rate_max, limits.requests);
  limits.challenges = read_count(table, "challenges", rate_max, limits.challenges);
  limits.keys = read_count(table, "keys", rate_max, limits.keys);
  limits.operator_requests = read_count(table, "operator_requests", rate_max, limits.operator_requests);
  limits.connections = read_count(table, "connections", connections_max, limits.connections);
  limits.connections_per_address =
      read_count(table, "connections_per_address", connections_max, limits.connections_per_address);
  limits.connections_per_device =
      read_count(table, "connections_per_device", connections_max, limits.connections_per_device);
  limits.sessions = static_cast<std::uint32_t>(table.integer("sessions", 0, connections_max, limits.sessions));
  limits.handshake_timeout =
      read_duration(table, "handshake_timeout", timeout_min, timeout_max, limits.handshake_timeout);
  limits.request_timeout = read_duration(table, "request_timeout", timeout_min, timeout_max, limits.request_timeout);
  limits.idle_timeout = read_duration(table, "idle_timeout", idle_min, timeout_max, limits.idle_timeout);
  if (limits.challenges > limits.requests) table.warn("challenges", "more than requests, which end first");
  if (limits.keys > limits.requests) table.warn("keys", "more than requests, which end first");
  if (limits.connections_per_address > limits.connections)
    table.warn("connections_per_address", "more than connections, which end first");
  if (limits.connections_per_device > limits.connections_per_address)
    table.warn("connections_per_device", "more than connections_per_address, which end first");
  return limits;
}

// "::" and 0.0.0.0, loopback and multicast are nobody's gateway or pool.
bool is_host(const Address& address) {
  const auto& raw = address.raw();
  if (address.is_v4()) return raw[12] != 0 && raw[12] != 127 && raw[12] < 224;
  return raw[0] != 0xff && address != Address() && address != inner_address(Address(), 1);
}

// The module has the last word about a base; this is what can be told with a line.
void check_bases(Table& table, const NetworkSettings& network) {
  if (!table.has("ipv4") && !table.has("ipv6")) table.error("ipv4", "a network needs ipv4 or ipv6, or both");
  const auto& [ipv4, ipv6] = std::tie(network.ipv4, network.ipv6);
  if (ipv4 && !ipv4->is_v4()) {
    table.error("ipv4", "is no IPv4 address");
  } else if (ipv4) {
    const std::uint64_t base = last_32_bits(*ipv4);
    if (base + network.first < 0x01000000 || base + network.last >= 0xe0000000)
      table.error("ipv4", "plus an id is no address that a host can have: from " +
                              inner_address(*ipv4, network.first).to_string() + " to " +
                              inner_address(*ipv4, network.last).to_string());
  }
  if (ipv6 && ipv6->is_v4()) {
    table.error("ipv6", "is no IPv6 address");
  } else if (ipv6) {
    if ((last_32_bits(*ipv6) & derivation::Spi::most_id) != 0) table.error("ipv6", "the last 20 bits must be zero");
    if (!is_host(*ipv6)) table.error("ipv6", "plus an id is no address that a host can have");
  }
}

bool bases_overlap(const NetworkSettings& one, const NetworkSettings& other, bool v4) {
  const auto& a = v4 ? one.ipv4 : one.ipv6;
  const auto& b = v4 ? other.ipv4 : other.ipv6;
  return a && b && inner_address(*a, one.first) <= inner_address(*b, other.last) &&
         inner_address(*b, other.first) <= inner_address(*a, one.last);
}

// The SPI names the id alone, so ids are unique on a gateway; and so is what its clients are routed by.
void check_against(Table& table, const NetworkSettings& network, const GatewaySettings& gateway) {
  for (const NetworkSettings& other : gateway.networks) {
    if (!network.name.empty() && other.name == network.name)
      table.error("name", "another network of this gateway has this name");
    if (network.first <= other.last && other.first <= network.last)
      table.error("first", ids_text(network) + " overlaps the ids " + ids_text(other) + " of '" + other.name + "'");
    for (const bool v4 : {true, false})
      if (bases_overlap(network, other, v4))
        table.error(v4 ? "ipv4" : "ipv6", "addresses overlap those of '" + other.name + "'");
  }
}

// What a device would refuse together with all that it is answered.
bool is_of_others(const Prefix& route) {
  const auto& raw = route.address.raw();
  if (route.address.is_v4() && route.length >= 96)
    return raw[12] < 224 && (route.length < 104 || (raw[12] != 0 && raw[12] != 127));
  return raw[0] != 0xff && (route.length != 128 || is_host(route.address));
}

void check_routes(Table& table, const NetworkSettings& network) {
  if (network.routes.empty() && table.strings("routes").empty())
    table.error("routes", "a network needs at least one prefix that devices send there");
  if (network.routes.size() > routes_max) table.error("routes", "more than 64 routes");
  for (auto route = network.routes.begin(); route != network.routes.end(); ++route) {
    if (std::find(network.routes.begin(), route, *route) != route)
      table.error("routes", route->to_string() + " is named twice");
    if (!is_of_others(*route)) table.error("routes", route->to_string() + " is where no other host can be");
    // 0.0.0.0/0 is ::ffff:0:0/96.
    const bool is_v4 = route->address.is_v4() && route->length >= 96;
    if (is_v4 ? table.has("ipv6") && !table.has("ipv4") : table.has("ipv4") && !table.has("ipv6"))
      table.error("routes", route->to_string() + ": devices have no " + (is_v4 ? "IPv4" : "IPv6") +
                                " address inside, for there is no " + (is_v4 ? "ipv4" : "ipv6"));
  }
}

NetworkSettings read_network(Table table, const GatewaySettings& gateway, const Settings& settings) {
  NetworkSettings network;
  network.name = read_name(table, "name");
  if (network.name.size() > network_name_max)
    table.error("name", "is a device on the gateway, whose name has at most 15 characters");
  network.first = static_cast<std::uint32_t>(table.integer("first", 1, derivation::Spi::most_id, network.first));
  network.last = static_cast<std::uint32_t>(table.integer("last", 1, derivation::Spi::most_id, network.last));
  if (network.last < network.first) table.error("last", "is less than first");
  network.ipv4 = table.parsed<Address>("ipv4", Address::parse);
  network.ipv6 = table.parsed<Address>("ipv6", Address::parse);
  check_bases(table, network);
  check_against(table, network, gateway);
  network.routes = table.all_parsed<Prefix>("routes", Prefix::parse);
  check_routes(table, network);
  network.roles = read_names(table, "roles");
  if (network.roles.empty()) table.error("roles", "a network needs at least one role, or nobody may have keys for it");
  for (std::size_t i = 0; i < network.roles.size(); ++i)
    if (!settings.roles.empty() && std::ranges::find(settings.roles, network.roles[i]) == settings.roles.end())
      table.error("roles", "'" + network.roles[i] + "' is none of the roles at the top of the file", i);
  network.posture = read_name(table, "posture");
  if (!network.posture.empty() && settings.posture(network.posture) == nullptr)
    table.error("posture", "there is no [[posture]] named '" + network.posture + "'");
  return network;
}

void read_addresses(Table& table, GatewaySettings& gateway) {
  if (table.strings("addresses").empty()) table.error("addresses", "a gateway needs an IPv4 or IPv6 address, or both");
  for (const Address& address : table.all_parsed<Address>("addresses", Address::parse)) {
    auto& place = address.is_v4() ? gateway.ipv4 : gateway.ipv6;
    if (place) table.error("addresses", "one address a family");
    if (!is_host(address)) table.error("addresses", address.to_string() + " is no address that a gateway can have");
    place = address;
  }
}

GatewaySettings read_gateway(Table table, const Settings& settings) {
  GatewaySettings gateway;
  gateway.name = read_name(table, "name");
  read_addresses(table, gateway);
  gateway.udp_port = static_cast<std::uint16_t>(table.integer("udp_port", 0, 65535, gateway.udp_port));
  gateway.native = table.boolean("native", gateway.native);
  if (!gateway.native && gateway.udp_port == 0)
    table.error("native", "without native ESP there must be a udp_port, or no device can reach the gateway");
  gateway.lifetime = read_duration(table, "lifetime", lifetime_min, lifetime_max, gateway.lifetime);
  if (const auto algorithm = table.parsed<derivation::Algorithm>("algorithm", derivation::parse_algorithm))
    gateway.algorithm = *algorithm;
  for (const Table& one : table.tables("network")) {
    // Not within push_back(): it looks at those before it.
    NetworkSettings network = read_network(one, gateway, settings);
    gateway.networks.push_back(std::move(network));
  }
  if (gateway.networks.size() > networks_max) table.error("network", "more than 64 networks");
  if (gateway.networks.empty()) table.warn("name", "has no network, so that no device can have keys for it");
  return gateway;
}

void read_files(Table& root, Settings& settings) {
  settings.identity.certificate = read_path(root, "certificate");
  settings.identity.key = read_path(root, "key");
  settings.identity.authority = read_path(root, "authority");
  if (root.has("revoked")) settings.identity.revoked = read_path(root, "revoked");
  settings.database = read_path(root, "database", "/var/lib/sluice/kds.sqlite");
  settings.key_encryption_key = read_parts(root, "key_encryption_key");
  settings.audit = read_path(root, "audit", "/var/log/sluice/kds-audit.jsonl");
  settings.audit_keep = read_duration(root, "audit_keep", keep_min, keep_max, settings.audit_keep);
}

void read_listen(Table& root, Settings& settings) {
  settings.listen = root.all_parsed<Endpoint>("listen", Endpoint::parse);
  if (!root.has("listen")) {
    const Address any_v4(Address::Bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff});
    settings.listen = {{Address(), 8443}, {any_v4, 8443}};
  } else if (root.strings("listen").empty()) {
    root.error("listen", "at least one ADDRESS:PORT to listen on");
  }
  for (auto one = settings.listen.begin(); one != settings.listen.end(); ++one) {
    if (one->port == 0) root.error("listen", "port 0 is none that devices could find");
    if (std::find(settings.listen.begin(), one, *one) != one)
      root.error("listen", one->to_string() + " is named twice");
  }
}

// What is there, and opens or is asked by nothing.
void warn_of_unused(Table& root, const Settings& settings) {
  const auto in_use = settings.roles_in_use();
  for (const std::string& role : settings.roles)
    if (!in_use.contains(role)) root.warn("roles", "the role '" + role + "' opens no network");
  std::vector<Table> tables = root.tables("posture");
  for (std::size_t i = 0; i < std::min(tables.size(), settings.postures.size()); ++i) {
    const auto asks = [&](const NetworkSettings& network) { return network.posture == settings.postures[i].name; };
    if (std::ranges::none_of(settings.gateways,
                             [&](const auto& one) { return std::ranges::any_of(one.networks, asks); }))
      tables[i].warn("name", "no network asks for this posture");
  }
}

PolicySettings read_policy(Table table) {
  PolicySettings policy;
  policy.place = table.place("");
  policy.kds = table.all_parsed<http::ServerName>(
      "kds", [](std::string_view text) { return http::ServerName::parse(text, kds_port); });
  if (policy.kds.size() > policy::servers_most)
    table.error("kds", "more than " + std::to_string(policy::servers_most) + " key servers");
  if (table.has("kds") && table.strings("kds").empty())
    table.error("kds", "names no server; leave it out to have devices look in DNS");
  policy.domain = table.parsed<std::string>("domain", policy::parse_domain).value_or("");
  if (table.has("kds") && table.has("domain")) table.error("domain", "is not asked where 'kds' names the servers");
  if (table.has("routes")) policy.routes = table.all_parsed<Prefix>("routes", Prefix::parse);
  if (policy.routes && policy.routes->size() > policy::routes_most)
    table.error("routes", "more than " + std::to_string(policy::routes_most) + " routes");
  return policy;
}

void check_gateway(Table& table, const GatewaySettings& gateway, const Settings& settings) {
  for (const GatewaySettings& other : settings.gateways) {
    if (!gateway.name.empty() && other.name == gateway.name) table.error("name", "another gateway has this name");
    if ((gateway.ipv4 && gateway.ipv4 == other.ipv4) || (gateway.ipv6 && gateway.ipv6 == other.ipv6))
      table.error("addresses", "the gateway '" + other.name + "' has the same");
  }
}

Result<Settings> read_settings(config::File file) {
  Table root = file.root();
  Settings settings;
  settings.name = read_name(root, "name");
  settings.realm = read_name(root, "realm");
  read_listen(root, settings);
  read_files(root, settings);
  settings.metrics = root.parsed<Endpoint>("metrics", Endpoint::parse);
  if (settings.metrics && settings.metrics->port == 0) root.error("metrics", "port 0 is none to ask at");
  settings.roles = read_names(root, "roles");
  if (auto limits = root.table("limits")) settings.limits = read_limits(*limits);
  if (auto policy = root.table("policy")) settings.policy = read_policy(*policy);
  settings.postures = read_postures(root);
  for (Table table : root.tables("gateway")) {
    GatewaySettings gateway = read_gateway(table, settings);
    check_gateway(table, gateway, settings);
    settings.gateways.push_back(std::move(gateway));
  }
  if (settings.gateways.size() > gateways_max) root.error("gateway", "more than 256 gateways");
  if (const std::size_t most = answer_size(settings); most > evidence::kMostAnswer)
    root.error("gateway",
               "all networks together make an answer of up to " + std::to_string(most) + " bytes, and a device takes " +
                   std::to_string(evidence::kMostAnswer) +
                   ": have fewer networks, routes or requirements, or a key server for some of the gateways");
  if (settings.gateways.empty()) root.warn("gateway", "there is none, so that no device can have keys");
  warn_of_unused(root, settings);
  if (auto finished = file.finish(); !finished) return finished.error();
  settings.warnings = file.warnings();
  return settings;
}

}  // namespace

std::vector<Address> NetworkSettings::inner(std::uint32_t id) const {
  std::vector<Address> addresses;
  for (const auto& base : {ipv4, ipv6})
    if (base) addresses.push_back(inner_address(*base, id));
  return addresses;
}

const NetworkSettings* GatewaySettings::network(std::string_view wanted) const {
  const auto found = std::ranges::find(networks, wanted, &NetworkSettings::name);
  return found == networks.end() ? nullptr : &*found;
}

const GatewaySettings* Settings::gateway(std::string_view wanted) const {
  const auto found = std::ranges::find(gateways, wanted, &GatewaySettings::name);
  return found == gateways.end() ? nullptr : &*found;
}

const Posture* Settings::posture(std::string_view wanted) const {
  const auto found = std::ranges::find(postures, wanted, &Posture::name);
  return found == postures.end() ? nullptr : &*found;
}

std::set<std::string, std::less<>> Settings::roles_in_use() const {
  std::set<std::string, std::less<>> found;
  for (const GatewaySettings& gateway : gateways)
    for (const NetworkSettings& network : gateway.networks) found.insert(network.roles.begin(), network.roles.end());
  return found;
}

Result<Settings> load_settings(const std::filesystem::path& path) {
  auto file = config::File::load(path);
  if (!file) return file.error();
  return read_settings(*std::move(file));
}

Result<Settings> parse_settings(std::string_view text, std::string name) {
  auto file = config::File::parse(text, std::move(name));
  if (!file) return file.error();
  return read_settings(*std::move(file));
}

}  // namespace sluice::kds
