// SPDX-License-Identifier: Apache-2.0
//
// What sluiced.toml says, checked.  Values only; nothing here touches the system.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/duration.hpp"
#include "base/result.hpp"
#include "http/client.hpp"
#include "netlink/types.hpp"
#include "tls/context.hpp"

namespace sluice::gateway {

// What a connection or an association is for: its protocol and, of TCP and UDP, the server's port.
struct ServiceMatch {
  std::uint8_t protocol = 0;
  std::optional<netlink::Rule::Ports> ports;

  // ICMP and ICMPv6 are one: the addresses tell which.
  [[nodiscard]] bool matches(std::uint8_t of, std::uint16_t port) const;
  // "udp 53", as rules are written.
  [[nodiscard]] std::string to_string() const;
  bool operator==(const ServiceMatch&) const = default;
};

// Longest that an agent is passed over for an address, see NetworkSettings::unreachable_hold.
inline constexpr Duration unreachable_hold_max = std::chrono::minutes(10);

struct RouteAgent {
  std::string name;
  std::uint32_t weight = 1;

  bool operator==(const RouteAgent&) const = default;
};

struct Route {
  Prefix prefix;
  std::optional<ServiceMatch> service;  // none: every one
  // In order of preference; those of one group share by weight.
  std::vector<std::vector<RouteAgent>> groups;

  [[nodiscard]] bool names(std::string_view agent) const;
  [[nodiscard]] bool names_another(std::string_view than) const;
  // "10.20.0.0/16" or "10.20.0.0/16 tcp 80-443".
  [[nodiscard]] std::string to_string() const;
};

struct ClientSettings {
  std::uint32_t id = 0;
  std::string access;  // device; the network's own one for what comes by ESP
  std::vector<Prefix> prefixes;
  std::vector<netlink::Rule> acl;
};

enum class UnreachableSource { gateway, reporter };

// How long an association of datagrams may be idle (U5).
struct DatagramIdle {
  Duration idle{30000};
  Duration replied{900000};  // once two replies have come

  bool operator==(const DatagramIdle&) const = default;
};

// Associations that are idle for another time than the network's others.
struct Service {
  ServiceMatch match;
  DatagramIdle idle;
};

struct NetworkSettings {
  std::string name;
  std::vector<Address> addresses;
  netlink::NetworkLimits limits;
  UnreachableSource unreachable_source = UnreachableSource::gateway;
  std::vector<netlink::Pool> pools;  // without the index of the device
  std::vector<ClientSettings> clients;
  std::vector<netlink::Rule> acl;
  std::vector<Route> routes;
  Duration unreachable_hold{30000};  // how long an agent is passed over for an address that it could not reach
  DatagramIdle datagram_idle;
  std::vector<Service> services;  // the first that matches counts

  [[nodiscard]] const DatagramIdle& idle_of(std::uint8_t protocol, std::uint16_t port) const;
};

struct Mark {
  std::uint32_t value = 0x5c000000;
  std::uint32_t mask = 0xff000000;
  bool operator==(const Mark&) const = default;
};

struct EspSettings {
  std::uint16_t udp_port = 0;  // 0: no ESP in UDP
  std::optional<Address> source_ipv4;
  std::optional<Address> source_ipv6;
  std::uint32_t unknown_rate = 5000;

  bool operator==(const EspSettings&) const = default;
};

// The responder that tells clients what is asked of them.
struct PolicySettings {
  std::uint16_t port = 0;                     // UDP, never 0
  std::optional<std::filesystem::path> file;  // what is answered; nothing: what the KDS says
  std::uint32_t rate = 1000;
  std::uint32_t source_rate = 10;

  bool operator==(const PolicySettings&) const = default;
};

// The key distribution servers that say which keys are good (Documentation/kds.rst).
struct KdsSettings {
  std::vector<http::ServerName> servers;  // in order of preference
  std::string realm;
  tls::Identity identity;  // sluice://REALM/gateway/NAME; the daemon's own where nothing else is given

  // What takes a restart: certificates are read again without.
  [[nodiscard]] bool same_servers(const KdsSettings& other) const {
    return servers == other.servers && realm == other.realm;
  }
};

struct Settings {
  std::string name;
  std::vector<Endpoint> listen;
  tls::Identity identity;
  std::filesystem::path status;
  std::optional<Endpoint> metrics;  // where Prometheus asks
  Mark mark;
  std::uint32_t table = 5353;
  std::uint16_t proxy_port = 0;  // 0: any free one
  Duration dead_after{10000};
  Duration datagram_age{500};  // what has waited for its DGRAM session for longer is dropped
  std::optional<EspSettings> esp;
  std::optional<PolicySettings> policy;
  std::optional<KdsSettings> kds;
  std::vector<NetworkSettings> networks;

  [[nodiscard]] const NetworkSettings* network(std::string_view name) const;
  // Whose pool has the id of an ESP client.
  [[nodiscard]] const NetworkSettings* network_of_esp(std::uint32_t id) const;
  // Does something in it need a module that knows ESP?
  [[nodiscard]] bool asks_for_esp() const;
};

// Every error of the file at once, each with file, line and key.
Result<Settings> load_settings(const std::filesystem::path& path);
Result<Settings> parse_settings(std::string_view text, std::string name);

// "VALUE/MASK", both hexadecimal with 0x or decimal; the value must lie within the mask.
Result<Mark> parse_mark(std::string_view text);

}  // namespace sluice::gateway
