// SPDX-License-Identifier: Apache-2.0
//
// The two pumps of a Relay.  Each reads and writes until it would block or its turn is over; each ends
// with the end of its direction or with a reset.  How the sockets are then closed is ending.cpp's.
//
// The rule for resets: the pump that reads from the broken side goes on until it has read everything
// (Linux keeps what came before a RST readable), and only then tells the other to stop.  An error seen by
// a write does not stop the reader on the same socket.
#include "relay/relay.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <span>

#include "base/socket.hpp"
#include "relay/totals.hpp"
#include "relay/turn.hpp"

namespace sluice::relay {
namespace {

constexpr std::size_t kBuffer = 65536;
constexpr Duration kWatchPause{1000};

bool would_block(int number) { return number == EAGAIN || number == EWOULDBLOCK; }

/// 64 KiB that exist only while bytes are in them, so that an idle stream holds none.
class Buffer {
 public:
  std::span<std::byte> space() {
    if (!bytes_) bytes_ = std::make_unique_for_overwrite<std::byte[]>(kBuffer);
    return {bytes_.get(), kBuffer};
  }
  void release() { bytes_.reset(); }

 private:
  std::unique_ptr<std::byte[]> bytes_;
};

}  // namespace

const char* to_string(End end) {
  switch (end) {
    case End::orderly:
      return "orderly";
    case End::tcp_reset:
      return "tcp-reset";
    case End::tls_reset:
      return "tls-reset";
    case End::aborted:
      return "aborted";
  }
  return "unknown";
}

Totals& totals() {
  static Totals all;
  return all;
}

std::shared_ptr<Relay> Relay::create(tcp::socket socket, tls::Stream stream, Settings settings) {
  return std::shared_ptr<Relay>(new Relay(std::move(socket), std::move(stream), settings));
}

Relay::Relay(tcp::socket socket, tls::Stream stream, Settings settings)
    : socket_(std::move(socket)),
      stream_(std::move(stream)),
      settings_(settings),
      pumps_signal_(socket_.get_executor(), asio::steady_timer::time_point::max()),
      drain_timer_(socket_.get_executor()),
      pause_timer_(socket_.get_executor()),
      watch_tcp_timer_(socket_.get_executor()),
      watch_tls_timer_(socket_.get_executor()) {
  boost::system::error_code ignored;  // a socket that is already dead shows in the first read
  socket_.native_non_blocking(true, ignored);
  (void)prepare_relayed_socket(socket_.native_handle());
}

void Relay::start(Done done) {
  done_ = std::move(done);
  start_ = std::chrono::steady_clock::now();
  pumps_ = 2;
  std::shared_ptr<Relay> self = shared_from_this();
  auto spawn = [this](auto body) { asio::co_spawn(socket_.get_executor(), std::move(body), asio::detached); };
  spawn([self]() -> Task<void> { co_await self->run(); });
  spawn([self]() -> Task<void> {
    co_await self->pump_to_tls();
    self->pump_ended();
  });
  spawn([self]() -> Task<void> {
    co_await self->pump_to_tcp();
    self->pump_ended();
  });
  spawn([self]() -> Task<void> { co_await self->watch(self->socket_, self->watch_tcp_timer_, End::tcp_reset); });
  spawn(
      [self]() -> Task<void> { co_await self->watch(self->stream_.socket(), self->watch_tls_timer_, End::tls_reset); });
}

void Relay::pump_ended() {
  if (--pumps_ == 0) pumps_signal_.cancel();
}

Task<void> Relay::ready(tcp::socket& socket, tcp::socket::wait_type direction) {
  if (socket.is_open()) (void)co_await socket.async_wait(direction, use_tuple);
}

Task<void> Relay::let_others_run() { (void)co_await asio::post(socket_.get_executor(), use_tuple); }

Task<void> Relay::pump_to_tls() {
  Buffer buffer;
  Turn turn;
  while (!closed_ && !ended_by(End::tls_reset)) {
    std::span<std::byte> space = buffer.space().first(turn.left());
    const ssize_t size = ::recv(socket_.native_handle(), space.data(), space.size(), 0);
    if (size > 0) {
      if (!co_await write_tls(space.first(static_cast<std::size_t>(size)))) co_return;
      report_.to_tls += static_cast<std::uint64_t>(size);
      totals().to_tls.fetch_add(static_cast<std::uint64_t>(size), std::memory_order_relaxed);
      if (turn.spend(static_cast<std::size_t>(size))) co_await let_others_run();
    } else if (size < 0 && would_block(errno)) {
      buffer.release();
      co_await ready(socket_, tcp::socket::wait_read);
    } else if (size < 0) {
      if (errno == EINTR) continue;
      ended(End::tcp_reset, system_error("TCP read", errno).message);
      co_return;
    } else if (ended_by(End::tcp_reset)) {
      // The reset's error number went to a write, and reading only says 0 now.
      co_return ended(End::tcp_reset, "");
    } else {
      // FIN.  All before it is with TLS already.
      Result<void> done = co_await stream_.shutdown_write();
      if (!done) ended(End::tls_reset, done.error().message);
      to_tls_open_ = false;
      if (!closed_ && is_broken(socket_.native_handle())) ended(End::tcp_reset, "TCP was reset after its FIN");
      if (!closed_) stream_.socket().cancel();  // watch_tls_after_close() need watch no more
      co_return;
    }
  }
}

Task<bool> Relay::write_tls(std::span<const std::byte> data) {
  while (!data.empty()) {
    tls::Stream::Attempt attempt = stream_.try_write(data);
    if (attempt.status == tls::Stream::Status::ok) {
      data = data.subspan(attempt.size);
    } else if (attempt.status == tls::Stream::Status::would_block) {
      co_await ready(stream_.socket(), attempt.wait);
      if (closed_ || ended_by(End::tls_reset)) co_return false;
    } else {
      // The other pump reads on: bytes may have come before the end.
      ended(End::tls_reset, stream_.last_error());
      co_return false;
    }
  }
  co_return true;
}

Task<void> Relay::pump_to_tcp() {
  Buffer buffer;
  Turn turn;
  while (!closed_ && !ended_by(End::tcp_reset)) {
    tls::Stream::Attempt attempt = stream_.try_read(buffer.space().first(turn.left()));
    switch (attempt.status) {
      case tls::Stream::Status::ok:
        if (!co_await write_tcp(buffer.space().first(attempt.size))) co_return;
        report_.to_tcp += attempt.size;
        totals().to_tcp.fetch_add(attempt.size, std::memory_order_relaxed);
        if (turn.spend(attempt.size)) co_await let_others_run();
        break;
      case tls::Stream::Status::would_block:
        buffer.release();
        co_await ready(stream_.socket(), attempt.wait);
        break;
      case tls::Stream::Status::closed:
        buffer.release();
        if (::shutdown(socket_.native_handle(), SHUT_WR) != 0) {
          co_return ended(End::tcp_reset, system_error("TCP shutdown", errno).message);
        }
        co_await watch_tls_after_close();
        co_return;
      case tls::Stream::Status::broken:
        ended(End::tls_reset, stream_.last_error());
        // The other pump has nowhere to write to.
        if (!closed_) socket_.cancel();
        if (!closed_) stream_.socket().cancel();
        co_return;
    }
  }
}

Task<bool> Relay::write_tcp(std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t size = ::send(socket_.native_handle(), data.data(), data.size(), MSG_NOSIGNAL);
    if (size >= 0) {
      data = data.subspan(static_cast<std::size_t>(size));
    } else if (would_block(errno)) {
      co_await ready(socket_, tcp::socket::wait_write);
      if (closed_ || ended_by(End::tcp_reset)) co_return false;
    } else if (errno != EINTR) {
      // The other pump reads on: bytes may have come before the reset.
      ended(End::tcp_reset, system_error("TCP write", errno).message);
      co_return false;
    }
  }
  co_return true;
}

/// After close_notify from TLS no byte can follow.  If its TCP connection ends while our direction is still
/// open, the far end was reset: in order, it would have waited for our close_notify.
Task<void> Relay::watch_tls_after_close() {
  while (!closed_ && !ended_ && to_tls_open_) {
    std::byte byte;
    const ssize_t size = ::recv(stream_.socket().native_handle(), &byte, 1, MSG_PEEK);
    if (size < 0 && would_block(errno)) {
      co_await ready(stream_.socket(), tcp::socket::wait_read);
    } else if (size >= 0 || errno != EINTR) {
      ended(End::tls_reset, "the session ended before our direction did");
      socket_.cancel();
      stream_.socket().cancel();
    }
  }
}

/// Notices a reset even while backpressure keeps the pumps from reading.  It only starts the clock: what
/// came before the reset still has its time to be delivered.
Task<void> Relay::watch(tcp::socket& socket, asio::steady_timer& timer, End end) {
  while (!pumps_over_ && !closed_) {
    co_await ready(socket, tcp::socket::wait_error);
    if (pumps_over_ || closed_) co_return;
    if (is_broken(socket.native_handle())) {
      if (&socket == &socket_ && !to_tls_open_) {
        // FIN has come and gone before, so no pump reads this socket any more.
        ended(End::tcp_reset, "TCP was reset after its FIN");
      } else {
        limit_drain(end);
      }
      co_return;
    }
    // Cancelled for a pump's sake, urgent data, or FIN both ways: look again, but not at once.
    timer.expires_after(kWatchPause);
    (void)co_await timer.async_wait(use_tuple);
  }
}

void Relay::ended(End end, std::string detail) {
  if (!ended_) {
    ended_ = true;
    report_.end = end;
    report_.detail = std::move(detail);
  }
  limit_drain(end);
  // Whoever waits for the session has nothing to wait for when TCP is gone and all of it was passed on.
  if (end == End::tcp_reset && !closed_ && !pumps_over_) stream_.socket().cancel();
}

/// Bytes that have reached a peer's kernel; grows as long as somebody reads.
std::int64_t Relay::delivered() {
  auto waiting = [](tcp::socket& socket) -> std::int64_t {
    return socket.is_open() ? unacknowledged(socket.native_handle()).value_or(0) : 0;
  };
  return static_cast<std::int64_t>(report_.to_tls + report_.to_tcp) - waiting(socket_) - waiting(stream_.socket());
}

/// From now on the relay ends when drain_limit passes without progress.
void Relay::limit_drain(End end) {
  if (draining_ || closed_) return;
  draining_ = true;
  drain_timer_.expires_after(settings_.drain_limit);
  drain_timer_.async_wait(
      [self = shared_from_this(), end, before = delivered()](const boost::system::error_code& code) {
        if (code || self->closed_) return;
        self->draining_ = false;
        if (self->delivered() != before) return self->limit_drain(end);
        if (!std::exchange(self->ended_, true)) self->report_.end = end;
        self->abort("what was sent before the reset found no reader");
      });
}

void Relay::abort(std::string reason) {
  if (closed_) return;
  if (!ended_) {
    ended_ = true;
    report_.end = End::aborted;
    report_.detail = std::move(reason);
  } else {
    report_.detail += (report_.detail.empty() ? "" : "; ") + reason;
  }
  close_all();
}

void Relay::close_all() {
  closed_ = true;
  boost::system::error_code ignored;
  if (socket_.is_open()) (void)reset_on_close(socket_.native_handle());
  socket_.close(ignored);
  stream_.close(/*reset=*/true);
  drain_timer_.cancel();
  pause_timer_.cancel();
}

Task<void> Relay::run() {
  while (pumps_ > 0) (void)co_await pumps_signal_.async_wait(use_tuple);
  pumps_over_ = true;
  watch_tcp_timer_.cancel();
  watch_tls_timer_.cancel();
  if (!closed_ && draining_) {
    // The pumps are through; the ending has a time of its own.
    draining_ = false;
    drain_timer_.cancel();
  }
  if (!closed_ && !ended_) co_await end_in_order();
  if (!closed_ && ended_by(End::tcp_reset)) co_await end_tls();
  if (!closed_ && ended_by(End::tls_reset)) co_await end_tcp();
  if (!closed_) close_all();
  report_.duration = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start_);
  if (Done done = std::exchange(done_, nullptr)) done(report_);
}

}  // namespace sluice::relay
