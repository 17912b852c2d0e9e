// SPDX-License-Identifier: Apache-2.0
//
// Relay: the bytes of one TCP connection, both ways, between a TCP socket and a STREAM session, with the
// endings of TCP kept apart (T8) and a bounded amount of memory (T9).
//
//   FIN from TCP             close_notify to TLS, one way; the other direction goes on, for hours if need be.
//   close_notify from TLS    FIN to TCP (SHUT_WR), one way.
//   reset from TCP           every byte that came before it is written to TLS, then the session ends
//                            without close_notify.
//   TLS ends without it      every byte that came before it is written to TCP and acknowledged, then RST.
//   abort()                  both at once, by RST.
//
// Memory: at most one buffer of 64 KiB a direction, held only while bytes are in it, besides OpenSSL's
// (released when idle) and the two sockets' kernel buffers, which the kernel tunes up to
// net.ipv4.tcp_rmem[2] and tcp_wmem[2].
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/async.hpp"
#include "tls/stream.hpp"

namespace sluice::relay {

enum class End {
  orderly,    ///< FIN both ways
  tcp_reset,  ///< the TCP side reset or failed
  tls_reset,  ///< the session ended without close_notify: the far end was reset
  aborted,    ///< abort()
};
const char* to_string(End end);

struct Report {
  std::uint64_t to_tls = 0;  ///< bytes from TCP to TLS
  std::uint64_t to_tcp = 0;  ///< bytes from TLS to TCP
  End end = End::orderly;
  std::string detail;  ///< for people
  std::chrono::microseconds duration{0};
};

struct Settings {
  /// Longest that bytes which came before a reset may hold the reset up while nobody reads them.
  Duration drain_limit{30000};
};

class Relay : public std::enable_shared_from_this<Relay> {
 public:
  using Done = std::function<void(const Report&)>;

  /// *socket* is connected; it is set up with prepare_relayed_socket() (callers who hold it longer before
  /// that do so themselves at once).  *stream* has had its HelloReply and is named by an Answer.
  /// Both must be on the same executor, which runs one handler at a time.
  static std::shared_ptr<Relay> create(tcp::socket socket, tls::Stream stream, Settings settings = {});

  /// Starts both directions.  *done* is called once, when both sockets are closed; the Relay keeps itself
  /// alive until then.
  void start(Done done);

  /// Resets both sides now: the control session died, or a certificate was revoked.  On the executor.
  void abort(std::string reason);

  [[nodiscard]] std::uint64_t bytes_to_tls() const { return report_.to_tls; }
  [[nodiscard]] std::uint64_t bytes_to_tcp() const { return report_.to_tcp; }
  [[nodiscard]] tls::Stream& stream() { return stream_; }

 private:
  Relay(tcp::socket socket, tls::Stream stream, Settings settings);
  Task<void> run();
  Task<void> pump_to_tls();
  Task<void> pump_to_tcp();
  Task<bool> write_tls(std::span<const std::byte> data);
  Task<bool> write_tcp(std::span<const std::byte> data);
  Task<void> watch_tls_after_close();
  Task<void> watch(tcp::socket& socket, asio::steady_timer& timer, End end);
  Task<void> end_in_order();
  Task<void> end_tls();
  Task<void> end_tcp();
  Task<void> let_others_run();
  Task<void> ready(tcp::socket& socket, tcp::socket::wait_type direction);
  Task<void> pause(Duration time);
  void pump_ended();
  void ended(End end, std::string detail);
  void limit_drain(End end);
  std::int64_t delivered();
  void close_all();
  [[nodiscard]] bool ended_by(End end) const { return ended_ && report_.end == end; }

  tcp::socket socket_;
  tls::Stream stream_;
  Settings settings_;
  Report report_;
  Done done_;
  asio::steady_timer pumps_signal_;
  asio::steady_timer drain_timer_;
  asio::steady_timer pause_timer_;
  asio::steady_timer watch_tcp_timer_;
  asio::steady_timer watch_tls_timer_;
  std::chrono::steady_clock::time_point start_;
  int pumps_ = 0;
  bool to_tls_open_ = true;  ///< no FIN from TCP yet, or not yet passed on
  bool ended_ = false;       ///< report_.end is set: something other than FIN both ways has happened
  bool draining_ = false;    ///< drain_timer_ runs
  bool closed_ = false;      ///< both sockets are closed, by force
  bool pumps_over_ = false;
};

}  // namespace sluice::relay
