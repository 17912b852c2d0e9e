// SPDX-License-Identifier: Apache-2.0
//
// The policy responder as the settings want it (Documentation/policy.rst): what they say, from a file that somebody
// else signed, into the kernel.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "netlink/socket.hpp"
#include "sluiced/settings.hpp"

namespace sluice::gateway {

// 1 to 1200 bytes, opaque here.
Result<std::vector<std::uint8_t>> read_policy(const std::filesystem::path& path);

// What has to change; *blob* is there when *wanted* is.  Pure.
netlink::PolicyChange plan_policy(const netlink::Policy& present, const std::optional<PolicySettings>& wanted,
                                  const std::vector<std::uint8_t>& blob);

// Settings without [policy] mean that there is none: the responder is off.
Result<void> set_policy(const std::optional<PolicySettings>& wanted, netlink::Socket& socket);

}  // namespace sluice::gateway
