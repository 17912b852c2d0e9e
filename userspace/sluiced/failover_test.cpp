// SPDX-License-Identifier: Apache-2.0
//
// The rows of Documentation/daemons.rst, Routes, that are about an Answer.
#include "sluiced/failover.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

namespace sluice::gateway {
namespace {

session::v1::Answer answer(session::v1::Verdict verdict, bool own = false, unsigned type = 0, unsigned code = 0) {
  session::v1::Answer made;
  made.set_verdict(verdict);
  made.set_own(own);
  made.set_icmp_type(type);
  made.set_icmp_code(code);
  return made;
}

struct Row {
  const char* name;
  std::uint8_t protocol;
  session::v1::Answer answer;
  bool has_failures;
  Sense sense;
};

class SenseTable : public testing::TestWithParam<Row> {};

TEST_P(SenseTable, OfAnAnswer) {
  const Row& row = GetParam();
  Offer offer;
  offer.parked.protocol = row.protocol;
  offer.parked.source.address = *Address::parse("100.64.1.11");
  if (row.has_failures) offer.failures.push_back({"berlin", answer(session::v1::UNREACHABLE, false, 3, 1)});
  EXPECT_EQ(sense_of(offer, row.answer, judge(row.answer, offer.parked, UnreachableSource::gateway)), row.sense);
}

using session::v1::ACCEPT, session::v1::REFUSE, session::v1::TIMEOUT, session::v1::UNREACHABLE;

INSTANTIATE_TEST_SUITE_P(
    Failover, SenseTable,
    testing::Values(Row{"connected", IPPROTO_TCP, answer(ACCEPT), false, Sense::reached},
                    Row{"a_socket", IPPROTO_UDP, answer(ACCEPT), false, Sense::final},
                    Row{"an_echo_reply", IPPROTO_ICMP, answer(ACCEPT), false, Sense::reached},
                    Row{"refused", IPPROTO_TCP, answer(REFUSE), true, Sense::reached},
                    Row{"may_not_open_raw", IPPROTO_GRE, answer(REFUSE, true), false, Sense::failed},
                    Row{"net", IPPROTO_TCP, answer(UNREACHABLE, false, 3, 0), false, Sense::out_of_reach},
                    Row{"host", IPPROTO_UDP, answer(UNREACHABLE, false, 3, 1), true, Sense::out_of_reach},
                    Row{"out_of_descriptors", IPPROTO_TCP, answer(UNREACHABLE, true, 3, 0), false, Sense::failed},
                    Row{"may_not_ping", IPPROTO_ICMP, answer(UNREACHABLE, true, 3, 13), false, Sense::failed},
                    Row{"a_firewall", IPPROTO_TCP, answer(UNREACHABLE, false, 3, 13), true, Sense::final},
                    Row{"port", IPPROTO_TCP, answer(UNREACHABLE, false, 3, 3), false, Sense::final},
                    Row{"time_exceeded", IPPROTO_UDP, answer(UNREACHABLE, false, 11, 0), true, Sense::final},
                    Row{"nonsense", IPPROTO_TCP, answer(UNREACHABLE, false, 5, 1), false, Sense::final},
                    Row{"silence", IPPROTO_TCP, answer(TIMEOUT), false, Sense::final},
                    Row{"silence_after_an_error", IPPROTO_TCP, answer(TIMEOUT), true, Sense::failed},
                    Row{"too_many", IPPROTO_UDP, answer(TIMEOUT, true), false, Sense::failed}),
    [](const auto& row) { return row.param.name; });

TEST(Spokesman, IsTheFirstWhoseWayItWas) {
  const Offer::Failure net{"a", answer(UNREACHABLE, false, 3, 0)}, host{"b", answer(UNREACHABLE, false, 3, 1)};
  const Offer::Failure own{"c", answer(UNREACHABLE, true, 3, 0)}, silent{"d", answer(TIMEOUT)};
  EXPECT_EQ(spokesman({net, host}), 0u);
  EXPECT_EQ(spokesman({own, host, net}), 1u);
  EXPECT_EQ(spokesman({own, silent, host}), 2u);
  EXPECT_EQ(spokesman({own, silent}), 0u);
}

}  // namespace
}  // namespace sluice::gateway
