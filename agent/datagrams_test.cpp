// SPDX-License-Identifier: Apache-2.0
//
// Offers of datagrams to the whole agent, and what becomes of its DGRAM session.
#include "agent/datagrams.hpp"

#include <gtest/gtest.h>

#include <boost/asio/ip/udp.hpp>

#include "agent/agent_testing.hpp"

namespace sluice::agent {
namespace {

using namespace std::chrono_literals;
using asio::ip::udp;
using session::v1::Answer;

constexpr unsigned kUdp = 17;

class DatagramsTest : public testing::AgentTest {
 protected:
  using Dgram = testing::FakeGateway::Dgram;

  DatagramsTest() : server_(io_, udp::endpoint(asio::ip::address_v4::loopback(), 0)) { server_.non_blocking(true); }

  Endpoint server() { return {*Address::parse("127.0.0.1"), server_.local_endpoint().port()}; }
  const Answer& answer(std::uint64_t id, unsigned protocol = kUdp, unsigned ttl = 0) {
    gateway_.offer(id, server(), protocol, ttl);
    EXPECT_TRUE(until([&] { return gateway_.answers.contains(id); }));
    return gateway_.answers[id];
  }
  /// The session that the answer names; it must be open already.
  std::shared_ptr<Dgram> session_of(const Answer& answer) {
    EXPECT_EQ(answer.verdict(), session::v1::ACCEPT) << answer.detail();
    EXPECT_TRUE(gateway_.dgrams.contains(answer.session())) << "the session must be there before it is named";
    EXPECT_NE(answer.association(), 0U);
    return gateway_.dgrams[answer.session()];
  }
  std::string receive() {
    std::string payload(2000, '\0');
    boost::system::error_code code = asio::error::would_block;
    std::size_t size = 0;
    until([&] {
      if (code) size = server_.receive_from(asio::buffer(payload), client_, 0, code);
      return !code;
    });
    EXPECT_FALSE(code) << code.message();
    return payload.substr(0, size);
  }
  bool open_dgram() {
    return until([&] { return !gateway_.dgrams.empty() && gateway_.dgrams.rbegin()->second->session; });
  }

  udp::socket server_;
  udp::endpoint client_;
};

TEST_F(DatagramsTest, AnOfferIsAnsweredAndDatagramsFlow) {
  start(settings());
  ASSERT_TRUE(ready());
  EXPECT_EQ(gateway_.hello.datagrams(), os::datagram_ability());
  const Answer first = answer(1), second = answer(2);
  const auto dgram = session_of(first);
  EXPECT_EQ(first.session(), second.session());
  EXPECT_NE(first.association(), second.association());
  for (const Answer& one : {first, second}) {
    dgram->send(one.association(), "to " + std::to_string(one.association()));
    EXPECT_EQ(receive(), "to " + std::to_string(one.association()));
    server_.send_to(asio::buffer("back", 4), client_);
    ASSERT_TRUE(until([&] { return dgram->received[one.association()].size() == 1; }));
    EXPECT_EQ(dgram->received[one.association()][0], "back");
  }
  EXPECT_EQ(gateway_.progress, 2U);
}

TEST_F(DatagramsTest, TheSessionIsOpenedBeforeAnybodyAsks) {
  start(settings());
  ASSERT_TRUE(ready());
  EXPECT_TRUE(open_dgram());
}

TEST_F(DatagramsTest, AClosedPortIsToldOnTheSession) {
  start(settings());
  ASSERT_TRUE(ready());
  const Answer one = answer(1);
  server_.close();
  const auto dgram = session_of(one);
  dgram->send(one.association(), "x");
  ASSERT_TRUE(until([&] { return dgram->errors[one.association()].size() == 1; }));
  EXPECT_EQ(dgram->errors[one.association()][0], "3/3");
}

TEST_F(DatagramsTest, ABrokenSessionIsDialledAgainAndOffersWaitForIt) {
  start(settings());
  ASSERT_TRUE(ready());
  const Answer one = answer(1);
  session_of(one)->session->close("cut");
  until([] { return false; }, 100ms);  // the agent has noticed
  const Answer another = answer(2);
  const auto dgram = session_of(another);
  EXPECT_NE(another.session(), one.session());
  dgram->send(another.association(), "again");
  EXPECT_EQ(receive(), "again");
  EXPECT_TRUE(gateway_.control->is_open());
}

TEST_F(DatagramsTest, WithoutASessionTheNetIsUnreachableInTheEnd) {
  gateway_.refuse_dgrams = true;
  Settings with = settings();
  with.connect_timeout = Duration(300);
  start(with);
  ASSERT_TRUE(ready());
  const Answer one = answer(1);
  EXPECT_EQ(one.verdict(), session::v1::UNREACHABLE);
  EXPECT_EQ(one.icmp_type(), 3U);
  EXPECT_EQ(one.icmp_code(), 0U);
  // A session may yet come.
  gateway_.refuse_dgrams = false;
  EXPECT_TRUE(until([&] { return answer(2 + gateway_.answers.size()).verdict() == session::v1::ACCEPT; }));
}

TEST_F(DatagramsTest, AWithdrawnOfferIsNotAnswered) {
  gateway_.refuse_dgrams = true;
  start(settings());
  ASSERT_TRUE(ready());
  gateway_.offer(1, server(), kUdp);
  ASSERT_TRUE(until([&] { return gateway_.progress == 1; }));
  gateway_.withdraw(1);
  gateway_.refuse_dgrams = false;
  answer(2);
  EXPECT_FALSE(gateway_.answers.contains(1));
}

TEST_F(DatagramsTest, WhatCannotBeCarriedIsAnsweredHonestly) {
  start(settings());
  ASSERT_TRUE(ready());
  EXPECT_EQ(answer(1, 0).verdict(), session::v1::UNREACHABLE);
  EXPECT_EQ(answer(2, 255).verdict(), session::v1::UNREACHABLE) << "would let clients write IP headers";
  EXPECT_EQ(answer(3, 256 + kUdp).verdict(), session::v1::UNREACHABLE);
  gateway_.offer(4, {server().address, 0}, kUdp);
  ASSERT_TRUE(until([&] { return gateway_.answers.contains(4); }));
  EXPECT_EQ(gateway_.answers[4].verdict(), session::v1::UNREACHABLE);
  EXPECT_EQ(answer(5, kUdp, 2).verdict(), session::v1::ACCEPT) << "our own host is one router away";
}

TEST_F(DatagramsTest, TheEndOfTheControlSessionEndsItAndAnotherBegins) {
  start(settings());
  ASSERT_TRUE(ready());
  const Answer one = answer(1);
  const auto dgram = session_of(one);
  dgram->send(one.association(), "x");
  EXPECT_EQ(receive(), "x");
  const udp::endpoint client = client_;
  gateway_.control->close("cut");
  EXPECT_TRUE(until([&] { return !dgram->session->is_open(); }));
  ASSERT_TRUE(until([&] { return gateway_.controls == 2 && gateway_.dgrams.size() == 2; }));
  EXPECT_TRUE(gateway_.dgrams.rbegin()->second->session->is_open());
  // The port of the association is closed.
  boost::system::error_code code;
  udp::socket taker(io_);
  taker.open(udp::v4());
  taker.bind(client, code);
  EXPECT_FALSE(code) << code.message();
}

TEST_F(DatagramsTest, ARevokedCertificateOfItsOwnEndsItAlone) {
  start(settings());
  ASSERT_TRUE(ready());
  ASSERT_TRUE(open_dgram());
  const tls::Identity other = pki_.gateway();
  gateway_.show(other);
  gateway_.dgrams.begin()->second->session->close("cut");
  ASSERT_TRUE(until([&] { return gateway_.dgrams.size() == 2; }));
  const auto dgram = session_of(answer(1));
  pki_.revoke(other);
  EXPECT_TRUE(until([&] { return !dgram->session->is_open(); }, 6s));
  EXPECT_TRUE(gateway_.control->is_open());
  until([] { return false; }, 1500ms);
  EXPECT_EQ(gateway_.dgrams.size(), 2U) << "it is not dialled into service again";
}

TEST_F(DatagramsTest, ManyOffersAtOnce) {
  start(settings());
  ASSERT_TRUE(ready());
  for (std::uint64_t id = 1; id <= 300; ++id) gateway_.offer(id, server(), kUdp);
  ASSERT_TRUE(until([&] { return gateway_.answers.size() == 300; }));
  std::map<std::uint32_t, int> associations;
  for (auto& [id, one] : gateway_.answers) {
    EXPECT_EQ(one.verdict(), session::v1::ACCEPT) << one.detail();
    EXPECT_EQ(++associations[one.association()], 1);
  }
}

}  // namespace
}  // namespace sluice::agent
