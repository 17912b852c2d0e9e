// SPDX-License-Identifier: Apache-2.0
//
// The CONNECT dialogue: heads of answers, and a real squid with Basic and with Digest.
#include "agent/proxy.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <fstream>

#include "agent/agent.hpp"
#include "agent/fake_gateway.hpp"
#include "agent/testing.hpp"

namespace sluice::agent {
namespace {

using namespace std::chrono_literals;

TEST(ProxyReply, HeadsThatProxiesSend) {
  Result<ProxyReply> reply = parse_proxy_reply(
      "HTTP/1.1 407 Proxy Authentication Required\r\nServer: x\r\nproxy-authenticate: Basic realm=\"a\"\r\n"
      "Proxy-Authenticate: Digest realm=\"a\", nonce=\"n\"\r\n\r\n");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 407);
  EXPECT_EQ(reply->reason, "Proxy Authentication Required");
  ASSERT_EQ(reply->challenges.size(), 2u);
  EXPECT_EQ(reply->challenges[1].scheme, "digest");
  EXPECT_EQ(parse_proxy_reply("HTTP/1.0 200\r\n\r\n")->status, 200);
  for (const char* head :
       {"", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 abc x\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/2 200 \r\n\r\n"}) {
    EXPECT_FALSE(parse_proxy_reply(head)) << head;
  }
}

/// The bytes after the head must stay in the socket, however they are cut.
TEST(ProxyConnect, TakesTheHeadAndNotAByteMore) {
  asio::io_context io;
  tls::testing::TcpPair pair = tls::testing::tcp_pair(io);
  tls::testing::run(io, [](tls::testing::TcpPair& both) -> Task<void> {
    const std::string answer = "HTTP/1.1 200 OK\r\nX: y\r\n\r\nTLS";
    auto [code, size] = co_await both.second.async_send(asio::buffer(answer), use_tuple);
    EXPECT_FALSE(code);
    Result<ProxyReply> reply = co_await http_connect(both.first, "gw:443", "Basic eDp5");
    EXPECT_TRUE(reply && reply->status == 200);
    std::string rest(3, '\0'), request(1024, '\0');
    (void)co_await both.first.async_receive(asio::buffer(rest), use_tuple);
    EXPECT_EQ(rest, "TLS");
    auto [error, length] = co_await both.second.async_receive(asio::buffer(request), use_tuple);
    request.resize(length);
    EXPECT_EQ(request, "CONNECT gw:443 HTTP/1.1\r\nHost: gw:443\r\nUser-Agent: sluice-agent/" SLUICE_VERSION
                       "\r\nProxy-Authorization: Basic eDp5\r\n\r\n");
  }(pair));
}

class SquidTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!namespace_.entered()) GTEST_SKIP() << "needs root for a network namespace";
    if (!std::filesystem::exists("/usr/sbin/squid")) GTEST_SKIP() << "needs squid";
    directory_ = pki_.directory() / "squid";
    std::filesystem::create_directory(directory_);
    std::filesystem::permissions(pki_.directory(), std::filesystem::perms::all);
    std::filesystem::permissions(directory_, std::filesystem::perms::all);
  }
  void TearDown() override {
    if (squid_ > 0) {
      ::kill(squid_, SIGKILL);
      ::waitpid(squid_, nullptr, 0);
    }
  }

  void start_squid(const std::string& authentication) {
    std::ofstream(directory_ / "squid.conf")
        << authentication
        << "http_port 127.0.0.1:3128\nacl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\n"
        << "cache deny all\naccess_log stdio:" << (directory_ / "access").string() << "\ncache_log "
        << (directory_ / "log").string() << "\npid_filename none\nshutdown_lifetime 0 seconds\n"
        << "coredump_dir none\nnetdb_filename none\npinger_enable off\nvisible_hostname proxy\n";
    squid_ = ::fork();
    if (squid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::execl("/usr/sbin/squid", "squid", "-N", "-f", (directory_ / "squid.conf").c_str(), nullptr);
      ::_exit(127);
    }
    asio::io_context io;
    for (int i = 0; i < 100; ++i) {
      tcp::socket probe(io);
      boost::system::error_code code;
      probe.connect(tcp::endpoint(asio::ip::address_v4::loopback(), 3128), code);
      if (!code) return;
      ::usleep(100000);
    }
    FAIL() << "squid does not listen";
  }

  /// An agent by the proxy; returns the number of STREAM sessions that came with the control session.
  std::size_t connect(const std::string& password, std::chrono::milliseconds longest) {
    asio::io_context io;
    testing::FakeGateway gateway(io, pki_.gateway());
    Settings settings;
    settings.name = "berlin";
    settings.network = "corp";
    settings.gateways = {{"127.0.0.1", gateway.port()}};
    settings.identity = pki_.agent();
    settings.pool = 8;
    settings.proxy = ProxySettings{{"127.0.0.1", "3128"}, "user", password};
    Agent agent(io.get_executor(), settings, *tls::Context::create(tls::Role::client, settings.identity));
    bool ended = false;
    asio::co_spawn(io, agent.run(), [&ended](std::exception_ptr) { ended = true; });
    const auto end = std::chrono::steady_clock::now() + longest;
    while (gateway.streams.size() < 8 && std::chrono::steady_clock::now() < end) io.run_one_for(10ms);
    const std::size_t streams = gateway.controls == 1 ? gateway.streams.size() : 0;
    agent.stop();
    gateway.stop();
    io.run_for(200ms);
    EXPECT_TRUE(ended);
    return streams;
  }

  testing::Namespace namespace_;
  tls::testing::Pki pki_;
  std::filesystem::path directory_;
  pid_t squid_ = 0;
};

TEST_F(SquidTest, Basic) {
  ASSERT_TRUE(namespace_.run("echo user:$(openssl passwd -apr1 secret) > " + (directory_ / "users").string()));
  start_squid("auth_param basic program /usr/lib/squid/basic_ncsa_auth " + (directory_ / "users").string() + "\n");
  EXPECT_EQ(connect("secret", 10s), 8u);
  EXPECT_EQ(connect("wrong", 2s), 0u);
}

TEST_F(SquidTest, Digest) {
  std::ofstream(directory_ / "users") << "user:secret\n";
  start_squid("auth_param digest program /usr/lib/squid/digest_file_auth " + (directory_ / "users").string() +
              "\nauth_param digest realm far\nauth_param digest nonce_max_count 3\n");
  EXPECT_EQ(connect("secret", 10s), 8u) << "with a nonce that is stale after three requests";
  EXPECT_EQ(connect("wrong", 2s), 0u);
}

}  // namespace
}  // namespace sluice::agent
