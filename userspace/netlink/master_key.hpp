// SPDX-License-Identifier: Apache-2.0
//
// MasterKey: owns the master key of a generation, and wipes it at its end.  It cannot be copied, and what it is moved
// from is wiped, too.
#pragma once

#include <string.h>  // explicit_bzero

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "netlink/types.hpp"

namespace sluice::netlink {

inline void wipe(std::span<std::byte> bytes) { ::explicit_bzero(bytes.data(), bytes.size()); }

class MasterKey {
 public:
  static constexpr std::size_t size = 32;

  MasterKey() = default;
  ~MasterKey() { wipe(bytes_); }
  MasterKey(MasterKey&& other) noexcept : bytes_(other.bytes_) { wipe(other.bytes_); }
  MasterKey& operator=(MasterKey&& other) noexcept {
    if (this == &other) return *this;
    bytes_ = other.bytes_;
    wipe(other.bytes_);
    return *this;
  }
  MasterKey(const MasterKey&) = delete;
  MasterKey& operator=(const MasterKey&) = delete;

  [[nodiscard]] std::span<std::byte, size> bytes() { return bytes_; }
  [[nodiscard]] std::span<const std::byte, size> bytes() const { return bytes_; }

 private:
  std::array<std::byte, size> bytes_{};
};

// A generation for the kernel; what is absent is the kernel's default.
struct NewGeneration {
  std::uint32_t number = 0;
  std::optional<Algorithm> algorithm;
  MasterKey master_key;
  std::optional<std::chrono::seconds> lifetime;
};

}  // namespace sluice::netlink
