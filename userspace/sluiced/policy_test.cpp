// SPDX-License-Identifier: Apache-2.0
#include "sluiced/policy.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace sluice::gateway {
namespace {

using Blob = std::vector<std::uint8_t>;

const PolicySettings wanted{5080, {}, 1000, 10};

TEST(PolicyTest, WhatIsSoStays) {
  EXPECT_EQ(plan_policy({5080, Blob{1, 2}, 1000, 10}, wanted, Blob{1, 2}), netlink::PolicyChange{});
  EXPECT_EQ(plan_policy({}, std::nullopt, std::nullopt), netlink::PolicyChange{});
}

TEST(PolicyTest, WhatDiffersIsChangedAlone) {
  netlink::PolicyChange all;
  all.port = std::uint16_t{5080};
  all.blob = Blob{1};
  EXPECT_EQ(plan_policy({0, {}, 1000, 10}, wanted, Blob{1}), all);
  netlink::PolicyChange blob;
  blob.blob = Blob{3};
  EXPECT_EQ(plan_policy({5080, Blob{1, 2}, 1000, 10}, wanted, Blob{3}), blob);
  netlink::PolicyChange rates;
  rates.rate = 1000U;
  rates.source_rate = 10U;
  EXPECT_EQ(plan_policy({5080, Blob{1}, 1, 2}, wanted, Blob{1}), rates);
}

TEST(PolicyTest, WithoutSettingsItIsOff) {
  netlink::PolicyChange off;
  off.port = std::uint16_t{0};
  EXPECT_EQ(plan_policy({5080, Blob{1}, 1, 2}, std::nullopt, std::nullopt), off);
  EXPECT_EQ(plan_policy({5080, Blob{1}, 1, 2}, std::nullopt, Blob{1}), off) << "whatever the KDS says";
}

TEST(PolicyTest, UntilTheKdsHasSaidWhatIsAnsweredStays) {
  EXPECT_EQ(plan_policy({5080, Blob{1}, 1000, 10}, wanted, std::nullopt), netlink::PolicyChange{});
  EXPECT_EQ(plan_policy({0, {}, 1000, 10}, wanted, std::nullopt), netlink::PolicyChange{}) << "a port without a blob";
  netlink::PolicyChange moved;
  moved.port = std::uint16_t{5080};
  EXPECT_EQ(plan_policy({4510, Blob{1}, 1000, 10}, wanted, std::nullopt), moved);
  netlink::PolicyChange rate;
  rate.rate = 1000U;
  EXPECT_EQ(plan_policy({0, {}, 1, 10}, wanted, std::nullopt), rate);
}

TEST(PolicyTest, WhereTheKdsWantsNoneItIsOff) {
  netlink::PolicyChange off;
  off.port = std::uint16_t{0};
  EXPECT_EQ(plan_policy({5080, Blob{1}, 1000, 10}, wanted, Blob{}), off);
  EXPECT_EQ(plan_policy({0, {}, 1000, 10}, wanted, Blob{}), netlink::PolicyChange{});
}

TEST(PolicyTest, AFileIsReadWholeAndBounded) {
  const auto path =
      std::filesystem::path(testing::TempDir()) / ("sluice_policy_test_" + std::to_string(::getpid()) + ".blob");
  auto write = [&](std::size_t size) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << std::string(size, '\xff');
    return read_policy(path);
  };
  auto longest = write(1200);
  ASSERT_TRUE(longest.ok());
  EXPECT_EQ(*longest, Blob(1200, 0xff));
  EXPECT_NE(write(1201).error().message.find("a policy has 1 to 1200 bytes"), std::string::npos);
  EXPECT_FALSE(write(0).ok());
  std::filesystem::remove(path);
  EXPECT_EQ(read_policy(path).error().number, ENOENT);
}

}  // namespace
}  // namespace sluice::gateway
