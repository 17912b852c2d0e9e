// SPDX-License-Identifier: Apache-2.0
//
// Pools of ESP clients: the arithmetic between ids and inner addresses, as the module does it, and what has to change.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "netlink/types.hpp"

namespace sluice::gateway {

// The fewest prefixes that have the addresses of the pool's ids and no other address, IPv4 before IPv6.
std::vector<Prefix> prefixes_of(const netlink::Pool& pool);

// Is one of its addresses in the prefix?
bool overlaps(const netlink::Pool& pool, const Prefix& prefix);
// Are all of its addresses in the pool?
bool covers(const netlink::Pool& pool, const Prefix& prefix);
bool ids_overlap(const netlink::Pool& one, const netlink::Pool& other);
bool addresses_overlap(const netlink::Pool& one, const netlink::Pool& other);

// "1-1000".
std::string ids_text(const netlink::Pool& pool);

// Deletions, by first id, come first: ids may move from one pool to another.
struct PoolChanges {
  std::vector<std::uint32_t> remove;
  std::vector<netlink::Pool> add;
};

// *networks*: the devices whose pools are ours to decide about; pools of other networks stay, unless they have ids that
// are wanted here.
PoolChanges plan_pools(const std::vector<netlink::Pool>& present, const std::vector<netlink::Pool>& wanted,
                       const std::vector<std::uint32_t>& networks);

}  // namespace sluice::gateway
