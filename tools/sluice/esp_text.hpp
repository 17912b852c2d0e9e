// SPDX-License-Identifier: Apache-2.0
//
// What the subcommands of ESP read and print.  Pure.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "netlink/master_key.hpp"
#include "netlink/types.hpp"

namespace sluice::cli {

// "3600", or as other times are written: "1h", "90s".
Result<std::chrono::seconds> parse_seconds(std::string_view text);
// "2h 05m 09s", "5m 09s", "9s".
std::string clock_text(std::chrono::seconds seconds);

std::string hex_text(std::span<const std::uint8_t> bytes);

// From a file, or from standard input ("-"); nothing of it is left in memory but the key.
Result<netlink::MasterKey> read_master_key(const std::string& path);

nlohmann::json to_json(const netlink::Pool& pool, const std::string& network);
nlohmann::json to_json(const netlink::Generation& generation);
nlohmann::json to_json(const netlink::Esp& esp);
nlohmann::json to_json(const netlink::EspClient& client, const std::string& network);

// "banned", "revoked", "revoked below 3"; empty when it may come in.
std::string standing(const netlink::EspClient& client);

}  // namespace sluice::cli
