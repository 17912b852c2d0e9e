// SPDX-License-Identifier: Apache-2.0
//
// When a session may resume an earlier one, and that its certificate counts all the same.
#include "tls/resumption.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <optional>
#include <thread>

#include "tls/testing.hpp"

namespace sluice::tls {
namespace {

using testing::Pki;
using testing::tls_pair;
using testing::TlsPair;

class ResumptionTest : public ::testing::Test {
 protected:
  Context context(Role role, const Identity& identity) {
    Result<Context> created = Context::create(role, identity);
    EXPECT_TRUE(created) << (created ? "" : created.error().message);
    return *std::move(created);
  }
  Context gateway() { return context(Role::server, pki_.gateway()); }
  Context agent() { return context(Role::client, agent_); }

  /// With the byte that the gateway says after it.
  void send_ticket(TlsPair& pair) {
    pair.server.send_ticket();
    auto talk = [](TlsPair& both) -> Task<void> {
      std::array<std::byte, 1> byte{};
      (void)co_await both.server.write_all(byte);
      EXPECT_TRUE(co_await both.client.read_exactly(byte));
    };
    testing::run(io_, talk(pair));
  }
  /// A session; the gateway hands out a ticket if it may, and says a byte.  True: it resumed another.
  bool session(const Context& server, const Context& client) {
    Result<TlsPair> pair = tls_pair(io_, server, client);
    EXPECT_TRUE(pair) << (pair ? "" : pair.error().message);
    if (!pair) return false;
    send_ticket(*pair);
    EXPECT_TRUE(pair->server.peer()->is_agent("corp", "berlin"));
    EXPECT_TRUE(pair->client.peer()->is_gateway("corp"));
    EXPECT_EQ(SSL_session_reused(pair->server.ssl()), SSL_session_reused(pair->client.ssl()));
    return SSL_session_reused(pair->client.ssl()) == 1;
  }
  void expect_refused(const Context& server, const Context& client, std::string_view part) {
    Result<TlsPair> pair = tls_pair(io_, server, client);
    ASSERT_FALSE(pair);
    EXPECT_NE(pair.error().message.find(part), std::string::npos) << pair.error().message;
  }

  asio::io_context io_;
  Pki pki_;
  Identity agent_ = pki_.agent();
};

TEST_F(ResumptionTest, TheSecondSessionResumesTheFirst) {
  Context server = gateway(), client = agent();
  EXPECT_FALSE(session(server, client));
  // One ticket serves many sessions.
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(session(server, client));
}

TEST_F(ResumptionTest, OnlyWithATicketOfTheGateway) {
  Context server = gateway(), client = agent();
  ASSERT_TRUE(tls_pair(io_, server, client));
  EXPECT_FALSE(session(server, client)) << "nobody had sent a ticket";
}

TEST_F(ResumptionTest, ATicketIsGoodAtTheTwin) {
  Context server = gateway(), client = agent();
  Result<Context> twin = server.twin();
  ASSERT_TRUE(twin) << twin.error().message;
  EXPECT_FALSE(session(server, client));
  EXPECT_TRUE(session(*twin, client));
}

TEST_F(ResumptionTest, AnotherGatewayWithTheSameNameMeansAFullHandshake) {
  Context client = agent();
  EXPECT_FALSE(session(gateway(), client));
  Context restarted = gateway();
  EXPECT_FALSE(session(restarted, client));
  EXPECT_TRUE(session(restarted, client)) << "the full handshake brought a new ticket";
}

TEST_F(ResumptionTest, AnotherHostGetsNoTicket) {
  Context client = agent();
  EXPECT_FALSE(session(gateway(), client));
  Result<UniqueSsl> same = client.new_session(0, "127.0.0.1");
  Result<UniqueSsl> other = client.new_session(0, "localhost");
  ASSERT_TRUE(same && other);
  EXPECT_NE(SSL_get0_session(same->get()), nullptr);
  EXPECT_EQ(SSL_get0_session(other->get()), nullptr);
}

TEST_F(ResumptionTest, AForgottenTicketIsNotOffered) {
  Context server = gateway(), client = agent();
  EXPECT_FALSE(session(server, client));
  client.forget_ticket();
  EXPECT_FALSE(session(server, client));
}

TEST_F(ResumptionTest, ARevokedAgentCannotResume) {
  Context server = gateway(), client = agent();
  EXPECT_FALSE(session(server, client));
  EXPECT_TRUE(session(server, client));  // its certificate is now among those checked lately
  pki_.revoke(agent_);
  ASSERT_TRUE(*server.reload_revoked());
  expect_refused(server, client, "server: certificate of 'CN=berlin': certificate revoked");
}

TEST_F(ResumptionTest, AListThatComesBetweenHandshakeAndTicketCounts) {
  Context server = gateway(), client = agent();
  Result<TlsPair> pair = tls_pair(io_, server, client);
  ASSERT_TRUE(pair);
  pki_.revoke(agent_);
  ASSERT_TRUE(*server.reload_revoked());
  send_ticket(*pair);
  expect_refused(server, client, "server: certificate of 'CN=berlin': certificate revoked");
}

TEST_F(ResumptionTest, AnExpiredCertificateIsNotResumed) {
  const Identity identity = pki_.holder(PeerName::Role::device, "laptop", "corp", std::chrono::seconds(4));
  Context server = gateway(), client = context(Role::client, identity);
  const auto one = [&]() -> std::optional<bool> {
    Result<TlsPair> pair = tls_pair(io_, server, client);
    if (!pair) return {};
    send_ticket(*pair);
    return SSL_session_reused(pair->client.ssl()) == 1;
  };
  EXPECT_EQ(one(), false);
  EXPECT_EQ(one(), true);
  std::this_thread::sleep_for(std::chrono::seconds(6));
  EXPECT_EQ(one(), std::nullopt);
}

TEST_F(ResumptionTest, ARevokedGatewayIsNotResumed) {
  const Identity identity = pki_.gateway();
  Context server = context(Role::server, identity), client = agent();
  EXPECT_FALSE(session(server, client));
  pki_.revoke(identity);
  ASSERT_TRUE(*client.reload_revoked());
  expect_refused(server, client, "client: certificate of 'CN=gw1': certificate revoked");
}

}  // namespace
}  // namespace sluice::tls
