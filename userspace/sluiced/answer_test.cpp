// SPDX-License-Identifier: Apache-2.0
#include "sluiced/answer.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

namespace sluice::gateway {
namespace {

using netlink::Verdict;

session::v1::Answer unreachable(unsigned type, unsigned code, unsigned mtu = 0, std::string_view source = {}) {
  session::v1::Answer answer;
  answer.set_verdict(session::v1::UNREACHABLE);
  answer.set_icmp_type(type);
  answer.set_icmp_code(code);
  answer.set_icmp_mtu(mtu);
  if (!source.empty()) answer.set_icmp_source(Address::parse(source)->bytes());
  return answer;
}

netlink::Parked parked(bool v4, std::uint8_t protocol = IPPROTO_TCP) {
  netlink::Parked parked;
  parked.protocol = protocol;
  parked.source.address = *Address::parse(v4 ? "192.0.2.1" : "2001:db8::1");
  return parked;
}

struct Row {
  const char* name;
  bool v4;
  unsigned type, code, mtu;
  bool allowed;
};

class IcmpTable : public testing::TestWithParam<Row> {};

TEST_P(IcmpTable, OnlyUnreachablesOfTheFamilyPass) {
  const Row& row = GetParam();
  const Judgement judgement =
      judge(unreachable(row.type, row.code, row.mtu), parked(row.v4), UnreachableSource::gateway);
  EXPECT_EQ(judgement.verdict, Verdict::unreachable);
  EXPECT_EQ(judgement.warning.empty(), row.allowed) << judgement.warning;
  const unsigned type = row.allowed ? row.type : (row.v4 ? 3 : 1);
  EXPECT_EQ(judgement.icmp->type, type);
  EXPECT_EQ(judgement.icmp->code, row.allowed ? row.code : 0);
}

INSTANTIATE_TEST_SUITE_P(Answer, IcmpTable,
                         testing::Values(Row{"host", true, 3, 1, 0, true}, Row{"port", true, 3, 3, 0, true},
                                         Row{"precedence", true, 3, 15, 0, true}, Row{"beyond", true, 3, 16, 0, false},
                                         Row{"redirect", true, 5, 1, 0, false}, Row{"echo", true, 0, 0, 0, false},
                                         Row{"exceeded", true, 11, 0, 0, true},
                                         Row{"v6 exceeded", false, 3, 1, 0, true},
                                         Row{"exceeded code", true, 11, 2, 0, false},
                                         Row{"frag", true, 3, 4, 1400, true}, Row{"small mtu", true, 3, 4, 67, false},
                                         Row{"large", true, 3, 4, 65536, false}, Row{"v6 type", true, 1, 0, 0, false},
                                         Row{"v6 port", false, 1, 4, 0, true}, Row{"v6 last", false, 1, 7, 0, true},
                                         Row{"v6 beyond", false, 1, 8, 0, false},
                                         Row{"too big", false, 2, 0, 1280, true}, Row{"no mtu", false, 2, 0, 0, false},
                                         Row{"v4 type", false, 11, 0, 0, false}, Row{"nd", false, 135, 0, 0, false}),
                         [](const auto& row) {
                           std::string name = row.param.name;
                           std::ranges::replace(name, ' ', '_');
                           return name + (row.param.v4 ? "_v4" : "_v6") + "_" + std::to_string(row.index);
                         });

struct Reach {
  bool v4;
  unsigned type, code;
  bool out_of_reach;
};

TEST(AnswerTest, OutOfReachIsWhatRoutersSayOfTheWay) {
  for (const Reach& row :
       {Reach{true, 3, 0, true}, Reach{true, 3, 1, true}, Reach{true, 3, 6, true}, Reach{true, 3, 7, true},
        Reach{true, 3, 11, false}, Reach{true, 3, 12, false}, Reach{true, 3, 2, false}, Reach{true, 3, 3, false},
        Reach{true, 3, 4, false}, Reach{true, 3, 10, false}, Reach{true, 3, 13, false}, Reach{true, 11, 0, false},
        Reach{false, 1, 0, true}, Reach{false, 1, 3, true}, Reach{false, 1, 1, false}, Reach{false, 1, 4, false},
        Reach{false, 3, 0, false}}) {
    const auto judgement = judge(unreachable(row.type, row.code), parked(row.v4), UnreachableSource::gateway);
    EXPECT_EQ(is_out_of_reach(judgement, row.v4), row.out_of_reach) << row.type << '/' << row.code;
  }
  // What an agent says wrongly is told as net unreachable, and says nothing of the way.
  EXPECT_FALSE(is_out_of_reach(judge(unreachable(5, 1), parked(true), UnreachableSource::gateway), true));
  session::v1::Answer refused;
  refused.set_verdict(session::v1::REFUSE);
  EXPECT_FALSE(is_out_of_reach(judge(refused, parked(true), UnreachableSource::gateway), true));
}

TEST(AnswerTest, TheMtuTravelsOnlyWhereItBelongs) {
  EXPECT_EQ(judge(unreachable(3, 4, 1400), parked(true), UnreachableSource::gateway).icmp->mtu, 1400u);
  EXPECT_EQ(judge(unreachable(3, 1, 1400), parked(true), UnreachableSource::gateway).icmp->mtu, std::nullopt);
}

TEST(AnswerTest, TheReporterIsASourceOnlyWhenConfigured) {
  const auto answer = unreachable(3, 1, 0, "192.0.2.7");
  const Judgement quiet = judge(answer, parked(true), UnreachableSource::gateway);
  EXPECT_EQ(quiet.reporter, *Address::parse("192.0.2.7"));
  EXPECT_EQ(quiet.icmp->source, std::nullopt);
  EXPECT_EQ(judge(answer, parked(true), UnreachableSource::reporter).icmp->source, *Address::parse("192.0.2.7"));
}

TEST(AnswerTest, AReporterOfTheOtherFamilyIsNoSource) {
  const Judgement judgement = judge(unreachable(3, 1, 0, "2001:db8::7"), parked(true), UnreachableSource::reporter);
  EXPECT_EQ(judgement.icmp->source, std::nullopt);
  EXPECT_TRUE(judgement.reporter);
}

TEST(AnswerTest, TheOtherVerdictsCarryNoIcmp) {
  session::v1::Answer answer;
  const std::pair<session::v1::Verdict, Verdict> rows[] = {{session::v1::ACCEPT, Verdict::accept},
                                                           {session::v1::REFUSE, Verdict::refuse},
                                                           {session::v1::TIMEOUT, Verdict::timeout}};
  for (const auto& [said, expected] : rows) {
    answer.set_verdict(said);
    const Judgement judgement = judge(answer, parked(true), UnreachableSource::gateway);
    EXPECT_EQ(judgement.verdict, expected);
    EXPECT_FALSE(judgement.icmp);
  }
}

TEST(AnswerTest, AnUnknownVerdictIsUnreachableWithAWarning) {
  session::v1::Answer answer;
  const Judgement judgement = judge(answer, parked(false), UnreachableSource::gateway);
  EXPECT_EQ(judgement.verdict, Verdict::unreachable);
  EXPECT_EQ(judgement.icmp->type, 1);
  EXPECT_FALSE(judgement.warning.empty());
}

TEST(AnswerTest, AnEchoReplyCarriesTheTtlThatIsLeftBehindAgentAndGateway) {
  session::v1::Answer answer;
  answer.set_verdict(session::v1::ACCEPT);
  Judgement judgement = judge(answer, parked(true, IPPROTO_ICMP), UnreachableSource::gateway);
  EXPECT_EQ(judgement.verdict, Verdict::reply);
  EXPECT_EQ(judgement.ttl, std::nullopt) << "the agent does not know it";
  for (const auto& [came, left] : {std::pair{62u, 60}, {255u, 253}, {3u, 1}, {1u, 1}, {4000000000u, 253}}) {
    answer.set_ttl(came);
    judgement = judge(answer, parked(false, IPPROTO_ICMPV6), UnreachableSource::gateway);
    EXPECT_EQ(judgement.ttl, left) << came;
  }
}

TEST(AnswerTest, WhoReportedAPingsErrorOrAnEndedTtlIsItsSource) {
  const Address router = *Address::parse("192.0.2.7");
  EXPECT_EQ(
      judge(unreachable(3, 1, 0, "192.0.2.7"), parked(true, IPPROTO_ICMP), UnreachableSource::gateway).icmp->source,
      router);
  EXPECT_EQ(judge(unreachable(11, 0, 0, "192.0.2.7"), parked(true), UnreachableSource::gateway).icmp->source, router);
  EXPECT_EQ(judge(unreachable(3, 1, 0, "192.0.2.7"), parked(true), UnreachableSource::gateway).icmp->source,
            std::nullopt);
}

TEST(AnswerTest, ADatagramIsAcceptedAndItsErrorsComeFromTheirReporter) {
  session::v1::Answer answer;
  answer.set_verdict(session::v1::ACCEPT);
  answer.set_ttl(60);
  for (const std::uint8_t protocol : {IPPROTO_UDP, IPPROTO_GRE}) {
    const Judgement judgement = judge(answer, parked(true, protocol), UnreachableSource::gateway);
    EXPECT_EQ(judgement.verdict, Verdict::accept);
    EXPECT_EQ(judgement.ttl, std::nullopt);
    const auto refused = judge(unreachable(3, 3, 0, "192.0.2.7"), parked(true, protocol), UnreachableSource::gateway);
    EXPECT_EQ(refused.icmp->source, *Address::parse("192.0.2.7"));
  }
}

TEST(AnswerTest, ErrorsOfAnAssociationAreJudgedByTheSameRules) {
  const Address router = *Address::parse("192.0.2.7");
  Judgement judgement = judge(session::DatagramError{3, 4, 1400, router}, true);
  EXPECT_TRUE(judgement.warning.empty());
  EXPECT_EQ(judgement.verdict, Verdict::unreachable);
  EXPECT_EQ(judgement.icmp, (netlink::IcmpError{3, 4, router, 1400}));
  judgement = judge(session::DatagramError{1, 4, 0, router}, false);
  EXPECT_EQ(judgement.icmp, (netlink::IcmpError{1, 4, {}, {}})) << "a reporter of the other family is no source";
  EXPECT_EQ(judge(session::DatagramError{3, 3, 0, {}}, true).icmp, (netlink::IcmpError{3, 3, {}, {}}));
  for (const auto& [type, code, mtu, v4] :
       {std::tuple{5, 1, 0, true}, {0, 0, 0, true}, {3, 16, 0, true}, {3, 4, 60, true}, {134, 0, 0, false}})
    EXPECT_FALSE(judge(session::DatagramError{static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(code),
                                              static_cast<std::uint32_t>(mtu), router},
                       v4)
                     .warning.empty())
        << type;
}

}  // namespace
}  // namespace sluice::gateway
