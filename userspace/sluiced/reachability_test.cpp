// SPDX-License-Identifier: Apache-2.0
#include "sluiced/reachability.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

namespace sluice::gateway {
namespace {

using namespace std::chrono_literals;

constexpr LinkId berlin = 1, munich = 2;

Flow flow(unsigned host, std::uint8_t protocol = IPPROTO_TCP, std::uint16_t port = 80) {
  const Address address = *Address::parse("10." + std::to_string(host >> 16 & 255) + "." +
                                          std::to_string(host >> 8 & 255) + "." + std::to_string(host & 255));
  return {protocol, *Address::parse("100.64.1.11"), {address, port}};
}

class ReachabilityTest : public testing::Test {
 protected:
  [[nodiscard]] std::size_t held(LinkId link, Reachability::Clock::time_point when) const {
    return reachability.held(link, *Prefix::parse("10.0.0.0/8"), when);
  }

  Reachability reachability;
  Reachability::Clock::time_point now{};
};

TEST_F(ReachabilityTest, AnAddressIsHeldAgainstOneAgentForItsTime) {
  reachability.failed(berlin, flow(1), now, 30s);
  EXPECT_TRUE(reachability.is_held(berlin, flow(1), now + 29s));
  EXPECT_FALSE(reachability.is_held(berlin, flow(1), now + 30s));
  EXPECT_FALSE(reachability.is_held(berlin, flow(2), now));
  EXPECT_FALSE(reachability.is_held(munich, flow(1), now));
  EXPECT_EQ(held(berlin, now), 1u);
  EXPECT_EQ(held(berlin, now + 30s), 0u);
  EXPECT_EQ(reachability.held(berlin, *Prefix::parse("10.1.0.0/16"), now), 0u);
}

TEST_F(ReachabilityTest, OneServiceIsHeldAndTwoAreTheWholeAddress) {
  reachability.failed(berlin, flow(1, IPPROTO_TCP, 23), now, 30s);
  reachability.failed(berlin, flow(1, IPPROTO_TCP, 23), now + 1s, 30s);
  EXPECT_FALSE(reachability.is_held(berlin, flow(1, IPPROTO_TCP, 80), now + 2s));
  EXPECT_FALSE(reachability.is_held(berlin, flow(1, IPPROTO_UDP, 23), now + 2s));
  reachability.failed(berlin, flow(1, IPPROTO_TCP, 25), now + 2s, 30s);
  EXPECT_TRUE(reachability.is_held(berlin, flow(1, IPPROTO_TCP, 80), now + 3s));
  EXPECT_TRUE(reachability.is_held(berlin, flow(1, IPPROTO_ICMP, 7), now + 3s));
}

TEST_F(ReachabilityTest, APingIsOneServiceWhateverItsSequence) {
  reachability.failed(berlin, flow(1, IPPROTO_ICMP, 1), now, 30s);
  reachability.failed(berlin, flow(1, IPPROTO_ICMP, 2), now + 1s, 30s);
  EXPECT_TRUE(reachability.is_held(berlin, flow(1, IPPROTO_ICMP, 3), now + 2s));
  EXPECT_FALSE(reachability.is_held(berlin, flow(1), now + 2s));
}

TEST_F(ReachabilityTest, WhatFailsAgainAfterwardsIsHeldForTwiceAsLong) {
  reachability.failed(berlin, flow(1), now, 30s);
  reachability.failed(berlin, flow(1), now + 10s, 30s);  // while it is held: as long as before
  EXPECT_FALSE(reachability.is_held(berlin, flow(1), now + 41s));
  reachability.failed(berlin, flow(1), now + 60s, 30s);
  EXPECT_TRUE(reachability.is_held(berlin, flow(1), now + 119s));
  EXPECT_FALSE(reachability.is_held(berlin, flow(1), now + 121s));
  for (int n = 0; n < 8; ++n) {
    while (reachability.is_held(berlin, flow(1), now)) now += 10s;
    reachability.failed(berlin, flow(1), now, 30s);
  }
  EXPECT_TRUE(reachability.is_held(berlin, flow(1), now + unreachable_hold_max - 1s));
  EXPECT_FALSE(reachability.is_held(berlin, flow(1), now + unreachable_hold_max));
  reachability.failed(berlin, flow(1), now + 2h, 30s);  // long ago: forgotten
  EXPECT_FALSE(reachability.is_held(berlin, flow(1), now + 2h + 31s));
}

TEST_F(ReachabilityTest, AnAnswerFromThereEndsIt) {
  reachability.failed(berlin, flow(1), now, 30s);
  reachability.failed(berlin, flow(1, IPPROTO_UDP), now, 30s);
  reachability.reached(berlin, flow(1).destination.address);
  reachability.reached(munich, flow(1).destination.address);
  EXPECT_FALSE(reachability.is_held(berlin, flow(1), now));
  reachability.failed(berlin, flow(1), now, 30s);
  EXPECT_FALSE(reachability.is_held(berlin, flow(1, IPPROTO_UDP), now));
}

TEST_F(ReachabilityTest, ALostAgentStartsClean) {
  for (unsigned n = 0; n < 10; ++n) reachability.failed(n % 2 ? berlin : munich, flow(n), now, 30s);
  reachability.link_lost(berlin);
  EXPECT_EQ(held(berlin, now), 0u);
  EXPECT_EQ(held(munich, now), 5u);
}

TEST_F(ReachabilityTest, TheOldestGivesWayAndNobodyElses) {
  reachability.failed(munich, flow(1), now, 30s);
  for (unsigned n = 0; n < Reachability::capacity; ++n) reachability.failed(berlin, flow(n), now, 30s);
  reachability.failed(berlin, flow(0), now, 30s);  // the youngest now
  for (unsigned n = 0; n < 3; ++n) reachability.failed(berlin, flow(5000 + n), now, 30s);
  EXPECT_EQ(held(berlin, now), Reachability::capacity);
  EXPECT_TRUE(reachability.is_held(berlin, flow(0), now));
  EXPECT_FALSE(reachability.is_held(berlin, flow(3), now));
  EXPECT_TRUE(reachability.is_held(berlin, flow(4), now));
  EXPECT_TRUE(reachability.is_held(munich, flow(1), now));
}

}  // namespace
}  // namespace sluice::gateway
