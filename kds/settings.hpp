// SPDX-License-Identifier: Apache-2.0
//
// What sluice-kds.toml says, checked.  Values only; nothing here touches the system but to read that file.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/duration.hpp"
#include "base/result.hpp"
#include "derivation/spi.hpp"
#include "http/client.hpp"
#include "kds/posture.hpp"
#include "tls/context.hpp"

namespace sluice::kds {

/// A network of a gateway: its pool of ids (Documentation/esp.rst), and who may have keys for it.
struct NetworkSettings {
  std::string name;
  std::uint32_t first = 1;  ///< ids, unique on the gateway
  std::uint32_t last = derivation::Spi::most_id;
  std::optional<Address> ipv4, ipv6;  ///< bases: an inner address is the base plus the id; at least one
  std::vector<Prefix> routes;         ///< what the device sends into the tunnel; at least one
  std::vector<std::string> roles;     ///< any of them; at least one
  std::string posture;

  /// The inner addresses of an id of this pool, IPv4 before IPv6.
  [[nodiscard]] std::vector<Address> inner(std::uint32_t id) const;
  bool operator==(const NetworkSettings&) const = default;
};

struct GatewaySettings {
  std::string name;
  std::optional<Address> ipv4, ipv6;  ///< outer; at least one
  std::uint16_t udp_port = 0;         ///< 0: no ESP in UDP
  bool native = true;                 ///< ESP as IP protocol 50; either this or udp_port
  Duration lifetime{3600000};         ///< of a generation
  derivation::Algorithm algorithm = derivation::Algorithm::aes_256_gcm;
  std::vector<NetworkSettings> networks;

  [[nodiscard]] const NetworkSettings* network(std::string_view wanted) const;
  bool operator==(const GatewaySettings&) const = default;
};

/// What one device, one address or all together may ask of the server.
struct Limits {
  std::uint32_t requests = 60;                  ///< of a device a minute, of any kind
  std::uint32_t challenges = 20;                ///< of a device a minute
  std::uint32_t keys = 10;                      ///< POST /v1/keys of a device a minute
  std::uint32_t operator_requests = 600;        ///< of an operator a minute
  std::uint32_t connections = 4096;             ///< at once, in all; an eighth of them is not for devices
  std::uint32_t connections_per_address = 256;  ///< at once, of devices of one IPv4 address or IPv6 /64
  std::uint32_t connections_per_device = 16;    ///< at once
  std::uint32_t sessions = 16384;               ///< of TLS, kept for an hour to be resumed; 0: tickets hold them
  Duration handshake_timeout{10000};
  Duration request_timeout{10000};  ///< for a request to come in whole
  Duration idle_timeout{60000};     ///< between requests; long polls are none

  bool operator==(const Limits&) const = default;
};

/// What the gateways' responders answer (Documentation/policy.rst).
struct PolicySettings {
  std::vector<http::ServerName> kds;  ///< in the order in which to try them; empty: by *domain*
  std::string domain;                 ///< of SRV records; empty: those that a device finds by itself
  std::optional<std::vector<Prefix>>
      routes;         ///< what a key is needed for; nothing: the routes of the gateway's networks
  std::string place;  ///< "FILE:LINE", for what the certificate leaves no room for

  bool operator==(const PolicySettings&) const = default;
};

struct Settings {
  std::string name;
  std::string realm;
  std::vector<Endpoint> listen;
  tls::Identity identity;
  std::filesystem::path database;
  std::vector<std::filesystem::path> key_encryption_key;  ///< its file, or those of its parts
  std::filesystem::path audit;                            ///< the file
  Duration audit_keep{7776000000};                        ///< how long a line stays in the database's table; 90 days
  std::optional<Endpoint> metrics;                        ///< where Prometheus asks
  std::vector<std::string> roles;                         ///< every one there is; empty: those that networks name
  Limits limits;
  std::vector<GatewaySettings> gateways;
  std::vector<Posture> postures;
  std::optional<PolicySettings> policy;
  std::vector<std::string> warnings;  ///< "FILE:LINE: ...": what is allowed but hardly meant

  [[nodiscard]] const GatewaySettings* gateway(std::string_view wanted) const;
  [[nodiscard]] const Posture* posture(std::string_view wanted) const;
  /// The roles that open a network.
  [[nodiscard]] std::set<std::string, std::less<>> roles_in_use() const;
};

/// Every error of the file at once, each with file, line and key.
Result<Settings> load_settings(const std::filesystem::path& path);
/// From memory; *name* stands for the file in errors.
Result<Settings> parse_settings(std::string_view text, std::string name);

}  // namespace sluice::kds
