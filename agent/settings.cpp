// SPDX-License-Identifier: Apache-2.0
#include "agent/settings.hpp"

#include <algorithm>
#include <charconv>
#include <thread>

#include "config/config.hpp"
#include "tls/peer.hpp"

namespace sluice::agent {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kPoolMax = 1024;

bool is_port(std::string_view text) {
  unsigned port = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), port);
  return code == std::errc() && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

/// A host goes into an HTTP request line, so nothing but a name or an address may pass.
bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == ':';
  });
}

Result<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned value = 0;
    std::string_view digits = text.substr(i + 1, 2);
    auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 2 || code != std::errc() || end != digits.data() + 2) {
      return Error{"'%' must be followed by two hexadecimal digits"};
    }
    decoded += static_cast<char>(value);
    i += 2;
  }
  return decoded;
}

Duration bounded(config::Table& root, std::string_view key, Duration fallback, Duration least,
                 Duration most = Duration::max()) {
  Duration value = root.duration(key, fallback);
  if (value < least) root.error(key, "must be at least " + to_string(least));
  if (value > most) root.error(key, "must be at most " + to_string(most));
  return value;
}

}  // namespace

Result<HostPort> HostPort::parse(std::string_view text) {
  Error error{"'" + std::string(text) + "' is not HOST:PORT"};
  std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return error;
  std::string_view host = text.substr(0, colon);
  std::string_view port = text.substr(colon + 1);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!is_host(host) || !is_port(port) || (host.find(':') != std::string_view::npos) != bracketed) return error;
  return HostPort{std::string(host), std::string(port)};
}

std::string HostPort::to_string() const {
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
}

Result<ProxySettings> ProxySettings::parse(std::string_view uri) {
  // Errors do not repeat the text: it may hold a password.
  constexpr std::string_view scheme = "http://";
  Error error{"write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT"};
  if (!uri.starts_with(scheme)) return error;
  uri.remove_prefix(scheme.size());
  if (uri.ends_with('/')) uri.remove_suffix(1);
  ProxySettings settings;
  if (std::size_t at = uri.rfind('@'); at != std::string_view::npos) {
    std::string_view userinfo = uri.substr(0, at);
    uri.remove_prefix(at + 1);
    std::size_t colon = userinfo.find(':');
    if (colon == std::string_view::npos || colon == 0) return error;
    Result<std::string> user = percent_decode(userinfo.substr(0, colon));
    Result<std::string> password = percent_decode(userinfo.substr(colon + 1));
    if (!user || !password) return user ? password.error() : user.error();
    settings.user = *std::move(user);
    settings.password = *std::move(password);
  }
  Result<HostPort> server = HostPort::parse(uri);
  if (!server) return error;
  settings.server = *std::move(server);
  return settings;
}

unsigned Settings::default_threads() { return std::clamp(std::thread::hardware_concurrency(), 1U, kThreadsMax); }

Result<Settings> Settings::load(const std::filesystem::path& path) {
  Result<config::File> file = config::File::load(path);
  if (!file) return file.error();
  config::Table root = file->root();
  Settings settings;
  auto name = [&root](std::string_view key) {
    std::string text = root.string(key);
    if (!text.empty() && !tls::is_name(text)) root.error(key, "may hold letters, digits, '.', '_' and '-', at most 63");
    return text;
  };
  settings.name = name("name");
  settings.network = name("network");
  settings.gateways = root.all_parsed<HostPort>("gateway", HostPort::parse);
  if (!root.has("gateway")) (void)root.string("gateway");
  if (root.has("gateway") && root.strings("gateway").empty()) root.error("gateway", "must not be empty");
  settings.identity.certificate = root.string("certificate");
  settings.identity.key = root.string("key");
  settings.identity.authority = root.string("authority");
  settings.identity.revoked = root.optional_string("revoked");
  settings.pool = static_cast<unsigned>(root.integer("pool", 0, kPoolMax, settings.pool));
  settings.connect_timeout = bounded(root, "connect_timeout", settings.connect_timeout, 1s);
  settings.proxy = root.parsed<ProxySettings>("proxy", ProxySettings::parse);
  settings.dead_after = bounded(root, "dead_after", settings.dead_after, 1s);
  settings.datagram_age = bounded(root, "datagram_age", settings.datagram_age, 10ms, 60s);
  settings.threads = static_cast<unsigned>(root.integer("threads", 1, kThreadsMax, settings.threads));
  settings.metrics = root.parsed<Endpoint>("metrics", Endpoint::parse);
  if (settings.metrics && settings.metrics->port == 0) root.error("metrics", "port 0 is none to ask at");
  if (auto done = file->finish(); !done) return done.error();
  return settings;
}

}  // namespace sluice::agent
