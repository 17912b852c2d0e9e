// SPDX-License-Identifier: Apache-2.0
#include "kds/announce.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "kds/testing.hpp"
#include "tls/testing.hpp"

namespace sluice::kds {
namespace {

using namespace std::chrono_literals;
using testing_support::nonce;
using testing_support::start;
using testing_support::World;
using How = Announcer::How;

constexpr const char* head = R"(name = "kds1"
realm = "corp"
listen = ["127.0.0.1:8443"]
key_encryption_key = "/kek"
)";
constexpr const char* rest = R"(
[[posture]]
name = "standard"
interval = "10m"
[[posture]]
name = "strict"
interval = "5m"
[[gateway]]
name = "gw1"
addresses = ["192.0.2.1"]
  [[gateway.network]]
  name = "corp"
  last = 99
  ipv4 = "100.80.0.0"
  routes = ["10.20.0.0/16", "10.10.0.0/16"]
  roles = ["staff"]
  posture = "standard"
  [[gateway.network]]
  name = "vault"
  first = 100
  ipv4 = "100.81.0.0"
  routes = ["10.20.0.0/16", "10.30.0.0/16"]
  roles = ["admin"]
  posture = "strict"
)";
constexpr const char* servers = "[policy]\nkds = [\"kds1.example.net\", \"kds2.example.net:444\"]\n";

/// A store that can be kept from answering.
class Failing : public Store {
 public:
  explicit Failing(Store& store) : store_(store) {}
  Result<void> transact(const Work& work) override { return store_.transact(work); }
  Result<void> read(const Work& work) override {
    if (fails) return Error{"the disk does not answer", EIO};
    return store_.read(work);
  }
  Result<bool> changed() override { return store_.changed(); }
  Result<bool> scrub() override { return store_.scrub(); }

  bool fails = false;

 private:
  Store& store_;
};

class AnnounceTest : public ::testing::Test {
 protected:
  tls::testing::Pki pki_;
  World world_;

  Settings settings(const std::string& policy, const tls::Identity& identity) {
    const std::string files = "certificate = \"" + identity.certificate.string() + "\"\nkey = \"" +
                              identity.key.string() + "\"\nauthority = \"" + identity.authority.string() +
                              "\"\nrevoked = \"" + identity.revoked->string() + "\"\n";
    auto read = parse_settings(head + files + policy + rest, "kds.toml");
    EXPECT_TRUE(read) << (read ? "" : read.error().message);
    return *std::move(read);
  }
  Announcer announcer(const std::string& policy, const tls::Identity& identity) {
    auto made = Announcer::create(settings(policy, identity), start());
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return *std::move(made);
  }
  /// Whether the gateway has to be told.
  bool announced(Announcer& announcer, How how = How::changed) {
    auto touched = announcer.announce(*world_.store, world_.generations, how, start());
    EXPECT_TRUE(touched) << (touched ? "" : touched.error().message);
    return touched && touched->contains("gw1");
  }
  Bytes blob() { return world_.gateway().policy; }
  policy::Verified verified() {
    auto context = tls::Context::create(tls::Role::client, pki_.holder(tls::PeerName::Role::device, "laptop"));
    auto answer = policy::verify(blob(), *context, "corp");
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().message);
    return answer ? *answer : policy::Verified{};
  }
};

TEST_F(AnnounceTest, SaysWhatTheSettingsSay) {
  Announcer one = announcer(servers, pki_.kds());
  EXPECT_FALSE(announced(one)) << "of a gateway that has not booted";
  ASSERT_TRUE(world_.ready(start()));
  EXPECT_TRUE(announced(one));
  const policy::Statement said = verified().statement;
  EXPECT_EQ(said.realm, "corp");
  EXPECT_EQ(said.gateway, "gw1");
  EXPECT_EQ(said.kds, (std::vector<http::ServerName>{{"kds1.example.net", 8443}, {"kds2.example.net", 444}}));
  std::vector<Prefix> routes;
  for (const char* route : {"10.10.0.0/16", "10.20.0.0/16", "10.30.0.0/16"}) routes.push_back(*Prefix::parse(route));
  EXPECT_EQ(said.routes, routes);
  EXPECT_EQ(said.interval, 300s);
  EXPECT_EQ(said.issued_at, std::chrono::floor<std::chrono::seconds>(start()));
}

TEST_F(AnnounceTest, RoutesAndDomainAreTheFilesWhereItNamesThem) {
  Announcer one = announcer("[policy]\ndomain = \"Example.net.\"\nroutes = []\n", pki_.kds());
  ASSERT_TRUE(world_.ready(start()));
  EXPECT_TRUE(announced(one));
  EXPECT_EQ(verified().statement.domain, "example.net");
  EXPECT_TRUE(verified().statement.routes.empty() && verified().statement.kds.empty());
}

TEST_F(AnnounceTest, OnceForEachChange) {
  Announcer one = announcer(servers, pki_.kds());
  ASSERT_TRUE(world_.ready(start()));
  EXPECT_TRUE(announced(one));
  const Bytes first = blob();
  EXPECT_FALSE(announced(one));
  EXPECT_FALSE(announced(one, How::believed));
  Announcer again = announcer(servers, pki_.kds());
  EXPECT_FALSE(announced(again)) << "a key server with the same settings";
  EXPECT_EQ(blob(), first);
  Announcer other = announcer("[policy]\ndomain = \"example.net\"\n", pki_.kds());
  EXPECT_TRUE(announced(other));
  EXPECT_FALSE(announced(other));
  // The earlier one does not take it back by itself, but when it is started again.
  EXPECT_FALSE(announced(one, How::believed));
  EXPECT_EQ(verified().statement.domain, "example.net");
}

TEST_F(AnnounceTest, ASignerThatLastsLongerTakesItOver) {
  ASSERT_TRUE(world_.ready(start()));
  Announcer old = announcer(servers, pki_.kds("corp", 1h));
  EXPECT_TRUE(announced(old));
  Announcer renewed = announcer(servers, pki_.kds("corp", 20h));
  EXPECT_FALSE(announced(renewed)) << "not for less than a day";
  Announcer longest = announcer(servers, pki_.kds("corp", 30h));
  EXPECT_TRUE(announced(longest));
  EXPECT_FALSE(announced(old));
}

TEST_F(AnnounceTest, OfARevokedSignerAnotherTakesItOver) {
  ASSERT_TRUE(world_.ready(start()));
  const tls::Identity bad = pki_.kds();
  Announcer revoked = announcer(servers, bad);
  EXPECT_TRUE(announced(revoked));
  pki_.revoke(bad);
  EXPECT_FALSE(revoked.announce(*world_.store, world_.generations, How::believed, start()));
  EXPECT_EQ(Announcer::create(settings(servers, bad), start()).error().message.find("kds.toml:"), 0U);
  Announcer good = announcer(servers, pki_.kds());
  EXPECT_TRUE(announced(good, How::believed));
  EXPECT_FALSE(announced(good, How::believed));
}

TEST_F(AnnounceTest, WithoutTheTableItIsWithdrawn) {
  ASSERT_TRUE(world_.ready(start()));
  Announcer with = announcer(servers, pki_.kds()), without = announcer("", pki_.kds());
  EXPECT_FALSE(announced(without));
  EXPECT_TRUE(announced(with));
  EXPECT_FALSE(announced(without, How::believed));
  EXPECT_TRUE(announced(without));
  EXPECT_TRUE(blob().empty());
  EXPECT_FALSE(announced(with, How::believed));
}

TEST_F(AnnounceTest, WhatCouldNotBeSaidIsSaidInTheNextRound) {
  ASSERT_TRUE(world_.ready(start()));
  Failing store(*world_.store);
  Announcer one = announcer(servers, pki_.kds()), none = announcer("", pki_.kds());
  const auto round = [&](Announcer& announcer, How how) {
    auto touched = announcer.announce(store, world_.generations, how, start());
    return touched && touched->contains("gw1");
  };
  store.fails = true;
  EXPECT_FALSE(round(one, How::changed));
  EXPECT_FALSE(round(one, How::believed));
  store.fails = false;
  EXPECT_TRUE(round(one, How::believed)) << "as if it were the first";
  EXPECT_FALSE(blob().empty());
  store.fails = true;
  EXPECT_FALSE(round(none, How::changed));
  store.fails = false;
  EXPECT_TRUE(round(none, How::believed)) << "withdrawn, too";
  EXPECT_TRUE(blob().empty());
  EXPECT_FALSE(round(one, How::believed)) << "what was said once is said";
}

TEST_F(AnnounceTest, SaidAgainAtEachBootOfTheDaemon) {
  ASSERT_TRUE(world_.ready(start()));
  Announcer one = announcer(servers, pki_.kds());
  EXPECT_TRUE(announced(one));
  const std::uint64_t last = world_.gateway().sequence;
  ASSERT_TRUE(world_.generations.acknowledge("gw1", last, start()));
  // The same boot of the module, as a sluiced that was started again says it.
  const auto boot = world_.generations.boot("gw1", world_.gateway().boot_nonce, start());
  ASSERT_TRUE(boot && !boot->fresh);
  const auto updates = world_.generations.updates_after("gw1", boot->acknowledged, start());
  ASSERT_EQ(updates->size(), 1U);
  EXPECT_EQ(updates->front().update.kind, Update::Kind::policy);
  EXPECT_EQ(updates->front().policy, blob());
}

TEST_F(AnnounceTest, WhatDoesNotFitIsToldWithFileAndLine) {
  std::string many = "[policy]\nroutes = [";
  for (int i = 0; i < 60; ++i) many += "\"10.20." + std::to_string(i) + ".0/24\", ";
  const auto made = Announcer::create(settings(many + "]\n", pki_.kds()), start());
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message.find("kds.toml:9: key 'policy': gateway 'gw1': the policy has "), 0U)
      << made.error().message;
  EXPECT_EQ(made.error().number, EMSGSIZE);
}

TEST_F(AnnounceTest, ACertificateThatNobodyBelievesIsToldAtOnce) {
  for (const tls::Identity& identity :
       {pki_.kds("other"), pki_.kds("corp", -1h), pki_.holder(tls::PeerName::Role::operator_, "kds1")}) {
    const auto made = Announcer::create(settings(servers, identity), start());
    ASSERT_FALSE(made) << identity.certificate;
    EXPECT_NE(made.error().message.find("is not believed"), std::string::npos) << made.error().message;
  }
}

}  // namespace
}  // namespace sluice::kds
