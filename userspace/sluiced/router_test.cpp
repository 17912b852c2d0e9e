// SPDX-License-Identifier: Apache-2.0
#include "sluiced/router.hpp"

#include <gtest/gtest.h>

#include <set>

namespace sluice::gateway {
namespace {

class RouterTest : public testing::Test {
 protected:
  Choice choose(std::string_view destination) {
    return choose_agent(network, *Address::parse(destination),
                        [&](const std::string& agent) { return connected.contains(agent); });
  }

  NetworkSettings network = [] {
    NetworkSettings made;
    made.routes = {{*Prefix::parse("10.0.0.0/8"), {"wide", "spare"}},
                   {*Prefix::parse("10.20.0.0/16"), {"berlin", "spare"}},
                   {*Prefix::parse("fd20::/16"), {"berlin"}}};
    return made;
  }();
  std::set<std::string> connected{"wide", "berlin", "spare"};
};

TEST_F(RouterTest, TheLongestPrefixDecides) {
  EXPECT_EQ(choose("10.20.0.10").agent, "berlin");
  EXPECT_EQ(choose("10.20.0.10").route, "10.20.0.0/16");
  EXPECT_EQ(choose("10.21.0.10").agent, "wide");
}

TEST_F(RouterTest, AgentsAreTakenInOrderOfPreference) {
  connected.erase("berlin");
  EXPECT_EQ(choose("10.20.0.10").agent, "spare");
}

TEST_F(RouterTest, AWiderRouteIsNoFallback) {
  connected = {"wide"};
  EXPECT_EQ(choose("10.20.0.10").agent, "");
  EXPECT_EQ(choose("10.20.0.10").route, "10.20.0.0/16");
}

TEST_F(RouterTest, WithoutARouteThereIsNothing) {
  EXPECT_EQ(choose("192.0.2.1").route, "");
  EXPECT_EQ(choose("fd21::1").agent, "");
}

TEST_F(RouterTest, Ipv6IsRoutedAlike) { EXPECT_EQ(choose("fd20::10").agent, "berlin"); }

TEST_F(RouterTest, NetUnreachableHasTheFamilysNumbers) {
  EXPECT_EQ(net_unreachable(true), (netlink::IcmpError{3, 0, {}, {}}));
  EXPECT_EQ(net_unreachable(false), (netlink::IcmpError{1, 0, {}, {}}));
}

}  // namespace
}  // namespace sluice::gateway
