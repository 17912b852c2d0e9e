// SPDX-License-Identifier: Apache-2.0
//
// What an association has carried.  Counted by the relay's thread alone, and read by the control thread at any time for
// people; numbers that are a moment apart do no harm, so it is all relaxed, and no instruction more than a plain add.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace sluice::gateway {

class Count {
 public:
  void add(std::uint64_t more) { value_.store(get() + more, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct Traffic {
  using Clock = std::chrono::steady_clock;

  struct Direction {
    Count datagrams;
    Count bytes;    // of payload
    Count dropped;  // datagrams that went no further than here
  };
  Direction to_server;
  Direction to_client;

  void touch(Clock::time_point now) { last_.store(now, std::memory_order_relaxed); }
  [[nodiscard]] Clock::time_point last() const { return last_.load(std::memory_order_relaxed); }

 private:
  std::atomic<Clock::time_point> last_{Clock::now()};
};

}  // namespace sluice::gateway
