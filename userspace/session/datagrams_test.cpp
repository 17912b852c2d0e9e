// SPDX-License-Identifier: Apache-2.0
//
// Two DGRAM sessions against each other, and one against a peer that misbehaves.
#include "session/datagrams.hpp"

#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <functional>
#include <map>
#include <vector>

#include "tls/testing.hpp"

namespace sluice::session {
namespace {

using namespace std::chrono_literals;

/// One end: what it was handed, and why it ended.
struct End : Datagrams::Handler {
  void on_datagram(const Datagram& datagram) override {
    ++datagrams;
    last = datagram;
    last.payload = {};
    payload.assign(reinterpret_cast<const char*>(datagram.payload.data()), datagram.payload.size());
    by_association[datagram.association].push_back(payload.size() <= 8 ? payload : std::to_string(payload.size()));
    on_each(datagram.association);
  }
  void on_error(std::uint32_t association, const DatagramError& error) override {
    events.push_back("error " + std::to_string(association) + " " + std::to_string(error.type));
  }
  void on_unbind(std::uint32_t association) override {
    events.push_back("unbind " + std::to_string(association) + " after " + std::to_string(datagrams));
  }
  void on_batch_end() override { ++batches; }

  std::shared_ptr<Datagrams> session;
  std::string reason;
  Datagram last;
  std::string payload;
  std::map<std::uint32_t, std::vector<std::string>> by_association;
  std::vector<std::string> events;
  std::size_t datagrams = 0, batches = 0;
  std::function<void(std::uint32_t)> on_each = [](std::uint32_t) {};
};

class DatagramsTest : public ::testing::Test {
 protected:
  DatagramsTest() {
    Result<tls::Context> server = tls::Context::create(tls::Role::server, pki_.gateway());
    Result<tls::Context> client = tls::Context::create(tls::Role::client, pki_.agent());
    EXPECT_TRUE(server && client);
    Result<tls::testing::TlsPair> pair = tls::testing::tls_pair(io_, *server, *client);
    EXPECT_TRUE(pair) << (pair ? "" : pair.error().message);
    pair_ = std::make_unique<tls::testing::TlsPair>(*std::move(pair));
  }

  void start(End& end, tls::Stream stream, Datagrams::Settings settings = {}) {
    end.session = Datagrams::create(std::move(stream), settings);
    asio::co_spawn(
        io_,
        [&end, session = end.session]() -> Task<void> {
          Error error = co_await session->run(end);
          end.reason = error.message;
        },
        asio::detached);
  }
  void start_both(Datagrams::Settings settings = {}) {
    start(gateway_, std::move(pair_->server), settings);
    start(agent_, std::move(pair_->client), settings);
  }
  bool until(const std::function<bool()>& done, std::chrono::milliseconds longest = 5s) {
    const auto end = std::chrono::steady_clock::now() + longest;
    while (!done() && std::chrono::steady_clock::now() < end) {
      io_.restart();
      io_.run_one_for(10ms);
    }
    return done();
  }
  void pass(std::chrono::milliseconds time) {
    until([] { return false; }, time);
  }
  static bool send(End& end, std::uint32_t association, std::size_t size, char mark = 'x') {
    const std::string payload(size, mark);
    return end.session->send({association, 64, 0, false, std::as_bytes(std::span(payload))});
  }
  static bool send(End& end, std::uint32_t association, const std::string& payload) {
    return end.session->send({association, 64, 0, false, std::as_bytes(std::span(payload))});
  }
  /// A peer that is written by hand, and takes what comes without a word.
  void write(std::string wire) {
    asio::co_spawn(
        io_,
        [](tls::Stream& stream, std::string bytes) -> Task<void> {
          (void)co_await stream.write_all(std::as_bytes(std::span(bytes)));
        }(pair_->client, std::move(wire)),
        asio::detached);
  }
  void read_and_say_nothing() {
    asio::co_spawn(
        io_,
        [](tls::Stream& stream) -> Task<void> {
          std::vector<std::byte> buffer(65536);
          for (;;) {
            Result<std::size_t> size = co_await stream.read_some(buffer);
            if (!size || *size == 0) break;
          }
        }(pair_->client),
        asio::detached);
  }
  void TearDown() override {
    if (gateway_.session) gateway_.session->close("test over");
    if (agent_.session) agent_.session->close("test over");
    pair_->client.close();
    pass(50ms);
  }

  asio::io_context io_;
  tls::testing::Pki pki_;
  std::unique_ptr<tls::testing::TlsPair> pair_;
  End gateway_, agent_;
};

TEST_F(DatagramsTest, ADatagramComesAsItWas) {
  start_both();
  for (const std::size_t size : {0, 1, 1472, 16384, 65507, 65535}) {
    std::string payload(size, '\0');
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(i * 7 + (i >> 8));
    const std::size_t before = agent_.datagrams;
    ASSERT_TRUE(gateway_.session->send({77, 63, 0xb9, true, std::as_bytes(std::span(payload))}));
    ASSERT_TRUE(until([&] { return agent_.datagrams == before + 1; }));
    EXPECT_EQ(agent_.payload, payload);
    EXPECT_EQ(agent_.last.association, 77U);
    EXPECT_EQ(agent_.last.ttl, 63);
    EXPECT_EQ(agent_.last.tos, 0xb9);
    EXPECT_TRUE(agent_.last.dont_fragment);
  }
}

TEST_F(DatagramsTest, ErrorsAndUnbindsCome) {
  start_both();
  agent_.session->send_error(5, {3, 3, 0, {}});
  agent_.session->send_unbind(6);
  ASSERT_TRUE(until([&] { return gateway_.events.size() == 2; }));
  EXPECT_EQ(gateway_.events, (std::vector<std::string>{"error 5 3", "unbind 6 after 0"}));
}

TEST_F(DatagramsTest, OrderIsKeptAndWritesAndReadsAreShared) {
  start_both({.queue_max = 1 << 20, .age = Duration(60000)});
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(send(gateway_, 1 + i % 3, std::to_string(i)));
  ASSERT_TRUE(until([&] { return agent_.datagrams == 5000; }));
  for (auto& [association, seen] : agent_.by_association) {
    for (std::size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], std::to_string(i * 3 + association - 1));
  }
  EXPECT_LT(agent_.batches, 100U);
  EXPECT_TRUE(until([&] { return gateway_.session->outstanding() == 0; }, 200ms)) << "all was acknowledged";
  EXPECT_EQ(gateway_.session->counters().sent, 5000U);
  EXPECT_EQ(agent_.session->counters().received, 5000U);
  EXPECT_EQ(agent_.session->counters().bytes_received, gateway_.session->counters().bytes_sent);
}

TEST_F(DatagramsTest, AFloodDelaysAnotherByItsTurnOnly) {
  start_both({.window = 65536, .queue_max = 8 << 20, .age = Duration(60000)});
  for (int i = 0; i < 4000; ++i) ASSERT_TRUE(send(gateway_, 1, 1400));
  std::size_t flood = 0;
  agent_.on_each = [&](std::uint32_t association) {
    if (association == 2 && flood == 0) flood = agent_.by_association[1].size();
  };
  ASSERT_TRUE(until([&] { return agent_.by_association[1].size() > 100; }));
  const std::size_t at = gateway_.session->counters().sent;
  ASSERT_TRUE(send(gateway_, 2, "small"));
  ASSERT_TRUE(until([&] { return flood != 0; }));
  EXPECT_LE(flood, at + 2) << "only what was written before may come before";
  EXPECT_LT(flood, 3000U);
}

TEST_F(DatagramsTest, TheWindowStopsAtAPeerThatDoesNotAcknowledge) {
  start(gateway_, std::move(pair_->server), {.window = 100000, .queue_max = 1 << 20, .dead_after = Duration(60000)});
  read_and_say_nothing();
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(send(gateway_, 1, 988));
  pass(200ms);
  EXPECT_EQ(gateway_.session->outstanding(), 100000U);
  EXPECT_EQ(gateway_.session->waiting(), 100000U);
  EXPECT_EQ(gateway_.session->counters().sent, 100U);
  std::string wire;
  append_acknowledge(wire, 5000);
  write(wire);
  ASSERT_TRUE(until([&] { return gateway_.session->counters().sent == 105; }));
  gateway_.session->close("enough");
  EXPECT_EQ(gateway_.session->counters().lost, 100U);
  EXPECT_EQ(gateway_.session->counters().dropped_gone, 95U);
  EXPECT_EQ(gateway_.session->waiting(), 0U);
}

TEST_F(DatagramsTest, TheWindowHoldsOneDatagramHoweverLong) {
  start_both({.window = 1000});
  ASSERT_TRUE(send(gateway_, 1, 65535));
  ASSERT_TRUE(send(gateway_, 2, 65535));
  EXPECT_TRUE(until([&] { return agent_.datagrams == 2; }));
}

TEST_F(DatagramsTest, APeerThatDoesNotReadLetsThemWaitHere) {
  start(gateway_, std::move(pair_->server),
        {.window = 64 << 20, .queue_max = 64 << 20, .total_max = 64 << 20, .dead_after = Duration(60000)});
  for (int i = 0; i < 400; ++i) ASSERT_TRUE(send(gateway_, 1, 65535));
  pass(200ms);
  int unsent = 0;
  ASSERT_EQ(::ioctl(SSL_get_fd(gateway_.session->ssl()), SIOCOUTQNSD, &unsent), 0);
  EXPECT_GT(unsent, 0) << "the peer's window is not full";
  EXPECT_LT(unsent, 256 << 10) << "the kernel would take megabytes of them";
  EXPECT_GT(gateway_.session->waiting(), 0U);
}

TEST_F(DatagramsTest, WhatIsTooOldIsDropped) {
  start(gateway_, std::move(pair_->server), {.window = 1000, .age = Duration(50), .dead_after = Duration(60000)});
  read_and_say_nothing();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(send(gateway_, 1, 988));
  pass(100ms);
  ASSERT_TRUE(send(gateway_, 1, 10));
  std::string wire;
  append_acknowledge(wire, 1000);
  write(wire);
  ASSERT_TRUE(until([&] { return gateway_.session->counters().sent == 2; }));
  EXPECT_EQ(gateway_.session->counters().dropped_late, 4U);
  EXPECT_EQ(gateway_.session->outstanding(), 22U);
}

TEST_F(DatagramsTest, AFullQueueDropsAndCounts) {
  start(gateway_, std::move(pair_->server), {.window = 1000, .queue_max = 10000, .dead_after = Duration(60000)});
  read_and_say_nothing();
  int taken = 0;
  for (int i = 0; i < 100; ++i) taken += send(gateway_, 1, 988);
  EXPECT_EQ(taken, 10);
  EXPECT_EQ(gateway_.session->counters().dropped_full, 90U);
  EXPECT_TRUE(send(gateway_, 2, 988)) << "another has its own";
}

TEST_F(DatagramsTest, TheEndCountsWhatWasLost) {
  start_both({.window = 10000, .age = Duration(60000)});
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(send(gateway_, 1, 988));
  agent_.on_each = [&](std::uint32_t) {
    if (agent_.datagrams == 25) agent_.session->close("cut");
  };
  ASSERT_TRUE(until([&] { return !gateway_.reason.empty() && !agent_.reason.empty(); }));
  EXPECT_EQ(agent_.reason, "cut");
  EXPECT_EQ(agent_.datagrams, 25U) << "nothing is handed over after the end";
  const Datagrams::Counters& counters = gateway_.session->counters();
  EXPECT_EQ(counters.sent + counters.dropped_gone, 100U);
  EXPECT_GT(counters.lost, 0U);
  EXPECT_GE(counters.sent - counters.lost, 10U);
  EXPECT_LE(counters.sent - counters.lost, 25U);
  EXPECT_FALSE(send(gateway_, 1, 1));
  EXPECT_EQ(counters.dropped_gone + counters.sent, 101U);
}

TEST_F(DatagramsTest, AnUnbindOvertakesWhatWaitsAndFollowsWhatWasWritten) {
  start(gateway_, std::move(pair_->server), {.window = 20000, .dead_after = Duration(60000)});
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(send(gateway_, 1 + i % 2, 988));
  ASSERT_TRUE(until([&] { return gateway_.session->counters().sent == 20; }));
  gateway_.session->send_unbind(1);
  EXPECT_EQ(gateway_.session->counters().dropped_gone, 20U);
  start(agent_, std::move(pair_->client));
  ASSERT_TRUE(until([&] { return agent_.datagrams == 40; }));
  ASSERT_EQ(agent_.events.size(), 1U);
  EXPECT_EQ(agent_.events[0], "unbind 1 after 20");
  EXPECT_EQ(agent_.by_association[1].size(), 10U);
  EXPECT_EQ(agent_.by_association[2].size(), 30U);
}

TEST_F(DatagramsTest, WhoAcknowledgesNothingIsDead) {
  start(gateway_, std::move(pair_->server), {.dead_after = Duration(200)});
  read_and_say_nothing();
  pass(300ms);
  EXPECT_TRUE(gateway_.session->is_open()) << "nothing was outstanding";
  ASSERT_TRUE(send(gateway_, 1, 10));
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(until([&] { return !gateway_.reason.empty(); }));
  EXPECT_EQ(gateway_.reason, "nothing was acknowledged for 200ms");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 190ms);
  EXPECT_EQ(gateway_.session->counters().lost, 1U);
}

TEST_F(DatagramsTest, WhoAcknowledgesLives) {
  start_both({.dead_after = Duration(100)});
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(send(gateway_, 1, 10));
    pass(10ms);
  }
  pass(200ms);
  EXPECT_TRUE(gateway_.session->is_open()) << gateway_.reason;
  EXPECT_EQ(gateway_.session->outstanding(), 0U);
}

TEST_F(DatagramsTest, BrokenFramesEndTheSession) {
  std::string wire;
  append_datagram(wire, {1, 0, 0, false, {}});
  wire += std::string(12, '\0');
  start(gateway_, std::move(pair_->server));
  write(wire);
  ASSERT_TRUE(until([&] { return !gateway_.reason.empty(); }));
  EXPECT_EQ(gateway_.datagrams, 1U) << "what came before was good";
  EXPECT_EQ(gateway_.reason, "a datagram frame with the unknown kind 0");
}

TEST_F(DatagramsTest, AcknowledgingWhatWasNotSentEndsTheSession) {
  start(gateway_, std::move(pair_->server));
  ASSERT_TRUE(send(gateway_, 1, 10));
  std::string wire;
  append_acknowledge(wire, 23);
  write(wire);
  ASSERT_TRUE(until([&] { return !gateway_.reason.empty(); }));
  EXPECT_EQ(gateway_.reason, "the peer acknowledged what was not sent");
}

TEST_F(DatagramsTest, TakingAnAcknowledgementBackEndsTheSession) {
  start(gateway_, std::move(pair_->server));
  ASSERT_TRUE(send(gateway_, 1, 10));
  ASSERT_TRUE(until([&] { return gateway_.session->outstanding() == 22; }));
  std::string wire;
  append_acknowledge(wire, 22);
  append_acknowledge(wire, 21);
  write(wire);
  ASSERT_TRUE(until([&] { return !gateway_.reason.empty(); }));
  EXPECT_EQ(gateway_.reason, "the peer took an acknowledgement back");
  EXPECT_EQ(gateway_.session->counters().lost, 0U);
}

TEST_F(DatagramsTest, TheEndOfThePeerIsTold) {
  start_both();
  agent_.session->close("enough");
  ASSERT_TRUE(until([&] { return !gateway_.reason.empty() && !agent_.reason.empty(); }));
  EXPECT_EQ(gateway_.reason, "the peer ended the session");
  EXPECT_EQ(agent_.reason, "enough");
}

TEST_F(DatagramsTest, ErrorsDoNotPileUp) {
  start(gateway_, std::move(pair_->server));
  // Nothing is written before this returns.
  for (int i = 0; i < 10000; ++i) gateway_.session->send_error(1, {3, 3, 0, {}});
  EXPECT_GT(gateway_.session->counters().dropped_errors, 8000U);
  EXPECT_TRUE(gateway_.session->is_open());
}

TEST_F(DatagramsTest, ThousandsOfAssociationsBothWays) {
  constexpr std::uint32_t count = 5000;
  start_both({.age = Duration(60000)});
  // Every datagram is answered from within the handler.
  agent_.on_each = [&](std::uint32_t association) { EXPECT_TRUE(send(agent_, association, agent_.payload)); };
  for (int round = 0; round < 4; ++round) {
    for (std::uint32_t association = 1; association <= count; ++association) {
      ASSERT_TRUE(send(gateway_, association, std::to_string(round)));
    }
    pass(10ms);
  }
  ASSERT_TRUE(until([&] { return gateway_.datagrams == 4 * count; }, 20s));
  EXPECT_EQ(gateway_.by_association.size(), count);
  const std::vector<std::string> all{"0", "1", "2", "3"};
  for (auto& [association, seen] : gateway_.by_association) ASSERT_EQ(seen, all) << association;
}

}  // namespace
}  // namespace sluice::session
