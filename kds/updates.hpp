// SPDX-License-Identifier: Apache-2.0
//
// A gateway's update log: what it has to carry out and has not acknowledged.  An update that a newer one makes
// superfluous goes, so the log grows with ids at most and not with time.
#pragma once

#include <set>
#include <string>

#include "kds/store.hpp"

namespace sluice::kds {

/// Gateways whose logs grew: who waits for their updates is to be told.
using Touched = std::set<std::string>;

/// Gives the update the gateway's next sequence, which is returned, and keeps both.
std::uint64_t append(Transaction& transaction, Gateway& gateway, Update update);

/// Revokes the id's incarnations below *incarnation_min* under one generation, here and at the gateway.
void revoke_below(Transaction& transaction, const std::string& gateway, std::uint32_t number, std::uint32_t id,
                  std::uint32_t incarnation_min, Touched& touched);

/// Revokes whatever was issued to the id under a live generation and is not revoked yet.  How many generations.
std::size_t revoke_id(Transaction& transaction, const std::string& gateway, std::uint32_t id, Touched& touched);

}  // namespace sluice::kds
