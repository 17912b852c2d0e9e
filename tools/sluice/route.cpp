// SPDX-License-Identifier: Apache-2.0
//
// sluice route: which agents carry what, and how they stand.
#include "sluice/ask.hpp"
#include "sluice/command.hpp"
#include "sluice/table.hpp"

namespace sluice::cli {
namespace {

// "berlin:3 (away)", "spare (12 addresses out of reach)".
std::string agent_text(const nlohmann::json& agent) {
  std::string text = printable(agent["agent"].get<std::string>());
  if (const auto weight = agent["weight"].get<std::uint64_t>(); weight != 1) text += ":" + std::to_string(weight);
  if (!agent["connected"].get<bool>()) return text + " (away)";
  const auto count = agent["out_of_reach"].get<std::uint64_t>();
  if (count > 0) text += " (" + std::to_string(count) + (count == 1 ? " address" : " addresses") + " out of reach)";
  return text;
}

// "berlin:3 munich, then spare".
std::string agents_text(const nlohmann::json& groups) {
  std::string text;
  for (const auto& group : groups) {
    if (!text.empty()) text += ", then ";
    bool is_first = true;
    for (const auto& agent : group) text += (std::exchange(is_first, false) ? "" : " ") + agent_text(agent);
  }
  return text;
}

Result<void> list(const Context& context) {
  auto answer = ask(context.socket, {{"get", "routes"}});
  if (!answer) return answer.error();
  if (context.json) {
    print_json((*answer)["routes"]);
    return {};
  }
  Table table({"NETWORK", "PREFIX", "SERVICE", "AGENTS"});
  for (const auto& route : (*answer)["routes"])
    table.add({route["network"], route["prefix"], route.value("service", "any"), agents_text(route["agents"])});
  table.print();
  return {};
}

}  // namespace

void add_route(CLI::App& app, Context& context, Action& action) {
  CLI::App* route = app.add_subcommand("route", "Routes: which agents carry what");
  route->require_subcommand(1);
  route->add_subcommand("list", "List routes")->callback([&] { action = [&] { return list(context); }; });
}

}  // namespace sluice::cli
