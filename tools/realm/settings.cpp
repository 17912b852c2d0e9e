// SPDX-License-Identifier: Apache-2.0
#include "realm/settings.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "client/discover/discover.hpp"
#include "client/discover/domains.hpp"
#include "tls/peer.hpp"

namespace sluice::realm {
namespace {

constexpr std::size_t domains_most = 8;

std::filesystem::path absolute(config::Table& table, std::string_view key, std::filesystem::path path) {
  if (!path.empty() && path.is_relative()) table.error(key, "must be an absolute path");
  return path;
}

Result<std::string> parse_domain(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  std::string domain(text);
  std::ranges::transform(domain, domain.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  if (!client::discover::is_host_name(domain)) return Error{"'" + std::string(text) + "' is no domain"};
  return domain;
}

}  // namespace

std::string wrong_realm(std::string_view text) {
  if (tls::is_name(text)) return {};
  return "is 1 to 63 of a-z A-Z 0-9 . _ -, as in the certificate's sluice://REALM/...";
}

Settings read_settings(config::Table& root, bool whole) {
  const auto string = [&](std::string_view key) { return whole ? root.string(key) : root.string(key, ""); };
  Settings settings;
  settings.realm = string("realm");
  if (!settings.realm.empty())
    if (const std::string wrong = wrong_realm(settings.realm); !wrong.empty()) root.error("realm", wrong);
  settings.identity.certificate = absolute(root, "certificate", string("certificate"));
  settings.identity.key = absolute(root, "key", string("key"));
  settings.identity.authority = absolute(root, "authority", string("authority"));
  if (auto revoked = root.optional_string("revoked"))
    settings.identity.revoked = absolute(root, "revoked", *std::move(revoked));
  settings.kds = root.all_parsed<http::ServerName>(
      "kds", [](std::string_view text) { return http::ServerName::parse(text, kds_port); });
  if (settings.kds.size() > servers_most) root.error("kds", "at most " + std::to_string(servers_most));
  if (root.has("kds") && settings.kds.empty()) root.error("kds", "names no server; leave it out to look in DNS");
  for (std::size_t i = 0; i < settings.kds.size(); ++i)
    if (std::count(settings.kds.begin(), settings.kds.begin() + static_cast<std::ptrdiff_t>(i), settings.kds[i]) != 0)
      root.error("kds", settings.kds[i].to_string() + ": is there twice");
  settings.domains = root.all_parsed<std::string>("domain", parse_domain);
  if (settings.domains.size() > domains_most) root.error("domain", "at most " + std::to_string(domains_most));
  if (root.has("kds") && root.has("domain")) root.error("domain", "is not asked where 'kds' names the servers");
  return settings;
}

Result<std::vector<http::ServerName>> servers_of(const Settings& settings) {
  if (!settings.kds.empty()) return settings.kds;
  client::discover::Options options;
  options.domains = settings.domains;
  auto found = client::discover::discover(options);
  if (!found)
    return Error{"no key server is known: " + found.error().message + "; name one as 'kds' in the settings", ENOTCONN};
  std::vector<http::ServerName> servers;
  for (const client::discover::Server& server : found->servers) servers.push_back({server.host, server.port});
  return servers;
}

}  // namespace sluice::realm
