// SPDX-License-Identifier: Apache-2.0
#include "kds/complaints.hpp"

namespace sluice::kds {

std::optional<std::string> Complaints::say(const std::string& words, Clock::time_point now) {
  const auto found = said_.find(words);
  if (found == said_.end()) {
    // With so many at once it is more important to end than to count.
    if (said_.size() >= most) said_.clear();
    said_.emplace(words, Said{now, 0});
    return words;
  }
  Said& said = found->second;
  if (now - said.at < quiet) {
    ++said.held_back;
    return std::nullopt;
  }
  const std::uint64_t held_back = said.held_back;
  said = {now, 0};
  return held_back == 0 ? words : words + " (and " + std::to_string(held_back) + " times since it was said last)";
}

}  // namespace sluice::kds
