// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "sluice/ask.hpp"
#include "sluice/command.hpp"
#include "sluice/table.hpp"

namespace sluice::cli {
namespace {

double milliseconds_since(double seconds) {
  const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  return (now - seconds) * 1000;
}

std::string answers_text(const nlohmann::json& answers) {
  std::string text;
  for (const auto& [verdict, count] : answers.items())
    text += (text.empty() ? "" : ", ") + std::to_string(count.get<std::uint64_t>()) + " " + verdict;
  return text;
}

// Sum over the DGRAM sessions of an agent.
std::uint64_t sum_of(const nlohmann::json& sessions, const char* key) {
  std::uint64_t sum = 0;
  for (const auto& session : sessions) sum += session.value(key, std::uint64_t{0});
  return sum;
}

// "udp raw; 12 bound, 3.2 KiB unacknowledged, 4 dropped at a full queue".
std::string datagrams_text(const nlohmann::json& agent) {
  const nlohmann::json sessions = agent.value("dgram_sessions", nlohmann::json::array());
  std::string text = printable(agent.value("datagrams", ""));
  if (text.empty()) text = "no";
  if (sessions.empty()) return text;
  text += "; " + std::to_string(sum_of(sessions, "associations")) + " bound";
  if (const auto bytes = sum_of(sessions, "outstanding_bytes"); bytes > 0)
    text += ", " + human_bytes(bytes) + " unacknowledged";
  auto count = [&](std::uint64_t number, const char* word) {
    if (number > 0) text += ", " + std::to_string(number) + " " + word;
  };
  count(sum_of(sessions, "dropped_full"), "dropped at a full queue");
  count(sum_of(sessions, "dropped_late"), "dropped late");
  count(agent.value("dgram_lost", std::uint64_t{0}), "lost with a session");
  return text;
}

Result<void> list(const Context& context) {
  auto answer = ask(context.socket, {{"get", "agents"}});
  if (!answer) return answer.error();
  if (context.json) {
    print_json((*answer)["agents"]);
    return {};
  }
  Table table({"NETWORK", "AGENT", "FROM", "UP", "PING", "ROUND TRIP", "POOL", "OFFERS", "UNREAD", "QUEUED", "ANSWERS",
               "DATAGRAMS"});
  for (const auto& agent : (*answer)["agents"])
    table.add({agent["network"], agent["agent"], agent["from"],
               human_duration(milliseconds_since(agent["since"].get<double>())),
               agent.value("ping", "").empty() ? "no" : agent.value("ping", ""),
               human_duration(agent["round_trip_us"].get<double>() / 1000),
               std::to_string(agent["pool"].get<std::uint64_t>()), std::to_string(agent["offers"].get<std::uint64_t>()),
               std::to_string(agent["unread"].get<std::uint64_t>()),
               std::to_string(agent["queued"].get<std::uint64_t>()), answers_text(agent["answers"]),
               datagrams_text(agent)});
  table.print();
  return {};
}

}  // namespace

void add_agent(CLI::App& app, Context& context, Action& action) {
  CLI::App* agent = app.add_subcommand("agent", "Agents");
  agent->require_subcommand(1);
  agent->add_subcommand("list", "List connected agents")->callback([&] { action = [&] { return list(context); }; });
}

}  // namespace sluice::cli
