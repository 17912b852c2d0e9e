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

}  // namespace
}  // namespace sluice::gateway
