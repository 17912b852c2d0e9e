// SPDX-License-Identifier: Apache-2.0
#include "kds/keys.hpp"

#include <gtest/gtest.h>

#include "kds/anomaly.hpp"
#include "kds/testing.hpp"

namespace sluice::kds {
namespace {

using namespace testing_support;
using nlohmann::json;

NetworkSettings network(const char* name, std::uint32_t first, std::uint32_t last) {
  NetworkSettings made;
  made.name = name;
  made.first = first;
  made.last = last;
  made.roles = {"staff"};
  made.posture = "standard";
  return made;
}

Posture standard() {
  Posture posture;
  posture.name = "standard";
  posture.interval = 10min;
  posture.requirements.push_back({*ClaimPath::parse("os.version"), Operator::at_least, {std::string("12")}, {}});
  return posture;
}

Settings two_networks() {
  Settings settings;
  settings.gateways.emplace_back();
  settings.gateways[0].name = "gw1";
  settings.gateways[0].networks = {network("corp", 1, 99), network("lab", 100, 199)};
  settings.postures = {standard()};
  return settings;
}

class KeysTest : public ::testing::Test {
 protected:
  KeysTest() {
    Device device;
    device.name = "laptop";
    device.roles = {"staff"};
    EXPECT_TRUE(world_.ready(start()) && world_.devices.enrol(device, "operator/test", start()));
  }

  static KeyQuestion question(std::vector<HeldKey> held = {}, bool evidence = true) {
    KeyQuestion made;
    made.device = "laptop";
    made.fingerprint = Bytes(32, 7);
    if (evidence) made.posture = json{{"os", {{"version", "12"}}}};
    made.held = std::move(held);
    return made;
  }
  Result<KeyAnswer> ask(const KeyQuestion& asked, Time now) {
    // As after a restart with these settings.
    return std::move(Keys(settings_, *world_.store, world_.issuer).answer({asked}, now).front());
  }
  static HeldKey held(const Issued& issued) { return {issued.gateway, issued.network, issued.spi_to_gateway}; }
  std::size_t spent() {
    const auto newest = world_.look([](Transaction& t) { return t.newest_issue("gw1", 1, 100); });
    return newest ? newest->incarnation + 1 : 0;
  }

  Settings settings_ = two_networks();
  World world_;
};

TEST_F(KeysTest, WhoHoldsOneGetsNoOthers) {
  const auto first = ask(question(), start());
  ASSERT_TRUE(first);
  ASSERT_EQ(first->issued.size(), 2U);
  for (int i = 1; i < 5; ++i) {
    const auto next = ask(question({held(first->issued[0])}), start() + i * 5min);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->renewed.size(), 1U);
    EXPECT_TRUE(next->issued.empty());
  }
  EXPECT_EQ(spent(), 1U) << "of the network that it does not use";
  // What it holds is granted no more: then it may choose again.
  settings_.gateways[0].networks[0].roles = {"others"};
  const auto moved = ask(question({held(first->issued[0])}), start() + 25min);
  ASSERT_EQ(moved->issued.size(), 1U);
  EXPECT_EQ(moved->issued[0].network, "lab");
}

// The device is told to wait, and the log why.
TEST_F(KeysTest, WhatFailsWithinIsForTheLog) {
  const Kek other = *Kek::from(*derivation::Secret::from_hex(std::string(64, 'b')));
  Issuer issuer(*world_.store, other, [] { return 0.5; });
  const auto answer = std::move(Keys(settings_, *world_.store, issuer).answer({question()}, start()).front());
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->later.size(), 2U);
  EXPECT_EQ(answer->later[0].detail.find("wrapped"), std::string::npos) << answer->later[0].detail;
  EXPECT_NE(answer->later[0].fault.find("does not unwrap"), std::string::npos) << answer->later[0].fault;

  settings_.gateways[0].networks[1].last = 100;
  ASSERT_TRUE(ask(question(), start()));
  Device phone;
  phone.name = "phone";
  phone.roles = {"staff"};
  ASSERT_TRUE(world_.devices.enrol(phone, "operator/test", start()));
  KeyQuestion second = question();
  second.device = "phone";
  const auto full = ask(second, start());
  ASSERT_TRUE(full);
  ASSERT_EQ(full->later.size(), 1U);
  EXPECT_NE(full->later[0].fault.find("is full"), std::string::npos) << full->later[0].fault;
  EXPECT_EQ(full->issued.size(), 1U);
}

// A gateway that has not acknowledged its keys is nobody's fault.
TEST_F(KeysTest, ToWaitIsNoFault) {
  ASSERT_TRUE(world_.generations.boot("gw1", testing_support::nonce(2), start()));
  const auto answer = ask(question(), start());
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->later.size(), 2U);
  EXPECT_TRUE(answer->later[0].fault.empty()) << answer->later[0].fault;
}

/// A device that asks when it was told to, for some hours, while the gateway carries out what it is told.
TEST_F(KeysTest, KeysAreReplacedBeforeTheirGenerationEnds) {
  Time now = start();
  auto answer = ask(question(), now);
  ASSERT_TRUE(answer);
  const Issued& first = answer->issued.at(0);
  HeldKey mine = held(first);
  std::uint32_t number = first.number;
  Time expires = first.expires_after, next = std::min(first.refresh_after, first.lease_until - 3min);
  int turns = 0, replaced = 0;
  for (; now < start() + 4h; now += 1s) {
    ASSERT_TRUE(world_.generations.tick(now) && world_.acknowledge_all(now));
    ASSERT_LT(now, expires) << "its key ended, and it had no other";
    if (now < next) continue;
    ++turns;
    answer = ask(question({mine}), now);
    ASSERT_TRUE(answer);
    ASSERT_EQ(answer->issued.size() + answer->renewed.size(), 1U);
    if (answer->issued.empty()) {
      const Renewed& renewed = answer->renewed[0].renewed;
      next = std::min(renewed.refresh_after, renewed.lease_until - 3min);
      expires = renewed.expires_after;
    } else {
      const Issued& issued = answer->issued[0];
      EXPECT_EQ(issued.number, number + 1);
      ++replaced;
      mine = held(issued);
      number = issued.number;
      next = std::min(issued.refresh_after, issued.lease_until - 3min);
      expires = issued.expires_after;
    }
    ASSERT_GT(next, now);
  }
  EXPECT_GE(replaced, 4);
  EXPECT_LE(turns, 60);
}

TEST_F(KeysTest, OneThatIsWornOutIsReplaced) {
  Anomalies anomalies(*world_.store);
  const auto answer = ask(question(), start());
  const Issued& first = answer->issued.at(0);
  ASSERT_TRUE(anomalies.report("gw1", {{Anomaly::Kind::exhausting, 1, first.id, 0}}, start()));
  const auto next = ask(question({held(first)}), start() + 1s);
  ASSERT_EQ(next->issued.size(), 1U);
  EXPECT_EQ(next->issued[0].incarnation, 1U);
}

TEST_F(KeysTest, OneThatCannotBeReplacedYetIsKept) {
  World slow({1, 4min});
  ASSERT_TRUE(slow.ready(start()));
  Device device;
  device.name = "laptop";
  device.roles = {"staff"};
  ASSERT_TRUE(slow.devices.enrol(device, "operator/test", start()));
  Keys keys(settings_, *slow.store, slow.issuer);
  const auto answers = keys.answer({question()}, start());
  const Issued& first = answers.front()->issued.at(0);
  ASSERT_TRUE(Anomalies(*slow.store).report("gw1", {{Anomaly::Kind::exhausting, 1, first.id, 0}}, start()));
  const auto answer = std::move(keys.answer({question({held(first)})}, start() + 1s).front());
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->renewed.size(), 1U);
  EXPECT_GT(answer->renewed[0].renewed.refresh_after, start() + 1s);
  EXPECT_TRUE(answer->later.empty());
}

TEST_F(KeysTest, AfterARevocationHealthHasToBeShown) {
  const auto without = [&](Time now) { return ask(question({}, false), now); };
  ASSERT_TRUE(ask(question(), start()));
  ASSERT_TRUE(without(start() + 1s));
  ASSERT_TRUE(world_.devices.revoke("laptop", "operator/test", start() + 2s));
  EXPECT_EQ(without(start() + 3s).error().number, ENODATA);
  const auto answer = ask(question(), start() + 4s);
  const Issued& again = answer->issued.at(0);
  ASSERT_TRUE(without(start() + 5s));
  ASSERT_TRUE(
      Anomalies(*world_.store).report("gw1", {{Anomaly::Kind::clone, 1, again.id, again.incarnation}}, start() + 6s));
  EXPECT_EQ(without(start() + 7s).error().number, ENODATA);
  ASSERT_TRUE(ask(question(), start() + 8s));
  ASSERT_TRUE(world_.devices.ban("laptop", "operator/test", start() + 9s));
  ASSERT_TRUE(world_.devices.unban("laptop", "operator/test", start() + 10s));
  EXPECT_EQ(without(start() + 11s).error().number, ENODATA);
}

TEST_F(KeysTest, HealthOfBeforeCountsForThePostureOfBefore) {
  ASSERT_TRUE(ask(question(), start()));
  EXPECT_FALSE(ask(question({}, false), start() + 1s)->issued.empty());
  settings_.postures[0].requirements[0].remedy = "Other words.";
  EXPECT_FALSE(ask(question({}, false), start() + 2s)->issued.empty());
  settings_.postures[0].requirements[0].values = {std::string("11")};
  EXPECT_TRUE(ask(question({}, false), start() + 3s)->issued.empty());
  ASSERT_TRUE(ask(question(), start() + 4s));
  settings_.postures[0].quote = true;
  const auto refused = ask(question({}, false), start() + 5s);
  EXPECT_TRUE(refused->issued.empty());
  EXPECT_EQ(refused->refused.size(), 2U);
}

TEST_F(KeysTest, AnIdOfAnotherNetworksPoolIsNotRenewed) {
  const auto answer = ask(question(), start());
  const Issued& first = answer->issued.at(0);
  ASSERT_EQ(first.id, 1U);
  settings_.gateways[0].networks = {network("corp", 100, 199), network("vault", 1, 99)};
  settings_.gateways[0].networks[1].roles = {"vault"};
  const auto next = ask(question({held(first)}), start() + 1s);
  ASSERT_TRUE(next);
  EXPECT_TRUE(next->renewed.empty());
  ASSERT_EQ(next->issued.size(), 1U);
  EXPECT_GE(next->issued[0].id, 100U);
}

TEST_F(KeysTest, AClockThatWasSetBackMakesNoHealthLonger) {
  ASSERT_TRUE(ask(question(), start()));
  EXPECT_TRUE(ask(question({}, false), start() + 9min));
  EXPECT_EQ(ask(question({}, false), start() - 1min).error().number, ENODATA);
}

}  // namespace
}  // namespace sluice::kds
