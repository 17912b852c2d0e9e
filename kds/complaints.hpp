// SPDX-License-Identifier: Apache-2.0
//
// Complaints: what this server's own failures are told in its log, when thousands of requests meet the same one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace sluice::kds {

class Complaints {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds quiet{60};  ///< that the same words are not said again
  static constexpr std::size_t most = 64;           ///< different words that are remembered

  /// What to write: *words*, with how often they were held back before; nothing if they were written a moment ago.
  std::optional<std::string> say(const std::string& words, Clock::time_point now = Clock::now());

 private:
  struct Said {
    Clock::time_point at;
    std::uint64_t held_back = 0;
  };
  std::map<std::string, Said> said_;
};

}  // namespace sluice::kds
