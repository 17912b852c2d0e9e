// SPDX-License-Identifier: Apache-2.0
#include "sluiced/router.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <map>

namespace sluice::gateway {
namespace {

using Ports = netlink::Rule::Ports;

Route route(std::string_view prefix, std::vector<std::vector<RouteAgent>> groups,
            std::optional<ServiceMatch> service = {}) {
  return {*Prefix::parse(prefix), std::move(service), std::move(groups)};
}

Flow flow(std::string_view destination, std::uint8_t protocol = IPPROTO_TCP, std::uint16_t port = 80,
          std::string_view source = "100.64.1.11") {
  return {protocol, *Address::parse(source), {*Address::parse(destination), port}};
}

// The n-th client's connection.
Flow of_client(unsigned n) {
  return flow("10.20.0.10", IPPROTO_TCP, 80, "100.64." + std::to_string(n / 250) + "." + std::to_string(n % 250 + 1));
}

struct RouteRow {
  const char* name;
  Flow asked;
  const char* route;  // nullptr: none
};

class RouteTable : public testing::TestWithParam<RouteRow> {};

TEST_P(RouteTable, TheRouteThatFitsBestIsFound) {
  NetworkSettings network;
  network.routes = {route("10.0.0.0/8", {{{"wide"}}}),
                    route("10.20.0.0/16", {{{"berlin"}}}),
                    route("10.20.0.0/16", {{{"web"}}}, ServiceMatch{IPPROTO_TCP, Ports{80, 443}}),
                    route("10.20.0.0/16", {{{"later"}}}, ServiceMatch{IPPROTO_TCP, Ports{443, 500}}),
                    route("10.20.0.0/16", {{{"tcp"}}}, ServiceMatch{IPPROTO_TCP, {}}),
                    route("10.20.0.0/16", {{{"ping"}}}, ServiceMatch{IPPROTO_ICMP, {}}),
                    route("10.30.0.0/16", {{{"dns"}}}, ServiceMatch{IPPROTO_UDP, Ports{53, 53}}),
                    route("fd20::/16", {{{"six"}}}, ServiceMatch{IPPROTO_ICMP, {}})};
  const Route* found = find_route(network, GetParam().asked);
  ASSERT_EQ(found != nullptr, GetParam().route != nullptr);
  EXPECT_EQ(found ? found->to_string() : "", GetParam().route ? GetParam().route : "");
}

INSTANTIATE_TEST_SUITE_P(
    Router, RouteTable,
    testing::Values(RouteRow{"the_longest_prefix", flow("10.20.0.10", IPPROTO_UDP), "10.20.0.0/16"},
                    RouteRow{"a_wider_one", flow("10.21.0.10"), "10.0.0.0/8"},
                    RouteRow{"ports_before_a_protocol", flow("10.20.0.10"), "10.20.0.0/16 tcp 80-443"},
                    RouteRow{"the_first_of_equal_ones", flow("10.20.0.10", IPPROTO_TCP, 443),
                             "10.20.0.0/16 tcp 80-443"},
                    RouteRow{"the_last_port", flow("10.20.0.10", IPPROTO_TCP, 500), "10.20.0.0/16 tcp 443-500"},
                    RouteRow{"a_protocol_before_any", flow("10.20.0.10", IPPROTO_TCP, 501), "10.20.0.0/16 tcp"},
                    RouteRow{"a_ping", flow("10.20.0.10", IPPROTO_ICMP, 7), "10.20.0.0/16 icmp"},
                    RouteRow{"of_another_service", flow("10.30.0.10", IPPROTO_UDP, 54), "10.0.0.0/8"},
                    RouteRow{"one_port", flow("10.30.0.10", IPPROTO_UDP, 53), "10.30.0.0/16 udp 53"},
                    RouteRow{"icmp_is_icmpv6", flow("fd20::1", IPPROTO_ICMPV6), "fd20::/16 icmp"},
                    RouteRow{"a_service_alone", flow("fd20::1"), nullptr},
                    RouteRow{"no_prefix", flow("192.0.2.1"), nullptr}),
    [](const auto& row) { return row.param.name; });

TEST(RankedAgents, GroupsAreInOrderOfPreference) {
  const Route made = route("10.0.0.0/8", {{{"a"}, {"b"}}, {{"c", 1000}}, {{"d"}}});
  for (unsigned n = 0; n < 100; ++n) {
    const auto ranked = ranked_agents(made, of_client(n));
    ASSERT_EQ(ranked.size(), 4u);
    EXPECT_TRUE(ranked[0] == "a" || ranked[0] == "b");
    EXPECT_EQ(ranked[2], "c");
    EXPECT_EQ(ranked[3], "d");
  }
}

TEST(RankedAgents, AGroupSharesByWeight) {
  const Route made = route("10.0.0.0/8", {{{"a", 3}, {"b", 1}, {"c", 2}}});
  std::map<std::string, int> first;
  constexpr int clients = 6000;
  for (unsigned n = 0; n < clients; ++n) ++first[ranked_agents(made, of_client(n))[0]];
  EXPECT_NEAR(first["a"], clients * 3 / 6, clients / 30);
  EXPECT_NEAR(first["b"], clients * 1 / 6, clients / 30);
  EXPECT_NEAR(first["c"], clients * 2 / 6, clients / 30);
}

TEST(RankedAgents, OneClientsTrafficToOneServerHasOneAgent) {
  const Route made = route("10.0.0.0/8", {{{"a"}, {"b"}, {"c"}}});
  const auto ranked = ranked_agents(made, flow("10.20.0.10", IPPROTO_TCP, 80));
  EXPECT_EQ(ranked_agents(made, flow("10.20.0.10", IPPROTO_TCP, 443)), ranked);
  EXPECT_EQ(ranked_agents(made, flow("10.20.0.10", IPPROTO_UDP, 53)), ranked);
  EXPECT_EQ(ranked_agents(made, flow("10.20.0.10", IPPROTO_ICMP, 9)), ranked);
}

TEST(RankedAgents, AnAgentThatLeavesMovesNobodyElse) {
  const Route with = route("10.0.0.0/8", {{{"a"}, {"b"}, {"c"}}});
  const Route without = route("10.0.0.0/8", {{{"a"}, {"c"}}});
  for (unsigned n = 0; n < 500; ++n) {
    auto ranked = ranked_agents(with, of_client(n));
    std::erase(ranked, "b");
    EXPECT_EQ(ranked_agents(without, of_client(n)), ranked);
  }
}

struct ChoiceRow {
  const char* name;
  std::map<std::string, Standing> standing;
  std::vector<std::string> tried;
  const char* agent;
  Standing as;
};

class ChoiceTable : public testing::TestWithParam<ChoiceRow> {};

TEST_P(ChoiceTable, AnAgentIsChosen) {
  const ChoiceRow& row = GetParam();
  const Choice choice =
      choose_agent({"a", "b", "c"}, row.tried, [&](const std::string& agent) { return row.standing.at(agent); });
  EXPECT_EQ(choice.agent, row.agent);
  EXPECT_EQ(choice.standing, row.as);
}

constexpr Standing away = Standing::away, held = Standing::held, ready = Standing::ready;

INSTANTIATE_TEST_SUITE_P(
    Router, ChoiceTable,
    testing::Values(ChoiceRow{"the_first", {{"a", ready}, {"b", ready}, {"c", ready}}, {}, "a", ready},
                    ChoiceRow{"who_is_connected", {{"a", away}, {"b", ready}, {"c", ready}}, {}, "b", ready},
                    ChoiceRow{"who_is_not_held", {{"a", held}, {"b", held}, {"c", ready}}, {}, "c", ready},
                    ChoiceRow{"all_held", {{"a", held}, {"b", held}, {"c", held}}, {}, "a", held},
                    ChoiceRow{"held_but_the_only_one", {{"a", away}, {"b", held}, {"c", away}}, {}, "b", held},
                    ChoiceRow{"who_was_not_tried", {{"a", ready}, {"b", ready}, {"c", ready}}, {"a"}, "b", ready},
                    ChoiceRow{"ready_before_held", {{"a", ready}, {"b", held}, {"c", ready}}, {"a"}, "c", ready},
                    ChoiceRow{"held_before_none", {{"a", ready}, {"b", held}, {"c", away}}, {"a"}, "b", held},
                    ChoiceRow{"all_tried", {{"a", ready}, {"b", held}, {"c", away}}, {"a", "b"}, "", away},
                    ChoiceRow{"nobody", {{"a", away}, {"b", away}, {"c", away}}, {}, "", away}),
    [](const auto& row) { return row.param.name; });

TEST(RouterTest, NetUnreachableHasTheFamilysNumbers) {
  EXPECT_EQ(net_unreachable(true), (netlink::IcmpError{3, 0, {}, {}}));
  EXPECT_EQ(net_unreachable(false), (netlink::IcmpError{1, 0, {}, {}}));
}

}  // namespace
}  // namespace sluice::gateway
