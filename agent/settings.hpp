// SPDX-License-Identifier: Apache-2.0
//
// The agent's configuration file.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/duration.hpp"
#include "base/result.hpp"
#include "tls/context.hpp"

namespace sluice::agent {

/// A host, by name or address, and a port.
struct HostPort {
  std::string host;  ///< without brackets
  std::string port;

  /// "gw.example.net:443", "192.0.2.1:443" or "[2001:db8::1]:443".
  static Result<HostPort> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  bool operator==(const HostPort&) const = default;
};

struct ProxySettings {
  HostPort server;
  std::string user;
  std::string password;

  /// "http://user:password@proxy:3128"; user and password may be percent-encoded (RFC 3986, 2.1).
  static Result<ProxySettings> parse(std::string_view uri);
};

struct Settings {
  static constexpr unsigned kThreadsMax = 16;

  std::string name;
  std::string network;
  std::vector<HostPort> gateways;
  tls::Identity identity;
  unsigned pool = 4;
  Duration connect_timeout{60000};
  std::optional<ProxySettings> proxy;
  Duration dead_after{10000};
  Duration datagram_age{500};            ///< a datagram that waited for longer is dropped
  unsigned threads = default_threads();  ///< that carry bytes
  std::optional<Endpoint> metrics;       ///< where Prometheus asks

  /// One a processor, 1 to kThreadsMax.
  static unsigned default_threads();
  static Result<Settings> load(const std::filesystem::path& path);
};

}  // namespace sluice::agent
