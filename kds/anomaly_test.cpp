// SPDX-License-Identifier: Apache-2.0
#include "kds/anomaly.hpp"

#include <gtest/gtest.h>

#include "kds/testing.hpp"

namespace sluice::kds {
namespace {

using namespace testing_support;
using Kind = Anomaly::Kind;
using Verdict = Consequence::Verdict;

class AnomaliesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world_.ready(start()) && world_.ready(start(), "gw2") && world_.enrol("laptop"));
  }
  Issued issue(Time now, const std::string& gateway = "gw1") {
    return *world_.issuer.issue(request("laptop", gateway), now);
  }
  Consequence report(const std::string& gateway, const AnomalyReport& one, Time now) {
    return std::move(anomalies_.report(gateway, {one}, now)->front());
  }
  Consequence tell(Kind kind, const Issued& about, Time now) {
    return report(about.gateway, {kind, about.number, about.id, about.incarnation}, now);
  }
  Device device() {
    return *world_.look([](Transaction& t) { return t.device("laptop"); });
  }
  World world_;
  Anomalies anomalies_{*world_.store};
};

TEST_F(AnomaliesTest, RevokeFirstAndBanThen) {
  for (const Kind kind : {Kind::clone, Kind::fingerprint, Kind::inner_source}) {
    const Consequence first = tell(kind, issue(start()), start());
    EXPECT_EQ(first.verdict, Verdict::revoked);
    EXPECT_EQ(first.device, "laptop");
    EXPECT_EQ(first.touched, Touched{"gw1"});
    const Consequence second = tell(kind, issue(start() + 1min), start() + 59min);
    EXPECT_EQ(second.verdict, Verdict::banned);
    EXPECT_EQ(second.touched, Touched{"gw1"} /* gw2 has no id of it */);
    EXPECT_TRUE(device().banned);
    // An operator undoes it: the next offence is a first one.
    ASSERT_TRUE(world_.devices.unban("laptop", "operator/test", start() + 59min));
  }
}

TEST_F(AnomaliesTest, AreForgottenAfterAnHour) {
  EXPECT_EQ(tell(Kind::clone, issue(start()), start()).verdict, Verdict::revoked);
  ASSERT_TRUE(world_.ready(start() + 1h, "gw1", 2));
  EXPECT_EQ(tell(Kind::clone, issue(start() + 1h), start() + 1h).verdict, Verdict::revoked);
  EXPECT_EQ(tell(Kind::clone, issue(start() + 1h), start() + 2h - 1ns).verdict, Verdict::banned);
}

TEST_F(AnomaliesTest, OfOneIncidentCountOnce) {
  const Issued old = issue(start()), newest = issue(start()), other = issue(start(), "gw2");
  const Consequence first = tell(Kind::clone, newest, start());
  EXPECT_EQ(first.verdict, Verdict::revoked);
  EXPECT_EQ(first.touched, (Touched{"gw1", "gw2"}));
  // Told again, in another way, of the key before it, by the other gateway.
  EXPECT_EQ(tell(Kind::clone, newest, start() + 1s).verdict, Verdict::duplicate);
  EXPECT_EQ(tell(Kind::fingerprint, newest, start() + 1s).verdict, Verdict::duplicate);
  EXPECT_EQ(tell(Kind::clone, old, start() + 1s).verdict, Verdict::duplicate);
  EXPECT_EQ(tell(Kind::inner_source, other, start() + 1s).verdict, Verdict::duplicate);
  EXPECT_FALSE(device().banned);
  EXPECT_EQ(tell(Kind::clone, issue(start() + 2s, "gw2"), start() + 3s).verdict, Verdict::banned);
}

TEST_F(AnomaliesTest, OfDeadGenerationsAreNoOffence) {
  const Issued before = issue(start());
  ASSERT_TRUE(world_.ready(start() + 1s, "gw1", 2));
  EXPECT_EQ(tell(Kind::clone, before, start() + 2s).verdict, Verdict::unknown);
  EXPECT_EQ(tell(Kind::clone, issue(start() + 2s), start() + 3s).verdict, Verdict::revoked);
}

TEST_F(AnomaliesTest, OfKeysThatNobodyHasAreIgnored) {
  const Issued issued = issue(start());
  const std::size_t lines = world_.look([](Transaction& t) { return t.audit(0, 100); }).size();
  EXPECT_EQ(report("gw1", {Kind::clone, 1, issued.id, 1}, start()).verdict, Verdict::unknown);
  EXPECT_EQ(report("gw1", {Kind::clone, 2, issued.id, 0}, start()).verdict, Verdict::unknown);
  EXPECT_EQ(report("gw1", {Kind::clone, 1, 4000000, 0}, start()).verdict, Verdict::unknown);
  EXPECT_EQ(report("gw2", {Kind::clone, 1, issued.id, 0}, start()).verdict, Verdict::unknown);
  EXPECT_EQ(world_.look([](Transaction& t) { return t.audit(0, 100); }).size(), lines);
}

TEST_F(AnomaliesTest, OfRoamingAreNotedOnce) {
  const Issued issued = issue(start());
  const std::size_t lines = world_.look([](Transaction& t) { return t.audit(0, 100); }).size();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(tell(Kind::moved, issued, start() + i * 1s).verdict, Verdict::noted);
  EXPECT_EQ(world_.look([](Transaction& t) { return t.audit(0, 100); }).size(), lines + 1);
  const auto kept = world_.look([&](Transaction& t) {
    return t.anomaly({"gw1", issued.number, issued.id, issued.incarnation, Kind::moved, {}, {}, 0});
  });
  EXPECT_EQ(kept->count, 5U);
  EXPECT_EQ(kept->last, start() + 4s);
  EXPECT_EQ(world_.issuer.renew(request("laptop"), start())->size(), 1U);
}

TEST_F(AnomaliesTest, OfWornOutKeysBringNewOnes) {
  const Issued issued = issue(start());
  EXPECT_GT(world_.issuer.renew(request("laptop"), start())->front().refresh_after, start());
  EXPECT_EQ(tell(Kind::exhausting, issued, start()).verdict, Verdict::replace);
  EXPECT_EQ(world_.issuer.renew(request("laptop"), start())->front().refresh_after, start() + 10s);
  ASSERT_EQ(issue(start()).incarnation, 1U);
  EXPECT_GT(world_.issuer.renew(request("laptop"), start())->front().refresh_after, start());
}

TEST_F(AnomaliesTest, OfOneQuestionAreOneTransactionAndOneOffence) {
  const Issued issued = issue(start());
  const AnomalyReport clone{Kind::clone, issued.number, issued.id, issued.incarnation};
  const AnomalyReport unknown{Kind::clone, 9, issued.id, 0};
  const auto all = anomalies_.report("gw1", {unknown, clone, clone}, start());
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 3U);
  EXPECT_EQ((*all)[0].verdict, Verdict::unknown);
  EXPECT_EQ((*all)[1].verdict, Verdict::revoked);
  EXPECT_EQ((*all)[2].verdict, Verdict::duplicate);
  EXPECT_FALSE(device().banned);
}

}  // namespace
}  // namespace sluice::kds
