// SPDX-License-Identifier: Apache-2.0
//
// A client among servers that work, stop, hang up at the wrong moment, or are not who they should be.
#include "http/client.hpp"

#include <cerrno>

#include "http/server.hpp"
#include "http/testing.hpp"

namespace sluice::http {
namespace {

using namespace std::chrono_literals;
using testing::context;
using testing::Role;

class ClientTest : public testing::LoopTest {
 public:
  /// Answers with the connection's id and its channel binding; /wait never.
  Server& serve(std::optional<Server>& server, ServerName& name, ServerOptions options = {}) {
    server.emplace(io_.get_executor(), context(tls::Role::server, kds_), answer, std::move(options));
    Result<Endpoint> bound = server->listen({*Address::parse("127.0.0.1"), 0});
    EXPECT_TRUE(bound);
    name = {"127.0.0.1", bound->port};
    return *server;
  }
  static Task<Response> answer(const Request& request, Connection& connection) {
    if (request.path() == "/wait") {
      asio::steady_timer timer(connection.executor(), 60s);
      (void)co_await timer.async_wait(use_tuple);
    }
    std::string text(reinterpret_cast<const char*>(connection.channel_binding().data()), 32);
    co_return Response::with_body(200, "text/plain", text + request.body + std::string(request.fields.get("Host")));
  }
  Client client(std::vector<ServerName> servers, Duration response = 20s) {
    return Client(io_.get_executor(), context(tls::Role::client, device_), std::move(servers),
                  {.realm = "corp", .response = response});
  }
  static Task<Result<Response>> get(Client& client, std::string target = "/") {
    return client.request("GET", std::move(target));
  }

  /// A server that answers the first request of each connection and hangs up at the second.
  Task<void> serve_one_each(tcp::acceptor& acceptor, const tls::Context& tls) {
    for (;;) {
      auto [failure, socket] = co_await acceptor.async_accept(use_tuple);
      if (failure) co_return;
      Result<tls::UniqueSsl> ssl = tls.new_session(socket.native_handle());
      testing::Raw raw(tls::Stream(std::move(socket), *std::move(ssl)));
      const auto done = co_await raw.stream().handshake(20s);
      EXPECT_TRUE(done);
      ++connections_;
      for (int i = 0; i < 2; ++i) {
        std::string got;
        while (got.find("\r\n\r\n") == std::string::npos) {
          std::byte buffer[4096];
          const auto size = co_await raw.stream().read_some(buffer);
          if (!size || *size == 0) break;
          got.append(reinterpret_cast<const char*>(buffer), *size);
        }
        if (got.empty()) break;
        ++requests_;
        if (i == 0) co_await raw.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      }
      raw.stream().close();
    }
  }

  testing::Pki pki_;
  tls::Identity kds_ = pki_.kds(), device_ = pki_.holder(Role::device, "laptop");
  int connections_ = 0, requests_ = 0;
};

TEST_F(ClientTest, AsksOverOneConnectionWhoseBindingItKnows) {
  std::optional<Server> server;
  ServerName name;
  serve(server, name);
  run([](ClientTest& test, Server& to, ServerName at) -> Task<void> {
    Client client = test.client({at});
    EXPECT_EQ(client.connection_id(), std::nullopt);
    const auto connected = co_await client.connect();
    EXPECT_TRUE(connected) << (connected ? "" : connected.error().message);
    const auto id = client.connection_id();
    EXPECT_EQ(id, 1u);
    for (const char* body : {"", "one", "two"}) {
      const auto answer = co_await client.request("POST", "/", body, {.only_on = id});
      EXPECT_TRUE(answer) << (answer ? "" : answer.error().message);
      if (!answer) co_return;
      EXPECT_EQ(answer->status, 200u);
      const tls::ChannelBinding binding = *client.channel_binding();
      EXPECT_EQ(answer->text(), std::string(reinterpret_cast<const char*>(binding.data()), 32) + body + at.to_string());
      EXPECT_EQ(client.connection_id(), id);
    }
    EXPECT_EQ(to.counters().accepted, 1u);
    const auto odd = co_await client.request("GET", "/ HTTP/1.1\r\nX: y");
    EXPECT_FALSE(odd);
    client.close();
    const auto again = co_await get(client);
    EXPECT_TRUE(again);
    EXPECT_TRUE(client.resumed());
    EXPECT_EQ(client.connection_id(), 2u);
    EXPECT_EQ(to.counters().sessions_resumed, 1u);
    const auto stale = co_await client.request("POST", "/", "evidence", {.only_on = id});
    EXPECT_FALSE(stale);
    EXPECT_EQ(stale.error().number, ESTALE);
    EXPECT_EQ(to.counters().requests, 4u);
  }(*this, *server, name));
}

TEST_F(ClientTest, CloseEndsTheRequestUnderWayForGood) {
  std::optional<Server> server;
  ServerName name;
  serve(server, name);
  run([](ClientTest& test, Server& to, ServerName at) -> Task<void> {
    Client client = test.client({at});
    const auto first = co_await get(client);  // so that the next one is on a connection that was kept
    EXPECT_TRUE(first);
    std::optional<Result<Response>> ended;
    const auto wait = [&]() -> Task<void> { ended.emplace(co_await get(client, "/wait")); };
    asio::co_spawn(test.io_, wait(), asio::detached);
    const bool asked = co_await test.until([&] { return to.counters().requests == 2; });
    EXPECT_TRUE(asked);
    client.close();
    const bool over = co_await test.until([&] { return ended.has_value(); });
    EXPECT_TRUE(over);
    EXPECT_FALSE(*ended);
    EXPECT_EQ(ended->error().number, ECANCELED);
    const auto again = co_await get(client);
    EXPECT_TRUE(again);
    EXPECT_EQ(to.counters().requests, 3u) << "it was sent again";
  }(*this, *server, name));
}

TEST_F(ClientTest, AnotherRealmsServerAndAnotherHostAreRefused) {
  kds_ = pki_.kds("lab");
  std::optional<Server> server;
  ServerName name;
  serve(server, name);
  run([](ClientTest& test, Server& to, ServerName at) -> Task<void> {
    Client client = test.client({at});
    const auto answer = co_await get(client);
    EXPECT_FALSE(answer);
    EXPECT_NE(answer.error().message.find("is for no KDS of realm 'corp'"), std::string::npos)
        << answer.error().message;
    const Result<Endpoint> other = to.listen({*Address::parse("127.0.0.2"), 0});
    EXPECT_TRUE(other);
    client.set_servers({{"127.0.0.2", other->port}});
    const auto mismatch = co_await get(client);
    EXPECT_FALSE(mismatch);
    EXPECT_NE(mismatch.error().message.find("IP address mismatch"), std::string::npos) << mismatch.error().message;
    EXPECT_EQ(to.counters().requests, 0u);
  }(*this, *server, name));
}

TEST_F(ClientTest, AGatewayOfAnotherKindIsNoKds) {
  kds_ = pki_.gateway("corp");
  std::optional<Server> server;
  ServerName name;
  serve(server, name);
  run([](ClientTest& test, ServerName at) -> Task<void> {
    Client client = test.client({at});
    const auto answer = co_await get(client);
    EXPECT_FALSE(answer);
  }(*this, name));
}

TEST_F(ClientTest, GoesToTheNextServerAndStaysThere) {
  std::optional<Server> one, two;
  ServerName first, second;
  serve(one, first);
  serve(two, second);
  tcp::acceptor nobody(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  const ServerName dead{"127.0.0.1", nobody.local_endpoint().port()};
  nobody.close();
  run([](ClientTest& test, std::optional<Server>& a, Server& b, std::vector<ServerName> names) -> Task<void> {
    Client client = test.client(names);
    auto answer = co_await get(client);
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().message);
    EXPECT_EQ(client.server(), names[1]);
    a->stop();
    co_await a->stopped();
    a.reset();
    answer = co_await client.request("POST", "/", "x");
    EXPECT_TRUE(answer) << "its end showed before anything was sent";
    EXPECT_EQ(client.server(), names[2]);
    client.next_server();
    answer = co_await get(client);
    EXPECT_TRUE(answer);
    EXPECT_EQ(client.server(), names[2]) << "the only one that is left";
    EXPECT_EQ(b.counters().requests, 2u);
    b.stop();
    answer = co_await get(client);
    EXPECT_FALSE(answer);
    for (const ServerName& name : names) {
      EXPECT_NE(answer.error().message.find(name.to_string() + ": Connection refused"), std::string::npos)
          << answer.error().message;
    }
  }(*this, one, *two, {dead, first, second}));
}

TEST_F(ClientTest, OnlyWhatMayBeSentTwiceIs) {
  tls::Context tls = context(tls::Role::server, kds_);
  tcp::acceptor acceptor(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  asio::co_spawn(io_, serve_one_each(acceptor, tls), asio::detached);
  run([](ClientTest& test, std::uint16_t port) -> Task<void> {
    Client client = test.client({{"127.0.0.1", port}});
    auto answer = co_await get(client);
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().message);
    // The connection is kept, and dies of the second request.
    answer = co_await get(client);
    EXPECT_TRUE(answer) << "GET may be sent again";
    EXPECT_EQ(test.requests_, 3);
    EXPECT_EQ(test.connections_, 2);
    EXPECT_EQ(client.connection_id(), 2u);
    answer = co_await client.request("POST", "/", "x");
    EXPECT_FALSE(answer) << "POST may not";
    EXPECT_EQ(test.requests_, 4);
    answer = co_await client.request("POST", "/", "x");
    EXPECT_TRUE(answer) << "a fresh connection";
    answer = co_await client.request("POST", "/", "x", {.repeatable = true});
    EXPECT_TRUE(answer) << "but if the caller says so";
    EXPECT_EQ(test.requests_, 7);
    answer = co_await client.request("GET", "/", "", {.only_on = client.connection_id()});
    EXPECT_FALSE(answer) << "nothing goes to another connection than it is for";
    EXPECT_EQ(test.requests_, 8);
  }(*this, acceptor.local_endpoint().port()));
}

TEST_F(ClientTest, DoesNotWaitForEver) {
  std::optional<Server> server;
  ServerName name;
  serve(server, name);
  tcp::acceptor mute(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  run([](ClientTest& test, ServerName at, std::uint16_t port) -> Task<void> {
    Client client = test.client({at}, 100ms);
    auto answer = co_await get(client, "/wait");
    EXPECT_FALSE(answer);
    EXPECT_EQ(answer.error().message, at.to_string() + ": no answer within 100ms");
    EXPECT_EQ(client.connection_id(), std::nullopt) << "the answer may still come, to the wrong question";
    answer = co_await client.request("GET", "/", "", {.response = 20s});
    EXPECT_TRUE(answer);
    Client other(test.io_.get_executor(), context(tls::Role::client, test.device_), {{"127.0.0.1", port}},
                 {.realm = "corp", .handshake = 50ms});
    answer = co_await get(other);
    EXPECT_FALSE(answer);
    EXPECT_NE(answer.error().message.find("TLS handshake: no answer within 50ms"), std::string::npos)
        << answer.error().message;
  }(*this, name, mute.local_endpoint().port()));
}

TEST_F(ClientTest, ARevokedServerIsLeftBeforeTheNextRequest) {
  std::optional<Server> server;
  ServerName name;
  serve(server, name);
  run([](ClientTest& test, Server& to, ServerName at) -> Task<void> {
    Client client = test.client({at});
    auto answer = co_await get(client);
    EXPECT_TRUE(answer);
    test.pki_.revoke(test.kds_);
    answer = co_await get(client);
    EXPECT_FALSE(answer);
    EXPECT_NE(answer.error().message.find("certificate revoked"), std::string::npos) << answer.error().message;
    EXPECT_EQ(to.counters().requests, 1u);
  }(*this, *server, name));
}

TEST_F(ClientTest, AnAnswerThatIsNoneIsAnError) {
  tls::Context tls = context(tls::Role::server, kds_);
  tcp::acceptor acceptor(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  run([](ClientTest& test, tcp::acceptor& at, const tls::Context& with) -> Task<void> {
    Client client = test.client({{"127.0.0.1", at.local_endpoint().port()}});
    for (const std::string& text :
         {std::string("SSH-2.0\r\n\r\n"), "HTTP/1.1 200 OK\r\nX: " + std::string(9000, 'x') + "\r\n\r\n",
          std::string("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"),
          std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), std::string("HTTP/1.1 200 OK\r\n\r\nab")}) {
      auto once = [](tcp::acceptor& on, const tls::Context& as, std::string say) -> Task<void> {
        auto [failure, socket] = co_await on.async_accept(use_tuple);
        Result<tls::UniqueSsl> ssl = as.new_session(socket.native_handle());
        testing::Raw raw(tls::Stream(std::move(socket), *std::move(ssl)));
        const auto done = co_await raw.stream().handshake(20s);
        EXPECT_TRUE(done);
        co_await raw.say(std::move(say));
        const auto ended = co_await raw.stream().shutdown_write();
        EXPECT_TRUE(ended);
        co_await raw.until_end();
      };
      asio::co_spawn(test.io_, once(at, with, text), asio::detached);
      const auto answer = co_await get(client);
      EXPECT_FALSE(answer) << text.substr(0, 40);
      EXPECT_EQ(client.connection_id(), std::nullopt);
    }
  }(*this, acceptor, tls));
}

TEST(ServerNameTest, IsParsedAsItIsWritten) {
  for (const char* text : {"kds1:1", "KDS.example.net:8443", "192.0.2.1:65535", "[2001:db8::1]:8443"}) {
    auto server = ServerName::parse(text);
    ASSERT_TRUE(server) << text;
    EXPECT_EQ(server->to_string(), text);
    EXPECT_EQ(*ServerName::parse(text, 9), *server) << "its own port counts";
  }
  EXPECT_EQ(ServerName::parse("kds1", 9)->to_string(), "kds1:9");
  EXPECT_EQ(ServerName::parse("[2001:db8::1]", 9)->to_string(), "[2001:db8::1]:9");
  for (const char* wrong : {"kds1", "[2001:db8::1]"}) EXPECT_FALSE(ServerName::parse(wrong)) << wrong;
  for (const char* wrong : {"",
                            ":",
                            "kds1:",
                            ":1",
                            "kds1:0",
                            "kds1:65536",
                            "kds1:1x",
                            "kds1:-1",
                            "2001:db8::1",
                            "2001:db8::1:1",
                            "[]:1",
                            "[192.0.2.1]:1",
                            "[kds1]:1",
                            "[2001:db8::1",
                            "[2001:db8::1]1",
                            "[2001:db8::1]:",
                            "kds 1:1",
                            "a/b",
                            "https://kds1:1",
                            ".a:1",
                            "a..b:1"}) {
    EXPECT_FALSE(ServerName::parse(wrong)) << wrong;
    EXPECT_FALSE(ServerName::parse(wrong, 9)) << wrong;
  }
}

}  // namespace
}  // namespace sluice::http
