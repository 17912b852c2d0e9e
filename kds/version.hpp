// SPDX-License-Identifier: Apache-2.0
//
// Versions in Debian's order, deb-version(7): [EPOCH:]UPSTREAM[-REVISION].
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

#include "base/result.hpp"

namespace sluice::kds {

inline constexpr std::size_t version_size_max = 256;

/// A version taken apart; views into the text that it was parsed from.
struct Version {
  std::uint32_t epoch = 0;
  std::string_view upstream;
  std::string_view revision;  ///< empty: none

  /// Bounded by version_size_max.  As dpkg(1) does, but an upstream version must begin with a digit; and an underscore
  /// is allowed, which releases of other distributions' kernels have (6.12.9-200.fc41.x86_64).
  static Result<Version> parse(std::string_view text);

  /// In dpkg's order: "1.0" and "1.00" are equivalent.
  std::weak_ordering operator<=>(const Version& other) const;
  bool operator==(const Version& other) const { return (*this <=> other) == 0; }
};

}  // namespace sluice::kds
