// SPDX-License-Identifier: Apache-2.0
#include "sluiced/reconcile.hpp"

#include <gtest/gtest.h>

namespace sluice::gateway {
namespace {

netlink::Client client(std::uint32_t id, std::uint32_t network, std::vector<std::string_view> prefixes) {
  netlink::Client made{id, network, 9, {}};
  for (const auto prefix : prefixes) made.prefixes.push_back(*Prefix::parse(prefix));
  return made;
}

using Ids = std::vector<std::uint32_t>;

Ids added(const ClientChanges& changes) {
  Ids ids;
  for (const netlink::Client& client : changes.add) ids.push_back(client.id);
  return ids;
}

// S6: a client that is there as wanted is not touched, whatever the order of its addresses.
TEST(ReconcileTest, WhatIsRightStays) {
  const auto changes =
      plan_clients({client(1, 5, {"10.0.0.1", "fd00::/64"})}, {client(1, 5, {"fd00::/64", "10.0.0.1"})}, {5});
  EXPECT_TRUE(changes.remove.empty());
  EXPECT_TRUE(changes.add.empty());
}

TEST(ReconcileTest, WhatDiffersIsMadeAnew) {
  const auto changes = plan_clients({client(1, 5, {"10.0.0.1"})}, {client(1, 5, {"10.0.0.2"})}, {5});
  EXPECT_EQ(changes.remove, Ids{1});
  EXPECT_EQ(added(changes), Ids{1});
}

TEST(ReconcileTest, WhatIsNotWantedGoes) {
  const auto changes = plan_clients({client(1, 5, {"10.0.0.1"})}, {client(2, 5, {"10.0.0.1"})}, {5});
  EXPECT_EQ(changes.remove, Ids{1});
  EXPECT_EQ(added(changes), Ids{2});
}

TEST(ReconcileTest, ClientsOfNetworksThatAreNotOursStay) {
  const auto changes = plan_clients({client(1, 7, {"10.0.0.1"})}, {client(2, 5, {"10.0.0.2"})}, {5});
  EXPECT_TRUE(changes.remove.empty());
  EXPECT_EQ(added(changes), Ids{2});
}

TEST(ReconcileTest, AnIdThatIsWantedHereIsTakenFromElsewhere) {
  const auto changes = plan_clients({client(1, 7, {"10.0.0.1"})}, {client(1, 5, {"10.0.0.2"})}, {5});
  EXPECT_EQ(changes.remove, Ids{1});
  EXPECT_EQ(added(changes), Ids{1});
}

using Routes = std::vector<netlink::DeviceRoute>;

netlink::DeviceRoute route(std::uint32_t ifindex, std::string_view prefix) { return {ifindex, *Prefix::parse(prefix)}; }

netlink::Pool pool(std::uint32_t network, std::uint32_t first, std::uint32_t last) {
  return {network, first, last, *Address::parse("10.0.0.0"), *Address::parse("fd64::"), false};
}

TEST(ReconcileTest, RoutesThatAreRightStay) {
  const auto changes = plan_routes({route(5, "fd64::8/125"), route(5, "10.0.0.8/29")}, {pool(5, 8, 15)}, {5});
  EXPECT_EQ(changes.remove, Routes{});
  EXPECT_EQ(changes.add, Routes{});
}

TEST(ReconcileTest, RoutesFollowThePools) {
  EXPECT_EQ(plan_routes({}, {pool(5, 8, 15)}, {5}).add, (Routes{route(5, "10.0.0.8/29"), route(5, "fd64::8/125")}));
  const auto grown = plan_routes({route(5, "10.0.0.8/29"), route(5, "fd64::8/125")}, {pool(5, 8, 16)}, {5});
  EXPECT_EQ(grown.remove, Routes{});
  EXPECT_EQ(grown.add, (Routes{route(5, "10.0.0.16/32"), route(5, "fd64::10/128")}));
  const auto shrunk = plan_routes({route(5, "10.0.0.8/29"), route(5, "fd64::8/125")}, {pool(5, 8, 11)}, {5});
  EXPECT_EQ(shrunk.remove, (Routes{route(5, "10.0.0.8/29"), route(5, "fd64::8/125")}));
  EXPECT_EQ(shrunk.add, (Routes{route(5, "10.0.0.8/30"), route(5, "fd64::8/126")}));
  const auto gone = plan_routes({route(5, "10.0.0.8/29"), route(5, "fd64::8/125")}, {}, {5});
  EXPECT_EQ(gone.remove, (Routes{route(5, "10.0.0.8/29"), route(5, "fd64::8/125")}));
  EXPECT_EQ(gone.add, Routes{});
}

TEST(ReconcileTest, ARouteMovesWithItsPool) {
  for (const std::vector<std::uint32_t>& networks : {std::vector<std::uint32_t>{5, 6}, {6}}) {
    const auto changes = plan_routes({route(5, "10.0.0.8/29"), route(6, "fd64::8/125")}, {pool(6, 8, 15)}, networks);
    EXPECT_EQ(changes.remove, Routes{route(5, "10.0.0.8/29")});
    EXPECT_EQ(changes.add, Routes{route(6, "10.0.0.8/29")});
  }
}

TEST(ReconcileTest, RoutesOfNetworksThatAreNotOursStayUnlessTheyLeadClientsAway) {
  const auto changes = plan_routes(
      {route(7, "10.0.0.12/30"), route(7, "10.0.0.16/32"), route(7, "10.0.0.0/24"), route(7, "fd65::8/125")},
      {pool(5, 8, 15)}, {5});
  EXPECT_EQ(changes.remove, Routes{route(7, "10.0.0.12/30")});  // more of a match than 10.0.0.8/29
  EXPECT_EQ(changes.add, (Routes{route(5, "10.0.0.8/29"), route(5, "fd64::8/125")}));
}

Address address(std::string_view text) { return *Address::parse(text); }

TEST(ReconcileTest, OnlyWhatDiffersOfEspIsSet) {
  netlink::Esp present;
  present.udp_port = 4500;
  present.unknown_rate = 5000;
  EXPECT_EQ(plan_esp(present, {4500, {}, {}, 5000}), netlink::EspChange{});
  present.source_ipv4 = address("0.0.0.0");  // the other way to say that there is none
  EXPECT_EQ(plan_esp(present, {4500, {}, {}, 5000}), netlink::EspChange{});
  EXPECT_EQ(plan_esp(present, {4501, address("192.0.2.1"), {}, 5000}),
            (netlink::EspChange{std::uint16_t{4501}, address("192.0.2.1"), {}, {}}));
  present.source_ipv4 = address("192.0.2.1");
  present.source_ipv6 = address("2001:db8::1");
  EXPECT_EQ(plan_esp(present, {}), (netlink::EspChange{std::uint16_t{0}, Address{}, Address{}, {}}));
  EXPECT_EQ(all_of({}), (netlink::EspChange{std::uint16_t{0}, Address{}, Address{}, 5000}));
}

TEST(ReconcileTest, AnOldModuleIsAnErrorOnlyToWhoAsksForEsp) {
  const Error unknown{"Operation not supported", EOPNOTSUPP};
  Settings settings;
  settings.networks.emplace_back();
  EXPECT_TRUE(refused_esp(settings, unknown));
  EXPECT_FALSE(refused_esp(settings, {"Operation not permitted", EPERM}));
  settings.networks[0].pools.emplace_back();
  auto refused = refused_esp(settings, unknown);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("knows no ESP, and the configuration asks for it"), std::string::npos);
  settings.networks[0].pools.clear();
  settings.esp.emplace();
  EXPECT_FALSE(refused_esp(settings, unknown));
}

}  // namespace
}  // namespace sluice::gateway
