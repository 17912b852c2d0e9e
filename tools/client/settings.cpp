// SPDX-License-Identifier: Apache-2.0
#include "client/settings.hpp"

#include <algorithm>

#include "base/address.hpp"
#include "client/discover/domains.hpp"
#include "config/config.hpp"
#include "tls/peer.hpp"

namespace sluice::client {
namespace {

using config::Table;

constexpr std::size_t servers_most = 16;
constexpr std::size_t domains_most = 8;
constexpr std::size_t interface_most = 15;  // IFNAMSIZ without its end
constexpr Duration time_least = std::chrono::milliseconds(100);
constexpr Duration time_most = std::chrono::seconds(30);  // a challenge is good for 60 s

std::filesystem::path absolute(Table& table, std::string_view key, std::filesystem::path path) {
  if (!path.empty() && path.is_relative()) table.error(key, "must be an absolute path");
  return path;
}

Duration read_time(Table& table, std::string_view key, Duration fallback) {
  const Duration time = table.duration(key, fallback);
  if (time < time_least || time > time_most)
    table.error(key, "must be " + to_string(time_least) + " to " + to_string(time_most));
  return time;
}

Result<std::string> parse_domain(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  std::string domain(text);
  std::ranges::transform(domain, domain.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  if (!discover::is_host_name(domain)) return Error{"'" + std::string(text) + "' is no domain"};
  return domain;
}

MeasureSettings read_measure(std::optional<Table> table) {
  MeasureSettings measure;
  if (!table) return measure;
  measure.plugins = absolute(*table, "plugins", table->string("plugins", measure.plugins.string()));
  measure.osquery = table->boolean("osquery", measure.osquery);
  measure.plugin_time = read_time(*table, "plugin_time", measure.plugin_time);
  measure.time = read_time(*table, "time", measure.time);
  return measure;
}

Result<Settings> read(config::File file) {
  Table root = file.root();
  Settings settings;
  settings.realm = root.string("realm");
  if (!settings.realm.empty() && !tls::is_name(settings.realm))
    root.error("realm", "is 1 to 63 of a-z A-Z 0-9 . _ -, as in the certificate's sluice://REALM/device/NAME");
  settings.identity.certificate = absolute(root, "certificate", root.string("certificate"));
  settings.identity.key = absolute(root, "key", root.string("key"));
  settings.identity.authority = absolute(root, "authority", root.string("authority"));
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
  settings.interface = root.optional_string("interface");
  if (settings.interface && (settings.interface->empty() || settings.interface->size() > interface_most))
    root.error("interface", "is the name of a network interface, 1 to 15 characters");
  settings.native = root.boolean("native", settings.native);
  settings.measure = read_measure(root.table("measure"));
  if (auto all = file.finish(); !all) return all.error();
  return settings;
}

}  // namespace

Result<Settings> load_settings(const std::filesystem::path& path) {
  auto file = config::File::load(path);
  if (!file) return file.error();
  return read(*std::move(file));
}

Result<Settings> parse_settings(std::string_view text, std::string name) {
  auto file = config::File::parse(text, std::move(name));
  if (!file) return file.error();
  return read(*std::move(file));
}

}  // namespace sluice::client
