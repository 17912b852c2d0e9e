// SPDX-License-Identifier: Apache-2.0
#include "client/step.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "client/record.hpp"

namespace sluice::client {
namespace {

Tunnel example() {
  Tunnel tunnel;
  tunnel.gateway = *Address::parse("192.0.2.1");
  tunnel.local = *Address::parse("198.51.100.7");
  tunnel.udp_port = 4500;
  tunnel.local_port = 40001;
  tunnel.inner = {*Address::parse("10.32.0.1"), *Address::parse("fd20:5::1")};
  tunnel.routes = {*Prefix::parse("10.20.0.0/16"), *Prefix::parse("10.30.0.0/16"), *Prefix::parse("fd20::/48")};
  tunnel.outbound = *derivation::Spi::parse(0x00000200);
  tunnel.inbound = tunnel.outbound.reverse();
  tunnel.before = *derivation::Spi::parse(0x00000400);
  tunnel.tie = 0x00000400;
  tunnel.interface = tunnel.route_device = "sluice0";
  tunnel.own_interface = true;
  return tunnel;
}

std::ptrdiff_t count(const std::vector<Step>& steps, Step::Kind kind) {
  return std::ranges::count_if(steps, [kind](const Step& step) { return step.kind == kind; });
}

TEST(Plan, PairsEachInnerAddressWithTheRoutesOfItsFamily) {
  const std::vector<Step> steps = plan(example());
  EXPECT_EQ(count(steps, Step::Kind::device), 1);
  EXPECT_EQ(count(steps, Step::Kind::address), 2);
  EXPECT_EQ(count(steps, Step::Kind::state), 2);
  EXPECT_EQ(count(steps, Step::Kind::policy), 3 * 3);
  EXPECT_EQ(count(steps, Step::Kind::block), 2 * 3);
  EXPECT_EQ(count(steps, Step::Kind::route), 3);
  EXPECT_EQ(count(steps, Step::Kind::barrier), 3);
  for (const Step& step : steps)
    EXPECT_TRUE(step.kind != Step::Kind::policy || is_v4(step.source) == is_v4(step.destination)) << step.to_string();
}

TEST(Plan, MakesInboundFirstAndRoutesLast) {
  const std::vector<Step> steps = plan(example());
  const auto first = [&](Step::Kind kind) {
    return std::ranges::find_if(steps, [kind](const Step& step) { return step.kind == kind; });
  };
  EXPECT_EQ(first(Step::Kind::state)->way, Step::Way::in);
  EXPECT_EQ(steps.front().kind, Step::Kind::device);
  EXPECT_EQ(steps.back().kind, Step::Kind::route);
  EXPECT_LT(first(Step::Kind::policy), first(Step::Kind::route));
  EXPECT_LT(first(Step::Kind::state), first(Step::Kind::policy));
}

TEST(Plan, LeavesAnInterfaceOfTheUsersAlone) {
  Tunnel tunnel = example();
  tunnel.interface = "lo";
  tunnel.own_interface = false;
  tunnel.route_device = "eth0";
  const std::vector<Step> steps = plan(tunnel);
  EXPECT_EQ(count(steps, Step::Kind::device), 0);
  EXPECT_EQ(count(steps, Step::Kind::block) + count(steps, Step::Kind::barrier), 0);  // its policies are the host's
  EXPECT_EQ(tunnel.interface_id(), 0U);
  EXPECT_EQ(example().interface_id(), example().tie);
  EXPECT_EQ(steps.front().device, "lo");
  EXPECT_EQ(steps.back().device, "eth0");
}

TEST(Record, IsWhatWasWritten) {
  Record record;
  record.tunnel = example();
  record.made = plan(record.tunnel);
  record.made.front().ifindex = 7;
  record.keeper = true;
  record.network_namespace = 4026531840;
  record.since = 1700000000;
  auto read = Record::parse(record.to_text());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->to_text(), record.to_text());
  EXPECT_EQ(read->made, record.made);
  for (const char* damaged : {"", "{}", "[]", "{\"tunnel\": 3}"}) EXPECT_FALSE(Record::parse(damaged)) << damaged;
}

TEST(Record, OfBeforeKeysWereReplacedIsTiedByItsKey) {
  Record record;
  record.tunnel = example();
  record.made = plan(record.tunnel);
  auto json = nlohmann::json::parse(record.to_text());
  json["tunnel"].erase("tie");
  json["tunnel"].erase("before");
  auto read = Record::parse(json.dump());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->tunnel.tie, read->tunnel.outbound.value());
  EXPECT_EQ(read->tunnel.interface_id(), read->tunnel.outbound.value());
  EXPECT_FALSE(read->tunnel.before);
  json["tunnel"]["tie"] = "three";
  EXPECT_FALSE(Record::parse(json.dump()));
}

}  // namespace
}  // namespace sluice::client
