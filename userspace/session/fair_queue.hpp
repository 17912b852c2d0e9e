// SPDX-License-Identifier: Apache-2.0
//
// FairQueue: datagram frames that wait to be written, one queue an association.  Associations take turns by deficit
// round robin (Shreedhar and Varghese, 1995), so each gets its share of bytes, and a newcomer waits for one round.
//
// Everything together is bounded by dynamic thresholds (Choudhury and Hahne, 1998): one association may hold no more
// than what is left for the others.  So there is room for a newcomer's datagram however many others flood.  Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/duration.hpp"
#include "session/datagram_frame.hpp"

namespace sluice::session {

class FairQueue {
 public:
  using Clock = std::chrono::steady_clock;
  struct Limits {
    std::size_t one;  ///< bytes of one association; one datagram may wait, however long
    std::size_t all;  ///< bytes of all of them
    Duration age;     ///< what has waited for longer is dropped
  };

  explicit FairQueue(const Limits& limits) : limits_(limits) {}

  /// False: full.
  bool push(const Datagram& datagram, Clock::time_point now);
  /// The frame whose turn it is; nothing when there is none or when it is longer than *room*.
  std::optional<std::string> pop(std::size_t room, Clock::time_point now);
  /// Drops what waits of one association, or of all, and returns how many that were.
  std::size_t drop(std::uint32_t association);
  std::size_t drop_all();

  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// Frames that were dropped because of their age.
  [[nodiscard]] std::uint64_t late() const { return late_; }

 private:
  struct Waiting {
    std::string frame;
    Clock::time_point since;
  };
  struct Queue {
    std::uint32_t association;
    std::list<Waiting> frames;  // not empty between calls
    std::size_t bytes = 0;
    std::size_t deficit;  // bytes that it may send before the next one's turn
  };
  using Queues = std::list<Queue>;

  void drop_late(Queue& queue, Clock::time_point now);
  std::string take_head(Queue& queue);
  void erase(Queues::iterator queue);

  Limits limits_;
  Queues queues_;  // in the order of their turns
  std::unordered_map<std::uint32_t, Queues::iterator> by_association_;
  std::size_t bytes_ = 0;
  std::uint64_t late_ = 0;
};

}  // namespace sluice::session
