// SPDX-License-Identifier: Apache-2.0
//
// For tests: a loop that runs coroutines with a time limit, and an HTTP client without manners.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <optional>
#include <string>

#include "http/wire.hpp"
#include "tls/testing.hpp"

namespace sluice::http::testing {

using tls::testing::Pki;
using Role = tls::PeerName::Role;

inline std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

inline tls::Context context(tls::Role role, const tls::Identity& identity, bool tls13_only = true) {
  Result<tls::Context> created = tls::Context::create(role, identity, {.tls13_only = tls13_only, .wipe = true});
  EXPECT_TRUE(created) << (created ? "" : created.error().message);
  return *std::move(created);
}

class LoopTest : public ::testing::Test {
 public:
  /// Until *task* has ended; what runs beside it stays where it is.
  void run(Task<void> task) {
    bool done = false;
    asio::co_spawn(io_, std::move(task), [&](std::exception_ptr failure) {
      done = true;
      io_.stop();
      if (failure) std::rethrow_exception(failure);
    });
    io_.restart();
    io_.run_for(std::chrono::seconds(120));
    ASSERT_TRUE(done) << "the test hangs";
  }
  /// Polls; false when it has not come about in a long time.
  Task<bool> until(std::function<bool()> holds) {
    asio::steady_timer pause(io_);
    for (int i = 0; i < 50000 && !holds(); ++i) {
      pause.expires_after(std::chrono::milliseconds(2));
      (void)co_await pause.async_wait(use_tuple);
    }
    co_return holds();
  }

  asio::io_context io_;
};

/// A TLS session on which anything can be said.
class Raw {
 public:
  explicit Raw(tls::Stream stream) : stream_(std::move(stream)) {}

  static Task<Result<std::unique_ptr<Raw>>> dial(asio::io_context& io, const tls::Context& context, Endpoint to,
                                                 int version_max = 0) {
    tcp::socket socket(io);
    auto [failure] = co_await socket.async_connect(to_asio(to), use_tuple);
    if (failure) co_return Error{failure.message()};
    Result<tls::UniqueSsl> ssl = context.new_session(socket.native_handle(), "localhost");
    if (!ssl) co_return ssl.error();
    if (version_max != 0) SSL_set_max_proto_version(ssl->get(), version_max);
    auto raw = std::make_unique<Raw>(tls::Stream(std::move(socket), *std::move(ssl)));
    Result<void> done = co_await raw->stream_.handshake(Duration(100000));
    if (!done) co_return done.error();
    co_return raw;
  }

  Task<void> say(std::string text) {
    const auto written = co_await stream_.write_all(bytes(text));
    EXPECT_TRUE(written) << (written ? "" : written.error().message);
  }
  Task<void> get(std::string target) { return say("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n"); }

  /// The next response; status 0 when the session ended before one was whole.
  Task<Response> response(bool head = false) {
    for (;;) {
      if (const std::size_t size = header_size(got_, 0); size != 0) {
        Result<ResponseHead> parsed = parse_response(std::string_view(got_).substr(0, size), head);
        EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message);
        if (!parsed) break;
        if (got_.size() - size >= parsed->content_length) {
          Response response = std::move(parsed->response);
          response.body = derivation::Secret::copy_of(
              {reinterpret_cast<const std::uint8_t*>(got_.data()) + size, parsed->content_length});
          got_.erase(0, size + parsed->content_length);
          co_return response;
        }
      }
      const bool more = co_await read();
      if (!more) break;
    }
    Response none;
    none.status = 0;
    co_return none;
  }
  /// How it ends: true for close_notify, false for anything else or if there was more to read.
  Task<bool> ends_in_order() {
    if (!got_.empty()) co_return false;
    std::byte byte;
    const auto size = co_await stream_.read_some(std::span(&byte, 1));
    co_return size&&* size == 0;
  }
  /// Whatever comes is dropped.
  Task<void> until_end() {
    for (;;) {
      const bool more = co_await read();
      if (!more) co_return;
    }
  }
  tls::Stream& stream() { return stream_; }

 private:
  Task<bool> read() {
    std::byte buffer[4096];
    const auto size = co_await stream_.read_some(buffer);
    if (!size || *size == 0) co_return false;
    got_.append(reinterpret_cast<const char*>(buffer), *size);
    co_return true;
  }

  tls::Stream stream_;
  std::string got_;
};

}  // namespace sluice::http::testing
