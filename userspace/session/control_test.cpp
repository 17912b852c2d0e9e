// SPDX-License-Identifier: Apache-2.0
//
// Two control sessions against each other, and one against a peer that misbehaves.
#include "session/control.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "tls/testing.hpp"

namespace sluice::session {
namespace {

using tls::testing::run;

class ControlTest : public ::testing::Test {
 protected:
  ControlTest() {
    Result<tls::Context> server = tls::Context::create(tls::Role::server, pki_.gateway());
    Result<tls::Context> client = tls::Context::create(tls::Role::client, pki_.agent());
    EXPECT_TRUE(server && client);
    Result<tls::testing::TlsPair> pair = tls::testing::tls_pair(io_, *server, *client);
    EXPECT_TRUE(pair) << (pair ? "" : pair.error().message);
    pair_ = std::make_unique<tls::testing::TlsPair>(*std::move(pair));
  }

  std::shared_ptr<Control> gateway(Control::Settings settings) {
    return Control::create(std::move(pair_->server), settings);
  }
  std::shared_ptr<Control> agent(Control::Settings settings) {
    return Control::create(std::move(pair_->client), settings);
  }
  void start(std::shared_ptr<Control> control, Control::Handler handler, std::string& reason) {
    asio::co_spawn(
        io_,
        [control, handler, &reason]() -> Task<void> {
          Error error = co_await control->run(handler);
          reason = error.message;
        },
        asio::detached);
  }
  void run_io() {
    io_.restart();
    io_.run();
  }

  asio::io_context io_;
  tls::testing::Pki pki_;
  std::unique_ptr<tls::testing::TlsPair> pair_;
};

Envelope offer(std::uint64_t id) {
  Envelope envelope;
  envelope.mutable_offer()->set_id(id);
  return envelope;
}

constexpr Control::Settings kQuick{.ping_interval = Duration(20), .dead_after = Duration(200), .queue_max = 1 << 20};

TEST_F(ControlTest, FramesComeInOrderAndInBatches) {
  auto server = gateway({});
  auto client = agent({});
  constexpr std::uint64_t count = 5000;
  std::uint64_t next = 1;
  std::size_t batches = 0;
  std::string server_reason, client_reason;
  start(
      server, [](std::span<Envelope>) { return Result<void>{}; }, server_reason);
  start(
      client,
      [&](std::span<Envelope> frames) -> Result<void> {
        ++batches;
        EXPECT_LE(frames.size(), 1024u);
        for (Envelope& frame : frames) EXPECT_EQ(frame.offer().id(), next++);
        if (next > count) client->close("all there");
        return {};
      },
      client_reason);
  for (std::uint64_t id = 1; id <= count; ++id) server->send(offer(id));
  run_io();
  EXPECT_EQ(next, count + 1);
  EXPECT_LT(batches, count / 10);
  EXPECT_EQ(client_reason, "all there");
  EXPECT_EQ(server_reason, "the peer ended the session");
}

TEST_F(ControlTest, WhatIsQueuedAtTheCloseStillLeaves) {
  auto server = gateway({});
  auto client = agent({});
  std::vector<std::uint64_t> seen;
  std::string server_reason, client_reason;
  start(
      server,
      [&](std::span<Envelope> frames) -> Result<void> {
        for (Envelope& frame : frames) seen.push_back(frame.offer().id());
        return {};
      },
      server_reason);
  start(
      client, [](std::span<Envelope>) { return Result<void>{}; }, client_reason);
  asio::post(io_, [&] {
    client->send(offer(1));
    client->send(offer(2));
    client->close("the agent is stopping");
    client->send(offer(3));
  });
  run_io();
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(server_reason, "the peer ended the session");
  EXPECT_EQ(client_reason, "the agent is stopping");
}

TEST_F(ControlTest, CloseDoesNotCutIntoAFrameThatIsBeingWritten) {
  // The peer reads only after the close: the write loop is stuck in the middle, and nothing may follow out of order.
  auto server = gateway({.ping_interval = Duration(60000), .dead_after = Duration(60000), .queue_max = 64 << 20});
  std::string reason;
  start(
      server, [](std::span<Envelope>) { return Result<void>{}; }, reason);
  Envelope large = offer(1);
  large.mutable_offer()->set_destination_address(std::string(60000, 'x'));
  asio::post(io_, [&] {
    for (int i = 0; i < 500; ++i) server->send(large);
  });
  io_.restart();
  io_.run_for(std::chrono::milliseconds(200));
  server->send(offer(2));
  server->close("enough");
  std::size_t frames = 0;
  run(io_, [](tls::Stream& stream, std::size_t& count) -> Task<void> {
    for (;;) {
      Result<Envelope> frame = co_await read_frame(stream);
      if (!frame) break;
      EXPECT_EQ(frame->offer().id(), 1u) << "a frame came out of order";
      ++count;
    }
  }(pair_->client, frames));
  EXPECT_GT(frames, 0u);
  EXPECT_LT(frames, 500u) << "the kernel took everything: the test needs more";
  EXPECT_EQ(reason, "enough");
}

TEST_F(ControlTest, PingKeepsASilentSessionAlive) {
  auto server = gateway(kQuick);
  auto client = agent(kQuick);
  std::string server_reason, client_reason;
  auto nothing = [](std::span<Envelope>) -> Result<void> { return Error{"Ping and Pong are not for the handler"}; };
  start(server, nothing, server_reason);
  start(client, nothing, client_reason);
  asio::steady_timer end(io_, std::chrono::milliseconds(600));
  end.async_wait([&](auto) { server->close("enough"); });
  run_io();
  EXPECT_EQ(server_reason, "enough");
  EXPECT_GT(server->round_trip().count(), 0);
  EXPECT_GT(client->round_trip().count(), 0);
}

TEST_F(ControlTest, SilentPeerIsDropped) {
  auto server = gateway(kQuick);
  std::string reason;
  start(
      server, [](std::span<Envelope>) { return Result<void>{}; }, reason);
  auto begin = std::chrono::steady_clock::now();
  run_io();
  auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(reason, "nothing was heard for 200ms");
  EXPECT_GE(took, std::chrono::milliseconds(200));
  EXPECT_LT(took, std::chrono::milliseconds(1000));
}

TEST_F(ControlTest, PeerThatDoesNotReadIsDropped) {
  auto server = gateway({.ping_interval = Duration(20), .dead_after = Duration(60000), .queue_max = 1 << 16});
  std::string reason;
  start(
      server, [](std::span<Envelope>) { return Result<void>{}; }, reason);
  asio::post(io_, [&] {
    // Nothing is written before this handler returns, so the bound is all that counts.
    for (std::uint64_t id = 1; id < 100000 && server->is_open(); ++id) server->send(offer(id));
  });
  run_io();
  EXPECT_EQ(reason, "the peer reads too slowly");
}

TEST_F(ControlTest, TooLongFrameEndsTheSession) {
  auto server = gateway({});
  std::string reason;
  start(
      server, [](std::span<Envelope>) { return Result<void>{}; }, reason);
  run(io_, [](tls::Stream& stream) -> Task<void> {
    const std::string wire("\0\1\0\1", 4);
    EXPECT_TRUE(co_await stream.write_all(std::as_bytes(std::span(wire))));
    std::byte byte;
    EXPECT_TRUE(co_await stream.read_some(std::span(&byte, 1)));
  }(pair_->client));
  EXPECT_EQ(reason, "a frame of 65537 bytes; 1 to 65536 are allowed");
}

TEST_F(ControlTest, HandlersErrorIsTheReason) {
  auto server = gateway({});
  std::string reason;
  start(
      server, [](std::span<Envelope>) -> Result<void> { return Error{"not now"}; }, reason);
  run(io_,
      [](tls::Stream& stream) -> Task<void> { EXPECT_TRUE(co_await write_frame(stream, offer(1))); }(pair_->client));
  EXPECT_EQ(reason, "not now");
}

TEST_F(ControlTest, OpeningFramesLeaveTheNextBytes) {
  run(io_, [](tls::testing::TlsPair& pair) -> Task<void> {
    std::string wire;
    EXPECT_TRUE(append_frame(wire, offer(7)));
    wire += "bytes of the stream";
    EXPECT_TRUE(co_await pair.server.write_all(std::as_bytes(std::span(wire))));
    Result<Envelope> frame = co_await read_frame(pair.client);
    EXPECT_TRUE(frame && frame->offer().id() == 7);
    std::string rest(100, '\0');
    Result<std::size_t> size = co_await pair.client.read_some(std::as_writable_bytes(std::span(rest)));
    EXPECT_TRUE(size);
    EXPECT_EQ(rest.substr(0, *size), "bytes of the stream");
  }(*pair_));
}

}  // namespace
}  // namespace sluice::session
