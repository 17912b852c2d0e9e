// SPDX-License-Identifier: Apache-2.0
#include "sluiced/settings.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "config/config.hpp"
#include "derivation/inner_address.hpp"
#include "netlink/protocol.hpp"
#include "netlink/rule_text.hpp"
#include "sluiced/pools.hpp"
#include "tls/peer.hpp"

namespace sluice::gateway {
namespace {

using config::Table;
using derivation::inner_address;
using derivation::last_32_bits;

// The limits of the contract (uapi/sluice.yaml), told before the kernel would refuse.
constexpr std::int64_t park_timeout_min = 1000;
constexpr std::int64_t park_timeout_max = 600000;
constexpr std::int64_t park_limit_max = 1048576;
constexpr std::int64_t association_limit_max = 1048576;
constexpr Duration discard_time_min = std::chrono::seconds(1);
constexpr Duration discard_time_max = std::chrono::minutes(10);
// Ours: a day is forever for a datagram, and milliseconds of it fit the Offer.
constexpr Duration idle_min = std::chrono::seconds(1);
constexpr Duration idle_max = std::chrono::hours(24);
constexpr Duration age_min = std::chrono::milliseconds(10);
constexpr Duration age_max = std::chrono::seconds(10);
constexpr Duration hold_min = std::chrono::seconds(1);
constexpr std::uint32_t weight_max = 1000;
constexpr std::size_t services_max = 1024;
constexpr std::size_t client_prefixes_max = 16;
constexpr std::size_t rules_max = 1024;
constexpr std::size_t device_name_max = 15;
constexpr std::size_t pools_max = 64;
constexpr std::int64_t unknown_rate_max = 10000000;
constexpr std::int64_t policy_rate_max = 10000000;
constexpr std::int64_t policy_source_rate_max = 65535;
constexpr std::size_t kds_servers_max = 16;
// Of a client's access: the network's own device, that ESP comes out of.
constexpr std::string_view esp_access = "esp";

// Client prefixes of the whole file, for the overlap check.
struct Claimed {
  Prefix prefix;
  std::uint32_t client;
};

// What is unique in the whole file.
struct Seen {
  std::set<std::uint32_t> ids;
  std::vector<Claimed> claimed;
  std::vector<netlink::Pool> pools;
};

std::optional<std::uint32_t> parse_word(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x")) {
    text.remove_prefix(2);
    base = 16;
  }
  std::uint32_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (failure != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

void check_device_name(Table& table, std::string_view key, const std::string& name) {
  if (name.size() > device_name_max) table.error(key, "a device's name has at most 15 characters");
}

std::vector<netlink::Rule> read_rules(Table& table, std::string_view key) {
  auto rules = table.all_parsed<netlink::Rule>(key, netlink::parse_rule);
  if (rules.size() > rules_max) table.error(key, "more than 1024 rules");
  return rules;
}

Duration read_duration(Table& table, std::string_view key, Duration low, Duration high, Duration fallback) {
  const Duration value = table.duration(key, fallback);
  if (value < low || value > high) table.error(key, "must be from " + to_string(low) + " to " + to_string(high));
  return value;
}

netlink::NetworkLimits read_limits(Table& table) {
  netlink::NetworkLimits limits;
  const Duration timeout = table.duration("park_timeout", Duration(20000));
  if (timeout.count() < park_timeout_min || timeout.count() > park_timeout_max)
    table.error("park_timeout", "must be from 1s to 10m");
  limits.park_timeout_ms = static_cast<std::uint32_t>(timeout.count());
  limits.park_max = static_cast<std::uint32_t>(table.integer("park_max", 1, park_limit_max, 65536));
  limits.park_client_max = static_cast<std::uint32_t>(table.integer("park_client_max", 1, park_limit_max, 16384));
  limits.park_source_max = static_cast<std::uint32_t>(table.integer("park_source_max", 1, park_limit_max, 8192));
  auto associations = [&](const char* key, std::int64_t fallback) {
    return static_cast<std::uint32_t>(table.integer(key, 1, association_limit_max, fallback));
  };
  limits.association_max = associations("association_max", 65536);
  limits.association_client_max = associations("association_client_max", 16384);
  limits.association_source_max = associations("association_source_max", 4096);
  const Duration discard =
      read_duration(table, "discard_time", discard_time_min, discard_time_max, std::chrono::seconds(10));
  limits.discard_time_ms = static_cast<std::uint32_t>(discard.count());
  return limits;
}

DatagramIdle read_idle(Table& table, const DatagramIdle& fallback) {
  return {read_duration(table, "datagram_idle", idle_min, idle_max, fallback.idle),
          read_duration(table, "datagram_idle_replied", idle_min, idle_max, fallback.replied)};
}

// None: there is no protocol.
std::optional<ServiceMatch> read_match(Table& table) {
  ServiceMatch match;
  const auto protocol = table.parsed<std::uint8_t>("protocol", netlink::parse_protocol);
  const auto ports = table.parsed<netlink::Rule::Ports>("ports", netlink::parse_ports);
  if (!protocol) {
    if (ports && !table.has("protocol")) table.error("ports", "ports need a protocol");
    return std::nullopt;
  }
  match.protocol = *protocol;
  match.ports = ports;
  if (ports && !netlink::has_ports(*protocol))
    table.error("ports", netlink::protocol_name(*protocol) + " has no ports");
  return match;
}

Service read_service(Table table, const DatagramIdle& fallback) {
  Service service;
  if (!table.has("protocol")) table.error("protocol", "a service needs a protocol");
  if (const auto match = read_match(table)) {
    service.match = *match;
    if (!netlink::is_datagram(match->protocol)) table.error("protocol", "TCP and pings have no associations");
  }
  service.idle = read_idle(table, fallback);
  return service;
}

// The module has the last word about a base; this is what can be told with a line.
void check_bases(Table& table, const netlink::Pool& pool) {
  if (!table.has("ipv4") && !table.has("ipv6")) table.error("ipv4", "a pool needs ipv4 or ipv6, or both");
  if (pool.ipv4 && !pool.ipv4->is_v4()) table.error("ipv4", "is no IPv4 address");
  if (pool.ipv6 && pool.ipv6->is_v4()) table.error("ipv6", "is no IPv6 address");
  if (pool.ipv4 && pool.ipv4->is_v4()) {
    const std::uint64_t first = std::uint64_t{last_32_bits(*pool.ipv4)} + pool.first;
    const std::uint64_t last = std::uint64_t{last_32_bits(*pool.ipv4)} + pool.last;
    if (first < 0x01000000 || last >= 0xe0000000)
      table.error("ipv4", "plus an id is no address that a host can have: from " +
                              inner_address(*pool.ipv4, pool.first).to_string() + " to " +
                              inner_address(*pool.ipv4, pool.last).to_string());
  }
  if (pool.ipv6 && !pool.ipv6->is_v4() && (last_32_bits(*pool.ipv6) & netlink::esp_id_max) != 0)
    table.error("ipv6", "the last 20 bits must be zero");
}

netlink::Pool read_pool(Table table, const NetworkSettings& network, Seen& seen) {
  netlink::Pool pool;
  pool.first = static_cast<std::uint32_t>(table.integer("first", 1, netlink::esp_id_max, pool.first));
  pool.last = static_cast<std::uint32_t>(table.integer("last", 1, netlink::esp_id_max, pool.last));
  if (pool.last < pool.first) table.error("last", "is less than first");
  pool.ipv4 = table.parsed<Address>("ipv4", Address::parse);
  pool.ipv6 = table.parsed<Address>("ipv6", Address::parse);
  pool.host = table.boolean("host", false);
  check_bases(table, pool);
  // The SPI names the id alone, so ids are unique on the whole gateway.
  for (const netlink::Pool& other : seen.pools) {
    if (ids_overlap(pool, other)) table.error("first", ids_text(pool) + " overlaps another pool's " + ids_text(other));
    if (addresses_overlap(pool, other))
      table.error(pool.ipv4 ? "ipv4" : "ipv6", "addresses overlap those of the pool of ids " + ids_text(other));
  }
  for (const Address& address : network.addresses)
    if (overlaps(pool, {address, 128}))
      table.error(address.is_v4() ? "ipv4" : "ipv6",
                  "the gateway address " + address.to_string() + " would be a client's, too");
  seen.pools.push_back(pool);
  if (seen.pools.size() > pools_max) table.error("first", "more than 64 pools");
  return pool;
}

EspSettings read_esp(Table table) {
  EspSettings esp;
  esp.udp_port = static_cast<std::uint16_t>(table.integer("udp_port", 0, 65535, esp.udp_port));
  esp.unknown_rate = static_cast<std::uint32_t>(table.integer("unknown_rate", 1, unknown_rate_max, esp.unknown_rate));
  for (const Address& address : table.all_parsed<Address>("source", Address::parse)) {
    auto& place = address.is_v4() ? esp.source_ipv4 : esp.source_ipv6;
    if (place) table.error("source", "one address a family");
    place = address;
  }
  return esp;
}

// A client that comes by ESP has addresses of the network's pools: nothing else gets through (E3).
void check_esp_client(Table& table, const ClientSettings& client, const NetworkSettings& network) {
  if (network.pools.empty()) return table.error("access", "the network has no pool of ESP clients");
  for (const Prefix& prefix : client.prefixes)
    if (std::ranges::none_of(network.pools, [&](const auto& pool) { return overlaps(pool, prefix); }))
      table.error("addresses", prefix.to_string() + " has no address of the network's pools");
}

ClientSettings read_client(Table table, const NetworkSettings& network, Seen& seen) {
  auto& [ids, claimed, pools] = seen;
  ClientSettings client;
  client.id = static_cast<std::uint32_t>(table.integer("id", 1, 0xffffffff));
  if (!ids.insert(client.id).second) table.error("id", "another client has this id");
  client.access = table.string("access");
  check_device_name(table, "access", client.access);
  if (client.access == esp_access) client.access = network.name;
  client.prefixes = table.all_parsed<Prefix>("addresses", Prefix::parse);
  if (!table.has("addresses")) table.error("addresses", "a client needs at least one address");
  if (client.prefixes.size() > client_prefixes_max) table.error("addresses", "more than 16 addresses");
  for (const Prefix& prefix : client.prefixes) {
    // N1: client ranges do not overlap, in the whole gateway.
    for (const Claimed& other : claimed)
      if (other.prefix.contains(prefix.address) || prefix.contains(other.prefix.address))
        table.error("addresses", prefix.to_string() + " overlaps " + other.prefix.to_string() + " of client " +
                                     std::to_string(other.client));
    claimed.push_back({prefix, client.id});
  }
  if (!client.access.empty() && client.access == network.name) check_esp_client(table, client, network);
  client.acl = read_rules(table, "acl");
  return client;
}

// "berlin" or "berlin:3".
Result<RouteAgent> parse_route_agent(std::string_view text) {
  const std::size_t colon = text.find(':');
  RouteAgent agent{std::string(text.substr(0, colon))};
  if (!tls::is_name(agent.name)) return Error{"'" + agent.name + "' is no agent's name"};
  if (colon == text.npos) return agent;
  const std::string_view weight = text.substr(colon + 1);
  const auto [end, failure] = std::from_chars(weight.data(), weight.data() + weight.size(), agent.weight);
  if (failure != std::errc{} || end != weight.data() + weight.size() || agent.weight < 1 || agent.weight > weight_max)
    return Error{"'" + std::string(weight) + "' is no weight: 1 to " + std::to_string(weight_max)};
  return agent;
}

void read_route_agents(Table& table, Route& route) {
  std::set<std::string> names;
  const auto lists = table.string_lists("agents");
  for (std::size_t i = 0; i < lists.size(); ++i) {
    std::vector<RouteAgent>& group = route.groups.emplace_back();
    for (const std::string& text : lists[i]) {
      auto agent = parse_route_agent(text);
      if (!agent) {
        table.error("agents", agent.error().message, i);
        continue;
      }
      if (!names.insert(agent->name).second) table.error("agents", "'" + agent->name + "' is named twice", i);
      group.push_back(*std::move(agent));
    }
    if (lists[i].empty()) table.error("agents", "a group needs at least one agent", i);
  }
  if (lists.empty()) table.error("agents", "a route needs at least one agent");
}

void read_route(Table table, std::vector<Route>& routes) {
  Route route;
  if (!table.has("prefix")) table.error("prefix", "a route needs a prefix");
  const auto prefix = table.parsed<Prefix>("prefix", Prefix::parse);
  if (prefix) route.prefix = *prefix;
  route.service = read_match(table);
  const bool is_known = std::ranges::any_of(
      routes, [&](const Route& other) { return other.prefix == route.prefix && other.service == route.service; });
  if (prefix && is_known) table.error("prefix", "another route of this network has this prefix and service");
  read_route_agents(table, route);
  routes.push_back(std::move(route));
}

NetworkSettings read_network(Table table, Seen& seen) {
  NetworkSettings network;
  network.name = table.string("name");
  check_device_name(table, "name", network.name);
  if (!network.name.empty() && !tls::is_name(network.name))
    table.error("name", "a network's name is made of a-z A-Z 0-9 . _ -");

  network.addresses = table.all_parsed<Address>("addresses", Address::parse);
  const auto v4 = std::ranges::count_if(network.addresses, &Address::is_v4);
  if (v4 > 1 || static_cast<std::ptrdiff_t>(network.addresses.size()) - v4 > 1)
    table.error("addresses", "a network has one gateway address a family");

  network.limits = read_limits(table);
  const std::string source = table.string("unreachable_source", "gateway");
  if (source == "reporter")
    network.unreachable_source = UnreachableSource::reporter;
  else if (source != "gateway")
    table.error("unreachable_source", "must be \"gateway\" or \"reporter\"");

  // Before the clients, which may be of a pool.
  for (const Table& pool : table.tables("pool")) network.pools.push_back(read_pool(pool, network, seen));
  for (const Table& client : table.tables("client")) network.clients.push_back(read_client(client, network, seen));
  if (auto acl = table.table("acl")) network.acl = read_rules(*acl, "rules");
  network.datagram_idle = read_idle(table, {});
  for (const Table& service : table.tables("service"))
    network.services.push_back(read_service(service, network.datagram_idle));
  if (network.services.size() > services_max) table.error("service", "more than 1024 services");
  for (const Table& route : table.tables("route")) read_route(route, network.routes);
  network.unreachable_hold =
      read_duration(table, "unreachable_hold", hold_min, unreachable_hold_max, network.unreachable_hold);
  return network;
}

PolicySettings read_policy_table(Table table) {
  PolicySettings policy;
  policy.port = static_cast<std::uint16_t>(table.integer("port", 1, 65535));
  policy.file = table.optional_string("file");
  policy.rate = static_cast<std::uint32_t>(table.integer("rate", 1, policy_rate_max, policy.rate));
  policy.source_rate =
      static_cast<std::uint32_t>(table.integer("source_rate", 1, policy_source_rate_max, policy.source_rate));
  return policy;
}

KdsSettings read_kds(Table table, const tls::Identity& own) {
  KdsSettings kds;
  const auto servers = table.all_parsed<http::ServerName>(
      "servers", [](std::string_view text) { return http::ServerName::parse(text); });
  if (!table.has("servers") || table.strings("servers").empty())
    table.error("servers", "at least one HOST:PORT of a key distribution server");
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (std::ranges::find(kds.servers, servers[i]) != kds.servers.end())
      table.error("servers", servers[i].to_string() + " is named twice");
    else
      kds.servers.push_back(servers[i]);
  }
  if (servers.size() > kds_servers_max) table.error("servers", "more than 16 servers");
  kds.realm = table.string("realm");
  if (!kds.realm.empty() && !tls::is_name(kds.realm))
    table.error("realm", "a realm's name is made of a-z A-Z 0-9 . _ -");
  kds.identity = own;
  const auto certificate = table.optional_string("certificate");
  const auto key = table.optional_string("key");
  if (certificate.has_value() != key.has_value())
    table.error(certificate ? "certificate" : "key", "certificate and key go together");
  if (certificate) kds.identity.certificate = *certificate;
  if (key) kds.identity.key = *key;
  if (auto authority = table.optional_string("authority")) {
    kds.identity.authority = *authority;
    kds.identity.revoked.reset();  // the daemon's own list is of its own authority
  }
  if (auto revoked = table.optional_string("revoked")) kds.identity.revoked = *revoked;
  return kds;
}

Result<Settings> read_settings(config::File file) {
  Table root = file.root();
  Settings settings;
  settings.name = root.string("name");
  settings.listen = root.all_parsed<Endpoint>("listen", Endpoint::parse);
  if (settings.listen.empty()) root.error("listen", "at least one ADDRESS:PORT to listen on");
  settings.identity.certificate = root.string("certificate");
  settings.identity.key = root.string("key");
  settings.identity.authority = root.string("authority");
  if (auto revoked = root.optional_string("revoked")) settings.identity.revoked = *revoked;
  settings.status = root.string("status", "/run/sluice/sluiced.sock");
  settings.metrics = root.parsed<Endpoint>("metrics", Endpoint::parse);
  if (settings.metrics && settings.metrics->port == 0) root.error("metrics", "port 0 is none to ask at");
  if (auto mark = root.parsed<Mark>("mark", parse_mark)) settings.mark = *mark;
  // The rule's preference is the table's number and must come before the main table's, 32766.
  settings.table = static_cast<std::uint32_t>(root.integer("table", 1, 32765, settings.table));
  if (settings.table >= 253 && settings.table <= 255) root.error("table", "253 to 255 are the system's own tables");
  settings.proxy_port = static_cast<std::uint16_t>(root.integer("proxy_port", 1, 65535, 0));
  settings.dead_after = root.duration("dead_after", settings.dead_after);
  if (settings.dead_after < Duration(1000) || settings.dead_after > Duration(600000))
    root.error("dead_after", "must be from 1s to 10m");
  settings.datagram_age = read_duration(root, "datagram_age", age_min, age_max, settings.datagram_age);

  if (auto esp = root.table("esp")) settings.esp = read_esp(*esp);
  if (auto policy = root.table("policy")) {
    settings.policy = read_policy_table(*policy);
    if (!settings.policy->file && !root.has("kds"))
      policy->error("file", "is required where there is no [kds] that says what to answer");
  }
  if (auto kds = root.table("kds")) settings.kds = read_kds(*kds, settings.identity);
  Seen seen;
  std::set<std::string> names;
  for (Table table : root.tables("network")) {
    settings.networks.push_back(read_network(table, seen));
    if (!names.insert(settings.networks.back().name).second) table.error("name", "another network has this name");
  }
  if (auto finished = file.finish(); !finished) return finished.error();
  return settings;
}

}  // namespace

bool ServiceMatch::matches(std::uint8_t of, std::uint16_t port) const {
  if (protocol != of && !(netlink::is_echo(protocol) && netlink::is_echo(of))) return false;
  return !ports || (port >= ports->first && port <= ports->last);
}

std::string ServiceMatch::to_string() const {
  std::string text = netlink::protocol_name(protocol);
  if (!ports) return text;
  text += " " + std::to_string(ports->first);
  return ports->last == ports->first ? text : text + "-" + std::to_string(ports->last);
}

std::string Route::to_string() const {
  return prefix.to_string() + (service ? " " + service->to_string() : std::string());
}

bool Route::names_another(std::string_view than) const {
  return std::ranges::any_of(groups, [&](const auto& group) {
    return std::ranges::any_of(group, [&](const RouteAgent& agent) { return agent.name != than; });
  });
}

bool Route::names(std::string_view agent) const {
  return std::ranges::any_of(
      groups, [&](const auto& group) { return std::ranges::find(group, agent, &RouteAgent::name) != group.end(); });
}

const DatagramIdle& NetworkSettings::idle_of(std::uint8_t protocol, std::uint16_t port) const {
  const auto found =
      std::ranges::find_if(services, [&](const Service& service) { return service.match.matches(protocol, port); });
  return found == services.end() ? datagram_idle : found->idle;
}

const NetworkSettings* Settings::network(std::string_view wanted) const {
  auto found = std::ranges::find(networks, wanted, &NetworkSettings::name);
  return found == networks.end() ? nullptr : &*found;
}

const NetworkSettings* Settings::network_of_esp(std::uint32_t id) const {
  auto has = [id](const netlink::Pool& pool) { return id >= pool.first && id <= pool.last; };
  auto found = std::ranges::find_if(networks, [&](const auto& one) { return std::ranges::any_of(one.pools, has); });
  return found == networks.end() ? nullptr : &*found;
}

bool Settings::asks_for_esp() const {
  return esp || kds || std::ranges::any_of(networks, [](const auto& network) { return !network.pools.empty(); });
}

Result<Mark> parse_mark(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto value = parse_word(text.substr(0, slash));
  const auto mask = slash == text.npos ? std::nullopt : parse_word(text.substr(slash + 1));
  if (!value || !mask) return Error{"a mark is VALUE/MASK, such as 0x5c000000/0xff000000"};
  if (*mask == 0 || (*value & ~*mask) != 0 || *value == 0)
    return Error{"the mark's value must not be zero and must lie within its mask"};
  return Mark{*value, *mask};
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

}  // namespace sluice::gateway
