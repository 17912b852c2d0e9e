// SPDX-License-Identifier: Apache-2.0
#include "kds/generations.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "kds/testing.hpp"

namespace sluice::kds {
namespace {

using namespace testing_support;
using State = GenerationState;
using Kind = Update::Kind;

std::vector<Kind> kinds(World& world, std::uint64_t after, Time now) {
  std::vector<Kind> list;
  for (const auto& outgoing : updates_of(world.generations, after, now)) list.push_back(outgoing.update.kind);
  return list;
}

TEST(Generations, BeginWithABoot) {
  World world;
  const auto boot = world.generations.boot("gw1", nonce(1), start());
  ASSERT_TRUE(boot);
  EXPECT_TRUE(boot->fresh);
  ASSERT_EQ(world.live().size(), 1U);
  EXPECT_EQ(world.live()[0].state, State::current);
  EXPECT_EQ(world.live()[0].number, 1U);
  EXPECT_FALSE(may_issue(world.gateway(), world.live()[0], start()));
  const auto updates = world.generations.updates_after("gw1", boot->acknowledged, start() + 90s);
  ASSERT_EQ(updates->size(), 2U);
  EXPECT_EQ((*updates)[0].update.kind, Kind::generation);
  EXPECT_EQ((*updates)[0].lifetime, 1h - 90s);
  EXPECT_EQ((*updates)[0].master.size(), 32U);
  EXPECT_EQ((*updates)[1].update.kind, Kind::promote);
  EXPECT_EQ((*updates)[1].update.overlap, 10min);
  ASSERT_TRUE(world.generations.acknowledge("gw1", (*updates)[0].update.sequence, start()));
  EXPECT_FALSE(may_issue(world.gateway(), world.live()[0], start()));
  ASSERT_TRUE(world.generations.acknowledge("gw1", (*updates)[1].update.sequence, start()));
  EXPECT_TRUE(may_issue(world.gateway(), world.live()[0], start()));
  EXPECT_FALSE(may_issue(world.gateway(), world.live()[0], start() + 1h));
}

TEST(Generations, StayWhenTheGatewayOnlyRestarts) {
  World world;
  ASSERT_TRUE(world.ready(start()));
  const auto again = world.generations.boot("gw1", nonce(1), start() + 1min);
  EXPECT_FALSE(again->fresh);
  EXPECT_EQ(again->acknowledged, world.gateway().sequence);
  EXPECT_EQ(world.live().size(), 1U);
  EXPECT_EQ(world.gateway().newest, 1U);
}

TEST(Generations, DieWhenTheGatewayBootsAnew) {
  World world;
  ASSERT_TRUE(world.ready(start()));
  const std::uint64_t before = world.gateway().sequence;
  const auto boot = world.generations.boot("gw1", nonce(2), start() + 1min);
  EXPECT_TRUE(boot->fresh);
  EXPECT_EQ(boot->acknowledged, before);
  ASSERT_EQ(world.live().size(), 1U);
  EXPECT_EQ(world.live()[0].number, 2U);
  const auto dead = world.look([](Transaction& t) { return t.generation("gw1", 1); });
  ASSERT_TRUE(dead);
  EXPECT_EQ(dead->state, State::dead);
  EXPECT_EQ(dead->wrapped, Bytes(Kek::wrapped_size));
  // What was acknowledged late, of the boot before, says nothing of this one.
  ASSERT_TRUE(world.generations.acknowledge("gw1", before, start() + 1min));
  EXPECT_FALSE(may_issue(world.gateway(), world.live()[0], start() + 1min));
}

TEST(Generations, AreNewerThanAllThatTheKernelHad) {
  World world;
  // The store is new, the kernel is not: a generation of number 1 it would never take.
  ASSERT_TRUE(world.generations.boot("gw1", nonce(1), start(), 41));
  ASSERT_EQ(world.live().size(), 1U);
  EXPECT_EQ(world.live()[0].number, 42U);
  // A boot of which nothing is heard says nothing.
  ASSERT_TRUE(world.generations.boot("gw1", nonce(2), start()));
  EXPECT_EQ(world.live()[0].number, 43U);
}

TEST(Generations, FollowOneAnother) {
  World world;
  ASSERT_TRUE(world.ready(start()));
  EXPECT_TRUE(world.generations.tick(start() + 48min - 1s)->empty());
  EXPECT_EQ(world.generations.tick(start() + 48min)->count("gw1"), 1U);
  ASSERT_EQ(world.live().size(), 2U);
  EXPECT_EQ(world.live()[1].state, State::next);
  // Pushed alone: it is not promoted before it is acknowledged.
  EXPECT_EQ(kinds(world, world.gateway().acknowledged, start() + 48min), std::vector{Kind::generation});
  EXPECT_TRUE(world.generations.tick(start() + 49min)->empty());
  EXPECT_TRUE(*world.generations.acknowledge("gw1", world.gateway().sequence, start() + 49min));
  EXPECT_EQ(kinds(world, world.gateway().acknowledged, start() + 49min), std::vector{Kind::promote});
  // Asked for, and nobody knows yet whether it was done.
  EXPECT_TRUE(world.generations.tick(start() + 49min)->empty());
  EXPECT_EQ(world.live()[0].state, State::current);
  EXPECT_TRUE(may_issue(world.gateway(), world.live()[0], start() + 49min));
  EXPECT_FALSE(may_issue(world.gateway(), world.live()[1], start() + 49min));
  EXPECT_FALSE(*world.generations.acknowledge("gw1", world.gateway().sequence, start() + 49min + 1s));
  EXPECT_EQ(world.live()[0].state, State::previous);
  EXPECT_EQ(world.live()[1].state, State::current);
  EXPECT_TRUE(may_issue(world.gateway(), world.live()[1], start() + 49min + 1s));
  EXPECT_EQ(world.live()[0].ends, start() + 59min + 3s);
  ASSERT_TRUE(world.generations.tick(start() + 59min + 2s));
  EXPECT_EQ(world.live().size(), 2U);
  ASSERT_TRUE(world.generations.tick(start() + 59min + 3s));
  ASSERT_EQ(world.live().size(), 1U);
  EXPECT_EQ(world.live()[0].number, 2U);
}

TEST(Generations, WaitForThePreviousOnesEnd) {
  World world;
  ASSERT_TRUE(world.ready(start()));
  ASSERT_TRUE(world.generations.tick(start() + 48min));
  ASSERT_TRUE(world.acknowledge_all(start() + 48min));
  ASSERT_TRUE(world.acknowledge_all(start() + 48min));
  ASSERT_EQ(world.live()[0].state, State::previous);
  // The next one is due, but the kernel would refuse a third.
  ASSERT_TRUE(world.store->transact([](Transaction& t) -> Result<void> {
    Gateway gateway = *t.gateway("gw1");
    gateway.early = true;
    t.put(gateway);
    return {};
  }));
  EXPECT_TRUE(world.generations.tick(start() + 50min)->empty());
  EXPECT_EQ(world.live().size(), 2U);
  EXPECT_EQ(world.generations.tick(start() + 58min + 2s)->size(), 1U);
  ASSERT_EQ(world.live().size(), 2U);
  EXPECT_EQ(world.live()[1].number, 3U);
  EXPECT_FALSE(world.gateway().early);
}

TEST(Generations, EndAtTheirHardEnd) {
  World world;
  ASSERT_TRUE(world.ready(start()));
  ASSERT_TRUE(world.generations.tick(start() + 50min));
  // The gateway is away: the current one ends, the next one waits, and ends, too.
  ASSERT_TRUE(world.generations.tick(start() + 1h));
  ASSERT_EQ(world.live().size(), 1U);
  EXPECT_EQ(world.live()[0].state, State::next);
  ASSERT_TRUE(world.generations.tick(start() + 2h));
  EXPECT_TRUE(world.live().empty());
  EXPECT_TRUE(world.generations.updates_after("gw1", 0, start() + 2h)->empty());
  ASSERT_TRUE(world.generations.tick(start() + 100h));
  EXPECT_EQ(world.gateway().newest, 2U);
  // It is back, in the same boot.
  EXPECT_TRUE(*world.generations.acknowledge("gw1", world.gateway().acknowledged, start() + 101h));
  ASSERT_EQ(world.live().size(), 1U);
  EXPECT_EQ(world.live()[0].number, 3U);
  ASSERT_TRUE(world.acknowledge_all(start() + 101h));
  ASSERT_TRUE(world.acknowledge_all(start() + 101h));
  EXPECT_TRUE(may_issue(world.gateway(), world.live()[0], start() + 101h));
}

TEST(Generations, RefuseWhatCannotBe) {
  World world;
  EXPECT_EQ(world.generations.acknowledge("gw1", 0, start()).error().number, ENOENT);
  EXPECT_EQ(world.generations.updates_after("gw1", 0, start()).error().number, ENOENT);
  EXPECT_EQ(world.generations.set_policy("gw1", {1}, start()).error().number, ENOENT);
  EXPECT_EQ(world.generations.boot("gw1", Bytes(31), start()).error().number, EINVAL);
  EXPECT_EQ(world.generations.boot("no/name", nonce(1), start()).error().number, EINVAL);
  ASSERT_TRUE(world.ready(start()));
}

TEST(Generations, SayTheWholeStateAtABoot) {
  World world;
  ASSERT_TRUE(world.ready(start()) && world.enrol("laptop") && world.enrol("phone"));
  ASSERT_TRUE(world.issuer.issue(request("laptop"), start()) && world.issuer.issue(request("phone"), start()));
  ASSERT_TRUE(world.devices.ban("phone", "operator/test", start()));
  ASSERT_TRUE(world.generations.set_policy("gw1", {1, 2, 3}, start()));
  EXPECT_TRUE(world.generations.set_policy("gw1", {1, 2, 3}, start())->empty());
  EXPECT_EQ(kinds(world, world.gateway().acknowledged, start()), (std::vector{Kind::revoke, Kind::ban, Kind::policy}));
  const auto boot = world.generations.boot("gw1", nonce(2), start());
  const auto updates = world.generations.updates_after("gw1", boot->acknowledged, start());
  ASSERT_EQ(updates->size(), 4U);
  EXPECT_EQ((*updates)[2].policy, (Bytes{1, 2, 3}));
  EXPECT_EQ((*updates)[3].update.kind, Kind::ban);
  EXPECT_EQ((*updates)[3].update.id, 2U);
}

TEST(Generations, KeepTheUpdateLogShort) {
  World world;
  ASSERT_TRUE(world.ready(start()) && world.enrol("laptop") && world.issuer.issue(request("laptop"), start()));
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(world.devices.ban("laptop", "operator/test", start()));
    ASSERT_TRUE(world.devices.unban("laptop", "operator/test", start()));
    ASSERT_TRUE(world.issuer.issue(request("laptop"), start()));
    ASSERT_TRUE(world.generations.set_policy("gw1", Bytes(static_cast<std::size_t>(i) + 1, 1), start()));
  }
  EXPECT_EQ(kinds(world, 0, start()).size(), 3U);  // the last revoke, unban, policy
}

TEST(Generations, AreWrappedByAnotherKek) {
  World world;
  ASSERT_TRUE(world.generations.boot("gw1", nonce(1), start()) && world.generations.boot("gw2", nonce(1), start()));
  const std::string before((*world.generations.updates_after("gw1", 0, start()))[0].master.hex().text());
  const Kek other = *Kek::from(*derivation::Secret::random(32));
  EXPECT_EQ(*world.generations.rewrap_all(other, "operator/local", start()), 2U);
  EXPECT_FALSE(world.generations.updates_after("gw1", 0, start()));
  Generations later(*world.store, other, GenerationOptions{});
  EXPECT_EQ((*later.updates_after("gw1", 0, start()))[0].master.hex().text(), before);
  // All or none: gw2's are of the other KEK already.
  EXPECT_FALSE(world.generations.rewrap_all(world.kek, "operator/local", start()));
}

TEST(Generations, OfAKekThatIsLostAreReplaced) {
  World world;
  ASSERT_TRUE(world.ready(start()) && world.enrol("laptop"));
  ASSERT_TRUE(world.issuer.issue(request("laptop"), start()));
  ASSERT_TRUE(world.devices.ban("laptop", "operator/admin", start()));
  ASSERT_TRUE(world.acknowledge_all(start()));
  ASSERT_TRUE(world.devices.unban("laptop", "operator/admin", start())) << "which the gateway does not hear of";
  const Kek other = *Kek::from(*derivation::Secret::random(32));
  Generations later(*world.store, other, GenerationOptions{});
  ASSERT_TRUE(later.boot("gw2", nonce(1), start()));
  EXPECT_EQ(*later.end_lost("operator/local", start()), 1U) << "gw2's are under the key of now";
  EXPECT_EQ(*later.end_lost("operator/local", start()), 0U);
  ASSERT_TRUE(later.tick(start()));
  EXPECT_EQ(later.boot("gw2", nonce(1), start())->fresh, false);
  EXPECT_EQ(later.acknowledge("gw1", 3, start()).error().number, ENOENT) << "it is told to boot";
  EXPECT_EQ(later.updates_after("gw1", 0, start()).error().number, ENOENT) << "by whom it is polling, too";
  const auto boot = later.boot("gw1", nonce(1), start());
  EXPECT_TRUE(boot->fresh) << "the same boot, and yet another generation";
  EXPECT_EQ(boot->live, (std::vector<std::uint32_t>{2})) << "no number is lost";
  const auto updates = later.updates_after("gw1", boot->acknowledged, start());
  ASSERT_TRUE(updates);
  EXPECT_EQ(updates->front().update.number, 2U);
  EXPECT_EQ(updates->back().update.kind, Update::Kind::unban);
  EXPECT_EQ(later.boot("gw1", nonce(1), start())->live, (std::vector<std::uint32_t>{2})) << "told again";
}

TEST(Generations, OfOneGatewayDoNotStopTheOthers) {
  World world;
  ASSERT_TRUE(world.ready(start()) && world.ready(start(), "gw2"));
  ASSERT_TRUE(world.store->transact([](Transaction& t) -> Result<void> {
    Gateway gateway = *t.gateway("gw1");
    gateway.newest = 4294967292;
    t.put(gateway);
    return {};
  }));
  const auto ticked = world.generations.tick(start() + 50min);
  ASSERT_FALSE(ticked);
  EXPECT_NE(ticked.error().message.find("gw1"), std::string::npos);
  EXPECT_EQ(world.live("gw2").size(), 2U);
}

/// A backup that is put back knows nothing of what was issued after it, and would issue it again.
TEST(Generations, DieWhenTheStoreWasSetBack) {
  World world;
  ASSERT_TRUE(world.ready(start()) && world.enrol("laptop") && world.issuer.issue(request("laptop"), start()));
  // What the gateway has carried out is more than what is known here.
  EXPECT_EQ(world.generations.acknowledge("gw1", world.gateway().sequence + 5, start()).error().number, ENOENT);
  EXPECT_TRUE(world.live().empty());
  EXPECT_EQ(world.issuer.issue(request("laptop"), start()).error().number, EAGAIN);
  const auto boot = world.generations.boot("gw1", nonce(1), start() + 1s, 7);
  ASSERT_TRUE(boot);
  EXPECT_TRUE(boot->fresh) << "though its nonce is the same";
  ASSERT_TRUE(world.acknowledge_all(start() + 1s));
  EXPECT_EQ(world.issuer.issue(request("laptop"), start() + 1s)->number, 8U);
}

TEST(Generations, DieWhenTheKernelHasHadALaterOne) {
  World world;
  ASSERT_TRUE(world.ready(start()));
  EXPECT_FALSE(world.generations.boot("gw1", nonce(1), start() + 1s, 1)->fresh);
  EXPECT_TRUE(world.generations.boot("gw1", nonce(1), start() + 2s, 2)->fresh);
  EXPECT_EQ(world.live().front().number, 3U);
  EXPECT_FALSE(world.generations.boot("gw1", nonce(1), start() + 3s, 2)->fresh);
}

/// The gateway's clock goes on: what it was told ends when it was to, whatever ours says then.
TEST(Generations, AreReplacedWhenTheClockWasSetBack) {
  for (const auto step : {2h, 30 * 24h}) {
    World world;
    ASSERT_TRUE(world.ready(start() + step) && world.enrol("laptop", start() + step));
    ASSERT_TRUE(world.issuer.issue(request("laptop"), start() + step));
    // Between the step and the next look at it nobody is told of more than a lifetime.
    EXPECT_LE(world.issuer.issue(request("laptop"), start())->expires_after, start() + 1h);
    EXPECT_LE(world.issuer.issue(request("laptop"), start())->refresh_after, start() + 1h);
    ASSERT_EQ(world.generations.tick(start() + 1s)->size(), 1U);
    const auto updates = updates_of(world.generations, world.gateway().acknowledged, start() + 1s);
    ASSERT_EQ(updates.front().update.kind, Kind::generation);
    EXPECT_EQ(updates.front().lifetime, 1h);
    ASSERT_TRUE(world.acknowledge_all(start() + 2s));
    ASSERT_TRUE(world.acknowledge_all(start() + 3s));
    EXPECT_EQ(world.issuer.issue(request("laptop"), start() + 3s)->number, 2U);
    ASSERT_EQ(world.live().size(), 2U);
    EXPECT_LE(*world.live()[0].ends, start() + 3s + 11min);
    ASSERT_TRUE(world.generations.tick(start() + 15min));
    EXPECT_EQ(world.live().size(), 1U);
  }
}

TEST(Generations, OfBeforeEndWhenTheClockWasSetBack) {
  World world;
  ASSERT_TRUE(world.ready(start()));
  ASSERT_TRUE(world.generations.tick(start() + 49min) && world.acknowledge_all(start() + 49min));
  ASSERT_TRUE(world.acknowledge_all(start() + 49min));
  ASSERT_EQ(world.live()[0].state, State::previous);
  ASSERT_TRUE(world.generations.tick(start() - 24h));
  EXPECT_EQ(world.live().size(), 2U) << "the one before is over, and there is a next one";
  EXPECT_EQ(world.live().back().state, State::next);
}

}  // namespace
}  // namespace sluice::kds
