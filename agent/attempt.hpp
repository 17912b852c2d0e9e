// SPDX-License-Identifier: Apache-2.0
//
// Attempt: one offer's way to one destination: a connect() or a ping.  Many run at once.
#pragma once

#include <chrono>

#include "agent/outcome.hpp"
#include "base/async.hpp"
#include "base/duration.hpp"

namespace sluice::agent {

class Attempt {
 public:
  explicit Attempt(const Endpoint& destination) : destination_(destination) {}
  virtual ~Attempt() = default;
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  /// Until the far end has answered or *timeout* has passed.  Once.
  Task<Outcome> run(Duration timeout) {
    const auto start = std::chrono::steady_clock::now();
    Outcome outcome = co_await attempt(timeout);
    took_ = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
    co_return outcome;
  }
  /// The offer was withdrawn: stop trying.  run() then ends with any outcome.
  void cancel() {
    cancelled_ = true;
    stop();
  }

  [[nodiscard]] const Endpoint& destination() const { return destination_; }
  [[nodiscard]] bool cancelled() const { return cancelled_; }
  [[nodiscard]] std::chrono::microseconds took() const { return took_; }

 private:
  virtual Task<Outcome> attempt(Duration timeout) = 0;
  virtual void stop() = 0;

  Endpoint destination_;
  std::chrono::microseconds took_{0};
  bool cancelled_ = false;
};

}  // namespace sluice::agent
