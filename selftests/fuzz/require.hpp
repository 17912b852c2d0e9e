// SPDX-License-Identifier: Apache-2.0
//
// What a fuzzer asserts, and how it takes its input apart.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace sluice::fuzz {

/// Ends the run as a finding.
inline void require(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "REQUIRED: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

/// Error messages go to logs and terminals.
inline void require_printable(const std::string& message) {
  require(!message.empty(), "an error has a message");
  for (char c : message) require(c >= ' ' && c <= '~', "an error's message is printable ASCII");
}

/// The input, front to back; zeros once it is used up.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

  template <class Number>
  Number number() {
    Number value{};
    const std::size_t size = std::min(sizeof value, rest_.size());
    if (size > 0) std::memcpy(&value, rest_.data(), size);
    rest_ = rest_.subspan(size);
    return value;
  }
  /// At most *size* bytes.
  std::span<const std::uint8_t> bytes(std::size_t size) {
    const auto taken = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  [[nodiscard]] std::span<const std::uint8_t> rest() const { return rest_; }
  [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(rest_.data()), rest_.size()}; }

 private:
  std::span<const std::uint8_t> rest_;
};

}  // namespace sluice::fuzz
