// SPDX-License-Identifier: Apache-2.0
//
// Control: a control session after its Hello and HelloReply, on either side.  Reads frames in batches,
// queues frames to write, sends Ping, answers Ping, and ends when the peer was silent for too long.
// It owns its TLS stream; what the frames mean is the caller's.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/async.hpp"
#include "base/duration.hpp"
#include "session/framing.hpp"

namespace sluice::session {

class Control : public std::enable_shared_from_this<Control> {
 public:
  struct Settings {
    Duration ping_interval{3000};
    Duration dead_after{10000};
    /// Bytes waiting to be written; a peer that lets more gather is too slow, and the session ends.
    std::size_t queue_max = 8 << 20;
  };
  /// Called with all frames that came in together, 1 to 1024, in order, never Ping or Pong.  An error ends
  /// the session with that reason.
  using Handler = std::function<Result<void>(std::span<Envelope>)>;

  static std::shared_ptr<Control> create(tls::Stream stream, Settings settings);

  /// Runs until the session ends; returns why.  Once.
  Task<Error> run(Handler handler);

  /// Queues a frame; it leaves with whatever else is queued in one write.  Frames sent after the end are
  /// dropped.
  void send(const Envelope& envelope);

  /// Ends the session, with *reason* for run() to return.  The first reason counts.  What is queued leaves first as
  /// far as it can without waiting.
  void close(std::string reason);
  [[nodiscard]] bool is_open() const { return !closed_; }

  [[nodiscard]] tls::Stream& stream() { return stream_; }
  /// The last round trip that Ping and Pong measured; zero before the first.
  [[nodiscard]] std::chrono::microseconds round_trip() const { return round_trip_; }

 private:
  using Clock = std::chrono::steady_clock;

  Control(tls::Stream stream, Settings settings);
  void write_rest();
  Task<void> write_loop();
  Task<void> keep_alive();
  Task<Result<void>> read_loop(const Handler& handler);

  tls::Stream stream_;
  Settings settings_;
  asio::steady_timer write_signal_;
  asio::steady_timer ping_timer_;
  std::string outbox_;
  bool writing_ = true;  ///< part of an earlier outbox, or of what precedes run(), has not left yet
  bool closed_ = false;
  std::string reason_;
  Clock::time_point last_heard_;
  Clock::time_point ping_sent_;
  std::uint64_t ping_token_ = 0;
  std::chrono::microseconds round_trip_{0};
};

}  // namespace sluice::session
