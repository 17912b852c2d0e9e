// SPDX-License-Identifier: Apache-2.0
#include "tls/stream.hpp"

#include <openssl/err.h>

#include <cerrno>

#include "base/deadline.hpp"
#include "base/event_loop.hpp"
#include "base/socket.hpp"
#include "tls/error.hpp"
#include "tls/resumption.hpp"
#include "tls/verify_error.hpp"

namespace sluice::tls {
namespace {

// RFC 8446, 5.5: an AES-GCM key is good for 2^24.5 full records.  We change ours every 2^22 records' worth.
constexpr std::uint64_t kKeyUpdateBytes = std::uint64_t{1} << 36;

}  // namespace

Stream::Stream(tcp::socket socket, UniqueSsl ssl) : socket_(std::move(socket)), ssl_(std::move(ssl)) {
  boost::system::error_code ignored;  // a socket that is already dead shows in the handshake
  socket_.native_non_blocking(true, ignored);
  (void)no_delay(socket_.native_handle());
}

Result<void> Stream::move_to(const asio::any_io_executor& executor) {
  // The descriptor keeps its number, and that is all the SSL knows of the socket.
  Result<tcp::socket> moved = sluice::move_to(executor, std::move(socket_));
  if (!moved) return moved.error();
  socket_ = *std::move(moved);
  boost::system::error_code ignored;  // as above
  socket_.native_non_blocking(true, ignored);
  return {};
}

Stream::Attempt Stream::failed(int outcome, const char* what) {
  const int number = errno;
  switch (SSL_get_error(ssl_.get(), outcome)) {
    case SSL_ERROR_WANT_READ:
      return {Status::would_block, 0, tcp::socket::wait_read};
    case SSL_ERROR_WANT_WRITE:
      return {Status::would_block, 0, tcp::socket::wait_write};
    case SSL_ERROR_ZERO_RETURN:
      return {Status::closed};
    case SSL_ERROR_SYSCALL:
      last_error_ = number != 0 ? system_error(what, number).message : std::string(what) + ": connection ended";
      ERR_clear_error();
      return {Status::broken};
    default:
      if (const std::string* reason = verify_error(ssl_.get())) {
        last_error_ = *reason;
        ERR_clear_error();
      } else if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        last_error_ = std::string(what) + ": ended without close_notify";
        ERR_clear_error();
      } else {
        last_error_ = take_error(what).message;
      }
      return {Status::broken};
  }
}

// The SSL keeps the descriptor's number, which may by now be another connection's.
Stream::Attempt Stream::gone() {
  if (last_error_.empty()) last_error_ = "TLS: the session was closed here";
  return {Status::broken};
}

Stream::Attempt Stream::try_read(std::span<std::byte> buffer) {
  if (!is_open()) return gone();
  ERR_clear_error();
  errno = 0;
  std::size_t size = 0;
  int outcome = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &size);
  if (outcome == 1) return {Status::ok, size};
  return failed(outcome, "TLS read");
}

Stream::Attempt Stream::try_write(std::span<const std::byte> data) {
  if (!is_open()) return gone();
  ERR_clear_error();
  errno = 0;
  if (written_since_update_ >= kKeyUpdateBytes && SSL_version(ssl_.get()) == TLS1_3_VERSION &&
      SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1) {
    written_since_update_ = 0;
  }
  std::size_t size = 0;
  int outcome = SSL_write_ex(ssl_.get(), data.data(), data.size(), &size);
  if (outcome == 1) {
    written_since_update_ += size;
    return {Status::ok, size};
  }
  return failed(outcome, "TLS write");
}

Stream::Attempt Stream::try_shutdown_write() {
  if (!is_open()) return gone();
  ERR_clear_error();
  errno = 0;
  int outcome = SSL_shutdown(ssl_.get());
  // 0: ours is sent; 1: the peer's has come as well.
  if (outcome >= 0) return {Status::ok};
  return failed(outcome, "TLS close_notify");
}

Task<bool> Stream::wait(tcp::socket::wait_type direction) {
  if (!socket_.is_open()) co_return false;
  auto [code] = co_await socket_.async_wait(direction, use_tuple);
  co_return !code && socket_.is_open();
}

Task<Result<void>> Stream::handshake(Duration timeout) {
  Deadline deadline(get_executor(), timeout, [this] {
    boost::system::error_code ignored;
    socket_.cancel(ignored);
  });
  if (!is_open()) co_return Error{"TLS handshake: the socket is closed"};
  for (;;) {
    ERR_clear_error();
    errno = 0;
    int outcome = SSL_do_handshake(ssl_.get());
    if (outcome == 1 && SSL_session_reused(ssl_.get()) == 1) co_return check_resumed(ssl_.get());
    if (outcome == 1) co_return Result<void>{};
    Attempt attempt = failed(outcome, "TLS handshake");
    if (attempt.status == Status::closed) co_return Error{"TLS handshake: the peer ended it"};
    if (attempt.status != Status::would_block) co_return Error{last_error_};
    if (!deadline.late() && co_await wait(attempt.wait)) continue;
    co_return Error{deadline.late() ? "TLS handshake: no answer within " + to_string(timeout)
                                    : "TLS handshake: cancelled"};
  }
}

Task<Result<std::size_t>> Stream::read_some(std::span<std::byte> buffer) {
  for (;;) {
    Attempt attempt = try_read(buffer);
    switch (attempt.status) {
      case Status::ok:
        co_return attempt.size;
      case Status::closed:
        co_return std::size_t{0};
      case Status::broken:
        co_return Error{last_error_};
      case Status::would_block:
        if (!co_await wait(attempt.wait)) co_return Error{"TLS read: cancelled"};
    }
  }
}

Task<Result<void>> Stream::read_exactly(std::span<std::byte> buffer) {
  while (!buffer.empty()) {
    Result<std::size_t> size = co_await read_some(buffer);
    if (!size) co_return size.error();
    if (*size == 0) co_return Error{"TLS read: the peer ended the session"};
    buffer = buffer.subspan(*size);
  }
  co_return Result<void>{};
}

Task<Result<std::size_t>> Stream::write_all(std::span<const std::byte> data) {
  const std::size_t total = data.size();
  while (!data.empty()) {
    Attempt attempt = try_write(data);
    if (attempt.status == Status::ok) {
      data = data.subspan(attempt.size);
    } else if (attempt.status == Status::would_block) {
      if (!co_await wait(attempt.wait)) co_return Error{"TLS write: cancelled"};
    } else {
      co_return Error{last_error_};
    }
  }
  co_return total;
}

Task<Result<void>> Stream::shutdown_write() {
  for (;;) {
    Attempt attempt = try_shutdown_write();
    if (attempt.status == Status::ok) co_return Result<void>{};
    if (attempt.status != Status::would_block) co_return Error{last_error_};
    if (!co_await wait(attempt.wait)) co_return Error{"TLS close_notify: cancelled"};
  }
}

void Stream::close(bool reset) {
  if (!socket_.is_open()) return;
  if (reset) (void)reset_on_close(socket_.native_handle());
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace sluice::tls
