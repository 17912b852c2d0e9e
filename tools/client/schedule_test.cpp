// SPDX-License-Identifier: Apache-2.0
//
// The rows of Documentation/kds.rst, "The device's daemon".
#include "client/schedule.hpp"

#include <gtest/gtest.h>

namespace sluice::client {
namespace {

using namespace std::chrono_literals;
using Time = Schedule::Time;

class ScheduleTest : public ::testing::Test {
 protected:
  Time now_ = Time{} + 1000s;
  double random_ = 0;
  Schedule schedule_{[this] { return random_; }, now_};

  [[nodiscard]] auto due() const { return schedule_.next() - now_; }
  static Times times(std::chrono::seconds refresh, std::chrono::seconds expires, std::chrono::seconds lease) {
    return {refresh, expires, lease};
  }
};

TEST_F(ScheduleTest, BeginsAtOnceWithoutATunnel) {
  EXPECT_EQ(due(), 0s);
  EXPECT_FALSE(schedule_.end());
}

TEST_F(ScheduleTest, ALeaseIsRenewedAtHalfToNineTenthsOfIt) {
  schedule_.turned(Outcome::granted, times(2700s, 3500s, 600s), now_);
  EXPECT_EQ(due(), 300s);
  random_ = 1;
  schedule_.turned(Outcome::renewed, times(2700s, 3500s, 600s), now_);
  EXPECT_EQ(due(), 540s);
  EXPECT_EQ(schedule_.end(), now_ + 600s);
}

TEST_F(ScheduleTest, AShortLeaseLeavesRoomForATurnThatTakesLong) {
  random_ = 1;
  for (const auto& [lease, wants] : {std::pair{60s, 40s}, {200s, 180s}, {30s, 15s}, {0s, 5s}}) {
    schedule_.turned(Outcome::renewed, times(2700s, 3500s, lease), now_);
    EXPECT_NEAR(std::chrono::duration<double>(due()).count(), wants.count(), 0.001) << lease.count();
  }
}

TEST_F(ScheduleTest, AKeyIsFetchedAnewBeforeItEndsEvenWhereHealthCountsLonger) {
  schedule_.turned(Outcome::granted, times(100s, 150s, 3600s), now_);
  EXPECT_EQ(due(), 100s);
  EXPECT_EQ(schedule_.end(), now_ + 150s);
}

TEST_F(ScheduleTest, AServerThatSaysAtOnceIsNotAskedWithoutEnd) {
  schedule_.turned(Outcome::renewed, times(0s, 150s, 3600s), now_);
  EXPECT_EQ(due(), 5s);
}

TEST_F(ScheduleTest, ARefusalLeavesTheTunnelUntilItsEndAndIsAskedAgain) {
  schedule_.turned(Outcome::granted, times(2700s, 3500s, 600s), now_);
  schedule_.turned(Outcome::refused, {}, now_ + 300s);
  EXPECT_EQ(due(), 321s);
  EXPECT_EQ(schedule_.end(), now_ + 600s);
}

TEST_F(ScheduleTest, PausesDoubleToAMinuteAndAnAnswerEndsThat) {
  random_ = 1;
  for (const auto pause : {1s, 2s, 4s, 8s, 16s, 32s, 64s, 64s}) {
    schedule_.turned(Outcome::unreachable, {}, now_);
    EXPECT_EQ(due(), pause);
  }
  schedule_.turned(Outcome::refused, {}, now_);
  schedule_.turned(Outcome::failed, {}, now_);
  EXPECT_EQ(due(), 1s);
}

TEST_F(ScheduleTest, WhatTheServerAsksForIsKept) {
  schedule_.turned(Outcome::unreachable, {}, now_, 45s);
  EXPECT_EQ(due(), 45s);
}

TEST_F(ScheduleTest, SilenceBringsATurnAndWhileNothingChangesEverLater) {
  schedule_.turned(Outcome::granted, times(2700s, 3500s, 600s), now_);
  const auto due_at = [&](std::uint64_t out, std::chrono::seconds at) {
    schedule_.counted(out, 5, now_ + at);
    return schedule_.next() <= now_ + at;
  };
  schedule_.counted(1, 5, now_);
  EXPECT_FALSE(due_at(2, 1s));
  EXPECT_FALSE(due_at(3, 4s));
  EXPECT_TRUE(due_at(4, 5s));
  // The server says that the key is good: whoever is asked there does not answer.
  schedule_.turned(Outcome::renewed, times(2700s, 3500s, 600s), now_ + 5s);
  EXPECT_FALSE(due_at(5, 14s));
  EXPECT_TRUE(due_at(6, 15s));
  schedule_.turned(Outcome::renewed, times(2700s, 3500s, 600s), now_ + 15s);
  EXPECT_FALSE(due_at(7, 34s));
  EXPECT_TRUE(due_at(8, 35s));
}

TEST_F(ScheduleTest, WhoSendsNothingIsNotDeaf) {
  schedule_.turned(Outcome::granted, times(2700s, 3500s, 600s), now_);
  schedule_.counted(1, 1, now_);
  for (auto at = 1s; at < 100s; ++at) schedule_.counted(1, 1, now_ + at);
  EXPECT_EQ(due(), 300s);
}

TEST_F(ScheduleTest, WhatComesInEndsTheSilence) {
  schedule_.turned(Outcome::granted, times(2700s, 3500s, 600s), now_);
  for (auto at = 1s; at < 100s; ++at)
    schedule_.counted(static_cast<std::uint64_t>(at.count()), static_cast<std::uint64_t>(at.count()) / 3, now_ + at);
  EXPECT_EQ(due(), 300s);
}

TEST_F(ScheduleTest, WithoutAPolicyItSleepsUntilTheNetworkChanges) {
  random_ = 1;
  schedule_.turned(Outcome::no_policy, {}, now_);
  EXPECT_EQ(due(), 300s);
  EXPECT_TRUE(schedule_.asleep());
  // Not more often than each ten seconds, and when the routes have settled.
  schedule_.network_changed(now_ + 2s);
  EXPECT_EQ(due(), 10s);
  schedule_.turned(Outcome::no_policy, {}, now_);
  schedule_.network_changed(now_ + 60s);
  EXPECT_EQ(due(), 61s);
  schedule_.network_changed(now_ + 60s + 500ms);
  EXPECT_EQ(due(), 61s);
  random_ = 0;
  schedule_.turned(Outcome::no_policy, {}, now_);
  EXPECT_EQ(due(), 210s);
}

TEST_F(ScheduleTest, AChangeOfTheNetworkWakesNobodyElse) {
  random_ = 1;
  for (const Outcome outcome : {Outcome::refused, Outcome::failed}) {
    schedule_.turned(Outcome::no_policy, {}, now_);
    schedule_.turned(outcome, {}, now_);
    EXPECT_FALSE(schedule_.asleep());
    const auto before = schedule_.next();
    schedule_.network_changed(now_);
    EXPECT_EQ(schedule_.next(), before);
  }
}

}  // namespace
}  // namespace sluice::client
