// SPDX-License-Identifier: Apache-2.0
//
// What `nft -j list ruleset` says (libnftables-json(5)) of packets to this host.  Pure.
#pragma once

#include <string_view>

#include "base/result.hpp"

namespace sluice::client::measure {

/// A base chain of type filter at the hook "input" of ip, ip6 or inet drops by policy, or has rules.  An error: it
/// is no ruleset, or the only such chain is in a table of which it does not say whether it is dormant.
Result<bool> filters_input(std::string_view json);

}  // namespace sluice::client::measure
