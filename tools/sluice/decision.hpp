// SPDX-License-Identifier: Apache-2.0
//
// What the kernel would do with a connection, in words; `sluice acl test` and `sluice why` say it alike.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "sluice/lookup.hpp"

namespace sluice::cli {

struct Decision {
  netlink::AclDecision kernel;
  std::string network;
  std::string rule;  // its text; empty for the default

  // "refused in the kernel by rule 0 of network corp: refuse tcp 10.20.0.10 22"
  [[nodiscard]] std::string text() const;
  [[nodiscard]] nlohmann::json json() const;
};

Result<Decision> decide(Kernel& kernel, const netlink::AclQuestion& question);

// "rule 2 of client 7", "rule 0 of network corp", "no rule".
std::string rule_place(netlink::Scope scope, std::uint64_t index, std::uint32_t client, const std::string& network);

}  // namespace sluice::cli
