// SPDX-License-Identifier: Apache-2.0
//
// Lines of the audit log: written with what they tell of, in one transaction.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "kds/store.hpp"

namespace sluice::kds {

/// *detail*: an object, without secrets.
void audit(Transaction& transaction, Time now, const std::string& actor, const std::string& action,
           const std::string& subject, const std::string& outcome, const nlohmann::json& detail);

/// The key server itself, as an actor.
inline const std::string itself = "kds";

}  // namespace sluice::kds
