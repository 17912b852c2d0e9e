// SPDX-License-Identifier: Apache-2.0
//
// More who want in than there are places.
#include "http/admission.hpp"

#include <stdexcept>

#include "http/testing.hpp"

namespace sluice::http {
namespace {

using namespace std::chrono_literals;
using testing::context;
using testing::Raw;
using testing::Role;

constexpr const char* here = "127.0.0.1";
constexpr const char* elsewhere = "127.0.0.2";

class AdmissionTest : public testing::LoopTest {
 public:
  void start(Limits limits) {
    ServerOptions options;
    options.realm = "corp";
    options.limits = limits;
    auto answer = [](const Request&, Connection&) -> Task<Response> {
      co_return Response::with_body(200, "text/plain", "in");
    };
    server_.emplace(io_.get_executor(), context(tls::Role::server, pki_.kds()), answer, std::move(options));
    Result<Endpoint> bound = server_->listen({*Address::parse(here), 0});
    ASSERT_TRUE(bound) << bound.error().message;
    endpoint_ = *bound;
  }

  /// Connects, and says nothing.
  Task<std::shared_ptr<tcp::socket>> mute(const char* from) {
    auto socket = std::make_shared<tcp::socket>(io_);
    socket->open(tcp::v4());
    socket->bind(to_asio({*Address::parse(from), 0}));
    const std::uint64_t before = server_->counters().accepted;
    co_await socket->async_connect(to_asio(endpoint_), asio::use_awaitable);
    EXPECT_TRUE(co_await until([&] { return server_->counters().accepted == before + 1; }));
    co_return socket;
  }
  static bool ended(tcp::socket& socket) {
    boost::system::error_code code;
    std::byte byte;
    socket.non_blocking(true);
    socket.read_some(asio::buffer(&byte, 1), code);
    return code != asio::error::would_block;
  }
  Task<std::unique_ptr<Raw>> dial(const tls::Context& who) {
    Result<std::unique_ptr<Raw>> raw = co_await Raw::dial(io_, who, endpoint_);
    EXPECT_TRUE(raw) << (raw ? "" : raw.error().message);
    if (!raw) throw std::runtime_error("no connection");
    co_return *std::move(raw);
  }
  /// What it gets for a request.
  Task<unsigned> status(Raw& raw) {
    co_await raw.get("/");
    const Response answer = co_await raw.response();
    said_ = answer.text();
    co_return answer.status;
  }
  /// *who* keeps so many connections.
  Task<void> crowd(const tls::Context& who, std::size_t number) {
    for (std::size_t i = 0; i < number; ++i) {
      crowd_.push_back(co_await dial(who));
      EXPECT_EQ(co_await status(*crowd_.back()), 200u);
    }
  }
  /// What *who* gets on a new connection, which it keeps if it is good.
  Task<unsigned> next(const tls::Context& who) {
    std::unique_ptr<Raw> raw = co_await dial(who);
    const unsigned got = co_await status(*raw);
    if (got == 200) crowd_.push_back(std::move(raw));
    co_return got;
  }
  tls::Context holder(Role role, const std::string& name, const std::string& realm = "corp") {
    return context(tls::Role::client, pki_.holder(role, name, realm));
  }
  std::size_t open() { return server_->counters().connections; }

  testing::Pki pki_;
  Endpoint endpoint_;
  std::optional<Server> server_;
  std::vector<std::unique_ptr<Raw>> crowd_;
  std::string said_;
};

TEST_F(AdmissionTest, WhoComesTakesThePlaceOfTheOldestThatSaysNothing) {
  Limits limits;
  limits.handshakes_of_an_address = 2;
  start(limits);
  run([](AdmissionTest& test) -> Task<void> {
    const tls::Context laptop = test.holder(Role::device, "laptop");
    const auto first = co_await test.mute(here), second = co_await test.mute(here);
    std::unique_ptr<Raw> raw = co_await test.dial(laptop);
    co_await raw->get("/");
    const Response answer = co_await raw->response();
    EXPECT_EQ(answer.status, 200u);
    EXPECT_TRUE(test.ended(*first));
    EXPECT_FALSE(test.ended(*second));
    EXPECT_EQ(test.server_->counters().crowded_out, 1u);
    EXPECT_EQ(test.server_->counters().handshakes_failed, 0u);
  }(*this));
}

TEST_F(AdmissionTest, AnAddressWithManyHandshakesPaysForWhoComesNext) {
  Limits limits;
  limits.handshakes = 4;
  start(limits);
  run([](AdmissionTest& test) -> Task<void> {
    const tls::Context laptop = test.holder(Role::device, "laptop");
    const auto alone = co_await test.mute(here);
    std::vector<std::shared_ptr<tcp::socket>> many;
    for (int i = 0; i < 8; ++i) many.push_back(co_await test.mute(elsewhere));
    EXPECT_EQ(test.open(), 4u);
    EXPECT_TRUE(test.ended(*many[4])) << "the older ones";
    EXPECT_FALSE(test.ended(*many[5]));
    const std::unique_ptr<Raw> raw = co_await test.dial(laptop);
    EXPECT_FALSE(test.ended(*alone));
    EXPECT_TRUE(test.ended(*many[5]));
  }(*this));
}

TEST_F(AdmissionTest, TheFirstByteIsNotWaitedForAsLongAsTheRest) {
  Limits limits;
  limits.first_byte = 50ms;
  limits.handshake = 100s;
  start(limits);
  run([](AdmissionTest& test) -> Task<void> {
    const auto silent = co_await test.mute(here), slow = co_await test.mute(here);
    slow->write_some(asio::buffer("\x16\x03", 2));
    EXPECT_TRUE(co_await test.until([&] { return test.ended(*silent); }));
    EXPECT_TRUE(co_await test.until([&] { return test.server_->counters().handshakes_failed == 1; }));
    EXPECT_FALSE(test.ended(*slow));
  }(*this));
}

TEST_F(AdmissionTest, ADeviceHasSoManyConnectionsAndOthersHaveTheirs) {
  Limits limits;
  limits.connections_of_a_device = 2;
  limits.connections_of_another = 3;
  start(limits);
  run([](AdmissionTest& test) -> Task<void> {
    const tls::Context laptop = test.holder(Role::device, "laptop"), desk = test.holder(Role::device, "desk"),
                       gateway = test.holder(Role::realm_gateway, "gw1");
    co_await test.crowd(laptop, 2);
    EXPECT_EQ(co_await test.next(laptop), 429u);
    EXPECT_NE(test.said_.find("device/laptop has 2 connections already"), std::string::npos) << test.said_;
    EXPECT_EQ(co_await test.next(desk), 200u);
    co_await test.crowd(gateway, 3);
    EXPECT_EQ(co_await test.next(gateway), 429u);
    EXPECT_EQ(test.server_->counters().crowded_out, 2u);
    // A place is free again when its connection ends.
    test.crowd_.clear();
    EXPECT_TRUE(co_await test.until([&] { return test.open() == 0; }));
    EXPECT_EQ(co_await test.next(laptop), 200u);
  }(*this));
}

TEST_F(AdmissionTest, AnAddressHasSoManyConnectionsOfDevices) {
  Limits limits;
  limits.connections_of_an_address = 2;
  start(limits);
  run([](AdmissionTest& test) -> Task<void> {
    const tls::Context laptop = test.holder(Role::device, "laptop"), desk = test.holder(Role::device, "desk"),
                       alice = test.holder(Role::operator_, "alice");
    co_await test.crowd(laptop, 2);
    EXPECT_EQ(co_await test.next(desk), 503u);
    EXPECT_EQ(co_await test.next(alice), 200u) << "who sits behind the same address as they";
  }(*this));
}

TEST_F(AdmissionTest, DevicesDoNotTakeTheLastPlaces) {
  Limits limits;
  limits.connections = 8;
  start(limits);
  run([](AdmissionTest& test) -> Task<void> {
    const tls::Context laptop = test.holder(Role::device, "laptop"), gateway = test.holder(Role::realm_gateway, "gw1");
    co_await test.crowd(laptop, 7);
    EXPECT_EQ(co_await test.next(laptop), 503u);
    EXPECT_EQ(co_await test.next(gateway), 200u);
    EXPECT_EQ(co_await test.next(gateway), 503u);
  }(*this));
}

// Whatever a stranger's certificate is, it is worth no more than none.
TEST_F(AdmissionTest, AStrangerKeepsNoPlaceButAHandshakes) {
  Limits limits;
  limits.handshakes = 2;
  start(limits);
  run([](AdmissionTest& test) -> Task<void> {
    const tls::Context agent = test.holder(Role::agent, "berlin"), laptop = test.holder(Role::device, "laptop");
    std::vector<std::unique_ptr<Raw>> strangers;
    for (int i = 0; i < 4; ++i) strangers.push_back(co_await test.dial(agent));
    EXPECT_TRUE(co_await test.until([&] { return test.open() == 2; }));
    EXPECT_EQ(co_await test.status(*strangers.back()), 403u);
    EXPECT_EQ(co_await test.next(laptop), 200u);
  }(*this));
}

TEST_F(AdmissionTest, AStrangerIsNotWaitedFor) {
  Limits limits;
  limits.first_byte = 2s;
  limits.idle = 100s;
  start(limits);
  run([](AdmissionTest& test) -> Task<void> {
    const tls::Context agent = test.holder(Role::agent, "berlin");
    std::unique_ptr<Raw> raw = co_await test.dial(agent);
    EXPECT_TRUE(co_await raw->ends_in_order());
  }(*this));
}

}  // namespace
}  // namespace sluice::http
