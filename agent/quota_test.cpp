// SPDX-License-Identifier: Apache-2.0
#include "agent/quota.hpp"

#include <gtest/gtest.h>

namespace sluice::agent {
namespace {

const Address kFirst = *Address::parse("10.0.0.1");
const Address kSecond = *Address::parse("10.0.0.2");

TEST(Quota, TheOldestSilentOneOfWhoHasTheMostGivesWay) {
  Quota quota(5);
  EXPECT_FALSE(quota.victim(kFirst));
  for (std::uint32_t id = 1; id <= 3; ++id) quota.add(id, kFirst);
  quota.add(4, kSecond);
  EXPECT_FALSE(quota.is_full());
  quota.add(5, kSecond);
  EXPECT_TRUE(quota.is_full());
  quota.answered(1);
  EXPECT_EQ(quota.victim(kSecond), 2U);
  EXPECT_EQ(quota.victim(kFirst), 2U) << "a flood starves itself";
  quota.remove(2);
  EXPECT_FALSE(quota.is_full());
  quota.remove(2);
  quota.answered(2);
}

TEST(Quota, AnsweredOnesGiveWayToWhoHasFewer) {
  Quota quota(4);
  for (std::uint32_t id = 1; id <= 3; ++id) quota.add(id, kFirst);
  quota.add(4, kSecond);
  for (std::uint32_t id = 4; id >= 1; --id) quota.answered(id);
  EXPECT_EQ(quota.victim(kSecond), 3U) << "the oldest answered";
  EXPECT_FALSE(quota.victim(kFirst));
  EXPECT_EQ(quota.victim(*Address::parse("10.0.0.3")), 3U);
  for (std::uint32_t id = 1; id <= 4; ++id) quota.remove(id);
  EXPECT_FALSE(quota.victim(kFirst));
  EXPECT_FALSE(quota.is_full());
}

TEST(Quota, ASlash64IsOneClient) {
  Quota quota(4);
  for (std::uint32_t id = 1; id <= 3; ++id) quota.add(id, *Address::parse("fd00::" + std::to_string(id)));
  quota.add(4, *Address::parse("fd00:0:0:1::1"));
  for (std::uint32_t id = 1; id <= 4; ++id) quota.answered(id);
  EXPECT_FALSE(quota.victim(*Address::parse("fd00::99")));
  EXPECT_EQ(quota.victim(*Address::parse("fd00:0:0:1::2")), 1U);
}

}  // namespace
}  // namespace sluice::agent
