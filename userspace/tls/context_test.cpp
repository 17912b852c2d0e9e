// SPDX-License-Identifier: Apache-2.0
//
// Certificates as they come: good, of the wrong authority, expired, revoked, without the host's name.
#include "tls/context.hpp"

#include <gtest/gtest.h>
#include <openssl/x509v3.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <sstream>

#include "tls/testing.hpp"

namespace sluice::tls {
namespace {

using testing::Pki;
using testing::tls_pair;
using testing::TlsPair;

class ContextTest : public ::testing::Test {
 protected:
  static Context context(Role role, const Identity& identity) {
    Result<Context> created = Context::create(role, identity);
    EXPECT_TRUE(created) << (created ? "" : created.error().message);
    return *std::move(created);
  }
  Result<TlsPair> connect(const Identity& gateway, const Identity& agent) {
    Context server = context(Role::server, gateway);
    Context client = context(Role::client, agent);
    return tls_pair(io_, server, client);
  }
  static void expect_error(const Result<TlsPair>& pair, std::string_view part) {
    ASSERT_FALSE(pair);
    EXPECT_NE(pair.error().message.find(part), std::string::npos) << pair.error().message;
  }

  asio::io_context io_;
  Pki pki_;
};

TEST_F(ContextTest, BothSidesKnowEachOther) {
  Result<TlsPair> pair = connect(pki_.gateway(), pki_.agent());
  ASSERT_TRUE(pair) << pair.error().message;
  EXPECT_TRUE(pair->server.peer()->is_agent("corp", "berlin"));
  EXPECT_TRUE(pair->client.peer()->is_gateway("corp"));
  EXPECT_EQ(pair->server.peer()->subject, "CN=berlin");
  EXPECT_GT(pair->server.peer()->not_after, std::chrono::system_clock::now());
  EXPECT_EQ(SSL_version(pair->client.ssl()), TLS1_3_VERSION);
  EXPECT_EQ(SSL_session_reused(pair->client.ssl()), 0);
}

TEST_F(ContextTest, StrangersAuthorityIsRefused) {
  Pki stranger;
  Identity agent = stranger.agent();
  agent.authority = pki_.directory() / "ca.crt";
  agent.revoked.reset();
  expect_error(connect(pki_.gateway(), agent),
               "server: certificate of 'CN=berlin': unable to get local issuer certificate");
  expect_error(connect(stranger.gateway(), pki_.agent()),
               "client: certificate of 'CN=gw1': unable to get local issuer certificate");
}

TEST_F(ContextTest, ExpiredAgentIsRefusedByNameAndReason) {
  expect_error(connect(pki_.gateway(), pki_.agent("berlin", "corp", std::chrono::hours(-1))),
               "server: certificate of 'CN=berlin': certificate has expired");
}

TEST_F(ContextTest, RevokedAgentIsRefusedByNameAndReason) {
  Identity agent = pki_.agent();
  pki_.revoke(agent);
  expect_error(connect(pki_.gateway(), agent), "server: certificate of 'CN=berlin': certificate revoked");
}

TEST_F(ContextTest, AgentCertificateIsNoGateway) {
  // Extended key usage: an agent's key must not be able to play the gateway.
  expect_error(connect(pki_.agent(), pki_.agent()), "client: certificate of 'CN=berlin': un");
}

TEST_F(ContextTest, HostNameMustBeInTheCertificate) {
  Context server = context(Role::server, pki_.gateway());
  Context client = context(Role::client, pki_.agent());
  testing::TcpPair tcp = testing::tcp_pair(io_);
  Result<UniqueSsl> server_ssl = server.new_session(tcp.first.native_handle());
  Result<UniqueSsl> client_ssl = client.new_session(tcp.second.native_handle(), "gw.example.net");
  ASSERT_TRUE(server_ssl && client_ssl);
  Stream server_stream(std::move(tcp.first), *std::move(server_ssl));
  Stream client_stream(std::move(tcp.second), *std::move(client_ssl));
  Result<void> outcome;
  auto serve = [](Stream& stream) -> Task<void> { (void)co_await stream.handshake(Duration(2000)); };
  auto dial = [](Stream& stream, Result<void>& done) -> Task<void> {
    done = co_await stream.handshake(Duration(2000));
    stream.close();
  };
  asio::co_spawn(io_, serve(server_stream), asio::detached);
  testing::run(io_, dial(client_stream, outcome));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "certificate of 'CN=gw1': hostname mismatch");
  EXPECT_FALSE(client.new_session(0, ""));
}

TEST_F(ContextTest, WithTls13OnlyAClientOfTls12IsRefused) {
  Result<Context> server = Context::create(Role::server, pki_.kds(), {.tls13_only = true});
  Context client = context(Role::client, pki_.agent());
  ASSERT_TRUE(server) << server.error().message;
  ASSERT_TRUE(tls_pair(io_, *server, client));
  Result<Context> twin = server->twin();
  ASSERT_TRUE(twin) << twin.error().message;
  for (const Context* strict : {&*server, &*twin}) {
    testing::TcpPair tcp = testing::tcp_pair(io_);
    Result<UniqueSsl> server_ssl = strict->new_session(tcp.first.native_handle());
    Result<UniqueSsl> client_ssl = client.new_session(tcp.second.native_handle(), "localhost");
    ASSERT_TRUE(server_ssl && client_ssl);
    SSL_set_max_proto_version(client_ssl->get(), TLS1_2_VERSION);
    Stream server_stream(std::move(tcp.first), *std::move(server_ssl));
    Stream client_stream(std::move(tcp.second), *std::move(client_ssl));
    Result<void> outcome;
    auto dial = [](Stream& stream) -> Task<void> {
      EXPECT_FALSE(co_await stream.handshake(Duration(5000)));
      stream.close();
    };
    auto serve = [](Stream& stream, Result<void>& done) -> Task<void> {
      done = co_await stream.handshake(Duration(5000));
      stream.close();
    };
    asio::co_spawn(io_, dial(client_stream), asio::detached);
    testing::run(io_, serve(server_stream, outcome));
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().message, "TLS handshake: unsupported protocol");
  }
}

TEST_F(ContextTest, BothEndsHaveOneChannelBindingThatNoOtherSessionHas) {
  Context server = context(Role::server, pki_.kds());
  Context client = context(Role::client, pki_.holder(PeerName::Role::device, "laptop"));
  Result<TlsPair> one = tls_pair(io_, server, client), two = tls_pair(io_, server, client);
  ASSERT_TRUE(one && two);
  Result<ChannelBinding> here = channel_binding(one->server.ssl()), there = channel_binding(one->client.ssl());
  Result<ChannelBinding> other = channel_binding(two->server.ssl());
  ASSERT_TRUE(here && there && other);
  EXPECT_EQ(*here, *there);
  EXPECT_NE(*here, *other);
  // RFC 8446, 7.5: an absent context is an empty one; anybody else's exporter gives the same.
  ChannelBinding plain;
  ASSERT_EQ(SSL_export_keying_material(const_cast<SSL*>(one->client.ssl()), plain.data(), plain.size(),
                                       "EXPORTER-Channel-Binding", 24, nullptr, 0, 0),
            1);
  EXPECT_EQ(plain, *here);
  EXPECT_EQ(Peer::from_certificate(peer_certificate(one->server.ssl())->get()).device_of("corp"), "laptop");
}

TEST_F(ContextTest, NoChannelBindingBeforeTheHandshake) {
  Context client = context(Role::client, pki_.agent());
  Result<UniqueSsl> ssl = client.new_session(0, "localhost");
  ASSERT_TRUE(ssl);
  EXPECT_FALSE(channel_binding(ssl->get()));
}

TEST_F(ContextTest, TheNamesSayWhetherAKeyIsForAServerOrAClient) {
  const auto usage = [](const std::vector<const char*>& uris) {
    const Time now = std::chrono::system_clock::now();
    Result<Authority> authority = Authority::create("test", {now, now + std::chrono::hours(1)});
    Request request{
        .common_name = "x", .names = {}, .dns = {}, .ip = {}, .validity = {now, now + std::chrono::hours(1)}};
    for (const char* uri : uris) request.names.push_back(*PeerName::parse(uri));
    Result<Issued> issued = authority->issue(request);
    return issued ? X509_get_extended_key_usage(issued->certificate.get()) : 0;
  };
  EXPECT_EQ(usage({"sluice://corp/kds"}), XKU_SSL_SERVER);
  EXPECT_EQ(usage({"sluice://corp/gateway"}), XKU_SSL_SERVER);
  EXPECT_EQ(usage({"sluice://corp/gateway/gw1"}), XKU_SSL_CLIENT);
  EXPECT_EQ(usage({"sluice://corp/device/laptop"}), XKU_SSL_CLIENT);
  EXPECT_EQ(usage({"sluice://corp/operator/ada"}), XKU_SSL_CLIENT);
  EXPECT_EQ(usage({"sluice://corp/agent/berlin"}), XKU_SSL_CLIENT);
  EXPECT_EQ(usage({"sluice://corp/gateway", "sluice://corp/gateway/gw1"}), XKU_SSL_SERVER | XKU_SSL_CLIENT);
  EXPECT_EQ(usage({}), 0u);
}

TEST_F(ContextTest, SilentPeerTimesOut) {
  Context server = context(Role::server, pki_.gateway());
  testing::TcpPair tcp = testing::tcp_pair(io_);
  Stream stream(std::move(tcp.first), *server.new_session(tcp.first.native_handle()));
  Result<void> outcome;
  auto serve = [](Stream& server_side, Result<void>& done) -> Task<void> {
    done = co_await server_side.handshake(Duration(50));
  };
  testing::run(io_, serve(stream, outcome));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "TLS handshake: no answer within 50ms");
}

TEST_F(ContextTest, LiveSessionIsCheckedAgainAfterRevocation) {
  Identity agent = pki_.agent();
  Context server = context(Role::server, pki_.gateway());
  Context client = context(Role::client, agent);
  Result<TlsPair> pair = tls_pair(io_, server, client);
  ASSERT_TRUE(pair) << pair.error().message;
  EXPECT_FALSE(*server.reload_revoked());
  EXPECT_TRUE(server.recheck(pair->server.ssl()));
  EXPECT_TRUE(client.recheck(pair->client.ssl()));
  Result<PeerCertificates> shown = PeerCertificates::of(pair->server.ssl());
  ASSERT_TRUE(shown);
  EXPECT_TRUE(server.recheck(*shown));
  pki_.revoke(agent);
  Result<bool> reloaded = server.reload_revoked();
  ASSERT_TRUE(reloaded) << reloaded.error().message;
  EXPECT_TRUE(*reloaded);
  EXPECT_FALSE(*server.reload_revoked());
  Result<void> again = server.recheck(pair->server.ssl());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message, "certificate of 'CN=berlin': certificate revoked");
  { Stream gone = std::move(pair->server); }
  again = server.recheck(*shown);
  ASSERT_FALSE(again) << "what was shown outlives the session";
  EXPECT_EQ(again.error().message, "certificate of 'CN=berlin': certificate revoked");
  EXPECT_TRUE(client.recheck(pair->client.ssl()));
}

TEST_F(ContextTest, BrokenListKeepsTheOldInForce) {
  Identity agent = pki_.agent();
  pki_.revoke(agent);
  Context server = context(Role::server, pki_.gateway());
  std::filesystem::resize_file(pki_.directory() / "ca.crl", 10);
  EXPECT_FALSE(server.reload_revoked());
  const Result<bool> again = server.reload_revoked();
  ASSERT_TRUE(again) << "it is said once: " << again.error().message;
  EXPECT_FALSE(*again);
  std::filesystem::resize_file(pki_.directory() / "ca.crl", 11);
  EXPECT_FALSE(server.reload_revoked()) << "another file that is broken";
  std::filesystem::remove(pki_.directory() / "ca.crl");
  EXPECT_FALSE(server.reload_revoked()) << "and none";
  EXPECT_TRUE(server.reload_revoked());
  Context client = context(Role::client, {agent.certificate, agent.key, agent.authority, std::nullopt});
  expect_error(tls_pair(io_, server, client), "certificate revoked");
}

TEST_F(ContextTest, ErrorsNameTheFile) {
  Identity gateway = pki_.gateway();
  Identity agent = pki_.agent();
  auto message = [](const Identity& identity) {
    Result<Context> created = Context::create(Role::server, identity);
    return created ? std::string() : created.error().message;
  };
  EXPECT_EQ(message({gateway.certificate, agent.key, gateway.authority, {}}).find(agent.key.string()), 0u);
  EXPECT_EQ(message({"/nonexistent.crt", gateway.key, gateway.authority, {}}).find("/nonexistent.crt"), 0u);
  EXPECT_EQ(message({gateway.certificate, gateway.key, "/nonexistent.ca", {}}).find("/nonexistent.ca"), 0u);
  EXPECT_EQ(message({gateway.certificate, gateway.key, gateway.authority, "/nonexistent.crl"}).find("/nonexistent.crl"),
            0u);
}

TEST_F(ContextTest, WarnsOfAKeyThatOthersMayRead) {
  Identity gateway = pki_.gateway();
  auto before = spdlog::default_logger();
  std::ostringstream log;
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  ASSERT_TRUE(Context::create(Role::server, gateway));
  EXPECT_EQ(log.str(), "");
  std::filesystem::permissions(gateway.key, std::filesystem::perms::group_read, std::filesystem::perm_options::add);
  ASSERT_TRUE(Context::create(Role::server, gateway));
  spdlog::set_default_logger(before);
  EXPECT_NE(log.str().find("others than the owner may read"), std::string::npos) << log.str();
}

}  // namespace
}  // namespace sluice::tls
