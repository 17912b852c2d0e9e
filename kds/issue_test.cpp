// SPDX-License-Identifier: Apache-2.0
#include "kds/issue.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "derivation/derive.hpp"
#include "kds/testing.hpp"

namespace sluice::kds {
namespace {

using namespace testing_support;

TEST(Issuer, GivesBothKeysOfTheNextIncarnation) {
  World world;
  ASSERT_TRUE(world.ready(start()) && world.enrol("laptop"));
  const auto first = world.issuer.issue(request("laptop"), start());
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->id, 1U);
  EXPECT_EQ(first->incarnation, 0U);
  EXPECT_EQ(first->spi_to_gateway, 0x40000200U);  // generation 1
  EXPECT_EQ(first->spi_to_client, 0x60000200U);
  EXPECT_EQ(first->lease_until, start() + 10min);
  EXPECT_EQ(first->expires_after, start() + 1h);
  const auto second = world.issuer.issue(request("laptop"), start());
  EXPECT_EQ(second->spi_to_gateway, 0x40000201U);
  EXPECT_FALSE(second->key_to_gateway.equals(first->key_to_gateway));
  // They are f(master key, SPI), as at the gateway.
  const Generation generation = world.live()[0];
  const auto master = world.kek.unwrap(generation.wrapped, "gw1", 1);
  for (const auto* issued : {&*first, &*second}) {
    EXPECT_TRUE(derivation::derive(*master, issued->spi_to_gateway, issued->algorithm)->equals(issued->key_to_gateway));
    EXPECT_TRUE(derivation::derive(*master, issued->spi_to_client, issued->algorithm)->equals(issued->key_to_client));
  }
}

TEST(Issuer, GivesEachDeviceOneIdForGood) {
  World world;
  ASSERT_TRUE(world.ready(start()) && world.enrol("a") && world.enrol("b") && world.enrol("c"));
  EXPECT_EQ(world.issuer.issue(request("a"), start())->id, 1U);
  EXPECT_EQ(world.issuer.issue(request("b"), start())->id, 2U);
  IssueRequest elsewhere = request("a");
  elsewhere.network = "net2";
  elsewhere.pool = {501, 600};
  EXPECT_EQ(world.issuer.issue(elsewhere, start())->id, 501U);
  ASSERT_TRUE(world.ready(start() + 1s, "gw1", 2));
  EXPECT_EQ(world.issuer.issue(request("b"), start() + 1s)->id, 2U);
  EXPECT_EQ(world.issuer.issue(request("b"), start() + 1s)->incarnation, 1U);
  // What is free again is given again, the lowest first, and its incarnations go on.
  EXPECT_EQ(world.issuer.issue(request("a"), start() + 1s)->incarnation, 0U);
  ASSERT_TRUE(world.devices.forget("a", "operator/test", start() + 1s));
  const auto next = world.issuer.issue(request("c"), start() + 1s);
  EXPECT_EQ(next->id, 1U);
  EXPECT_EQ(next->incarnation, 1U);
}

TEST(Issuer, SaysWhenThePoolIsFull) {
  World world;
  ASSERT_TRUE(world.ready(start()) && world.enrol("a") && world.enrol("b") && world.enrol("c"));
  IssueRequest small = request("a");
  small.pool = {7, 8};
  EXPECT_EQ(world.issuer.issue(small, start())->id, 7U);
  small.device = "b";
  EXPECT_EQ(world.issuer.issue(small, start())->id, 8U);
  small.device = "c";
  const auto full = world.issuer.issue(small, start());
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().number, ENOSPC);
  EXPECT_NE(full.error().message.find("7 to 8"), std::string::npos) << full.error().message;
  // A pool that was made larger is looked through anew; one that moved away takes its devices with it.
  small.pool = {1, 8};
  EXPECT_EQ(world.issuer.issue(small, start())->id, 1U);
  small.pool = {100, 200};
  EXPECT_EQ(world.issuer.issue(small, start())->id, 100U);
  EXPECT_TRUE(world.look([](Transaction& t) { return t.issue("gw1", 1, 1, 0); })->revoked);
}

TEST(Issuer, RefusesWhoMayNot) {
  World world;
  EXPECT_EQ(world.issuer.issue(request("laptop"), start()).error().number, EACCES);
  ASSERT_TRUE(world.enrol("laptop"));
  EXPECT_EQ(world.issuer.issue(request("laptop"), start()).error().number, ENOENT);
  ASSERT_TRUE(world.generations.boot("gw1", nonce(1), start()));
  EXPECT_EQ(world.issuer.issue(request("laptop"), start()).error().number, EAGAIN);
  ASSERT_TRUE(world.acknowledge_all(start()));
  EXPECT_TRUE(world.issuer.issue(request("laptop"), start()));
  EXPECT_EQ(world.issuer.issue(request("laptop"), start() + 1h).error().number, EAGAIN);
  ASSERT_TRUE(world.devices.change("laptop", {.enabled = false}, "operator/test", start()));
  EXPECT_EQ(world.issuer.issue(request("laptop"), start()).error().number, EACCES);
  ASSERT_TRUE(world.devices.change("laptop", {.enabled = true}, "operator/test", start()));
  ASSERT_TRUE(world.devices.ban("laptop", "operator/test", start()));
  EXPECT_EQ(world.issuer.issue(request("laptop"), start()).error().number, EACCES);
  EXPECT_EQ(world.issuer.renew(request("laptop"), start()).error().number, EACCES);
  ASSERT_TRUE(world.devices.unban("laptop", "operator/test", start()));
  IssueRequest wrong = request("laptop");
  wrong.pool = {0, 5};
  EXPECT_EQ(world.issuer.issue(wrong, start()).error().number, EINVAL);
  wrong.pool = {5, 4};
  EXPECT_EQ(world.issuer.issue(wrong, start()).error().number, EINVAL);
  wrong.pool = {1, 1U << 20};
  EXPECT_EQ(world.issuer.issue(wrong, start()).error().number, EINVAL);
  wrong = request("laptop");
  wrong.lease = 0s;
  EXPECT_EQ(world.issuer.issue(wrong, start()).error().number, EINVAL);
  wrong = request("lap/top");
  EXPECT_EQ(world.issuer.issue(wrong, start()).error().number, EINVAL);
}

TEST(Issuer, AnswersEachOfMany) {
  World world;
  ASSERT_TRUE(world.ready(start()) && world.enrol("a") && world.enrol("b"));
  const std::vector<IssueRequest> requests{request("a"), request("nobody"), request("b"), request("a")};
  const auto answers = world.issuer.issue_many(requests, start());
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_EQ(answers[0]->spi_to_gateway, 0x40000200U);
  EXPECT_EQ(answers[1].error().number, EACCES);
  EXPECT_EQ(answers[2]->id, 2U);
  EXPECT_EQ(answers[3]->incarnation, 1U);
  EXPECT_TRUE(world.issuer.issue_many({}, start()).empty());
}

TEST(Issuer, SpreadsTheChangeOfKeys) {
  World world;
  ASSERT_TRUE(world.ready(start()) && world.enrol("laptop"));
  world.jitter = 0;
  EXPECT_EQ(world.issuer.issue(request("laptop"), start())->refresh_after, start() + 48min);
  world.jitter = 0.999999999;
  const Time last = world.issuer.issue(request("laptop"), start())->refresh_after;
  EXPECT_LE(last, start() + 56min);
  EXPECT_GT(last, start() + 56min - 1s);
  // Late in a generation that nobody follows yet: never beyond its end, never in the past.
  EXPECT_EQ(world.issuer.issue(request("laptop"), start() + 59min)->refresh_after, start() + 1h);
}

TEST(Issuer, BringsTheNextGenerationWhenIncarnationsRunOut) {
  World world;
  ASSERT_TRUE(world.ready(start()) && world.enrol("laptop") && world.enrol("phone"));
  for (std::uint32_t i = 0; i < 512; ++i) {
    ASSERT_FALSE(world.gateway().early) << i;
    ASSERT_EQ(world.issuer.issue(request("laptop"), start())->incarnation, i);
  }
  EXPECT_TRUE(world.gateway().early);
  EXPECT_EQ(world.issuer.issue(request("laptop"), start()).error().number, EAGAIN);
  EXPECT_TRUE(world.issuer.issue(request("phone"), start()));
  // The last one revoked: 512, which takes all of the id and needs no ban.
  ASSERT_TRUE(world.devices.revoke("laptop", "operator/test", start()));
  const auto updates = *world.generations.updates_after("gw1", world.gateway().acknowledged, start());
  ASSERT_EQ(updates.size(), 1U);
  EXPECT_EQ(updates[0].update.incarnation_min, 512U);
  EXPECT_EQ(world.issuer.issue(request("laptop"), start()).error().number, EAGAIN);
  ASSERT_EQ(world.generations.tick(start() + 1s)->size(), 1U);
  EXPECT_FALSE(world.gateway().early);
  ASSERT_TRUE(world.acknowledge_all(start() + 2s));
  ASSERT_TRUE(world.acknowledge_all(start() + 3s));
  const auto again = world.issuer.issue(request("laptop"), start() + 3s);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->number, 2U);
  EXPECT_EQ(again->incarnation, 0U);
  // The phone learns by its renewal that its generation ends early.
  const auto renewed = world.issuer.renew(request("phone"), start() + 3s);
  ASSERT_EQ(renewed->size(), 1U);
  EXPECT_EQ(renewed->front().number, 1U);
  EXPECT_EQ(renewed->front().expires_after, start() + 3s + 10min + 2s);
  EXPECT_LT(renewed->front().refresh_after, renewed->front().expires_after);
}

TEST(Issuer, LimitsHowFastKeysAreTaken) {
  World world({4, 1min});
  ASSERT_TRUE(world.ready(start()) && world.enrol("laptop"));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(world.issuer.issue(request("laptop"), start() + i * 10s));
  EXPECT_EQ(world.issuer.issue(request("laptop"), start() + 59s).error().number, EAGAIN);
  EXPECT_TRUE(world.issuer.issue(request("laptop"), start() + 60s));
  EXPECT_EQ(world.issuer.issue(request("laptop"), start() + 69s).error().number, EAGAIN);
}

TEST(Leases, AreRenewedWithoutANewKey) {
  World world;
  ASSERT_TRUE(world.ready(start()) && world.enrol("laptop"));
  EXPECT_TRUE(world.issuer.renew(request("laptop"), start())->empty());
  ASSERT_TRUE(world.issuer.issue(request("laptop"), start()) && world.issuer.issue(request("laptop"), start()));
  const auto renewed = world.issuer.renew(request("laptop"), start() + 9min);
  ASSERT_EQ(renewed->size(), 1U);
  EXPECT_EQ(renewed->front().incarnation, 1U);
  EXPECT_EQ(renewed->front().lease_until, start() + 19min);
  // A shorter one takes nothing away.
  IssueRequest brief = request("laptop");
  brief.lease = 1s;
  EXPECT_EQ(world.issuer.renew(brief, start() + 9min)->front().lease_until, start() + 19min);
  // The lease of the key before runs out alone.
  ASSERT_TRUE(world.generations.tick(start() + 10min));
  auto updates = *world.generations.updates_after("gw1", world.gateway().acknowledged, start() + 10min);
  ASSERT_EQ(updates.size(), 1U);
  EXPECT_EQ(updates[0].update.incarnation_min, 1U);
  EXPECT_EQ(world.issuer.renew(request("laptop"), start() + 10min)->size(), 1U);
  // One that ran out is not renewed, whether the tick was there or not.
  EXPECT_TRUE(world.issuer.renew(request("laptop"), start() + 20min)->empty());
  ASSERT_TRUE(world.generations.tick(start() + 20min));
  updates = *world.generations.updates_after("gw1", world.gateway().acknowledged, start() + 20min);
  ASSERT_EQ(updates.size(), 1U);
  EXPECT_EQ(updates[0].update.incarnation_min, 2U);
  EXPECT_TRUE(world.issuer.renew(request("laptop"), start() + 10min)->empty());
}

TEST(Leases, ThatRanOutAreRevokedInPortions) {
  World world;
  ASSERT_TRUE(world.ready(start()));
  std::vector<IssueRequest> requests;
  for (int i = 0; i < 150; ++i) {
    ASSERT_TRUE(world.enrol("d" + std::to_string(i)));
    requests.push_back(request("d" + std::to_string(i)));
  }
  for (const auto& answer : world.issuer.issue_many(requests, start())) ASSERT_TRUE(answer);
  ASSERT_EQ(world.generations.tick(start() + 10min)->size(), 1U);
  EXPECT_EQ(world.generations.updates_after("gw1", world.gateway().acknowledged, start() + 10min, 1000)->size(), 150U);
  EXPECT_TRUE(world.generations.tick(start() + 10min)->empty());
}

TEST(Devices, LoseTheirKeysEverywhere) {
  World world;
  ASSERT_TRUE(world.ready(start()) && world.ready(start(), "gw2") && world.enrol("laptop") && world.enrol("phone"));
  ASSERT_TRUE(world.issuer.issue(request("laptop"), start()) && world.issuer.issue(request("laptop"), start()));
  ASSERT_TRUE(world.issuer.issue(request("laptop", "gw2"), start()) && world.issuer.issue(request("phone"), start()));
  EXPECT_EQ(*world.devices.revoke("laptop", "operator/test", start()), (Touched{"gw1", "gw2"}));
  EXPECT_TRUE(world.devices.revoke("laptop", "operator/test", start())->empty());
  const auto updates = *world.generations.updates_after("gw1", world.gateway().acknowledged, start());
  ASSERT_EQ(updates.size(), 1U);
  EXPECT_EQ(updates[0].update.incarnation_min, 2U);
  EXPECT_EQ(updates[0].update.number, 1U);
  EXPECT_TRUE(world.issuer.renew(request("laptop"), start())->empty());
  EXPECT_EQ(world.issuer.renew(request("phone"), start())->size(), 1U);
  EXPECT_EQ(world.issuer.issue(request("laptop"), start())->incarnation, 2U);
}

TEST(Devices, AreBannedAtEachGateway) {
  World world;
  ASSERT_TRUE(world.ready(start()) && world.enrol("laptop") && world.issuer.issue(request("laptop"), start()));
  ASSERT_TRUE(world.acknowledge_all(start()));
  EXPECT_EQ(*world.devices.ban("laptop", "operator/test", start()), Touched{"gw1"});
  Kernel kernel;
  for (const auto& outgoing : updates_of(world.generations, world.gateway().acknowledged, start()))
    ASSERT_EQ(kernel.apply(outgoing, start()), 0);
  EXPECT_TRUE(kernel.banned(1));
  ASSERT_TRUE(world.acknowledge_all(start()));
  // Who gets the id of a banned device that was forgotten is not banned.
  ASSERT_TRUE(world.devices.forget("laptop", "operator/test", start()));
  for (const auto& outgoing : updates_of(world.generations, world.gateway().acknowledged, start()))
    ASSERT_EQ(kernel.apply(outgoing, start()), 0);
  EXPECT_FALSE(kernel.banned(1));
  EXPECT_EQ(world.devices.unban("laptop", "operator/test", start()).error().number, ENOENT);
}

TEST(Devices, AreEnrolledOnceAndWell) {
  World world;
  ASSERT_TRUE(world.enrol("laptop"));
  EXPECT_EQ(world.devices.enrol({"laptop", {}, true, false, {}, {}, {}}, "operator/test", start()).error().number,
            EEXIST);
  EXPECT_EQ(world.devices.enrol({"lap top", {}, true, false, {}, {}, {}}, "operator/test", start()).error().number,
            EINVAL);
  EXPECT_EQ(world.devices.enrol({"tv", {"a b"}, true, false, {}, {}, {}}, "operator/test", start()).error().number,
            EINVAL);
  EXPECT_EQ(world.devices.enrol({"tv", {}, true, false, Bytes(20), {}, {}}, "operator/test", start()).error().number,
            EINVAL);
  ASSERT_TRUE(world.devices.change("laptop", {.roles = std::vector<std::string>{"staff"}}, "operator/test", start()));
  EXPECT_EQ(world.look([](Transaction& t) { return t.device("laptop"); })->roles, std::vector<std::string>{"staff"});
  EXPECT_EQ(world.devices.change("tv", {.enabled = true}, "operator/test", start()).error().number, ENOENT);
}

TEST(Audit, TellsEachStep) {
  World world;
  ASSERT_TRUE(world.ready(start()) && world.enrol("laptop") && world.issuer.issue(request("laptop"), start()));
  ASSERT_TRUE(world.devices.ban("laptop", "operator/alice", start()));
  std::string actions;
  for (const Audit& line : world.look([](Transaction& t) { return t.audit(0, 100); })) {
    actions += line.action + " by " + line.actor + "; ";
    EXPECT_EQ(line.detail.front(), '{');
  }
  EXPECT_EQ(actions,
            "boot by gateway/gw1; generation by kds; enrol by operator/test; issue by device/laptop; "
            "ban by operator/alice; ");
}

}  // namespace
}  // namespace sluice::kds
