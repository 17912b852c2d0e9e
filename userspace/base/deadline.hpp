// SPDX-License-Identifier: Apache-2.0
//
// Deadline: calls something when a coroutine takes too long, and never after the coroutine has gone on.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "base/async.hpp"
#include "base/duration.hpp"

namespace sluice {

class Deadline {
 public:
  /// *on_late* cancels what the coroutine waits for; it may refer to the coroutine's locals.
  Deadline(const asio::any_io_executor& executor, Duration time, std::function<void()> on_late)
      : state_(std::make_shared<State>(std::move(on_late))), timer_(executor, time) {
    // The handler may already be queued when the Deadline goes, so what it touches is shared.
    timer_.async_wait([state = state_](const boost::system::error_code& code) {
      if (code || !state->on_late) return;
      state->late = true;
      state->on_late();
    });
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() { state_->on_late = nullptr; }

  [[nodiscard]] bool late() const { return state_->late; }

 private:
  struct State {
    explicit State(std::function<void()> callback) : on_late(std::move(callback)) {}
    std::function<void()> on_late;
    bool late = false;
  };
  std::shared_ptr<State> state_;
  asio::steady_timer timer_;
};

}  // namespace sluice
