// SPDX-License-Identifier: Apache-2.0
//
// Stream: one TLS session on one TCP socket.  The session reads and writes the socket itself
// (SSL_set_fd), so no byte is copied through memory BIOs; Asio only tells when the socket is ready.
//
// One coroutine may read while another writes, on one executor that runs one handler at a time.
// The two ends of data are told apart: closed (close_notify: the peer ended in order) and broken
// (the TCP connection ended without it: a reset in the session protocol).
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <span>

#include "base/async.hpp"
#include "base/duration.hpp"
#include "base/result.hpp"
#include "tls/handle.hpp"
#include "tls/peer.hpp"
#include "tls/resumption.hpp"

namespace sluice::tls {

class Stream {
 public:
  /// The outcome of one attempt that does not wait.
  enum class Status {
    ok,           ///< *size* bytes were moved
    would_block,  ///< wait for the direction in *wait*
    closed,       ///< read: close_notify came, there will be no more bytes
    broken,       ///< the session is dead: ended without close_notify, or an error; see last_error()
  };
  struct Attempt {
    Status status = Status::ok;
    std::size_t size = 0;
    tcp::socket::wait_type wait = tcp::socket::wait_read;
  };

  /// *socket* is the one *ssl* was made for (Context::new_session); it is set non-blocking and TCP_NODELAY.
  Stream(tcp::socket socket, UniqueSsl ssl);
  Stream(Stream&&) = default;
  Stream& operator=(Stream&&) = default;

  /// Both roles; the error names the peer's certificate where that is at fault.
  Task<Result<void>> handshake(Duration timeout);
  /// Server, once the peer is who it says: lets its next session resume this one (resumption.hpp).
  void send_ticket() { tls::send_ticket(ssl_.get()); }

  /// Attempts that never wait; what the relay and the control session are made of.
  Attempt try_read(std::span<std::byte> buffer);
  Attempt try_write(std::span<const std::byte> data);
  /// Sends close_notify: no more bytes from us.  Reading goes on.
  Attempt try_shutdown_write();
  /// Until the socket is ready; false when it was closed or cancelled meanwhile.
  Task<bool> wait(tcp::socket::wait_type direction);

  /// At least one byte, or 0 at close_notify; an error when the session is broken.
  Task<Result<std::size_t>> read_some(std::span<std::byte> buffer);
  /// The whole buffer; an end before that is an error.
  Task<Result<void>> read_exactly(std::span<std::byte> buffer);
  Task<Result<std::size_t>> write_all(std::span<const std::byte> data);
  Task<Result<void>> shutdown_write();

  /// Closes the TCP connection at once, without close_notify, and wakes whoever waits.  Sends RST if
  /// *reset*, else FIN (or RST where unread bytes lie in the kernel).
  void close(bool reset = false);

  /// Goes on on another executor, which may be another thread's: from here on the Stream is touched there alone.  The
  /// SSL keeps what it has read and decrypted; what waited on the socket is cancelled.  After an error it is closed.
  Result<void> move_to(const asio::any_io_executor& executor);

  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  [[nodiscard]] Result<Peer> peer() const { return Peer::of(ssl_.get()); }
  [[nodiscard]] const std::string& last_error() const { return last_error_; }
  [[nodiscard]] tcp::socket& socket() { return socket_; }
  [[nodiscard]] const SSL* ssl() const { return ssl_.get(); }
  [[nodiscard]] tcp::socket::executor_type get_executor() { return socket_.get_executor(); }

 private:
  Attempt failed(int outcome, const char* what);
  Attempt gone();

  tcp::socket socket_;
  UniqueSsl ssl_;
  std::string last_error_;
  std::uint64_t written_since_update_ = 0;
};

}  // namespace sluice::tls
