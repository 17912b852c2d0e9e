// SPDX-License-Identifier: Apache-2.0
#include "sluice/explain.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include "sluice/table.hpp"

namespace sluice::cli {
namespace {

// RFC 792; RFC 1122, 3.2.2.1; RFC 1812, 5.2.7.1.
constexpr std::array v4_codes = {"network unreachable",
                                 "host unreachable",
                                 "protocol unreachable",
                                 "port unreachable",
                                 "fragmentation needed",
                                 "source route failed",
                                 "destination network unknown",
                                 "destination host unknown",
                                 "source host isolated",
                                 "network administratively prohibited",
                                 "host administratively prohibited",
                                 "network unreachable for this type of service",
                                 "host unreachable for this type of service",
                                 "communication administratively prohibited",
                                 "host precedence violation",
                                 "precedence cutoff in effect"};
// RFC 4443, 3.1; RFC 8883 has more, none for a gateway to send.
constexpr std::array v6_codes = {"no route to destination",
                                 "communication administratively prohibited",
                                 "beyond scope of source address",
                                 "address unreachable",
                                 "port unreachable",
                                 "source address failed policy",
                                 "reject route to destination",
                                 "error in source routing header"};

std::string text_of(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? printable(found->get<std::string>()) : std::string();
}

std::uint64_t number_of(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number() ? found->get<std::uint64_t>() : 0;
}

std::string local_time(double seconds) {
  const auto whole = static_cast<std::time_t>(seconds);
  std::tm broken{};
  ::localtime_r(&whole, &broken);
  char text[32];
  std::strftime(text, sizeof text, "%H:%M:%S", &broken);
  return text;
}

std::string rule_line(const nlohmann::json& connection) {
  const std::string scope = text_of(connection, "scope");
  if (scope != "client" && scope != "network") return "no rule matches, so it is offered";
  std::string line =
      "rule " + std::to_string(number_of(connection, "index")) + " of " + scope + " " +
      (scope == "client" ? std::to_string(number_of(connection, "client")) : text_of(connection, "network"));
  const std::string rule = text_of(connection, "rule");
  return rule.empty() ? line : line + ": " + rule;
}

// "host unreachable (type 3 code 1), mtu 1400, reported by 192.0.2.7"; empty without an error.
std::string error_text(const nlohmann::json& connection) {
  std::string line;
  // "192.0.2.1:80", "192.0.2.1", "[2001:db8::1]:80" or "2001:db8::1"
  const bool v4 = std::ranges::count(text_of(connection, "destination"), ':') < 2;
  if (const auto icmp = connection.find("icmp"); icmp != connection.end()) {
    line +=
        icmp_name(static_cast<unsigned>(number_of(*icmp, "type")), static_cast<unsigned>(number_of(*icmp, "code")), v4);
    if (icmp->contains("mtu")) line += ", mtu " + std::to_string(number_of(*icmp, "mtu"));
  }
  if (const std::string reporter = text_of(connection, "reporter"); !reporter.empty())
    line += (line.empty() ? "" : ", ") + ("reported by " + reporter);
  return line;
}

std::string far_end_line(const nlohmann::json& connection) {
  const std::string verdict = text_of(connection, "verdict");
  if (verdict.empty()) return "nothing yet";
  std::string line = verdict;
  // Of a bound association the errors came later, and have a line of their own.
  const std::string error = connection.contains("errors") ? std::string() : error_text(connection);
  if (!error.empty()) line += ": " + error;
  if (const std::string detail = text_of(connection, "detail"); !detail.empty()) line += " (" + detail + ")";
  return line;
}

// "agent berlin: unreachable: host unreachable (type 3 code 1), reported by 192.0.2.7 (words)".
std::string tried_line(const nlohmann::json& connection, nlohmann::json earlier) {
  earlier["destination"] = text_of(connection, "destination");  // its family tells what the numbers mean
  return "agent " + text_of(earlier, "agent") + ": " + far_end_line(earlier);
}

// "parked 0 → offered +0.1 ms → answered +12.0 ms".
std::string steps_line(const nlohmann::json& connection) {
  std::string line = "parked";
  const auto steps = connection.find("steps_ms");
  if (steps == connection.end()) return line;
  double previous = 0;
  for (const char* name : {"offered", "answered", "released", "established", "bound", "ended"}) {
    const auto step = steps->find(name);
    if (step == steps->end() || !step->is_number()) continue;
    const double at = step->get<double>();
    line += std::string(" → ") + name + " +" + human_duration(at - previous);
    previous = at;
  }
  return line;
}

std::string direction_text(const nlohmann::json& traffic, const char* direction, const char* party) {
  const nlohmann::json counts = traffic.value(direction, nlohmann::json::object());
  std::string text = std::to_string(number_of(counts, "datagrams")) + " (" + human_bytes(number_of(counts, "bytes")) +
                     ") to the " + party;
  if (const auto dropped = number_of(counts, "dropped"); dropped > 0)
    text += " and " + std::to_string(dropped) + " dropped";
  return text;
}

// "ESP client 7 of network corp moved: 192.0.2.1:4500 → 192.0.2.9:4500 (generation 4, incarnation 1)".
std::string anomaly_line(const nlohmann::json& event) {
  std::string line = "ESP client " + std::to_string(number_of(event, "id"));
  if (const std::string network = text_of(event, "network"); !network.empty()) line += " of network " + network;
  const std::string anomaly = text_of(event, "anomaly");
  line += " " + anomaly + ": ";
  if (const std::string old = text_of(event, "old_outer"); !old.empty()) line += old + " → ";
  line += text_of(event, "outer") + " (generation " + std::to_string(number_of(event, "generation")) +
          ", incarnation " + std::to_string(number_of(event, "incarnation")) + ")";
  return line;
}

}  // namespace

std::string icmp_name(unsigned type, unsigned code, bool v4) {
  std::string name = "ICMP";
  if (v4 && type == 3 && code < v4_codes.size())
    name = v4_codes[code];
  else if (!v4 && type == 1 && code < v6_codes.size())
    name = v6_codes[code];
  else if (!v4 && type == 2)
    name = "packet too big";
  else if (type == (v4 ? 11u : 3u))
    name = "time exceeded";
  return name + " (type " + std::to_string(type) + " code " + std::to_string(code) + ")";
}

std::string explain_connection(const nlohmann::json& connection) {
  std::string text = local_time(connection.value("time", 0.0)) + "  " + text_of(connection, "source") + " → " +
                     text_of(connection, "destination") + "  " + text_of(connection, "protocol") + "  " +
                     text_of(connection, "outcome") + "\n";
  auto line = [&](const char* name, const std::string& value) {
    text += "  " + std::string(name) + std::string(10 - std::string(name).size(), ' ') + value + "\n";
  };
  line("asked",
       "client " + std::to_string(number_of(connection, "client")) + " of network " + text_of(connection, "network"));
  line("let in", rule_line(connection));
  const std::string route = text_of(connection, "route");
  for (const auto& earlier : connection.value("earlier", nlohmann::json::array()))
    line("tried", tried_line(connection, earlier));
  const std::string agent = text_of(connection, "agent");
  line("route", route.empty() ? "none to this destination"
                              : route + " by " + (agent.empty() ? "no agent: none is connected" : "agent " + agent));
  line("far end", far_end_line(connection));
  line("steps", steps_line(connection));
  if (const auto connect = number_of(connection, "connect_us"); connect > 0)
    line(connection.contains("echo") ? "ping" : "connect",
         human_duration(static_cast<double>(connect) / 1000) + " at the agent");
  if (connection.contains("to_server"))
    line("bytes", human_bytes(number_of(connection, "to_server")) + " to the server, " +
                      human_bytes(number_of(connection, "to_client")) + " to the client");
  if (const auto traffic = connection.find("traffic"); traffic != connection.end())
    line("datagrams",
         direction_text(*traffic, "to_server", "server") + ", " + direction_text(*traffic, "to_client", "client"));
  if (const auto errors = number_of(connection, "errors"); errors > 0)
    line("errors", std::to_string(errors) + ", the last " + error_text(connection));
  return text;
}

std::string summarize_event(const nlohmann::json& event) {
  const std::string kind = text_of(event, "event");
  if (event.contains("lost"))
    return std::to_string(number_of(event, "lost")) + " events were lost: reading was too slow";
  if (kind == "agent-connected")
    return "agent " + text_of(event, "network") + "/" + text_of(event, "agent") + " connected";
  if (kind == "agent-disconnected")
    return "agent " + text_of(event, "network") + "/" + text_of(event, "agent") +
           " disconnected: " + text_of(event, "reason");
  if (kind == "anomaly") return anomaly_line(event);
  std::string line = text_of(event, "network") + "  " + text_of(event, "source") + " → " +
                     text_of(event, "destination") + "  " + text_of(event, "outcome");
  const std::string agent = text_of(event, "agent");
  if (!agent.empty()) line += "  by " + agent;
  if (event.contains("icmp") || event.contains("detail")) line += "  " + far_end_line(event);
  return line;
}

}  // namespace sluice::cli
