// SPDX-License-Identifier: Apache-2.0
//
// The agents' door over real TLS: who is let in, in which order things are told, and what a Hello must say.
#include "sluiced/listener.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <thread>

#include "session/framing.hpp"
#include "sluiced/associations.hpp"
#include "tls/testing.hpp"

namespace sluice::gateway {
namespace {

using namespace std::chrono_literals;

class FakeReception final : public Reception {
 public:
  Result<LinkId> open_control(const Greeting& greeting, std::shared_ptr<ControlSession> session, Worker&) override {
    greetings.push_back(greeting);
    if (refuse) return Error{"not today"};
    control = std::move(session);
    return LinkId{7};
  }
  Result<LinkId> open_stream(const Greeting& greeting, std::shared_ptr<StreamSession> session) override {
    greetings.push_back(greeting);
    stream = std::move(session);
    return LinkId{7};
  }
  Result<std::shared_ptr<DatagramSession>> open_datagrams(const Greeting& greeting) override {
    greetings.push_back(greeting);
    if (refuse) return Error{"not today"};
    return datagrams->open(LinkId{7}, greeting.session, {});
  }
  void stream_ended(LinkId, std::uint64_t number) override { ended_streams.push_back(number); }
  void frames(LinkId, std::vector<session::Envelope> batch) override { received += batch.size(); }
  void control_ended(LinkId, const Error& reason) override { ended.push_back(reason.message); }

  bool refuse = false;
  Associations* datagrams = nullptr;
  std::vector<Greeting> greetings;
  std::shared_ptr<ControlSession> control;
  std::shared_ptr<StreamSession> stream;
  std::vector<std::uint64_t> ended_streams;
  std::size_t received = 0;
  std::vector<std::string> ended;
};

class ListenerTest : public testing::Test, public Associations::Surroundings {
 protected:
  // Associations::Surroundings; none is bound here.
  void decide(const std::shared_ptr<Record>&, const netlink::Answer&) override {}
  void tell_kernel(const netlink::Answer&) override {}
  void changed(const std::shared_ptr<Record>&) override {}
  bool out_of_reach(LinkId, const Record&) override { return false; }

  void SetUp() override {
    workers.push_back(std::make_unique<Worker>(*tls::Context::create(tls::Role::server, gateway_identity)));
    workers[0]->start("test");
    datagrams.emplace(control, *workers[0], *this);
    reception.datagrams = &*datagrams;
    listener = std::make_unique<Listener>(control, workers, reception, "gw1", Listener::Limits{1000ms, 5000ms});
    // A free port by trial: the listener has no need to tell its own.
    for (port = 20443; !listener->listen({*Address::parse("127.0.0.1"), port}) && port < 20543; ++port) continue;
  }
  void TearDown() override {
    listener->close();
    workers[0]->stop();
  }

  static session::Envelope hello(session::v1::Kind kind, const std::string& agent = "berlin") {
    session::Envelope envelope;
    auto& message = *envelope.mutable_hello();
    message.set_version(1);
    message.set_kind(kind);
    message.set_network("corp");
    message.set_agent(agent);
    message.set_instance(std::string(16, 'i'));
    message.set_session(kind == session::v1::CONTROL ? 0 : 3);
    return envelope;
  }

  // Dials, says *greeting*, and gives the reply's status; the session stays open in *client*.
  session::v1::Status dial(const session::Envelope& greeting) {
    session::v1::Status status = session::v1::STATUS_UNSPECIFIED;
    run([&]() -> Task<void> {
      tcp::socket socket(control);
      co_await socket.async_connect(tcp::endpoint(asio::ip::address_v4::loopback(), port), asio::use_awaitable);
      auto ssl = context->new_session(socket.native_handle(), "localhost");
      client.emplace(std::move(socket), *std::move(ssl));
      auto shaken = co_await client->handshake(5000ms);
      EXPECT_TRUE(shaken);
      auto written = co_await session::write_frame(*client, greeting);
      EXPECT_TRUE(written);
      auto reply = co_await session::read_frame(*client);
      EXPECT_TRUE(reply);
      if (reply) status = reply->hello_reply().status();
    });
    return status;
  }
  // Beside the listener, which never ends by itself.
  void run(const std::function<Task<void>()>& task) {
    bool done = false;
    asio::co_spawn(control, task, [&](std::exception_ptr exception) {
      done = true;
      if (exception) std::rethrow_exception(exception);
    });
    run_until([&] { return done; });
  }
  void run_until(const std::function<bool()>& done) {
    const auto limit = std::chrono::steady_clock::now() + 5s;
    control.restart();
    while (!done() && std::chrono::steady_clock::now() < limit) control.run_for(5ms);
    EXPECT_TRUE(done());
  }

  tls::testing::Pki pki;
  tls::Identity gateway_identity = pki.gateway();
  tls::Identity agent_identity = pki.agent();
  std::optional<tls::Context> context = *tls::Context::create(tls::Role::client, agent_identity);
  std::vector<std::unique_ptr<Worker>> workers;
  asio::io_context control{1};
  FakeReception reception;
  std::optional<Associations> datagrams;
  std::unique_ptr<Listener> listener;
  std::optional<tls::Stream> client;
  std::uint16_t port = 0;
};

TEST_F(ListenerTest, AControlSessionIsOpenedAndItsFramesArrive) {
  EXPECT_EQ(dial(hello(session::v1::CONTROL)), session::v1::OK);
  ASSERT_EQ(reception.greetings.size(), 1u);
  EXPECT_EQ(reception.greetings[0].agent, "berlin");
  run([&]() -> Task<void> {
    session::Envelope progress;
    progress.mutable_progress()->set_offers(1);
    auto written = co_await session::write_frame(*client, progress);
    EXPECT_TRUE(written);
  });
  run_until([&] { return reception.received == 1; });
  client->close();
  run_until([&] { return !reception.ended.empty(); });
}

TEST_F(ListenerTest, ARefusalIsToldInItsReply) {
  reception.refuse = true;
  EXPECT_EQ(dial(hello(session::v1::CONTROL)), session::v1::REFUSED);
  EXPECT_TRUE(reception.ended.empty());
}

TEST_F(ListenerTest, AnAgentIsNobodyElse) {
  EXPECT_EQ(dial(hello(session::v1::CONTROL, "paris")), session::v1::REFUSED);
  EXPECT_TRUE(reception.greetings.empty());
}

TEST_F(ListenerTest, AnotherVersionIsRefused) {
  auto greeting = hello(session::v1::CONTROL);
  greeting.mutable_hello()->set_version(2);
  EXPECT_EQ(dial(greeting), session::v1::REFUSED);
}

// The agent may name the session as soon as it has the reply: it must be in the pool by then.
TEST_F(ListenerTest, AStreamIsInThePoolBeforeItsReplyAndItsEndIsNoticed) {
  EXPECT_EQ(dial(hello(session::v1::STREAM)), session::v1::OK);
  EXPECT_TRUE(reception.stream);
  client->close(true);
  run_until([&] { return reception.ended_streams == std::vector<std::uint64_t>{3}; });
}

TEST_F(ListenerTest, ADatagramSessionIsThereBeforeItsReplyAndItsEndIsNoticed) {
  EXPECT_EQ(dial(hello(session::v1::DGRAM)), session::v1::OK);
  EXPECT_EQ(datagrams->sessions(7).size(), 1u);
  client->close(true);
  run_until([&] { return datagrams->sessions(7).empty(); });
}

TEST_F(ListenerTest, ARefusedDatagramSessionIsToldWhy) {
  reception.refuse = true;
  EXPECT_EQ(dial(hello(session::v1::DGRAM)), session::v1::REFUSED);
  EXPECT_TRUE(datagrams->sessions(7).empty());
}

TEST_F(ListenerTest, AnUnknownKindIsRefused) {
  EXPECT_EQ(dial(hello(static_cast<session::v1::Kind>(9))), session::v1::REFUSED);
  EXPECT_TRUE(reception.greetings.empty());
}

TEST_F(ListenerTest, ARevokedAgentsLiveSessionEnds) {
  EXPECT_EQ(dial(hello(session::v1::CONTROL)), session::v1::OK);
  pki.revoke(agent_identity);
  run_until([&] { return !reception.ended.empty(); });
  ASSERT_FALSE(reception.ended.empty());
  EXPECT_NE(reception.ended[0].find("revoked"), std::string::npos) << reception.ended[0];
}

// What has ended is still on the worker's list when the certificates are looked at again.
TEST_F(ListenerTest, TheRecheckPassesOverEndedSessions) {
  EXPECT_EQ(dial(hello(session::v1::CONTROL)), session::v1::OK);
  auto first = reception.control;
  EXPECT_EQ(dial(hello(session::v1::STREAM)), session::v1::OK);
  reception.stream->reset("not wanted");
  client->close();
  EXPECT_EQ(dial(hello(session::v1::STREAM)), session::v1::OK);
  EXPECT_EQ(dial(hello(session::v1::CONTROL)), session::v1::OK);
  pki.revoke(pki.agent("paris"));
  const auto limit = std::chrono::steady_clock::now() + 3s;
  run_until([&] { return std::chrono::steady_clock::now() > limit; });
  EXPECT_EQ(reception.ended.size(), 1u);  // the first: its client was replaced
}

}  // namespace
}  // namespace sluice::gateway
