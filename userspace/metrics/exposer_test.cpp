// SPDX-License-Identifier: Apache-2.0
#include "metrics/exposer.hpp"

#include <gtest/gtest.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <future>

#include "metrics/testing.hpp"

namespace sluice::metrics {
namespace {

using namespace std::chrono_literals;

class ExposerTest : public ::testing::Test {
 protected:
  void SetUp() override { owner_.start("test-owner"); }

  Sources sources() {
    return {"test", owner_.context().get_executor(),
            [](const Reply& reply) {
              Families families;
              families.gauge("test_value", "A value.", 42);
              reply(std::move(families));
            },
            [](Families& families) { families.gauge("test_here", "Another.", 43); }};
  }
  void open(Sources from, const char* address = "127.0.0.1") {
    endpoint_ = {*Address::parse(address), 0};
    auto opened = Exposer::open(endpoint_, std::move(from));
    ASSERT_TRUE(opened) << opened.error().message;
    exposer_ = *std::move(opened);
    endpoint_.port = exposer_->port();
  }
  tcp::socket connect() {
    tcp::socket socket(io_);
    socket.connect(to_asio(endpoint_));
    return socket;
  }
  // Everything that comes back.
  std::string send(const std::string& request) {
    tcp::socket socket = connect();
    boost::system::error_code ignored;
    asio::write(socket, asio::buffer(request), ignored);
    std::string answer;
    asio::read(socket, asio::dynamic_buffer(answer), ignored);
    return answer;
  }
  std::string get(const std::string& target = "/metrics") {
    return send("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  static std::string body(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

  asio::io_context io_;
  EventLoop owner_;
  Endpoint endpoint_;
  std::unique_ptr<Exposer> exposer_;
};

TEST_F(ExposerTest, ServesBothFamiliesOfAddresses) {
  for (const char* address : {"127.0.0.1", "::1"}) {
    open(sources(), address);
    const std::string answer = get();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_NE(answer.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), std::string::npos) << answer;
    const auto values = testing::read(body(answer));
    EXPECT_EQ(values.at("test_value"), 42);
    EXPECT_EQ(values.at("test_here"), 43);
    EXPECT_EQ(values.at("sluice_up"), 1);
    EXPECT_EQ(values.at("sluice_build_info{program=\"test\",version=\"" SLUICE_VERSION "\"}"), 1);
    EXPECT_GT(values.at("sluice_start_time_seconds"), 1.7e9);
  }
}

TEST_F(ExposerTest, NothingElseIsServed) {
  open(sources());
  EXPECT_TRUE(get("/").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(get("/metrics/../etc/passwd").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(get("/metrics?name=x").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(send("DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 405 "));
  const std::string head = send("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200 ")) << head;
  EXPECT_TRUE(body(head).empty()) << head;
  EXPECT_EQ(send("hello\r\n\r\n"), "");
  EXPECT_EQ(send("GET /metrics HTTP/1.1\r\nX: " + std::string(100000, 'x') + "\r\n\r\n"), "");
  EXPECT_TRUE(get().starts_with("HTTP/1.1 200 "));
}

TEST_F(ExposerTest, AnOwnerThatDoesNotAnswerIsDown) {
  Sources from = sources();
  from.measure = [](const Reply&) {};
  open(std::move(from));
  const auto values = testing::read(body(get()));
  EXPECT_EQ(values, (std::map<std::string, double>{{"sluice_up", 0}}));
}

TEST_F(ExposerTest, AnAddressThatIsTakenIsNamed) {
  open(sources());
  const auto second = Exposer::open(endpoint_, sources());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, "metrics: cannot listen on " + endpoint_.to_string() + ": Address already in use");
  EXPECT_EQ(second.error().number, EADDRINUSE);
}

TEST_F(ExposerTest, EndsAtOnceWhileTheOwnerDoesNotRunAndSomebodyWaits) {
  owner_.stop();
  open(sources());
  auto waiter = std::async(std::launch::async, [this] { return get(); });
  EXPECT_EQ(waiter.wait_for(100ms), std::future_status::timeout);
  const auto start = std::chrono::steady_clock::now();
  exposer_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
  waiter.get();
}

TEST_F(ExposerTest, ThoseWhoSayNothingMakeRoomForWhoAsks) {
  open(sources());
  std::vector<tcp::socket> silent;
  while (silent.size() < 3 * Exposer::connections_max) silent.push_back(connect());
  auto waiter = std::async(std::launch::async, [this] { return get(); });
  ASSERT_EQ(waiter.wait_for(5s), std::future_status::ready);
  EXPECT_TRUE(waiter.get().starts_with("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace sluice::metrics
