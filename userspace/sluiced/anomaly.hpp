// SPDX-License-Identifier: Apache-2.0
//
// Anomalies of ESP clients, for the log and for monitors.  How many come is limited by the kernel.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "netlink/types.hpp"

namespace sluice::gateway {

// Two hosts with one key, or a client with another's address; not one that merely roams.
bool is_worth_a_warning(const netlink::Anomaly& anomaly);

// *network*: whose pool has the id; may be empty.
std::string to_log_line(const netlink::Anomaly& anomaly, const std::string& network);
nlohmann::json to_json(const netlink::Anomaly& anomaly, const std::string& network);

}  // namespace sluice::gateway
