// SPDX-License-Identifier: Apache-2.0
//
// When a session may resume an earlier one, and that its certificate counts all the same.
#include "tls/resumption.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

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

// A key server's, which keeps sessions.
class KeptSessionsTest : public ResumptionTest {
 protected:
  static constexpr std::size_t most = 8, of_one = 4;
  Context keeping() {
    Result<Context> created = Context::create(Role::server, pki_.gateway(), {.tls13_only = true, .sessions = most});
    EXPECT_TRUE(created) << (created ? "" : created.error().message);
    return *std::move(created);
  }
  enum class End { of_client, reset_by_client, reset_by_server };
  /// Ends without close_notify.  True: it had resumed another.
  bool broken_session(const Context& server, const Context& client, End end = End::of_client) {
    Result<TlsPair> pair = tls_pair(io_, server, client);
    EXPECT_TRUE(pair) << (pair ? "" : pair.error().message);
    if (!pair) return false;
    send_ticket(*pair);
    Stream& first = end == End::reset_by_server ? pair->server : pair->client;
    Stream& second = end == End::reset_by_server ? pair->client : pair->server;
    EXPECT_TRUE(pair->server.peer()->is_agent("corp", name_));
    first.close(end != End::of_client);
    testing::run(io_, [](Stream& stream) -> Task<void> {
      std::array<std::byte, 1> byte{};
      EXPECT_FALSE(co_await stream.read_some(byte)) << "broken";
    }(second));
    second.close();
    return SSL_session_reused(pair->client.ssl()) == 1;
  }
  std::string name_ = "berlin";
};

TEST_F(KeptSessionsTest, OfBrokenConnectionsAsWell) {
  for (const End end : {End::of_client, End::reset_by_client, End::reset_by_server}) {
    Context server = keeping(), client = agent();
    EXPECT_FALSE(broken_session(server, client, end));
    EXPECT_TRUE(broken_session(server, client, end));
    EXPECT_TRUE(broken_session(server, client, end));
  }
}

TEST_F(KeptSessionsTest, ATicketIsButAName) {
  Context server = keeping(), client = agent();
  EXPECT_FALSE(broken_session(server, client));
  Result<UniqueSsl> next = client.new_session(0, "127.0.0.1");
  ASSERT_TRUE(next);
  const unsigned char* ticket = nullptr;
  std::size_t size = 0;
  ASSERT_NE(SSL_get0_session(next->get()), nullptr);
  SSL_SESSION_get0_ticket(SSL_get0_session(next->get()), &ticket, &size);
  EXPECT_EQ(size, SSL_MAX_SSL_SESSION_ID_LENGTH);
}

TEST_F(KeptSessionsTest, TheOldestGoFirst) {
  Context server = keeping();
  std::vector<Context> clients;
  for (std::size_t i = 0; i <= most; ++i) {
    agent_ = pki_.agent(name_ = "agent" + std::to_string(i));
    clients.push_back(agent());
    EXPECT_FALSE(broken_session(server, clients.back()));
  }
  const auto resumes = [&](std::size_t i) {
    name_ = "agent" + std::to_string(i);
    return broken_session(server, clients[i]);
  };
  for (std::size_t i = most; i >= 1; --i) EXPECT_TRUE(resumes(i)) << i;
  EXPECT_FALSE(resumes(0));
}

TEST_F(KeptSessionsTest, NobodyTakesAnothersPlace) {
  Context server = keeping(), client = agent();
  EXPECT_FALSE(broken_session(server, client));
  agent_ = pki_.agent(name_ = "paris");
  Context other = agent();
  for (std::size_t i = 0; i <= most; ++i) {
    other.forget_ticket();
    EXPECT_FALSE(broken_session(server, other));
  }
  EXPECT_TRUE(broken_session(server, other));
  name_ = "berlin";
  EXPECT_TRUE(broken_session(server, client));
}

TEST_F(KeptSessionsTest, SeveralOfOneCertificate) {
  Context server = keeping();
  std::vector<Context> clients;
  for (std::size_t i = 0; i <= of_one; ++i) {
    clients.push_back(agent());
    EXPECT_FALSE(broken_session(server, clients.back()));
  }
  for (std::size_t i = of_one; i >= 1; --i) EXPECT_TRUE(broken_session(server, clients[i])) << i;
  EXPECT_FALSE(broken_session(server, clients[0]));
}

TEST_F(KeptSessionsTest, ASavedTicketServesAnotherProcess) {
  Context server = keeping();
  const std::string saved = [&] {
    Context client = agent();
    EXPECT_EQ(client.save_ticket(), "");
    EXPECT_FALSE(broken_session(server, client));
    return client.save_ticket();
  }();
  for (int i = 0; i < 2; ++i) {
    Context client = agent();
    EXPECT_TRUE(client.take_ticket(saved));
    EXPECT_EQ(client.save_ticket(), saved);
    EXPECT_TRUE(broken_session(server, client));
    EXPECT_EQ(client.save_ticket(), saved) << "a resumed session brings none";
  }
  for (std::size_t i = 0; i < saved.size(); ++i) EXPECT_FALSE(agent().take_ticket(saved.substr(0, i))) << i;
  Context restarted = keeping(), client = agent();
  EXPECT_TRUE(client.take_ticket(saved));
  EXPECT_FALSE(broken_session(restarted, client));
  EXPECT_NE(client.save_ticket(), saved);
}

TEST_F(KeptSessionsTest, ASavedTicketOfARevokedServerIsNotTaken) {
  const Identity identity = pki_.gateway();
  Result<Context> server = Context::create(Role::server, identity, {.tls13_only = true, .sessions = most});
  ASSERT_TRUE(server);
  Context client = agent();
  EXPECT_FALSE(broken_session(*server, client));
  EXPECT_TRUE(agent().take_ticket(client.save_ticket()));
  pki_.revoke(identity);
  EXPECT_FALSE(agent().take_ticket(client.save_ticket()));
}

TEST_F(KeptSessionsTest, ASavedTicketIsOfOneCertificate) {
  Context server = keeping(), client = agent();
  EXPECT_FALSE(broken_session(server, client));
  agent_ = pki_.agent();  // renewed
  Context renewed = agent();
  EXPECT_FALSE(renewed.take_ticket(client.save_ticket()));
  EXPECT_FALSE(broken_session(server, renewed));
}

TEST_F(KeptSessionsTest, ARevokedPeerCannotResume) {
  Context server = keeping(), client = agent();
  EXPECT_FALSE(broken_session(server, client));
  EXPECT_TRUE(broken_session(server, client));
  pki_.revoke(agent_);
  ASSERT_TRUE(*server.reload_revoked());
  expect_refused(server, client, "server: certificate of 'CN=berlin': certificate revoked");
}

TEST_F(KeptSessionsTest, AnotherServerKnowsNone) {
  Context client = agent();
  EXPECT_FALSE(broken_session(keeping(), client));
  EXPECT_FALSE(broken_session(keeping(), client));
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
