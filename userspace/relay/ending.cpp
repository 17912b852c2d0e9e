// SPDX-License-Identifier: Apache-2.0
//
// How a Relay closes its two sockets when both pumps have ended, so that no byte which was sent before the
// end is lost: a close() with unread data, or a RST, destroys what is still on its way.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/socket.hpp"
#include "relay/relay.hpp"
#include "relay/turn.hpp"

namespace sluice::relay {
namespace {

constexpr Duration kFirstPause{1};
constexpr Duration kLongestPause{500};

Duration longer(Duration pause) { return std::min(pause * 2, kLongestPause); }

}  // namespace

Task<void> Relay::pause(Duration time) {
  pause_timer_.expires_after(time);
  (void)co_await pause_timer_.async_wait(use_tuple);
}

/// FIN went both ways.  The sockets stay until the peers' kernels have everything: the kernel gives up on a
/// socket without owner while its reader pauses, and a reader may pause for hours (T8).  A peer that is
/// gone ends this by the kernel's own time-outs.
Task<void> Relay::end_in_order() {
  for (Duration time = kFirstPause; !closed_; time = longer(time)) {
    if (unacknowledged(socket_.native_handle()).value_or(0) == 0 &&
        unacknowledged(stream_.socket().native_handle()).value_or(0) == 0) {
      break;
    }
    co_await pause(time);
  }
  if (closed_) co_return;
  (void)finish_on_close(socket_.native_handle());
  boost::system::error_code ignored;
  socket_.close(ignored);
  stream_.close();
}

/// TCP was reset: end the session without close_notify, but by FIN, and read until the other side has
/// closed too.  close() at once would send RST if bytes lie unread, and RST overtakes what we wrote.
Task<void> Relay::end_tls() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  const int fd = stream_.socket().native_handle();
  (void)::shutdown(fd, SHUT_WR);
  limit_drain(End::tcp_reset);
  std::array<std::byte, 16384> scratch;
  Turn turn;
  while (!closed_) {
    const ssize_t size = ::recv(fd, scratch.data(), scratch.size(), 0);
    if (size > 0 && turn.spend(static_cast<std::size_t>(size))) co_await let_others_run();
    if (size > 0 || (size < 0 && errno == EINTR)) continue;
    if (size == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) break;
    co_await ready(stream_.socket(), tcp::socket::wait_read);
  }
  if (!closed_) stream_.close();
}

/// The session ended without close_notify: RST to TCP, once its kernel has everything that came before.
Task<void> Relay::end_tcp() {
  stream_.close();
  limit_drain(End::tls_reset);
  for (Duration time = kFirstPause; !closed_; time = longer(time)) {
    if (unacknowledged(socket_.native_handle()).value_or(0) == 0) break;
    co_await pause(time);
  }
  boost::system::error_code ignored;
  if (!closed_) socket_.close(ignored);  // SO_LINGER{1,0} is set: RST
}

}  // namespace sluice::relay
