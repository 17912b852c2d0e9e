// SPDX-License-Identifier: Apache-2.0
//
// Turn: how much one direction of a Relay may do before it lets others on the executor run.
#pragma once

#include <algorithm>
#include <cstddef>

namespace sluice::relay {

class Turn {
 public:
  /// Bytes, not calls: what a turn costs is encrypting them.  On a slow machine (2 MB/s) sixteen busy directions come
  /// round in half a second, so whatever else waits for this thread stays well within dead_after.
  static constexpr std::size_t kBytes = 65536;
  /// A call counts as so much at least, so that trickling bytes make no turn of 65,536 calls.
  static constexpr std::size_t kLeast = 1024;

  /// The most that the next read may bring.
  [[nodiscard]] std::size_t left() const { return left_; }
  /// *size* bytes were moved.  True: the turn is over, post() before the next read; a new one has begun.
  /// Nothing else ends a turn: to wait for a socket is not to let others run, for the reactor may hold an earlier
  /// event of that socket at the head of the queue, and then the wait is over at once.
  [[nodiscard]] bool spend(std::size_t size) {
    left_ -= std::min(left_, std::max(size, kLeast));
    if (left_ >= kLeast) return false;
    left_ = kBytes;
    return true;
  }

 private:
  std::size_t left_ = kBytes;
};

}  // namespace sluice::relay
