// SPDX-License-Identifier: Apache-2.0
//
// One Relay between a real TCP peer and a real TLS peer.  The peers are driven in blocking steps from a
// second thread's point of view: the relay's io_context runs in a thread of its own.
#include "relay/relay.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <future>
#include <optional>
#include <random>
#include <thread>

#include "base/socket.hpp"
#include "tls/testing.hpp"

namespace sluice::relay {
namespace {

using namespace std::chrono_literals;

/// How a peer's end of data looked.
enum class Seen { fin, reset, nothing };

class RelayTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { make(0); }

  void make(int buffer, Settings settings = {}) {
    Result<tls::Context> gateway = tls::Context::create(tls::Role::server, pki_.gateway());
    Result<tls::Context> agent = tls::Context::create(tls::Role::client, pki_.agent());
    ASSERT_TRUE(gateway && agent);
    tls::testing::TcpPair session = tls::testing::tcp_pair(relay_io_, buffer);
    tls::UniqueSsl server_ssl = *gateway->new_session(session.first.native_handle());
    tls::UniqueSsl client_ssl = *agent->new_session(session.second.native_handle(), "localhost");
    SSL_set_max_proto_version(client_ssl.get(), GetParam());
    tls::Stream server(std::move(session.first), std::move(server_ssl));
    tls_ = std::make_unique<tls::Stream>(std::move(session.second), std::move(client_ssl));
    auto shake = [](tls::Stream& stream) -> Task<void> { EXPECT_TRUE(co_await stream.handshake(Duration(5000))); };
    asio::co_spawn(relay_io_, shake(server), asio::detached);
    tls::testing::run(relay_io_, shake(*tls_));

    tls::testing::TcpPair tcp = tls::testing::tcp_pair(relay_io_, buffer);
    tcp_ = std::make_unique<tcp::socket>(std::move(tcp.second));
    relay_ = Relay::create(std::move(tcp.first), std::move(server), settings);
    done_ = std::promise<Report>();
    report_ = done_.get_future();
    relay_->start([this](const Report& report) { done_.set_value(report); });
    relay_io_.restart();
    guard_.emplace(relay_io_.get_executor());
    if (!thread_.joinable()) thread_ = std::thread([this] { relay_io_.run(); });
  }

  void TearDown() override {
    asio::post(relay_io_, [this] { relay_->abort("test over"); });
    guard_.reset();
    thread_.join();
  }

  Report report() {
    if (report_.wait_for(10s) != std::future_status::ready) {
      ADD_FAILURE() << "the relay did not end";
      return {};
    }
    return report_.get();
  }

  static bool wait_for(int fd, short events, int milliseconds = 5000) {
    pollfd poll_fd{.fd = fd, .events = events, .revents = 0};
    return ::poll(&poll_fd, 1, milliseconds) == 1;
  }

  // The TCP peer.
  void tcp_send(std::string_view text) {
    while (!text.empty()) {
      ssize_t size = ::send(tcp_->native_handle(), text.data(), text.size(), MSG_NOSIGNAL);
      if (size < 0 && errno == EAGAIN) {
        ASSERT_TRUE(wait_for(tcp_->native_handle(), POLLOUT)) << "TCP cannot write";
        continue;
      }
      ASSERT_GT(size, 0);
      text.remove_prefix(static_cast<std::size_t>(size));
    }
  }
  Seen tcp_read_to_end(std::string& text, int milliseconds = 5000) {
    char buffer[65536];
    for (;;) {
      ssize_t size = ::recv(tcp_->native_handle(), buffer, sizeof(buffer), 0);
      if (size > 0) {
        text.append(buffer, static_cast<std::size_t>(size));
      } else if (size == 0) {
        return Seen::fin;
      } else if (errno != EAGAIN) {
        return Seen::reset;
      } else if (!wait_for(tcp_->native_handle(), POLLIN, milliseconds)) {
        return Seen::nothing;
      }
    }
  }
  void tcp_reset() {
    ASSERT_TRUE(reset_on_close(tcp_->native_handle()));
    tcp_->close();
  }

  // The TLS peer.
  void tls_send(std::string_view text) {
    while (!text.empty()) {
      tls::Stream::Attempt attempt = tls_->try_write(std::as_bytes(std::span(text.data(), text.size())));
      if (attempt.status == tls::Stream::Status::would_block) {
        ASSERT_TRUE(wait_for(tls_->socket().native_handle(), POLLOUT)) << "TLS cannot write";
        continue;
      }
      ASSERT_EQ(attempt.status, tls::Stream::Status::ok) << tls_->last_error();
      text.remove_prefix(attempt.size);
    }
  }
  Seen tls_read_to_end(std::string& text, int milliseconds = 5000) {
    std::byte buffer[65536];
    for (;;) {
      tls::Stream::Attempt attempt = tls_->try_read(buffer);
      switch (attempt.status) {
        case tls::Stream::Status::ok:
          text.append(reinterpret_cast<const char*>(buffer), attempt.size);
          break;
        case tls::Stream::Status::closed:
          return Seen::fin;
        case tls::Stream::Status::broken:
          return Seen::reset;
        case tls::Stream::Status::would_block:
          if (!wait_for(tls_->socket().native_handle(), POLLIN, milliseconds)) return Seen::nothing;
      }
    }
  }
  /// As a relay ends a session after a reset: by FIN, without close_notify.
  void tls_end_by_fin() { ::shutdown(tls_->socket().native_handle(), SHUT_WR); }

  static std::string much(std::size_t size) {
    std::string text(size, '\0');
    std::mt19937_64 random(size);
    for (std::size_t i = 0; i + 8 <= size; i += 8) {
      std::uint64_t word = random();
      std::memcpy(text.data() + i, &word, 8);
    }
    return text;
  }

  tls::testing::Pki pki_;
  asio::io_context relay_io_;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> guard_;
  std::thread thread_;
  std::unique_ptr<tcp::socket> tcp_;
  std::unique_ptr<tls::Stream> tls_;
  std::shared_ptr<Relay> relay_;
  std::promise<Report> done_;
  std::future<Report> report_;
};

TEST_P(RelayTest, FinFromTcpFirst) {
  std::string at_tls, at_tcp;
  tcp_send("question");
  ::shutdown(tcp_->native_handle(), SHUT_WR);
  EXPECT_EQ(tls_read_to_end(at_tls), Seen::fin);
  EXPECT_EQ(at_tls, "question");
  EXPECT_EQ(tcp_read_to_end(at_tcp, 300), Seen::nothing) << "the other direction must stay open";
  tls_send("answer");
  EXPECT_EQ(tls_->try_shutdown_write().status, tls::Stream::Status::ok);
  EXPECT_EQ(tcp_read_to_end(at_tcp), Seen::fin);
  EXPECT_EQ(at_tcp, "answer");
  Report end = report();
  EXPECT_EQ(end.end, End::orderly) << end.detail;
  EXPECT_EQ(end.to_tls, 8u);
  EXPECT_EQ(end.to_tcp, 6u);
  EXPECT_GE(end.duration, 300ms);
}

TEST_P(RelayTest, FinFromTlsFirst) {
  std::string at_tls, at_tcp;
  tls_send("banner");
  EXPECT_EQ(tls_->try_shutdown_write().status, tls::Stream::Status::ok);
  EXPECT_EQ(tcp_read_to_end(at_tcp), Seen::fin);
  EXPECT_EQ(at_tcp, "banner");
  EXPECT_EQ(tls_read_to_end(at_tls, 300), Seen::nothing);
  tcp_send("late upload");
  ::shutdown(tcp_->native_handle(), SHUT_WR);
  EXPECT_EQ(tls_read_to_end(at_tls), Seen::fin);
  EXPECT_EQ(at_tls, "late upload");
  EXPECT_EQ(report().end, End::orderly);
}

TEST_P(RelayTest, ResetFromTcpComesAfterTheBytesBeforeIt) {
  const std::string sent = much(1 << 20);
  std::string at_tls;
  std::thread reader([&] { EXPECT_EQ(tls_read_to_end(at_tls), Seen::reset); });
  tcp_send(sent);
  // A RST takes the sender's own queue with it; T8 is about what the gateway's kernel has received.
  while (unacknowledged(tcp_->native_handle()) != 0u) ::poll(nullptr, 0, 1);
  tcp_reset();
  reader.join();
  EXPECT_EQ(at_tls, sent);
  tls_->close();
  Report end = report();
  EXPECT_EQ(end.end, End::tcp_reset) << end.detail;
  EXPECT_EQ(end.to_tls, sent.size());
}

TEST_P(RelayTest, ResetFromTcpWhileTlsBytesAreUnreadLosesNothing) {
  // Bytes in the other direction lie unread when the reset comes; closing then would send RST on the
  // session's own connection and could destroy what is on its way.
  const std::string sent = much(300000);
  std::string at_tls;
  tls_send(much(200000));
  tcp_send(sent);
  while (unacknowledged(tcp_->native_handle()) != 0u) ::poll(nullptr, 0, 1);
  tcp_reset();
  ::poll(nullptr, 0, 100);
  EXPECT_EQ(tls_read_to_end(at_tls), Seen::reset);
  EXPECT_EQ(at_tls, sent);
  EXPECT_EQ(tls_->last_error(), "TLS read: ended without close_notify") << "must be FIN, not RST";
  tls_->close();
  EXPECT_EQ(report().end, End::tcp_reset);
}

TEST_P(RelayTest, ResetFromTlsComesAfterTheBytesBeforeIt) {
  const std::string sent = much(1 << 20);
  std::string at_tcp;
  std::thread reader([&] {
    ::poll(nullptr, 0, 200);  // a reader that is late
    EXPECT_EQ(tcp_read_to_end(at_tcp), Seen::reset);
  });
  tls_send(sent);
  tls_end_by_fin();
  reader.join();
  EXPECT_EQ(at_tcp, sent);
  Report end = report();
  EXPECT_EQ(end.end, End::tls_reset) << end.detail;
  EXPECT_EQ(end.to_tcp, sent.size());
}

TEST_P(RelayTest, ResetAfterFinFromTls) {
  std::string text;
  EXPECT_EQ(tls_->try_shutdown_write().status, tls::Stream::Status::ok);
  EXPECT_EQ(tcp_read_to_end(text), Seen::fin);
  // The far end was half closed and is reset now: the session ends while our direction is open.
  tls_end_by_fin();
  ASSERT_TRUE(wait_for(tcp_->native_handle(), POLLERR));
  EXPECT_TRUE(is_broken(tcp_->native_handle()));
  EXPECT_EQ(report().end, End::tls_reset);
}

TEST_P(RelayTest, ResetAfterFinFromTcp) {
  std::string text;
  ::shutdown(tcp_->native_handle(), SHUT_WR);
  EXPECT_EQ(tls_read_to_end(text), Seen::fin);
  tcp_reset();
  // The peer's session ends though no close_notify can follow the first: its TCP connection does.
  ASSERT_TRUE(wait_for(tls_->socket().native_handle(), POLLIN | POLLRDHUP));
  tls_->close();
  EXPECT_EQ(report().end, End::tcp_reset);
}

TEST_P(RelayTest, CrashOfTheSessionIsAReset) {
  tls_send("partial");
  std::string at_tcp;
  ::poll(nullptr, 0, 50);
  tls_->close(/*reset=*/true);
  EXPECT_EQ(tcp_read_to_end(at_tcp), Seen::reset);
  EXPECT_EQ(at_tcp, "partial");
  EXPECT_EQ(report().end, End::tls_reset);
}

TEST_P(RelayTest, AbortResetsBoth) {
  tcp_send("x");
  asio::post(relay_io_, [this] { relay_->abort("the agent is gone"); });
  std::string text;
  EXPECT_EQ(tcp_read_to_end(text), Seen::reset);
  EXPECT_EQ(tls_read_to_end(text), Seen::reset);
  Report end = report();
  EXPECT_EQ(end.end, End::aborted);
  EXPECT_EQ(end.detail, "the agent is gone");
}

TEST_P(RelayTest, ThirtyTwoMebibytesBothWays) {
  const std::string up = much(32 << 20), down = much((32 << 20) + 8);
  std::string at_tls, at_tcp;
  // A Stream is one thread's: the TLS peer alternates between its directions.
  std::thread tcp_writer([&] {
    tcp_send(up);
    ::shutdown(tcp_->native_handle(), SHUT_WR);
  });
  std::thread tcp_reader([&] { EXPECT_EQ(tcp_read_to_end(at_tcp), Seen::fin); });
  std::string_view rest = down;
  bool closed = false;
  std::vector<std::byte> buffer(65536);
  while (!closed || !rest.empty()) {
    bool moved = false;
    if (!rest.empty()) {
      auto attempt = tls_->try_write(std::as_bytes(std::span(rest.data(), rest.size())));
      ASSERT_NE(attempt.status, tls::Stream::Status::broken) << tls_->last_error();
      if (attempt.status == tls::Stream::Status::ok) {
        rest.remove_prefix(attempt.size);
        moved = true;
        if (rest.empty()) {
          EXPECT_EQ(tls_->try_shutdown_write().status, tls::Stream::Status::ok);
        }
      }
    }
    if (!closed) {
      auto attempt = tls_->try_read(buffer);
      ASSERT_NE(attempt.status, tls::Stream::Status::broken) << tls_->last_error();
      if (attempt.status == tls::Stream::Status::ok) {
        at_tls.append(reinterpret_cast<const char*>(buffer.data()), attempt.size);
        moved = true;
      }
      closed = attempt.status == tls::Stream::Status::closed;
    }
    if (!moved) wait_for(tls_->socket().native_handle(), rest.empty() ? POLLIN : POLLIN | POLLOUT, 100);
  }
  tcp_writer.join();
  tcp_reader.join();
  EXPECT_TRUE(at_tls == up);
  EXPECT_TRUE(at_tcp == down);
  EXPECT_EQ(report().end, End::orderly);
}

TEST_P(RelayTest, OthersRunEvery64KiB) {
  // A handler that posts itself again runs once for each time that all others have: what was moved meanwhile is the
  // length of a turn.
  struct Ticker {
    std::uint64_t to_tls = 0, to_tcp = 0, longest = 0;
  } ticks;
  std::promise<void> stopped;
  bool stop = false;  // the relay's thread
  std::function<void()> tick = [&] {
    const std::uint64_t to_tls = relay_->bytes_to_tls(), to_tcp = relay_->bytes_to_tcp();
    ticks.longest = std::max({ticks.longest, to_tls - ticks.to_tls, to_tcp - ticks.to_tcp});
    ticks.to_tls = to_tls;
    ticks.to_tcp = to_tcp;
    if (stop) return stopped.set_value();
    asio::post(relay_io_, tick);
  };
  asio::post(relay_io_, tick);
  const std::string sent = much(8 << 20);
  std::string at_tls, at_tcp;
  {
    std::thread writer([&] { tcp_send(sent); });
    while (at_tls.size() < sent.size()) {
      std::byte buffer[65536];
      auto attempt = tls_->try_read(buffer);
      if (attempt.status == tls::Stream::Status::ok) {
        at_tls.append(reinterpret_cast<const char*>(buffer), attempt.size);
      } else {
        ASSERT_TRUE(wait_for(tls_->socket().native_handle(), POLLIN));
      }
    }
    writer.join();
  }
  {
    std::thread reader([&] { EXPECT_EQ(tcp_read_to_end(at_tcp), Seen::fin); });
    tls_send(sent);
    EXPECT_EQ(tls_->try_shutdown_write().status, tls::Stream::Status::ok);
    reader.join();
  }
  asio::post(relay_io_, [&] { stop = true; });
  stopped.get_future().get();
  EXPECT_TRUE(at_tls == sent);
  EXPECT_TRUE(at_tcp == sent);
  EXPECT_LE(ticks.longest, 65536u);
  EXPECT_GT(ticks.longest, 16384u);
}

TEST_P(RelayTest, SlowReaderSlowsTheWriter) {
  // Nobody reads at TLS.  What TCP can write is bounded by kernel buffers and one relay buffer.
  const std::string chunk(1 << 16, 'b');
  std::size_t written = 0;
  for (;;) {
    ssize_t size = ::send(tcp_->native_handle(), chunk.data(), chunk.size(), MSG_NOSIGNAL);
    if (size > 0) {
      written += static_cast<std::size_t>(size);
      ASSERT_LT(written, 64u << 20) << "no backpressure";
    } else if (!wait_for(tcp_->native_handle(), POLLOUT, 500)) {
      break;
    }
  }
  std::string at_tls;
  ::shutdown(tcp_->native_handle(), SHUT_WR);
  EXPECT_EQ(tls_read_to_end(at_tls), Seen::fin);
  EXPECT_EQ(at_tls.size(), written);
}

TEST_P(RelayTest, UrgentDataFlowsInline) {
  tcp_send("ab");
  ASSERT_EQ(::send(tcp_->native_handle(), "!", 1, MSG_OOB), 1);
  tcp_send("cd");
  ::shutdown(tcp_->native_handle(), SHUT_WR);
  std::string at_tls;
  EXPECT_EQ(tls_read_to_end(at_tls), Seen::fin);
  EXPECT_EQ(at_tls, "ab!cd");
}

INSTANTIATE_TEST_SUITE_P(Versions, RelayTest, ::testing::Values(TLS1_3_VERSION, TLS1_2_VERSION),
                         [](const auto& info) { return info.param == TLS1_3_VERSION ? "Tls13" : "Tls12"; });

/// Resets must not wait for ever for a reader that never comes.
class RelayLimitTest : public RelayTest {
 protected:
  void SetUp() override { make(8192, Settings{.drain_limit = Duration(300)}); }
};

TEST_P(RelayLimitTest, ResetFromTcpIsNoticedBehindBackpressure) {
  for (;;) {
    if (::send(tcp_->native_handle(), std::string(4096, 'x').data(), 4096, MSG_NOSIGNAL) < 0 &&
        !wait_for(tcp_->native_handle(), POLLOUT, 200)) {
      break;
    }
  }
  tcp_reset();
  Report end = report();
  EXPECT_EQ(end.end, End::tcp_reset) << end.detail;
  EXPECT_EQ(end.detail, "what was sent before the reset found no reader");
}

TEST_P(RelayLimitTest, ResetFromTlsWithoutReaderIsBounded) {
  std::string chunk(4096, 'x');
  for (;;) {
    auto attempt = tls_->try_write(std::as_bytes(std::span(chunk)));
    if (attempt.status != tls::Stream::Status::ok && !wait_for(tls_->socket().native_handle(), POLLOUT, 200)) break;
  }
  tls_->close(/*reset=*/true);
  Report end = report();
  EXPECT_EQ(end.end, End::tls_reset) << end.detail;
}

INSTANTIATE_TEST_SUITE_P(Version, RelayLimitTest, ::testing::Values(TLS1_3_VERSION));

}  // namespace
}  // namespace sluice::relay
