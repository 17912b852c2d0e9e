// SPDX-License-Identifier: Apache-2.0
//
// The endings of a session, one direction at a time, in TLS 1.3 and 1.2.
#include "tls/stream.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_future.hpp>

#include "base/event_loop.hpp"
#include "tls/testing.hpp"

namespace sluice::tls {
namespace {

using testing::Pki;
using testing::TlsPair;

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

class StreamTest : public ::testing::TestWithParam<int> {
 protected:
  StreamTest() {
    Result<Context> server = Context::create(Role::server, pki_.gateway());
    Result<Context> client = Context::create(Role::client, pki_.agent());
    EXPECT_TRUE(server && client);
    server_ = std::make_unique<Context>(*std::move(server));
    client_ = std::make_unique<Context>(*std::move(client));
    testing::TcpPair tcp = testing::tcp_pair(io_);
    UniqueSsl server_ssl = *server_->new_session(tcp.first.native_handle());
    UniqueSsl client_ssl = *client_->new_session(tcp.second.native_handle(), "localhost");
    SSL_set_max_proto_version(client_ssl.get(), GetParam());
    pair_ = std::make_unique<TlsPair>(TlsPair{Stream(std::move(tcp.first), std::move(server_ssl)),
                                              Stream(std::move(tcp.second), std::move(client_ssl))});
    auto shake = [](Stream& stream) -> Task<void> {
      Result<void> done = co_await stream.handshake(Duration(5000));
      EXPECT_TRUE(done) << (done ? "" : done.error().message);
    };
    asio::co_spawn(io_, shake(pair_->server), asio::detached);
    testing::run(io_, shake(pair_->client));
    EXPECT_EQ(SSL_version(pair_->client.ssl()), GetParam());
  }

  static Task<std::string> read_text(Stream& stream, std::size_t size) {
    std::string text(size, '\0');
    Result<void> done = co_await stream.read_exactly(std::as_writable_bytes(std::span(text)));
    co_return done ? text : done.error().message;
  }

  asio::io_context io_;
  Pki pki_;
  std::unique_ptr<Context> server_, client_;
  std::unique_ptr<TlsPair> pair_;
};

TEST_P(StreamTest, CloseNotifyIsOneWay) {
  testing::run(io_, [](TlsPair& pair) -> Task<void> {
    EXPECT_TRUE(co_await pair.client.write_all(bytes("first")));
    EXPECT_TRUE(co_await pair.client.shutdown_write());
    EXPECT_EQ(co_await read_text(pair.server, 5), "first");
    std::byte buffer[16];
    Result<std::size_t> end = co_await pair.server.read_some(buffer);
    EXPECT_TRUE(end && *end == 0);
    // The other direction is still open.
    EXPECT_TRUE(co_await pair.server.write_all(bytes("second")));
    EXPECT_EQ(co_await read_text(pair.client, 6), "second");
    EXPECT_TRUE(co_await pair.server.shutdown_write());
    end = co_await pair.client.read_some(buffer);
    EXPECT_TRUE(end && *end == 0);
  }(*pair_));
}

TEST_P(StreamTest, OnlyTls13HasAChannelBinding) {
  EXPECT_EQ(channel_binding(pair_->client.ssl()).ok(), GetParam() == TLS1_3_VERSION);
}

TEST_P(StreamTest, EndWithoutCloseNotifyIsBroken) {
  testing::run(io_, [](TlsPair& pair) -> Task<void> {
    EXPECT_TRUE(co_await pair.client.write_all(bytes("last words")));
    pair.client.close();
    EXPECT_EQ(co_await read_text(pair.server, 10), "last words");
    std::byte buffer[16];
    Result<std::size_t> end = co_await pair.server.read_some(buffer);
    EXPECT_FALSE(end);
    EXPECT_EQ(end.error().message, "TLS read: ended without close_notify");
    EXPECT_EQ(pair.server.try_read(buffer).status, Stream::Status::broken);
  }(*pair_));
}

TEST_P(StreamTest, ResetIsBroken) {
  testing::run(io_, [](TlsPair& pair) -> Task<void> {
    pair.client.close(/*reset=*/true);
    std::byte buffer[16];
    Result<std::size_t> end = co_await pair.server.read_some(buffer);
    EXPECT_FALSE(end);
    EXPECT_EQ(end.error().message, "TLS read: Connection reset by peer");
  }(*pair_));
}

TEST_P(StreamTest, ClosedStreamTouchesNoDescriptor) {
  testing::run(io_, [](TlsPair& pair) -> Task<void> {
    pair.client.close();
    std::byte buffer[16];
    EXPECT_EQ(pair.client.try_read(buffer).status, Stream::Status::broken);
    EXPECT_EQ(pair.client.try_write(bytes("x")).status, Stream::Status::broken);
    EXPECT_EQ(pair.client.try_shutdown_write().status, Stream::Status::broken);
    co_return;
  }(*pair_));
}

TEST_P(StreamTest, AMoveToAnotherThreadLosesNothing) {
  // One byte of the first record is read: the rest of it is decrypted in the SSL, the second record lies in its buffer,
  // and the third is on its way.
  std::byte first;
  testing::run(io_, [](TlsPair& pair, std::byte& byte) -> Task<void> {
    EXPECT_TRUE(co_await pair.client.write_all(bytes("first,")));
    EXPECT_TRUE(co_await pair.client.write_all(bytes("second,")));
    asio::steady_timer both_there(pair.server.get_executor(), std::chrono::milliseconds(50));
    (void)co_await both_there.async_wait(use_tuple);
    EXPECT_TRUE(co_await pair.server.read_exactly(std::span(&byte, 1)));
  }(*pair_, first));
  EXPECT_EQ(first, std::byte{'f'});
  EXPECT_GT(SSL_pending(pair_->server.ssl()), 0);

  EventLoop loop;
  loop.start("test-loop");
  Result<void> moved = pair_->server.move_to(loop.context().get_executor());
  ASSERT_TRUE(moved) << moved.error().message;
  std::string rest;
  auto echo = [](Stream& stream, std::string& text) -> Task<void> {
    text = co_await read_text(stream, 17);
    EXPECT_TRUE(co_await stream.write_all(bytes(text)));
    EXPECT_TRUE(co_await stream.shutdown_write());
    std::byte byte;
    Result<std::size_t> end = co_await stream.read_some(std::span(&byte, 1));
    EXPECT_TRUE(end && *end == 0);
    stream.close();
  };
  std::future<void> echoed = asio::co_spawn(loop.context(), echo(pair_->server, rest), asio::use_future);
  testing::run(io_, [](Stream& client) -> Task<void> {
    EXPECT_TRUE(co_await client.write_all(bytes("third")));
    EXPECT_EQ(co_await read_text(client, 17), "irst,second,third");
    std::byte byte;
    Result<std::size_t> end = co_await client.read_some(std::span(&byte, 1));
    EXPECT_TRUE(end && *end == 0);
    EXPECT_TRUE(co_await client.shutdown_write());
  }(pair_->client));
  echoed.get();
  EXPECT_EQ(rest, "irst,second,third");
}

TEST_P(StreamTest, AClosedStreamDoesNotMove) {
  pair_->server.close();
  EXPECT_FALSE(pair_->server.move_to(io_.get_executor()));
  std::byte byte;
  EXPECT_EQ(pair_->server.try_read(std::span(&byte, 1)).status, Stream::Status::broken);
}

TEST_P(StreamTest, MuchDataWithASlowReader) {
  const std::string much(4 << 20, 'm');
  std::string got;
  auto write = [](Stream& stream, const std::string& text) -> Task<void> {
    Result<std::size_t> written = co_await stream.write_all(bytes(text));
    EXPECT_TRUE(written && *written == text.size());
    EXPECT_TRUE(co_await stream.shutdown_write());
  };
  auto read = [](Stream& stream, std::string& text) -> Task<void> {
    asio::steady_timer pause(stream.get_executor(), std::chrono::milliseconds(100));
    (void)co_await pause.async_wait(use_tuple);
    std::vector<std::byte> buffer(10000);
    for (;;) {
      Result<std::size_t> size = co_await stream.read_some(buffer);
      EXPECT_TRUE(size) << (size ? "" : size.error().message);
      if (!size || *size == 0) co_return;
      text.append(reinterpret_cast<const char*>(buffer.data()), *size);
    }
  };
  asio::co_spawn(io_, write(pair_->server, much), asio::detached);
  testing::run(io_, read(pair_->client, got));
  EXPECT_EQ(got, much);
}

INSTANTIATE_TEST_SUITE_P(Versions, StreamTest, ::testing::Values(TLS1_3_VERSION, TLS1_2_VERSION),
                         [](const auto& info) { return info.param == TLS1_3_VERSION ? "Tls13" : "Tls12"; });

}  // namespace
}  // namespace sluice::tls
