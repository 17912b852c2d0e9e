// SPDX-License-Identifier: Apache-2.0
//
// When the daemon takes its next turn, and when its tunnel has ended (Documentation/kds.rst, "The device's daemon").
// Pure: it is told the time, and where its random numbers come from.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "client/answer.hpp"

namespace sluice::client {

enum class Outcome {
  granted,      ///< another key
  renewed,      ///< the key that is held goes on
  refused,      ///< by policy
  unreachable,  ///< no key server, or one that cannot now
  no_policy,    ///< nobody here wants a key: traffic is left alone
  failed,       ///< something here
};

class Schedule {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;
  /// Gives numbers from 0 to 1.
  using Random = std::function<double()>;

  /// The first turn is due at once.
  Schedule(Random random, Time now) : random_(std::move(random)), next_(now) {}

  /// What a turn that ended at *now* brought.  *times*: of granted and renewed; *retry_after*: what the server asks
  /// for.
  void turned(Outcome outcome, const std::optional<Times>& times, Time now,
              std::optional<std::chrono::seconds> retry_after = {});
  /// A tunnel of before this daemon: what is left of it.
  void adopt(Time end) { end_ = end; }
  /// The tunnel is gone.
  void ended() { end_.reset(); }

  /// Packets that went out and that came in, in all, since the tunnel is up.  While some go out and for *patience* none
  /// has come in, the key may have been revoked: a turn is due, and as long as that changes nothing, ever later again.
  void counted(std::uint64_t out, std::uint64_t in, Time now);
  /// A route came or went: there may be a policy now where there was none.
  void network_changed(Time now);
  /// Somebody wants one.
  void hurry(Time now) { next_ = now; }

  [[nodiscard]] Time next() const { return next_; }
  /// From when on the gateway takes nothing; nothing: there is no tunnel.
  [[nodiscard]] std::optional<Time> end() const { return end_; }

  /// Sleeps because there is no policy; only then does a change of the network wake it.
  [[nodiscard]] bool asleep() const { return slept_since_.has_value(); }

  static constexpr std::chrono::seconds patience{4};

 private:
  Random random_;
  Time next_;
  std::optional<Time> end_;
  unsigned failures_ = 0;
  std::optional<Time> slept_since_;
  // silence
  std::uint64_t out_ = 0, in_ = 0;
  std::optional<Time> silent_since_, deaf_until_;
  unsigned silences_ = 0;
};

}  // namespace sluice::client
