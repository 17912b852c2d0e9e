// SPDX-License-Identifier: Apache-2.0
//
// Asks a gateway for its policy, as Documentation/policy.rst says that a client does.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/address.hpp"
#include "base/duration.hpp"
#include "base/result.hpp"

namespace sluice::policy {

inline constexpr std::uint16_t default_port = 4510;

struct Patience {
  int tries = 3;
  Duration each = std::chrono::seconds(1);
};

/// The blob, 1 to 1200 bytes; nothing when no try was answered: no policy, or somebody keeps it from us.  Nobody has
/// vouched for the blob: verify its signature.  Blocks for tries * each at most, each try with a nonce of its own.
/// *interface*: index of the one that a link-local address is on; else 0.
Result<std::optional<std::vector<std::uint8_t>>> ask(const Endpoint& gateway, const Patience& patience = {},
                                                     std::uint32_t interface = 0);

}  // namespace sluice::policy
