// SPDX-License-Identifier: Apache-2.0
//
// Relays: the threads that carry the bytes.  The control session, connects and dials have the control thread for
// themselves, so that they are answered in time however much is carried.
//
// A stream is handed over once: its two sockets move to the worker that carries the fewest streams, and from then on
// the control thread holds a CarriedStream, by which it can reset the relay and no more.  Nothing else is shared.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/event_loop.hpp"
#include "relay/relay.hpp"
#include "tls/stream.hpp"

namespace sluice::agent {

/// One stream on its worker.  Control thread only; it acts by posting to the worker, in order.
class CarriedStream : public std::enable_shared_from_this<CarriedStream> {
 public:
  using Done = relay::Relay::Done;

  CarriedStream(asio::any_io_executor control, asio::any_io_executor worker, std::shared_ptr<std::size_t> load,
                tcp::socket server, tls::Stream session);
  CarriedStream(const CarriedStream&) = delete;
  CarriedStream& operator=(const CarriedStream&) = delete;

  /// *done* is called once, on the control thread, when both sockets are closed.
  void start(Done done);
  /// Resets both sides, after start().
  void abort(std::string reason);

 private:
  void finish(const relay::Report& report);

  asio::any_io_executor control_;
  asio::any_io_executor worker_;
  std::shared_ptr<std::size_t> load_;  // streams on this worker
  Done done_;
  // The worker's from start() on.
  std::optional<tcp::socket> server_;
  std::optional<tls::Stream> session_;
  std::shared_ptr<relay::Relay> relay_;
};

class Relays {
 public:
  /// *control* is the executor of the control thread.
  Relays(asio::any_io_executor control, unsigned threads);

  /// Moves the two sockets to a worker; nothing flows before start().
  Result<std::shared_ptr<CarriedStream>> take(tcp::socket server, tls::Stream session);

  /// Streams on each worker.
  [[nodiscard]] std::vector<std::size_t> loads() const;

 private:
  struct Worker {
    std::shared_ptr<std::size_t> load = std::make_shared<std::size_t>(0);
    EventLoop loop;
  };

  asio::any_io_executor control_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace sluice::agent
