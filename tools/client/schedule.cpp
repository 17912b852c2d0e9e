// SPDX-License-Identifier: Apache-2.0
#include "client/schedule.hpp"

#include <algorithm>

namespace sluice::client {
namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

constexpr unsigned most_doublings = 6;  // 64 s
constexpr auto soonest = 5s;            // after a key, whatever the server says
constexpr auto room = 20s;              // for the next turn: on a busy host one takes several seconds
constexpr auto sleep = 300s;            // without a policy
constexpr auto settling = 1s;           // one change of the network is several routes
constexpr auto least_sleep = 10s;       // where routes come and go all the time

Schedule::Clock::duration scaled(std::chrono::seconds time, double factor) {
  return std::chrono::duration_cast<Schedule::Clock::duration>(Seconds(time) * factor);
}

}  // namespace

void Schedule::turned(Outcome outcome, const std::optional<Times>& times, Time now,
                      std::optional<std::chrono::seconds> retry_after) {
  slept_since_.reset();
  if (outcome == Outcome::no_policy) {
    failures_ = 0;
    slept_since_ = now;
    next_ = now + scaled(sleep, 0.7 + 0.3 * random_());
    return;
  }
  if ((outcome == Outcome::granted || outcome == Outcome::renewed) && times) {
    failures_ = 0;
    end_ = now + std::min(times->lease, times->expires);
    // The server has spread *refresh*; a lease is renewed at 50 to 90 % of it, so that devices do not come together.
    const double latest = std::clamp(1 - Seconds(room) / Seconds(times->lease), 0.5, 0.9);
    const auto renewal = scaled(times->lease, 0.5 + (latest - 0.5) * random_());
    next_ = now + std::max<Clock::duration>(soonest, std::min<Clock::duration>(times->refresh, renewal));
    if (outcome == Outcome::granted) {
      out_ = in_ = 0;
      silences_ = 0;
      silent_since_.reset();
      deaf_until_.reset();
    }
    return;
  }
  if (outcome == Outcome::refused) {
    failures_ = 0;
    next_ = now + scaled(30s, 0.7 + 0.3 * random_());
  } else {
    const auto pause = 1s * (1U << std::min(failures_, most_doublings));
    ++failures_;
    next_ = now + scaled(pause, 0.5 + 0.5 * random_());
  }
  if (retry_after) next_ = std::max(next_, now + *retry_after);
}

void Schedule::network_changed(Time now) {
  if (slept_since_) next_ = std::min(next_, std::max<Time>(now + settling, *slept_since_ + least_sleep));
}

void Schedule::counted(std::uint64_t out, std::uint64_t in, Time now) {
  const bool came = in != in_, went = out != out_;
  in_ = in;
  out_ = out;
  if (came) {
    silent_since_.reset();
    silences_ = 0;
    deaf_until_.reset();
    return;
  }
  if (!went) return;
  if (!silent_since_) silent_since_ = now;
  if (now - *silent_since_ < patience || (deaf_until_ && now < *deaf_until_)) return;
  next_ = std::min(next_, now);
  deaf_until_ = now + 10s * (1U << std::min(silences_, most_doublings));
  ++silences_;
}

}  // namespace sluice::client
