// SPDX-License-Identifier: Apache-2.0
#include "kds/read_posture.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "kds/version.hpp"
#include "tls/peer.hpp"

namespace sluice::kds {
namespace {

using config::Table;

constexpr Duration interval_min = std::chrono::minutes(1);
constexpr Duration interval_max = std::chrono::hours(24);
constexpr std::size_t postures_max = 64;
constexpr std::size_t requirements_max = 64;
constexpr std::size_t values_max = 64;
constexpr std::size_t value_size_max = 256;
constexpr std::size_t remedy_size_max = 500;
constexpr std::size_t sql_size_max = 1024;
constexpr std::size_t package_size_max = 128;
// What a client looks at, of all postures together: it has a few seconds, and evidence is at most 16 KiB.
constexpr std::size_t packages_max = 64;
constexpr std::size_t plugins_max = 32;
constexpr std::size_t queries_max = 16;
// What clients measure (Documentation/kds.rst); another is a slip of the pen, or a newer client's.
constexpr std::array<std::string_view, 9> known_claims{
    "os", "kernel", "packages", "malware_scanner", "firewall", "disk_encryption", "secure_boot", "updates", "plugins"};

static_assert(std::is_same_v<Value, config::Scalar>);

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// dpkg's and rpm's names, perhaps with an architecture: "libc6:amd64".
bool is_package(std::string_view text) {
  const auto is_fit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("+-._:").find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= package_size_max && text[0] != '-' && std::ranges::all_of(text, is_fit);
}

std::vector<std::string> read_packages(Table& table) {
  std::vector<std::string> packages = table.strings("packages");
  std::set<std::string> seen;
  for (std::size_t i = 0; i < packages.size(); ++i) {
    if (!is_package(packages[i])) table.error("packages", "'" + packages[i] + "' is no package's name", i);
    if (!seen.insert(packages[i]).second) table.error("packages", "'" + packages[i] + "' is named twice", i);
  }
  return packages;
}

std::set<unsigned> read_pcrs(Table& table) {
  constexpr std::int64_t most = 23;
  std::set<unsigned> pcrs;
  const std::vector<config::Scalar> values = table.scalars("pcrs");
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto* number = std::get_if<std::int64_t>(&values[i]);
    if (number == nullptr || *number < 0 || *number > most)
      table.error("pcrs", "a PCR is a number from 0 to 23", i);
    else if (!pcrs.insert(static_cast<unsigned>(*number)).second)
      table.error("pcrs", "is named twice", i);
  }
  return pcrs;
}

Query read_query(Table table) {
  Query query;
  query.name = read_name(table, "name");
  query.sql = table.string("query");
  if (query.sql.size() > sql_size_max) table.error("query", "is longer than 1024 bytes");
  if (has_control(query.sql)) table.error("query", "has control characters");
  return query;
}

std::string quoted(std::string_view word) { return std::string(1, '"').append(word).append("\""); }

void check_value(Table& table, Operator op, const Value& value) {
  const bool is_order = op == Operator::at_least || op == Operator::at_most;
  if (is_order && std::holds_alternative<bool>(value))
    table.error("value", quoted(to_string(op)) + " compares numbers, and text as versions");
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return;
  if (text->empty()) table.error("value", "must not be empty");
  if (text->size() > value_size_max) table.error("value", "is longer than 256 bytes");
  if (has_control(*text)) table.error("value", "has control characters");
  if (is_order && !text->empty() && !Version::parse(*text))
    table.error("value", "'" + *text + "' " + Version::parse(*text).error().message);
}

void read_values(Table& table, Requirement& requirement) {
  requirement.values = table.scalars("value");
  const std::string op = quoted(to_string(requirement.op));
  if (requirement.op == Operator::present || requirement.op == Operator::absent) {
    if (table.has("value")) table.error("value", op + " takes no value");
    return;
  }
  if (!table.has("value")) return table.error("value", op + " needs a value");
  const std::size_t count = requirement.values.size();
  if (requirement.op != Operator::one_of && count > 1) table.error("value", op + " takes one value");
  // An array whose elements are wrong has been told of.
  if (count == 0) table.error("value", op + " needs a value");
  if (count > values_max) table.error("value", "more than 64 values");
  for (std::size_t i = 0; i < count; ++i) {
    check_value(table, requirement.op, requirement.values[i]);
    const auto end = requirement.values.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(requirement.values.begin(), end, requirement.values[i]) != end)
      table.error("value", "names a value twice", i);
  }
}

// "6.1.0-10-amd64" is later than "6.1.0-40": the last hyphen parts the revision, so that 6.1.0-10 meets 6.1.0.
void warn_of_release(Table& table, const Requirement& requirement) {
  if (requirement.claim.to_string() != "kernel.release" || requirement.values.empty()) return;
  if (requirement.op != Operator::at_least && requirement.op != Operator::at_most) return;
  const auto* text = std::get_if<std::string>(&requirement.values.front());
  const auto version = text != nullptr ? Version::parse(*text) : Result<Version>(Error{});
  if (!version || version->revision.empty()) return;
  if (std::ranges::all_of(version->revision, [](char c) { return c >= '0' && c <= '9'; }))
    table.warn("value",
               "every release with a flavour, such as " + *text +
                   "-amd64, is later than this, whatever its last number is; write it whole, as uname -r does");
}

// What a client is asked to measure because of a claim (wanted()) has a name that it takes.
void check_claim(Table& table, const ClaimPath& claim) {
  const auto& path = claim.elements;
  if (std::ranges::find(known_claims, path[0]) == known_claims.end())
    table.warn("claim", "clients measure no '" + path[0] + "'");
  if (path.size() >= 3 && path[0] == "packages" && path[1] == "versions" && !is_package(path[2]))
    table.error("claim", "'" + path[2] + "' is no package's name");
  if (path.size() >= 2 && path[0] == "plugins" && !tls::is_name(path[1]))
    table.error("claim", "'" + path[1] + "' is no plug-in's name");
}

Requirement read_requirement(Table table) {
  Requirement requirement;
  if (!table.has("claim")) table.error("claim", "is required and missing");
  if (auto claim = table.parsed<ClaimPath>("claim", ClaimPath::parse)) {
    requirement.claim = *std::move(claim);
    check_claim(table, requirement.claim);
  }
  if (!table.has("operator")) table.error("operator", "is required and missing");
  if (const auto op = table.parsed<Operator>("operator", parse_operator)) {
    requirement.op = *op;
    read_values(table, requirement);
    warn_of_release(table, requirement);
  } else {
    table.scalars("value");
  }
  requirement.remedy = table.string("remedy");
  if (requirement.remedy.size() > remedy_size_max) table.error("remedy", "is longer than 500 bytes");
  if (has_control(requirement.remedy)) table.error("remedy", "has control characters");
  return requirement;
}

// Both at once: nobody can.
void warn_of_contradiction(Table& table, const Posture& posture, const Requirement& added) {
  for (const Requirement& other : posture.requirements)
    if (other.claim == added.claim && (other.op == Operator::absent) != (added.op == Operator::absent))
      return table.warn("claim",
                        "no device can meet this: another requirement of '" + posture.name + "' asks for the opposite");
}

Posture read_posture(Table table) {
  Posture posture;
  posture.name = read_name(table, "name");
  posture.interval = read_duration(table, "interval", interval_min, interval_max, posture.interval);
  posture.quote = table.boolean("quote", posture.quote);
  posture.pcrs = read_pcrs(table);
  if (!posture.pcrs.empty() && !posture.quote) table.error("pcrs", "are part of a quote: 'quote = true' is missing");
  posture.packages = read_packages(table);
  posture.plugins = read_names(table, "plugins");
  if (std::ranges::find(posture.plugins, "osquery") != posture.plugins.end())
    table.error("plugins", "'osquery' is where the answers to [[posture.osquery]] stand");
  for (const Table& query : table.tables("osquery")) posture.queries.push_back(read_query(query));
  for (Table one : table.tables("requirement")) {
    Requirement requirement = read_requirement(one);
    if (!requirement.claim.elements.empty()) warn_of_contradiction(one, posture, requirement);
    posture.requirements.push_back(std::move(requirement));
  }
  if (posture.requirements.size() > requirements_max) table.error("requirement", "more than 64 requirements");
  if (posture.requirements.empty() && !posture.quote) table.warn("name", "asks for nothing: every device is healthy");
  return posture;
}

// One name is one query: clients tell its answer under it.
void check_queries(Table& table, const Posture& posture, std::map<std::string, std::string>& known) {
  std::set<std::string> here;
  for (const Query& query : posture.queries) {
    if (!here.insert(query.name).second) table.error("osquery", "'" + query.name + "' is asked twice");
    const auto [place, is_new] = known.emplace(query.name, query.sql);
    if (!is_new && place->second != query.sql)
      table.error("osquery", "another posture has another query named '" + query.name + "'");
  }
}

}  // namespace

Duration read_duration(Table& table, std::string_view key, Duration low, Duration high, Duration fallback) {
  const Duration value = table.duration(key, fallback);
  if (value < low || value > high)
    table.error(key, "must be from " + sluice::to_string(low) + " to " + sluice::to_string(high));
  return value;
}

std::string read_name(Table& table, std::string_view key) {
  std::string name = table.string(key);
  if (!name.empty() && !tls::is_name(name)) table.error(key, "a name is 1 to 63 of a-z A-Z 0-9 . _ -");
  return name;
}

std::vector<std::string> read_names(Table& table, std::string_view key) {
  std::vector<std::string> names = table.strings(key);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!tls::is_name(names[i])) table.error(key, "a name is 1 to 63 of a-z A-Z 0-9 . _ -", i);
    if (!seen.insert(names[i]).second) table.error(key, "'" + names[i] + "' is named twice", i);
  }
  return names;
}

std::vector<Posture> read_postures(Table& root) {
  std::vector<Posture> postures;
  std::set<std::string> names;
  std::map<std::string, std::string> queries;
  for (Table table : root.tables("posture")) {
    postures.push_back(read_posture(table));
    if (!names.insert(postures.back().name).second) table.error("name", "another posture has this name");
    check_queries(table, postures.back(), queries);
  }
  if (postures.size() > postures_max) root.error("posture", "more than 64 postures");
  const nlohmann::json all = wanted(postures);
  const auto check = [&](const char* key, std::size_t most, const char* what) {
    if (all[key].size() > most)
      root.error("posture", "all postures together ask for " + std::to_string(all[key].size()) + " " + what +
                                "; clients look at " + std::to_string(most));
  };
  check("packages", packages_max, "packages");
  check("plugins", plugins_max, "plug-ins");
  check("osquery", queries_max, "queries of osquery");
  return postures;
}

}  // namespace sluice::kds
