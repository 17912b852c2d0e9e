// SPDX-License-Identifier: Apache-2.0
//
// Questions to sluiced's status socket: one JSON object a line, both ways.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/result.hpp"

namespace sluice::cli {

// One answer; {"error": …} becomes an Error.
Result<nlohmann::json> ask(const std::filesystem::path& socket, const nlohmann::json& request);

// Calls *each* for every line until sluiced closes the socket or *each* returns false.
Result<void> follow(const std::filesystem::path& socket, const nlohmann::json& request,
                    const std::function<bool(const nlohmann::json&)>& each);

}  // namespace sluice::cli
