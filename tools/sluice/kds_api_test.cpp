// SPDX-License-Identifier: Apache-2.0
//
// An operator's requests to servers that answer over real TLS, well and badly.
#include "sluice/kds_api.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "http/problem.hpp"
#include "http/server.hpp"
#include "http/testing.hpp"
#include "sluice/command.hpp"

namespace sluice::cli {
namespace {

using http::Connection;
using http::Request;
using http::Response;
using nlohmann::json;
using Role = tls::PeerName::Role;

// A key server of its own thread: KdsApi blocks.
class Server {
 public:
  Server(const tls::Identity& identity, std::function<Response(const Request&)> answer) : answer_(std::move(answer)) {
    http::ServerOptions options;
    options.realm = "corp";
    server_ = std::make_unique<http::Server>(
        io_.get_executor(), http::testing::context(tls::Role::server, identity),
        [this](const Request& request, Connection&) { return handle(request); }, options);
    const auto bound = server_->listen({*Address::parse("127.0.0.1"), 0});
    EXPECT_TRUE(bound);
    name = {"127.0.0.1", bound->port};
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Server() {
    asio::post(io_, [this] {
      server_->stop();
      io_.stop();
    });
    thread_.join();
  }

  http::ServerName name;
  std::atomic<int> asked{0};

 private:
  Task<Response> handle(const Request& request) {
    ++asked;
    co_return answer_(request);
  }

  std::function<Response(const Request&)> answer_;
  asio::io_context io_{1};
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

Response problem(unsigned status, const char* title, const char* detail) {
  return http::Problem{status, title, detail, {}}.to_response();
}

class KdsApiTest : public ::testing::Test {
 public:
  realm::Settings settings(std::vector<http::ServerName> servers) {
    realm::Settings made;
    made.realm = "corp";
    made.identity = operator_;
    made.kds = std::move(servers);
    return made;
  }
  tls::testing::Pki pki_;
  tls::Identity operator_ = pki_.holder(Role::operator_, "ada");
};

TEST_F(KdsApiTest, AsksAsTheApiHasIt) {
  std::vector<std::string> seen;
  Server server(pki_.kds(), [&](const Request& request) {
    seen.push_back(request.method + " " + request.target + " " + request.body);
    return request.method == "GET" ? Response::json(200, R"({"devices":[]})") : Response::with_body(204, "", "");
  });
  auto api = KdsApi::open(settings({server.name}));
  ASSERT_TRUE(api) << api.error().message;
  const auto got = api->get("/v1/devices");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(*got, (json{{"devices", json::array()}}));
  EXPECT_TRUE(api->change("POST", "/v1/devices/a/ban", {}, KdsApi::Twice::same));
  EXPECT_TRUE(api->change("PATCH", "/v1/devices/a", {{"enabled", false}}, KdsApi::Twice::same));
  EXPECT_EQ(seen, (std::vector<std::string>{"GET /v1/devices ", "POST /v1/devices/a/ban ",
                                            R"(PATCH /v1/devices/a {"enabled":false})"}));
}

TEST_F(KdsApiTest, WhatAServerSaysIsToldAndHasItsExitCode) {
  struct Case {
    unsigned status;
    const char* target;
    int code;
  };
  for (const Case& one : {Case{400, "/v1/devices/a", exit_failed},
                          {403, "/v1/devices/a", exit_refused},
                          {404, "/v1/devices/a", exit_none},
                          {404, "/v1/gateways", exit_failed},
                          {409, "/v1/devices", exit_exists},
                          {429, "/v1/devices", exit_failed},
                          {500, "/v1/devices", exit_failed},
                          {503, "/v1/devices", exit_failed}}) {
    Server server(pki_.kds(), [&](const Request&) { return problem(one.status, "the title", "the \x1b[2J detail"); });
    auto api = KdsApi::open(settings({server.name}));
    ASSERT_TRUE(api) << api.error().message;
    const auto got = api->get(one.target);
    ASSERT_FALSE(got) << one.status;
    EXPECT_EQ(exit_code_of(got.error()), one.code) << one.status << ' ' << one.target;
    EXPECT_NE(got.error().message.find(std::to_string(one.status) + ", the title: the ?[2J detail"), std::string::npos)
        << got.error().message;
  }
}

TEST_F(KdsApiTest, TheNextServerIsAskedWhereItIsTheSameToDoItTwice) {
  Server ill(pki_.kds(), [](const Request&) { return problem(503, "later", "not now"); });
  Server well(pki_.kds(), [](const Request&) { return Response::json(200, "{}"); });
  auto api = KdsApi::open(settings({{"127.0.0.1", 1}, ill.name, well.name}));
  ASSERT_TRUE(api) << api.error().message;
  const auto got = api->get("/v1/devices");
  EXPECT_TRUE(got) << got.error().message;
  EXPECT_EQ(ill.asked, 1);

  auto other = KdsApi::open(settings({ill.name, well.name}));
  ASSERT_TRUE(other);
  const auto enrolled = other->change("POST", "/v1/devices", json::object(), KdsApi::Twice::not_the_same);
  ASSERT_FALSE(enrolled);
  EXPECT_NE(enrolled.error().message.find("not now"), std::string::npos);
  EXPECT_EQ(well.asked, 1);
}

TEST_F(KdsApiTest, NobodyThereIsToldWithEachServer) {
  auto api = KdsApi::open(settings({{"127.0.0.1", 1}, {"::1", 1}}));
  ASSERT_TRUE(api);
  const auto got = api->get("/v1/devices");
  ASSERT_FALSE(got);
  EXPECT_EQ(exit_code_of(got.error()), exit_no_server);
  for (const char* words : {"127.0.0.1:1: ", "[::1]:1: ", "CN=ada"})
    EXPECT_NE(got.error().message.find(words), std::string::npos) << got.error().message;
}

TEST_F(KdsApiTest, AServerOfAnotherRealmIsNone) {
  Server server(pki_.kds("lab"), [](const Request&) { return Response::json(200, "{}"); });
  auto api = KdsApi::open(settings({server.name}));
  ASSERT_TRUE(api);
  const auto got = api->get("/v1/devices");
  ASSERT_FALSE(got);
  EXPECT_EQ(exit_code_of(got.error()), exit_no_server);
  EXPECT_NE(got.error().message.find("is for no KDS of realm 'corp'"), std::string::npos) << got.error().message;
  EXPECT_EQ(server.asked, 0);
}

TEST_F(KdsApiTest, OurCertificateIsLookedAtFirst) {
  operator_ = pki_.holder(Role::device, "laptop1");
  auto api = KdsApi::open(settings({{"127.0.0.1", 1}}));
  ASSERT_FALSE(api);
  EXPECT_NE(api.error().message.find("is for no operator of realm 'corp', but for sluice://corp/device/laptop1"),
            std::string::npos)
      << api.error().message;
  operator_ = pki_.holder(Role::operator_, "late", "corp", std::chrono::seconds(-60));
  auto expired = KdsApi::open(settings({{"127.0.0.1", 1}}));
  ASSERT_FALSE(expired);
  EXPECT_NE(expired.error().message.find("expired on"), std::string::npos) << expired.error().message;
}

TEST_F(KdsApiTest, WhatIsNoAnswerIsToldAsSuch) {
  Server server(pki_.kds(), [](const Request&) { return Response::json(200, R"({"a":1,"a":2})"); });
  auto api = KdsApi::open(settings({server.name}));
  ASSERT_TRUE(api);
  const auto got = api->get("/v1/devices");
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().message.find("answer to GET /v1/devices"), std::string::npos) << got.error().message;
  EXPECT_EQ(exit_code_of(got.error()), exit_failed);
}

}  // namespace
}  // namespace sluice::cli
