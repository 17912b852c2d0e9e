// SPDX-License-Identifier: Apache-2.0
#include "kds/complaints.hpp"

#include <gtest/gtest.h>

namespace sluice::kds {
namespace {

using namespace std::chrono_literals;

TEST(Complaints, AreSaidOnceAMinuteAndCounted) {
  Complaints complaints;
  const Complaints::Clock::time_point start{1h};
  EXPECT_EQ(complaints.say("the disk is full", start), "the disk is full");
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(complaints.say("the disk is full", start + 59s));
  EXPECT_EQ(complaints.say("the clock is wrong", start + 59s), "the clock is wrong");
  EXPECT_EQ(complaints.say("the disk is full", start + 60s), "the disk is full (and 3 times since it was said last)");
  EXPECT_EQ(complaints.say("the disk is full", start + 120s), "the disk is full");
}

TEST(Complaints, AreNotRememberedWithoutEnd) {
  Complaints complaints;
  const Complaints::Clock::time_point start{1h};
  EXPECT_TRUE(complaints.say("first", start));
  for (std::size_t i = 0; i < Complaints::most; ++i) EXPECT_TRUE(complaints.say(std::to_string(i), start));
  EXPECT_TRUE(complaints.say("first", start));
}

}  // namespace
}  // namespace sluice::kds
