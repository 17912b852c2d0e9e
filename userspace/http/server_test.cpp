// SPDX-License-Identifier: Apache-2.0
//
// A server and those who ask it: in order, out of order, too long, too slow, no longer trusted.
#include "http/server.hpp"

#include <openssl/x509.h>

#include <array>
#include <stdexcept>

#include "http/testing.hpp"

namespace sluice::http {
namespace {

using namespace std::chrono_literals;
using testing::context;
using testing::Raw;
using testing::Role;

struct Seen {
  int number = 0;
};

std::string hex(const tls::ChannelBinding& binding) {
  const auto digits = derivation::Secret::copy_of(binding).hex();
  return std::string(digits.text());
}

class ServerTest : public testing::LoopTest {
 public:
  void start(ServerOptions options = quick()) {
    server_.emplace(
        io_.get_executor(), context(tls::Role::server, pki_.kds()),
        [this](const Request& request, Connection& connection) { return handle(request, connection); },
        std::move(options));
    Result<Endpoint> bound = server_->listen({*Address::parse("127.0.0.1"), 0});
    ASSERT_TRUE(bound) << bound.error().message;
    endpoint_ = *bound;
  }
  static ServerOptions quick() {
    ServerOptions options;
    options.realm = "corp";
    options.recheck = 10ms;
    return options;
  }

  Task<Response> handle(const Request& request, Connection& connection) {
    if (request.path() == "/wait") {
      struct Waiting {
        explicit Waiting(ServerTest& of) : test(of) { ++test.waiting_; }
        ~Waiting() {
          --test.waiting_;
          ++test.waited_;
        }
        ServerTest& test;
      } waiting{*this};
      asio::steady_timer timer(connection.executor(), 25s);
      auto [code] = co_await timer.async_wait(use_tuple);
      EXPECT_EQ(code, asio::error::operation_aborted);
      closed_ = connection.closed();
      co_return Response::with_body(200, "text/plain", "too late");
    }
    if (request.path() == "/pause") {
      asio::steady_timer timer(connection.executor(), 50ms);
      (void)co_await timer.async_wait(use_tuple);
    }
    if (request.path() == "/throw") throw std::runtime_error("on purpose");
    if (request.path() == "/binding") {
      co_return Response::with_body(200, "text/plain", hex(connection.channel_binding()));
    }
    std::string text = request.method + " " + request.target + " " + request.body + " by " +
                       connection.peer().device_of("corp").value_or("?") + " for the " +
                       std::to_string(++connection.slot<Seen>().number) + ".";
    if (connection.resumed()) text += " resumed";
    EXPECT_EQ(tls::Peer::from_certificate(connection.certificate()).serial, connection.peer().serial);
    EXPECT_EQ(connection.remote().address.to_string(), "127.0.0.1");
    co_return Response::with_body(200, "text/plain", text);
  }

  Task<std::unique_ptr<Raw>> dial() {
    Result<std::unique_ptr<Raw>> raw = co_await Raw::dial(io_, laptop_, endpoint_);
    EXPECT_TRUE(raw) << (raw ? "" : raw.error().message);
    if (!raw) throw std::runtime_error("no connection");
    co_return *std::move(raw);
  }
  /// One that waits in a long poll.
  Task<std::unique_ptr<Raw>> poll() {
    std::unique_ptr<Raw> raw = co_await dial();
    co_await raw->get("/wait");
    EXPECT_TRUE(co_await until([this] { return waiting_ == 1; }));
    co_return raw;
  }

  testing::Pki pki_;
  tls::Identity device_ = pki_.holder(Role::device, "laptop");
  tls::Context laptop_ = context(tls::Role::client, device_);
  Endpoint endpoint_;
  std::optional<Server> server_;
  int waiting_ = 0, waited_ = 0;
  bool closed_ = false;
};

TEST_F(ServerTest, AHandlerKnowsWhoAsksAndWhatItKept) {
  start();
  run([](ServerTest& test) -> Task<void> {
    std::unique_ptr<Raw> raw = co_await test.dial();
    co_await raw->get("/a?b=c");
    Response answer = co_await raw->response();
    EXPECT_EQ(answer.status, 200u);
    EXPECT_EQ(answer.text(), "GET /a?b=c  by laptop for the 1.");
    co_await raw->say("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody");
    answer = co_await raw->response();
    EXPECT_EQ(answer.text(), "POST /x body by laptop for the 2.");
    co_await raw->get("/binding");
    answer = co_await raw->response();
    EXPECT_EQ(answer.text(), hex(*tls::channel_binding(raw->stream().ssl())));
    co_await raw->say("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    answer = co_await raw->response(true);
    EXPECT_EQ(answer.status, 200u);
    co_await raw->say("GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    answer = co_await raw->response();
    EXPECT_EQ(answer.text(), "GET /last  by laptop for the 4.");
    EXPECT_EQ(answer.fields.get("Connection"), "close");
    EXPECT_TRUE(co_await raw->ends_in_order());
    EXPECT_EQ(test.server_->counters().requests, 5u);
  }(*this));
}

TEST_F(ServerTest, AClientOfTls12IsRefused) {
  start();
  run([](ServerTest& test) -> Task<void> {
    tls::Context lax = context(tls::Role::client, test.device_, false);
    Result<std::unique_ptr<Raw>> raw = co_await Raw::dial(test.io_, lax, test.endpoint_, TLS1_2_VERSION);
    EXPECT_FALSE(raw);
    EXPECT_TRUE(co_await test.until([&] { return test.server_->counters().handshakes_failed == 1; }));
  }(*this));
}

TEST_F(ServerTest, ASessionBelowTls13IsRefusedWhateverTheContextAllows) {
  server_.emplace(io_.get_executor(), context(tls::Role::server, pki_.kds(), false),
                  [this](const Request& request, Connection& connection) { return handle(request, connection); });
  endpoint_ = *server_->listen({*Address::parse("127.0.0.1"), 0});
  run([](ServerTest& test) -> Task<void> {
    tls::Context lax = context(tls::Role::client, test.device_, false);
    Result<std::unique_ptr<Raw>> raw = co_await Raw::dial(test.io_, lax, test.endpoint_, TLS1_2_VERSION);
    EXPECT_TRUE(raw);
    if (!raw) co_return;
    const Response none = co_await (*raw)->response();
    EXPECT_EQ(none.status, 0u);
    EXPECT_EQ(test.server_->counters().handshakes_failed, 1u);
  }(*this));
}

TEST_F(ServerTest, AnotherRealmsDeviceReachesNoHandler) {
  start();
  run([](ServerTest& test) -> Task<void> {
    tls::Context other = context(tls::Role::client, test.pki_.holder(Role::device, "stranger", "lab"));
    Result<std::unique_ptr<Raw>> raw = co_await Raw::dial(test.io_, other, test.endpoint_);
    EXPECT_TRUE(raw);
    if (!raw) co_return;
    co_await (*raw)->get("/");
    const Response answer = co_await (*raw)->response();
    EXPECT_EQ(answer.status, 403u);
    EXPECT_EQ(answer.content_type, "application/problem+json");
    EXPECT_TRUE(co_await (*raw)->ends_in_order());
    EXPECT_EQ(test.server_->counters().requests, 0u);
  }(*this));
}

TEST_F(ServerTest, ARevokedDeviceIsClosedInItsLongPoll) {
  start();
  run([](ServerTest& test) -> Task<void> {
    std::unique_ptr<Raw> raw = co_await test.poll();
    tls::Context other = context(tls::Role::client, test.pki_.holder(Role::device, "other"));
    Result<std::unique_ptr<Raw>> stays = co_await Raw::dial(test.io_, other, test.endpoint_);
    EXPECT_TRUE(stays);
    if (!stays) co_return;
    test.pki_.revoke(test.device_);
    const Response none = co_await raw->response();
    EXPECT_EQ(none.status, 0u);
    EXPECT_TRUE(co_await test.until([&] { return test.waiting_ == 0; }));
    EXPECT_TRUE(test.closed_);
    EXPECT_EQ(test.server_->counters().no_longer_trusted, 1u);
    co_await (*stays)->get("/");
    const Response answer = co_await (*stays)->response();
    EXPECT_EQ(answer.status, 200u);
  }(*this));
}

TEST_F(ServerTest, ADeviceWhoseCertificateRunsOutIsClosedInItsLongPoll) {
  device_ = pki_.holder(Role::device, "brief", "corp", 4s);
  laptop_ = context(tls::Role::client, device_);
  start();
  run([](ServerTest& test) -> Task<void> {
    {
      std::unique_ptr<Raw> ticket = co_await test.dial();
      co_await ticket->get("/");
      const Response answer = co_await ticket->response();
      EXPECT_EQ(answer.status, 200u);
    }
    std::unique_ptr<Raw> raw = co_await test.poll();
    EXPECT_EQ(test.server_->counters().sessions_resumed, 1u);
    const Response none = co_await raw->response();
    EXPECT_EQ(none.status, 0u);
    EXPECT_TRUE(co_await test.until([&] { return test.waiting_ == 0; }));
    EXPECT_EQ(test.server_->counters().no_longer_trusted, 1u);
    // Its ticket is good for an hour, and its certificate was looked at within the last 30 s.
    Result<std::unique_ptr<Raw>> again = co_await Raw::dial(test.io_, test.laptop_, test.endpoint_);
    if (again) {
      const Response refused = co_await (*again)->response();
      EXPECT_EQ(refused.status, 0u);
    }
    EXPECT_TRUE(co_await test.until([&] { return test.server_->counters().handshakes_failed == 1; }));
  }(*this));
}

TEST_F(ServerTest, ResumedSessionsAreCountedAndEndWithTheCertificate) {
  start();
  run([](ServerTest& test) -> Task<void> {
    std::array<std::string, 3> bindings;
    for (std::string& binding : bindings) {
      std::unique_ptr<Raw> raw = co_await test.dial();
      co_await raw->get("/binding");
      const Response answer = co_await raw->response();
      binding = answer.text();
      EXPECT_EQ(binding, hex(*tls::channel_binding(raw->stream().ssl())));
    }
    EXPECT_EQ(test.server_->counters().sessions_full, 1u);
    EXPECT_EQ(test.server_->counters().sessions_resumed, 2u);
    EXPECT_NE(bindings[1], bindings[0]);
    EXPECT_NE(bindings[1], bindings[2]);
    std::unique_ptr<Raw> raw = co_await test.dial();
    co_await raw->get("/");
    Response answer = co_await raw->response();
    EXPECT_EQ(answer.text(), "GET /  by laptop for the 1. resumed");
    test.pki_.revoke(test.device_);
    EXPECT_TRUE(co_await test.until([&] { return test.server_->counters().no_longer_trusted != 0; }));
    answer = co_await raw->response();
    EXPECT_EQ(answer.status, 0u);
    const std::uint64_t failed = test.server_->counters().handshakes_failed;
    Result<std::unique_ptr<Raw>> again = co_await Raw::dial(test.io_, test.laptop_, test.endpoint_);
    if (again) answer = co_await (*again)->response();
    EXPECT_EQ(answer.status, 0u);
    EXPECT_TRUE(co_await test.until([&] { return test.server_->counters().handshakes_failed == failed + 1; }));
  }(*this));
}

TEST_F(ServerTest, WhatIsTooLongOrNoHttpIsRefusedInWords) {
  start();
  run([](ServerTest& test) -> Task<void> {
    struct Case {
      std::string text;
      unsigned status;
    };
    const std::string host = " HTTP/1.1\r\nHost: x\r\n";
    const std::vector<Case> cases{{"hello\r\n\r\n", 400},
                                  {"GET /" + host + "X: " + std::string(100000, 'x') + "\r\n\r\n", 431},
                                  {"GET /" + std::string(9000, 'x') + host + "\r\n", 431},
                                  {"POST /" + host + "Content-Length: 65537\r\n\r\n" + std::string(65537, 'x'), 413},
                                  {"POST /" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411}};
    for (const Case& one : cases) {
      std::unique_ptr<Raw> raw = co_await test.dial();
      co_await raw->say(one.text);
      const Response answer = co_await raw->response();
      EXPECT_EQ(answer.status, one.status) << one.text.substr(0, 40);
      EXPECT_EQ(answer.fields.get("Connection"), "close");
      EXPECT_TRUE(co_await raw->ends_in_order());
    }
    EXPECT_EQ(test.server_->counters().requests, 0u);
    EXPECT_EQ(test.server_->counters().refused, cases.size());
    std::unique_ptr<Raw> raw = co_await test.dial();
    co_await raw->say("POST /" + host + "Content-Length: 65536\r\n\r\n" + std::string(65536, 'x'));
    const Response answer = co_await raw->response();
    EXPECT_EQ(answer.status, 200u);
  }(*this));
}

TEST_F(ServerTest, WhoSendsAByteAtATimeIsCutOff) {
  ServerOptions options = quick();
  options.limits.request_header = options.limits.request_body = 300ms;
  start(std::move(options));
  run([](ServerTest& test) -> Task<void> {
    for (const std::string begin : {"", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"}) {
      std::unique_ptr<Raw> raw = co_await test.dial();
      bool answered = false;
      auto drip = [](ServerTest& of, Raw& to, std::string text, bool& stop) -> Task<void> {
        const auto began = co_await to.stream().write_all(testing::bytes(text));
        EXPECT_TRUE(began);
        asio::steady_timer pause(of.io_);
        for (int i = 0; i < 5000 && !stop; ++i) {
          const auto written = co_await to.stream().write_all(testing::bytes("x"));
          if (!written) break;
          pause.expires_after(10ms);
          (void)co_await pause.async_wait(use_tuple);
        }
        EXPECT_TRUE(stop) << "the server listened all the time";
        stop = false;
      };
      asio::co_spawn(test.io_, drip(test, *raw, begin, answered), asio::detached);
      const Response answer = co_await raw->response();
      EXPECT_EQ(answer.status, 408u);
      answered = true;
      EXPECT_TRUE(co_await test.until([&] { return !answered; }));
    }
  }(*this));
}

TEST_F(ServerTest, WhoSaysNothingIsCutOff) {
  ServerOptions options = quick();
  options.limits.idle = 50ms;
  options.limits.handshake = 2s;
  start(std::move(options));
  run([](ServerTest& test) -> Task<void> {
    std::unique_ptr<Raw> raw = co_await test.dial();
    EXPECT_TRUE(co_await raw->ends_in_order());
    tcp::socket mute(test.io_);
    co_await mute.async_connect(to_asio(test.endpoint_), asio::use_awaitable);
    std::byte byte;
    auto [code, size] = co_await mute.async_read_some(asio::buffer(&byte, 1), use_tuple);
    EXPECT_TRUE(code);
    EXPECT_EQ(test.server_->counters().handshakes_failed, 1u);
  }(*this));
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInTheirOrder) {
  start();
  run([](ServerTest& test) -> Task<void> {
    std::unique_ptr<Raw> raw = co_await test.dial();
    std::string all = "\r\nGET /pause HTTP/1.1\r\nHost: x\r\n\r\n";
    all += "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n" + std::string(20000, 'b');
    // More than the server reads ahead while it handles the first.
    for (int i = 3; i <= 300; ++i) {
      all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: " + std::string(40, 'x') + "\r\n\r\n";
    }
    co_await raw->say(all);
    for (int i = 1; i <= 300; ++i) {
      const Response answer = co_await raw->response();
      EXPECT_EQ(answer.status, 200u) << i;
      if (answer.status != 200) co_return;
      EXPECT_TRUE(answer.text().ends_with("for the " + std::to_string(i) + ".")) << answer.text().size();
    }
  }(*this));
}

TEST_F(ServerTest, AHalfClosedSessionStillGetsItsAnswers) {
  start();
  run([](ServerTest& test) -> Task<void> {
    std::unique_ptr<Raw> raw = co_await test.dial();
    const std::string pause = "GET /pause HTTP/1.1\r\nHost: x\r\n\r\n";
    co_await raw->say(pause + pause);
    const auto ended = co_await raw->stream().shutdown_write();
    EXPECT_TRUE(ended);
    for (int i = 1; i <= 2; ++i) {
      const Response answer = co_await raw->response();
      EXPECT_EQ(answer.text(), "GET /pause  by laptop for the " + std::to_string(i) + ".");
    }
    EXPECT_TRUE(co_await raw->ends_in_order());
  }(*this));
}

TEST_F(ServerTest, APeerThatGoesAwayCancelsItsLongPoll) {
  start();
  run([](ServerTest& test) -> Task<void> {
    for (const char* how : {"reset", "end of connection", "close_notify and end", "reset behind much unread"}) {
      std::unique_ptr<Raw> raw = co_await test.poll();
      if (how == std::string("close_notify and end")) (void)raw->stream().try_shutdown_write();
      if (how == std::string("reset behind much unread")) co_await raw->say(std::string(100000, 'x'));
      raw->stream().close(std::string(how).starts_with("reset"));
      EXPECT_TRUE(co_await test.until([&] { return test.waiting_ == 0; })) << how;
      EXPECT_TRUE(test.closed_) << how;
    }
    EXPECT_TRUE(co_await test.until([&] { return test.server_->counters().connections == 0; }));
    EXPECT_EQ(test.server_->counters().cancelled, 4u);
  }(*this));
}

TEST_F(ServerTest, StoppingCancelsALongPoll) {
  start();
  run([](ServerTest& test) -> Task<void> {
    std::unique_ptr<Raw> raw = co_await test.poll();
    std::unique_ptr<Raw> idle = co_await test.dial();
    EXPECT_TRUE(co_await test.until([&] { return test.server_->counters().sessions_full == 2; }));
    test.server_->stop();
    co_await test.server_->stopped();
    EXPECT_EQ(test.waiting_, 0);
    EXPECT_EQ(test.waited_, 1);
    EXPECT_TRUE(test.closed_);
    EXPECT_TRUE(co_await raw->ends_in_order());
    EXPECT_TRUE(co_await idle->ends_in_order());
    Result<std::unique_ptr<Raw>> late = co_await Raw::dial(test.io_, test.laptop_, test.endpoint_);
    EXPECT_FALSE(late);
  }(*this));
}

TEST_F(ServerTest, AHandlerThatTakesTooLongIs503) {
  ServerOptions options = quick();
  options.limits.handling = 50ms;
  start(std::move(options));
  run([](ServerTest& test) -> Task<void> {
    std::unique_ptr<Raw> raw = co_await test.dial();
    co_await raw->get("/wait");
    const Response answer = co_await raw->response();
    EXPECT_EQ(answer.status, 503u);
    EXPECT_EQ(test.waiting_, 0);
    EXPECT_EQ(test.waited_, 1);
    EXPECT_TRUE(co_await raw->ends_in_order());
  }(*this));
}

TEST_F(ServerTest, AHandlerThatThrowsIs500AndNoMore) {
  start();
  run([](ServerTest& test) -> Task<void> {
    std::unique_ptr<Raw> raw = co_await test.dial();
    co_await raw->get("/throw");
    Response answer = co_await raw->response();
    EXPECT_EQ(answer.status, 500u);
    EXPECT_EQ(answer.text().find("purpose"), std::string_view::npos);
    co_await raw->get("/");
    answer = co_await raw->response();
    EXPECT_EQ(answer.status, 200u);
  }(*this));
}

TEST_F(ServerTest, WhoExpectsToBeToldIsToldToGoOn) {
  start();
  run([](ServerTest& test) -> Task<void> {
    std::unique_ptr<Raw> raw = co_await test.dial();
    co_await raw->say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    const Response go_on = co_await raw->response();
    EXPECT_EQ(go_on.status, 100u);
    co_await raw->say("ok");
    const Response answer = co_await raw->response();
    EXPECT_EQ(answer.text(), "POST / ok by laptop for the 1.");
  }(*this));
}

TEST_F(ServerTest, AHundredAtATime) {
  ServerOptions options = quick();
  options.limits.handshakes_of_an_address = options.limits.connections_of_a_device = 200;
  options.limits.handshake = options.limits.sending = 100s;
  start(std::move(options));
  run([](ServerTest& test) -> Task<void> {
    int good = 0, ended = 0;
    auto ask = [](ServerTest& of, int& right, int& done) -> Task<void> {
      Result<std::unique_ptr<Raw>> raw = co_await Raw::dial(of.io_, of.laptop_, of.endpoint_);
      EXPECT_TRUE(raw) << (raw ? "" : raw.error().message);
      for (int i = 1; raw && i <= 3; ++i) {
        co_await (*raw)->get("/pause");
        const Response answer = co_await (*raw)->response();
        if (answer.text() == "GET /pause  by laptop for the " + std::to_string(i) + ".") ++right;
      }
      ++done;
    };
    for (int i = 0; i < 100; ++i) asio::co_spawn(test.io_, ask(test, good, ended), asio::detached);
    EXPECT_TRUE(co_await test.until([&] { return ended == 100; }));
    EXPECT_EQ(good, 300);
    EXPECT_EQ(test.server_->counters().requests, 300u);
    EXPECT_TRUE(co_await test.until([&] { return test.server_->counters().connections == 0; }));
  }(*this));
}

}  // namespace
}  // namespace sluice::http
