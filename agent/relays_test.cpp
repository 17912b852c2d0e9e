// SPDX-License-Identifier: Apache-2.0
//
// Bulk on the workers while the control thread goes about its own business: the peers at both ends of each stream are
// driven by a thread of the test's.
#include "agent/relays.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <numeric>
#include <thread>

#include "agent/agent_testing.hpp"

namespace sluice::agent {
namespace {

using namespace std::chrono_literals;
using testing::AgentTest;

/// The two far ends of one stream, sending both ways as fast as they can.
class Bulk {
 public:
  /// Ends when *target* bytes have come at both ends, or when both ends are reset.
  Bulk(tcp::socket server, tls::Stream& gateway, std::size_t target)
      : server_(std::move(server)), gateway_(gateway), target_(target), thread_([this] { run(); }) {
    server_.native_non_blocking(true);
  }
  ~Bulk() { join(); }

  void join() {
    if (thread_.joinable()) thread_.join();
  }

  std::atomic<std::size_t> at_server{0}, at_gateway{0};
  std::atomic<bool> server_reset{false}, gateway_ended{false}, wrong{false}, timed_out{false};
  [[nodiscard]] bool all_reset() const { return server_reset && gateway_ended; }

 private:
  static char byte_at(std::size_t position, char direction) {
    return static_cast<char>(position * 7 + (position >> 8) + static_cast<std::size_t>(direction));
  }
  std::string chunk_at(std::size_t position, char direction) {
    std::string chunk(std::min<std::size_t>(32768, target_ - position), '\0');
    for (std::size_t i = 0; i < chunk.size(); ++i) chunk[i] = byte_at(position + i, direction);
    return chunk;
  }
  void check(const char* bytes, std::size_t size, std::size_t position, char direction) {
    for (std::size_t i = 0; i < size; ++i)
      if (bytes[i] != byte_at(position + i, direction)) wrong = true;
  }
  /// Moves what can be moved; false when nothing could.
  bool step_server() {
    const int fd = server_.native_handle();
    char buffer[32768];
    const ssize_t size = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    const bool read_failed = size == 0 || (size < 0 && errno != EAGAIN);
    if (size > 0) {
      check(buffer, static_cast<std::size_t>(size), at_server, 'd');
      at_server += static_cast<std::size_t>(size);
    }
    const std::string chunk = chunk_at(from_server_, 'u');
    const ssize_t sent = chunk.empty() ? 0 : ::send(fd, chunk.data(), chunk.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) from_server_ += static_cast<std::size_t>(sent);
    if (read_failed || (sent < 0 && errno != EAGAIN)) server_reset = true;
    return size > 0 || sent > 0;
  }
  bool step_gateway() {
    using Status = tls::Stream::Status;
    std::byte buffer[32768];
    const auto got = gateway_.try_read(buffer);
    if (got.status == Status::ok) {
      check(reinterpret_cast<const char*>(buffer), got.size, at_gateway, 'u');
      at_gateway += got.size;
    }
    const std::string chunk = chunk_at(from_gateway_, 'd');
    tls::Stream::Attempt sent{Status::would_block};
    if (!chunk.empty()) sent = gateway_.try_write(std::as_bytes(std::span(chunk)));
    if (sent.status == Status::ok) from_gateway_ += sent.size;
    if (got.status == Status::broken || got.status == Status::closed || sent.status == Status::broken) {
      gateway_ended = true;
    }
    return got.status == Status::ok || sent.status == Status::ok;
  }
  void run() {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (at_server < target_ || at_gateway < target_) {
      const bool moved_server = !server_reset && step_server();
      const bool moved_gateway = !gateway_ended && step_gateway();
      if (all_reset()) return;
      if (moved_server || moved_gateway) continue;
      pollfd fds[] = {{.fd = server_reset ? -1 : server_.native_handle(), .events = POLLIN, .revents = 0},
                      {.fd = gateway_ended ? -1 : gateway_.socket().native_handle(), .events = POLLIN, .revents = 0}};
      (void)::poll(fds, 2, 2);
      if (std::chrono::steady_clock::now() > end) {
        timed_out = true;
        return;
      }
    }
  }

  tcp::socket server_;
  tls::Stream& gateway_;
  std::size_t target_;
  std::size_t from_server_ = 0, from_gateway_ = 0;
  std::thread thread_;
};

class RelaysTest : public AgentTest {
 protected:
  static constexpr std::size_t kForEver = std::size_t{1} << 50;

  /// *count* streams that carry bytes by now.
  void carry(int count, std::size_t target) {
    for (int i = 0; i < count; ++i) {
      const std::uint64_t id = next_id_++;
      gateway_.offer(id, server());
      ASSERT_TRUE(until([&] { return gateway_.answers.contains(id); }));
      ASSERT_EQ(gateway_.answers[id].verdict(), session::v1::ACCEPT) << gateway_.answers[id].detail();
      auto session = gateway_.streams.find(gateway_.answers[id].session());
      ASSERT_NE(session, gateway_.streams.end());
      sessions_.push_back(std::move(session->second));
      bulks_.push_back(std::make_unique<Bulk>(server_.accept(), *sessions_.back(), target));
    }
  }
  [[nodiscard]] std::size_t carried() const {
    const std::vector<std::size_t> loads = agent_->relays().loads();
    return std::accumulate(loads.begin(), loads.end(), std::size_t{0});
  }
  bool all_reset() {
    return std::all_of(bulks_.begin(), bulks_.end(), [](const auto& bulk) { return bulk->all_reset(); });
  }
  void drop() {
    for (const auto& bulk : bulks_) {
      bulk->join();
      EXPECT_FALSE(bulk->wrong);
      EXPECT_FALSE(bulk->timed_out);
    }
    bulks_.clear();
    sessions_.clear();
  }
  void TearDown() override {
    AgentTest::TearDown();  // resets what is still carried, which ends the threads
    drop();
  }

  std::uint64_t next_id_ = 1;
  std::vector<std::unique_ptr<tls::Stream>> sessions_;
  std::vector<std::unique_ptr<Bulk>> bulks_;
};

TEST_F(RelaysTest, BytesNeedNoControlThreadAndWorkersShareThem) {
  start(settings());
  ASSERT_TRUE(ready());
  constexpr std::size_t target = 2 << 20;
  ASSERT_NO_FATAL_FAILURE(carry(8, target));
  EXPECT_EQ(agent_->relays().loads(), (std::vector<std::size_t>{4, 4}));
  // From here on the control thread does nothing at all.
  for (const auto& bulk : bulks_) {
    bulk->join();
    EXPECT_FALSE(bulk->timed_out);
    EXPECT_EQ(bulk->at_server, target);
    EXPECT_EQ(bulk->at_gateway, target);
  }
}

TEST_F(RelaysTest, ControlSessionIsAnsweredUnderLoad) {
  gateway_.dead_after_ms = 3000;
  Settings with = settings();
  with.dead_after = Duration(3000);
  start(with);
  ASSERT_TRUE(ready());
  ASSERT_NO_FATAL_FAILURE(carry(8, kForEver));
  until([] { return false; }, 4s);
  EXPECT_TRUE(gateway_.control->is_open());
  EXPECT_EQ(gateway_.controls, 1u);
  const auto begin = std::chrono::steady_clock::now();
  gateway_.offer(100, server());
  EXPECT_TRUE(until([&] { return gateway_.answers.contains(100); }));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
  for (const auto& bulk : bulks_) EXPECT_GT(bulk->at_server + bulk->at_gateway, 1u << 20);
}

TEST_F(RelaysTest, EndOfTheControlSessionResetsAllBeforeTheNextBegins) {
  Settings with = settings();
  with.threads = 3;
  start(with);
  gateway_.on_ready = [this] { EXPECT_EQ(carried(), 0u) << "a relay of the session before still runs"; };
  for (unsigned round = 1; round <= 3; ++round) {
    ASSERT_TRUE(until([&] { return gateway_.controls == round; }, 10s)) << "must come back by itself";
    ASSERT_NO_FATAL_FAILURE(carry(12, kForEver));
    until([] { return false; }, 200ms);
    EXPECT_EQ(carried(), 12u);
    const auto begin = std::chrono::steady_clock::now();
    gateway_.control->close("cut");
    EXPECT_TRUE(until([&] { return all_reset(); }));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
    EXPECT_TRUE(until([&] { return carried() == 0; }));
    drop();
  }
}

TEST_F(RelaysTest, StopUnderLoadResetsAll) {
  start(settings());
  ASSERT_TRUE(ready());
  ASSERT_NO_FATAL_FAILURE(carry(8, kForEver));
  until([] { return false; }, 100ms);
  agent_->stop();
  EXPECT_TRUE(until([this] { return agent_ended_; }));
  EXPECT_EQ(carried(), 0u) << "run() ends when everything is reset";
  EXPECT_TRUE(until([&] { return all_reset(); }));
  agent_.reset();
}

TEST_F(RelaysTest, RevokedCertificateOfAStreamResetsThatStreamAlone) {
  Settings with = settings();
  with.pool = 0;
  start(with);
  ASSERT_TRUE(ready());
  ASSERT_NO_FATAL_FAILURE(carry(1, kForEver));
  const tls::Identity other = pki_.gateway();
  gateway_.show(other);
  ASSERT_NO_FATAL_FAILURE(carry(1, kForEver));
  pki_.revoke(other);
  EXPECT_TRUE(until([&] { return bulks_[1]->all_reset(); }, 6s));
  EXPECT_TRUE(gateway_.control->is_open());
  EXPECT_FALSE(bulks_[0]->server_reset);
  EXPECT_TRUE(until([&] { return carried() == 1; })) << carried();
}

}  // namespace
}  // namespace sluice::agent
