// SPDX-License-Identifier: Apache-2.0
//
// A recorded connection in words.  Pure: JSON of the status socket in, text out.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace sluice::cli {

// Several lines, ending with a newline.
std::string explain_connection(const nlohmann::json& connection);
// One line, for the monitor.
std::string summarize_event(const nlohmann::json& event);
// "host unreachable (type 3 code 1)".
std::string icmp_name(unsigned type, unsigned code, bool v4);

}  // namespace sluice::cli
