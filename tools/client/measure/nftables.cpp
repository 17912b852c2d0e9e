// SPDX-License-Identifier: Apache-2.0
#include "client/measure/nftables.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <tuple>

#include "evidence/json.hpp"

namespace sluice::client::measure {
namespace {

using Json = nlohmann::json;
using Table = std::pair<std::string, std::string>;                // family, name
using Chain = std::tuple<std::string, std::string, std::string>;  // family, table, name

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

enum class State { in_force, dormant, unknown };

State state_of(const Json& table) {
  const auto flags = table.find("flags");
  if (flags == table.end()) return State::in_force;
  State state = State::in_force;
  for (const Json& flag : flags->is_array() ? *flags : Json::array({*flags})) {
    if (flag == "dormant") return State::dormant;
    // nft 1.0.6 has the table's name where the flag's should be.
    if (flag != "owner" && flag != "persist") state = State::unknown;
  }
  return state;
}

}  // namespace

Result<bool> filters_input(std::string_view json) {
  // Counters have 64 bits.
  auto document = evidence::parse_json(json, json.size(), {.depth = 64, .exact = false});
  if (!document) return document.error().in("nft");
  if (!document->is_object()) return Error{"nft: gives no ruleset"};
  const auto list = document->find("nftables");
  if (list == document->end() || !list->is_array()) return Error{"nft: gives no ruleset"};
  std::map<Table, State> tables;
  std::map<Chain, bool> input;  // whether the policy is to drop
  std::set<Chain> with_rules;
  for (const Json& entry : *list) {
    if (!entry.is_object()) continue;
    for (const auto& [kind, object] : entry.items()) {
      if (!object.is_object()) continue;
      const std::string family = text_of(object, "family");
      if (family != "ip" && family != "ip6" && family != "inet") continue;
      if (kind == "table") tables[{family, text_of(object, "name")}] = state_of(object);
      if (kind == "rule") with_rules.emplace(family, text_of(object, "table"), text_of(object, "chain"));
      if (kind == "chain" && text_of(object, "hook") == "input" && text_of(object, "type") == "filter")
        input[{family, text_of(object, "table"), text_of(object, "name")}] = text_of(object, "policy") == "drop";
    }
  }
  bool unknown = false;
  for (const auto& [chain, drops] : input) {
    if (!drops && !with_rules.contains(chain)) continue;
    const auto table = tables.find({std::get<0>(chain), std::get<1>(chain)});
    const State state = table == tables.end() ? State::unknown : table->second;
    if (state == State::in_force) return true;
    unknown = unknown || state == State::unknown;
  }
  if (unknown) return Error{"nft does not say whether the table of the input chain is dormant"};
  return false;
}

}  // namespace sluice::client::measure
