// SPDX-License-Identifier: Apache-2.0
//
// The policy responder as the settings want it (Documentation/policy.rst): port and rates are theirs; what is answered
// is a file that they name, or else what the key server has signed.  Into the kernel.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "netlink/socket.hpp"
#include "sluiced/settings.hpp"

namespace sluice::gateway {

using PolicyBlob = std::vector<std::uint8_t>;

// Who has a say.  The control thread has it.
struct PolicySources {
  std::optional<PolicySettings> settings;  // nothing: the responder is off
  std::optional<PolicyBlob> of_kds;        // empty: it wants none; nothing: it has not said yet
};

// 1 to 1200 bytes, opaque here.
Result<PolicyBlob> read_policy(const std::filesystem::path& path);

// What has to change.  *blob*: what is to be answered; empty: nothing, and the responder is off; nullopt: nobody has
// said yet, so what is answered now stays.  Pure.
netlink::PolicyChange plan_policy(const netlink::Policy& present, const std::optional<PolicySettings>& wanted,
                                  const std::optional<PolicyBlob>& blob);

// Settings without [policy] mean that there is none: the responder is off, whatever the KDS says.
Result<void> set_policy(const PolicySources& sources, netlink::Socket& socket);

}  // namespace sluice::gateway
