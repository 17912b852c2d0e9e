// SPDX-License-Identifier: Apache-2.0
//
// Datagrams: a DGRAM session after its Hello and HelloReply, on either side: many associations' datagrams on one TLS
// session that behaves like a path that loses packets (U4).
//
// What waits to be written waits here, in one queue an association, and associations take turns; TCP is given no more
// than it can send at once.  A datagram is dropped when its association's queue is full, or when it has waited for
// longer than the age.  At most the window's bytes are outstanding: written and not acknowledged by the peer's
// Datagrams. So what a broken session loses is known, and bounded.
//
// It owns its TLS stream and lives on that stream's executor; all calls are made there.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>

#include "base/async.hpp"
#include "base/duration.hpp"
#include "session/datagram_frame.hpp"
#include "session/fair_queue.hpp"
#include "tls/stream.hpp"

namespace sluice::session {

class Datagrams : public std::enable_shared_from_this<Datagrams> {
 public:
  struct Settings {
    /// Bytes of datagram frames that may be outstanding.
    std::size_t window = 1 << 20;
    /// Bytes of datagram frames of one association that may wait here; one datagram may, however long.
    std::size_t queue_max = 256 << 10;
    /// Bytes of datagram frames of all associations that may wait here.
    std::size_t total_max = 16 << 20;
    /// A datagram that has waited here for longer is dropped.
    Duration age{500};
    /// The session ends when something is outstanding and nothing was acknowledged for so long.
    Duration dead_after{10000};
  };

  /// All since the session began; datagrams, but for the bytes.
  struct Counters {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t bytes_sent = 0;      ///< of datagram frames, headers included
    std::uint64_t bytes_received = 0;  ///< likewise
    std::uint64_t dropped_full = 0;    ///< the association's queue, or all together, was full
    std::uint64_t dropped_late = 0;    ///< waited for longer than the age
    std::uint64_t dropped_gone = 0;    ///< waited here when their association, or the session, ended
    std::uint64_t lost = 0;            ///< outstanding when the session ended
    std::uint64_t dropped_errors = 0;  ///< frames of errors, which do not wait for a peer that does not read

    Counters& operator+=(const Counters& more);
  };

  class Handler {
   public:
    virtual ~Handler() = default;
    /// The payload is good until this returns.
    virtual void on_datagram(const Datagram& datagram) = 0;
    virtual void on_error(std::uint32_t association, const DatagramError& error) = 0;
    virtual void on_unbind(std::uint32_t association) = 0;
    /// All that came in with one read has been handed over: the time to send what was gathered.
    virtual void on_batch_end() {}
  };

  static std::shared_ptr<Datagrams> create(tls::Stream stream, Settings settings);

  /// Runs until the session ends; returns why.  Once.  *handler* is not called after that.
  Task<Error> run(Handler& handler);

  /// False: dropped, and counted.  The payload is copied.
  bool send(const Datagram& datagram);
  void send_error(std::uint32_t association, const DatagramError& error);
  /// Drops what waits of the association and tells the peer that it is over.
  void send_unbind(std::uint32_t association);
  /// Drops what waits of the association, which the peer has ended.
  void forget(std::uint32_t association);

  /// Ends the session, with *reason* for run() to return.  The first reason counts.
  void close(std::string reason);
  [[nodiscard]] bool is_open() const { return !closed_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  /// Bytes of datagram frames that wait here, and that are outstanding.
  [[nodiscard]] std::size_t waiting() const { return queue_.bytes(); }
  [[nodiscard]] std::size_t outstanding() const {
    return static_cast<std::size_t>(counters_.bytes_sent - acknowledged_);
  }
  [[nodiscard]] const SSL* ssl() const { return stream_.ssl(); }
  [[nodiscard]] asio::any_io_executor get_executor() { return stream_.get_executor(); }

 private:
  using Clock = std::chrono::steady_clock;

  Datagrams(tls::Stream stream, Settings settings);
  void fill();
  Task<void> write_loop();
  Task<void> watch();
  Task<Result<void>> read_loop(Handler& handler);
  Result<void> hand_over(std::span<const std::byte>& data, Handler& handler);
  Result<void> hand_over(const DatagramFrame& frame, Handler& handler);
  Result<void> take_acknowledgement(std::uint64_t taken);
  void acknowledge();
  void acknowledge_soon();

  tls::Stream stream_;
  Settings settings_;
  Counters counters_;
  FairQueue queue_;
  std::string urgent_;  ///< frames that overtake the queue: errors, unbinds, acknowledgements
  std::string outbox_;  ///< what is being written
  asio::steady_timer write_signal_;
  asio::steady_timer acknowledge_timer_;
  asio::steady_timer dead_timer_;
  std::deque<std::uint32_t> unacknowledged_;  ///< lengths of the outstanding frames
  std::uint64_t oldest_ = 0;                  ///< where the first of them begins
  std::uint64_t acknowledged_ = 0;            ///< by the peer
  std::uint64_t acknowledged_to_peer_ = 0;
  Clock::time_point progress_;  ///< since then something is outstanding and nothing was acknowledged
  bool acknowledging_soon_ = false;
  bool closed_ = false;
  std::string reason_;
};

}  // namespace sluice::session
