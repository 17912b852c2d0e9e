// SPDX-License-Identifier: Apache-2.0
//
// The whole agent against a gateway of the test's own.
#include <gtest/gtest.h>

#include <boost/asio/read.hpp>

#include "agent/agent_testing.hpp"
#include "base/socket.hpp"

namespace sluice::agent {
namespace {

using namespace std::chrono_literals;
using session::v1::Answer;
using testing::AgentTest;

TEST_F(AgentTest, AcceptNamesAStreamThatCarriesTheBytes) {
  start(settings());
  ASSERT_TRUE(ready());
  gateway_.offer(7, server());
  ASSERT_TRUE(until([&] { return gateway_.answers.contains(7); }));
  const Answer& answer = gateway_.answers[7];
  EXPECT_EQ(answer.verdict(), session::v1::ACCEPT) << answer.detail();
  EXPECT_EQ(gateway_.progress, 1u);
  ASSERT_TRUE(gateway_.streams.contains(answer.session())) << "the session must be there before it is named";
  tcp::socket peer = server_.accept();
  peer.send(asio::buffer("banner", 6));  // the server speaks first
  std::string got(6, '\0'), back(4, '\0');
  bool done = false;
  asio::co_spawn(
      io_,
      [&]() -> Task<void> {
        tls::Stream& stream = *gateway_.streams[answer.session()];
        EXPECT_TRUE(co_await stream.read_exactly(std::as_writable_bytes(std::span(got))));
        EXPECT_TRUE(co_await stream.write_all(std::as_bytes(std::span("quit", 4))));
        EXPECT_TRUE(co_await stream.shutdown_write());
        (void)co_await asio::async_read(peer, asio::buffer(back), use_tuple);
        char byte;
        auto [code, size] = co_await peer.async_receive(asio::buffer(&byte, 1), use_tuple);
        EXPECT_EQ(code, asio::error::eof);
        done = true;
      },
      asio::detached);
  EXPECT_TRUE(until([&] { return done; }));
  EXPECT_EQ(got, "banner");
  EXPECT_EQ(back, "quit");
}

TEST_F(AgentTest, RefusedIsAnsweredAndManyOffersMakeOneProgress) {
  Endpoint closed = server();
  server_.close();
  start(settings());
  ASSERT_TRUE(ready());
  for (std::uint64_t id = 1; id <= 500; ++id) gateway_.offer(id, closed);
  ASSERT_TRUE(until([&] { return gateway_.answers.size() == 500; }));
  for (auto& [id, answer] : gateway_.answers) EXPECT_EQ(answer.verdict(), session::v1::REFUSE);
  EXPECT_EQ(gateway_.progress, 500u);
}

TEST_F(AgentTest, MoreThanThePoolAtOnce) {
  start(settings());
  ASSERT_TRUE(ready());
  for (std::uint64_t id = 1; id <= 40; ++id) gateway_.offer(id, server());
  ASSERT_TRUE(until([&] { return gateway_.answers.size() == 40; }));
  std::map<std::uint64_t, int> sessions;
  for (auto& [id, answer] : gateway_.answers) {
    EXPECT_EQ(answer.verdict(), session::v1::ACCEPT) << answer.detail();
    EXPECT_TRUE(gateway_.streams.contains(answer.session()));
    EXPECT_EQ(++sessions[answer.session()], 1) << "a session is named once";
  }
}

TEST_F(AgentTest, PoolOfNoneDials) {
  Settings with = settings();
  with.pool = 0;
  start(with);
  ASSERT_TRUE(ready());
  until([] { return false; }, 100ms);
  EXPECT_TRUE(gateway_.streams.empty());
  gateway_.offer(1, server());
  ASSERT_TRUE(until([&] { return gateway_.answers.contains(1); }));
  EXPECT_EQ(gateway_.answers[1].verdict(), session::v1::ACCEPT);
}

TEST_F(AgentTest, WithdrawnOfferIsNotAnswered) {
  // A listener whose queue is full stays silent.
  tcp::acceptor full(io_);
  full.open(tcp::v4());
  full.bind(tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  full.listen(0);
  std::vector<tcp::socket> fill;
  for (int i = 0; i < 3; ++i) {
    fill.emplace_back(io_).open(tcp::v4());
    fill.back().native_non_blocking(true);
    // Asio's own connect() would wait for the outcome.
    (void)::connect(fill.back().native_handle(), full.local_endpoint().data(), sizeof(sockaddr_in));
  }
  start(settings());
  ASSERT_TRUE(ready());
  gateway_.offer(1, from_asio(full.local_endpoint()));
  ASSERT_TRUE(until([&] { return gateway_.progress == 1; }));
  gateway_.withdraw(1);
  gateway_.withdraw(99);
  gateway_.offer(2, server());
  ASSERT_TRUE(until([&] { return gateway_.answers.contains(2); }));
  until([] { return false; }, 300ms);
  EXPECT_FALSE(gateway_.answers.contains(1));
}

TEST_F(AgentTest, WhatIsNoTcpIsAnsweredHonestly) {
  start(settings());
  ASSERT_TRUE(ready());
  session::Envelope envelope;
  envelope.mutable_offer()->set_id(3);
  envelope.mutable_offer()->set_protocol(17);
  gateway_.control->send(envelope);
  ASSERT_TRUE(until([&] { return gateway_.answers.contains(3); }));
  EXPECT_EQ(gateway_.answers[3].verdict(), session::v1::UNREACHABLE);
}

TEST_F(AgentTest, LostControlSessionResetsStreamsAndReconnects) {
  start(settings());
  ASSERT_TRUE(ready());
  gateway_.offer(1, server());
  ASSERT_TRUE(until([&] { return gateway_.answers.contains(1); }));
  tcp::socket peer = server_.accept();
  gateway_.control->close("cut");
  bool reset = false;
  asio::co_spawn(
      io_,
      [&]() -> Task<void> {
        char byte;
        auto [code, size] = co_await peer.async_receive(asio::buffer(&byte, 1), use_tuple);
        EXPECT_EQ(code, asio::error::connection_reset);
        reset = true;
      },
      asio::detached);
  EXPECT_TRUE(until([&] { return reset; }));
  EXPECT_TRUE(until([&] { return gateway_.controls == 2; })) << "must come back by itself";
}

TEST_F(AgentTest, RevokedGatewayIsDroppedAlive) {
  Settings with = settings();
  start(with);
  ASSERT_TRUE(ready());
  gateway_.offer(1, server());
  ASSERT_TRUE(until([&] { return gateway_.answers.contains(1); }));
  tcp::socket peer = server_.accept();
  peer.non_blocking(true);
  pki_.revoke(gateway_identity_);
  EXPECT_TRUE(until([&] { return !gateway_.control->is_open(); }, 6s));
  char byte;
  boost::system::error_code code = asio::error::would_block;
  until([&] {
    if (code == asio::error::would_block) peer.receive(asio::buffer(&byte, 1), 0, code);
    return code != asio::error::would_block;
  });
  EXPECT_EQ(code, asio::error::connection_reset);
  until([] { return false; }, 1500ms);
  EXPECT_EQ(gateway_.controls, 1u) << "a revoked gateway is not dialled into service again";
}

TEST_F(AgentTest, SecondGatewayIsTriedWhenTheFirstRefuses) {
  testing::FakeGateway second(io_, gateway_identity_);
  gateway_.refuse = "not today";
  Settings with = settings();
  with.gateways.push_back({"127.0.0.1", second.port()});
  start(with);
  EXPECT_TRUE(until([&] { return second.controls == 1; }));
  EXPECT_EQ(gateway_.controls, 0u);
  second.stop();
}

TEST_F(AgentTest, GatewayOfAnotherNetworkIsNotOurs) {
  Settings with = settings();
  with.network = "lab";
  start(with);
  until([] { return false; }, 500ms);
  EXPECT_EQ(gateway_.controls, 0u);
}

}  // namespace
}  // namespace sluice::agent
