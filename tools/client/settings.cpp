// SPDX-License-Identifier: Apache-2.0
#include "client/settings.hpp"

#include "config/config.hpp"

namespace sluice::client {
namespace {

using config::Table;

constexpr std::size_t gateways_most = 8;
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

MeasureSettings read_measure(std::optional<Table> table) {
  MeasureSettings measure;
  if (!table) return measure;
  measure.plugins = absolute(*table, "plugins", table->string("plugins", measure.plugins.string()));
  measure.osquery = table->boolean("osquery", measure.osquery);
  measure.plugin_time = read_time(*table, "plugin_time", measure.plugin_time);
  measure.time = read_time(*table, "time", measure.time);
  return measure;
}

TpmSettings read_tpm(std::optional<Table> table) {
  TpmSettings tpm;
  if (!table) return tpm;
  tpm.tcti = table->string("tcti", tpm.tcti);
  if (tpm.tcti.empty()) table->error("tcti", "must not be empty");
  tpm.handle = static_cast<std::uint32_t>(table->integer("handle", handle_least, handle_most, tpm.handle));
  return tpm;
}

Result<PolicySettings::Mode> parse_mode(std::string_view text) {
  if (text == "optional") return PolicySettings::Mode::optional;
  if (text == "required") return PolicySettings::Mode::required;
  if (text == "ignore") return PolicySettings::Mode::ignore;
  return Error{"must be \"optional\", \"required\" or \"ignore\""};
}

PolicySettings read_policy(std::optional<Table> table, bool servers_are_named) {
  PolicySettings policy;
  // Who names the key servers says that there is a policy: what an answer is that anybody could keep from us?
  if (!table) {
    if (servers_are_named) policy.mode = PolicySettings::Mode::ignore;
    return policy;
  }
  policy.mode = table->parsed<PolicySettings::Mode>("mode", parse_mode).value_or(policy.mode);
  policy.gateways = table->all_parsed<Address>("gateway", Address::parse);
  if (policy.gateways.size() > gateways_most) table->error("gateway", "at most " + std::to_string(gateways_most));
  policy.port = static_cast<std::uint16_t>(table->integer("port", 1, 65535, policy.port));
  return policy;
}

Result<Settings> read(config::File file) {
  Table root = file.root();
  Settings settings;
  static_cast<realm::Settings&>(settings) = realm::read_settings(root);
  settings.interface = root.optional_string("interface");
  if (settings.interface && (settings.interface->empty() || settings.interface->size() > interface_most))
    root.error("interface", "is the name of a network interface, 1 to 15 characters");
  settings.native = root.boolean("native", settings.native);
  settings.measure = read_measure(root.table("measure"));
  settings.tpm = read_tpm(root.table("tpm"));
  settings.policy = read_policy(root.table("policy"), root.has("kds") || root.has("domain"));
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
