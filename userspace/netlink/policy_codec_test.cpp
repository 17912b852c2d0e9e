// SPDX-License-Identifier: Apache-2.0
//
// The same for the policy responder: a change carries what is given and nothing else, and what is read is bounded.
#include <gtest/gtest.h>

#include "netlink/build.hpp"
#include "netlink/parse.hpp"

namespace sluice::netlink {
namespace {

std::vector<std::uint16_t> types(const Message& message) {
  std::vector<std::uint16_t> all;
  for_each_attribute(message.attributes(), [&](std::uint16_t type, Bytes) {
    all.push_back(type);
    return true;
  });
  return all;
}

TEST(PolicyCodec, AWholeChangeIsReadAsItWas) {
  PolicyChange change;
  change.port = 4510;
  change.blob = std::vector<std::uint8_t>(policy_blob_max, 0xa5);
  change.rate = 5;
  change.source_rate = 2;
  const Message message = set_policy(change);
  EXPECT_EQ(message.command(), SLUICE_CMD_POLICY_SET);
  EXPECT_TRUE(message.fits());
  auto parsed = parse_policy(message.attributes());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, (Policy{4510, std::vector<std::uint8_t>(policy_blob_max, 0xa5), 5, 2}));
}

TEST(PolicyCodec, WhatIsAbsentIsNotSent) {
  PolicyChange off;
  off.port = 0;
  EXPECT_EQ(types(set_policy(off)), (std::vector<std::uint16_t>{SLUICE_A_POLICY_PORT}));
  EXPECT_TRUE(types(set_policy({})).empty());
  EXPECT_EQ(get_policy().command(), SLUICE_CMD_POLICY_GET);
  auto parsed = parse_policy(set_policy(off).attributes());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, Policy{});
}

TEST(PolicyCodec, ABlobThatTheContractDoesNotAllowIsRefused) {
  for (const std::size_t size : {std::size_t{0}, policy_blob_max + 1}) {
    PolicyChange change;
    change.blob.emplace(size);
    EXPECT_FALSE(parse_policy(set_policy(change).attributes())) << size;
  }
}

}  // namespace
}  // namespace sluice::netlink
