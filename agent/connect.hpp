// SPDX-License-Identifier: Apache-2.0
//
// Connect: one attempt to reach one destination.  Many run at once.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>

#include "agent/outcome.hpp"
#include "base/async.hpp"
#include "base/duration.hpp"

namespace sluice::agent {

class Connect {
 public:
  Connect(const asio::any_io_executor& executor, const Endpoint& destination)
      : destination_(destination), socket_(executor) {}

  /// Until the far end has answered or *timeout* has passed.  Once.
  Task<Outcome> run(Duration timeout);
  /// The offer was withdrawn: stop trying.  run() then ends with any outcome.
  void cancel();

  [[nodiscard]] const Endpoint& destination() const { return destination_; }
  [[nodiscard]] bool cancelled() const { return cancelled_; }
  /// After ACCEPT: connected, and set up so that it is reset if we drop it.
  [[nodiscard]] tcp::socket take_socket() { return std::move(socket_); }
  [[nodiscard]] std::chrono::microseconds took() const { return took_; }

 private:
  Task<Outcome> attempt(Duration timeout);

  Endpoint destination_;
  tcp::socket socket_;
  std::chrono::microseconds took_{0};
  bool cancelled_ = false;
};

}  // namespace sluice::agent
