// SPDX-License-Identifier: Apache-2.0
#include "sluice/explain.hpp"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

nlohmann::json unreachable() {
  return {{"time", 0.0},
          {"network", "corp"},
          {"client", 1},
          {"protocol", "tcp"},
          {"source", "100.64.1.11:40000"},
          {"destination", "10.20.0.99:80"},
          {"scope", "network"},
          {"index", 2},
          {"rule", "offer any"},
          {"route", "10.20.0.0/16"},
          {"agent", "berlin"},
          {"verdict", "unreachable"},
          {"icmp", {{"type", 3}, {"code", 1}}},
          {"reporter", "10.20.0.1"},
          {"detail", "no route to host"},
          {"connect_us", 3050000},
          {"steps_ms", {{"offered", 0.2}, {"answered", 3052.0}}},
          {"outcome", "unreachable"}};
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

TEST(ExplainTest, AnUnreachableTellsTheWholeStory) {
  const std::string text = explain_connection(unreachable());
  EXPECT_TRUE(has(text, "100.64.1.11:40000 → 10.20.0.99:80  tcp  unreachable\n")) << text;
  EXPECT_TRUE(has(text, "asked     client 1 of network corp\n")) << text;
  EXPECT_TRUE(has(text, "let in    rule 2 of network corp: offer any\n")) << text;
  EXPECT_TRUE(has(text, "route     10.20.0.0/16 by agent berlin\n")) << text;
  EXPECT_TRUE(
      has(text, "far end   unreachable: host unreachable (type 3 code 1), reported by 10.20.0.1 (no route to host)\n"))
      << text;
  EXPECT_TRUE(has(text, "steps     parked → offered +200 us → answered +3.1 s\n")) << text;
  EXPECT_TRUE(has(text, "connect   3.0 s at the agent\n") || has(text, "connect   3.1 s at the agent\n")) << text;
  EXPECT_FALSE(has(text, "bytes")) << text;
}

TEST(ExplainTest, AStreamTellsItsBytes) {
  nlohmann::json connection = unreachable();
  connection["verdict"] = "accept";
  connection.erase("icmp");
  connection["to_server"] = 812;
  connection["to_client"] = 1536 * 1024;
  EXPECT_TRUE(has(explain_connection(connection), "bytes     812 B to the server, 1.5 MiB to the client\n"));
}

TEST(ExplainTest, AnAssociationTellsItsDatagramsAndErrors) {
  nlohmann::json connection = unreachable();
  connection["protocol"] = "udp";
  connection["verdict"] = "accept";
  connection["outcome"] = "ended: idle";
  connection["errors"] = 2;
  connection["traffic"] = {{"to_server", {{"datagrams", 3}, {"bytes", 1536}, {"dropped", 0}}},
                           {"to_client", {{"datagrams", 1}, {"bytes", 12}, {"dropped", 4}}}};
  connection["steps_ms"] = {{"offered", 0.2}, {"answered", 2.0}, {"bound", 2.3}, {"ended", 30002.3}};
  const std::string text = explain_connection(connection);
  EXPECT_TRUE(has(text, "udp  ended: idle\n")) << text;
  EXPECT_TRUE(has(text, "far end   accept (no route to host)\n")) << text;
  EXPECT_TRUE(has(text, "→ bound +300 us → ended +30.0 s\n")) << text;
  EXPECT_TRUE(has(text, "datagrams 3 (1.5 KiB) to the server, 1 (12 B) to the client and 4 dropped\n")) << text;
  EXPECT_TRUE(has(text, "errors    2, the last host unreachable (type 3 code 1), reported by 10.20.0.1\n")) << text;
}

TEST(ExplainTest, AgentsThatCouldNotReachItAreNamed) {
  nlohmann::json connection = unreachable();
  connection["earlier"] = {{{"agent", "munich"},
                            {"verdict", "unreachable"},
                            {"icmp", {{"type", 3}, {"code", 0}}},
                            {"reporter", "10.30.0.1"},
                            {"detail", "no way"}}};
  EXPECT_TRUE(
      has(explain_connection(connection),
          "tried     agent munich: unreachable: network unreachable (type 3 code 0), reported by 10.30.0.1 (no way)\n"))
      << explain_connection(connection);
}

TEST(ExplainTest, WithoutAgentOrRouteItSaysSo) {
  nlohmann::json connection = unreachable();
  connection.erase("agent");
  EXPECT_TRUE(has(explain_connection(connection), "by no agent: none is connected"));
  connection.erase("route");
  EXPECT_TRUE(has(explain_connection(connection), "none to this destination"));
}

TEST(ExplainTest, TheWordsOfTheFarEndCannotDriveTheTerminal) {
  nlohmann::json connection = unreachable();
  connection["detail"] = "x\x1b]0;owned\x07\nsudo";
  const std::string text = explain_connection(connection);
  EXPECT_FALSE(has(text, "\x1b"));
  EXPECT_TRUE(has(text, "x?]0;owned??sudo"));
}

TEST(ExplainTest, IcmpNamesDependOnTheFamily) {
  EXPECT_EQ(icmp_name(3, 3, true), "port unreachable (type 3 code 3)");
  EXPECT_EQ(icmp_name(1, 3, false), "address unreachable (type 1 code 3)");
  EXPECT_EQ(icmp_name(2, 0, false), "packet too big (type 2 code 0)");
  EXPECT_EQ(icmp_name(1, 99, false), "ICMP (type 1 code 99)");
}

TEST(ExplainTest, EventsAreOneLine) {
  const std::string line = summarize_event(unreachable());
  EXPECT_EQ(line.find('\n'), line.npos);
  EXPECT_TRUE(has(line, "unreachable  by berlin"));
  EXPECT_TRUE(has(summarize_event({{"lost", 3}}), "3 events were lost"));
  EXPECT_EQ(summarize_event({{"event", "agent-connected"}, {"network", "corp"}, {"agent", "berlin"}}),
            "agent corp/berlin connected");
  const nlohmann::json anomaly = {{"event", "anomaly"},
                                  {"anomaly", "moved"},
                                  {"id", 7},
                                  {"network", "corp"},
                                  {"generation", 4},
                                  {"incarnation", 1},
                                  {"outer", "192.0.2.9"},
                                  {"old_outer", "192.0.2.1:4500"}};
  EXPECT_EQ(summarize_event(anomaly),
            "ESP client 7 of network corp moved: 192.0.2.1:4500 → 192.0.2.9 (generation 4, incarnation 1)");
}

}  // namespace
}  // namespace sluice::cli
