// SPDX-License-Identifier: Apache-2.0
#include "sluice/esp_text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <limits>

#include "base/duration.hpp"
#include "derivation/derive.hpp"
#include "netlink/esp_text.hpp"

namespace sluice::cli {
namespace {

constexpr std::size_t key_file_most = 128;  // 64 digits and what an editor may leave behind them

nlohmann::json text_or_null(const std::string& text) {
  return text.empty() ? nlohmann::json(nullptr) : nlohmann::json(text);
}

void put(nlohmann::json& json, const char* key, const std::optional<Address>& address) {
  if (address) json[key] = address->to_string();
}

}  // namespace

Result<std::chrono::seconds> parse_seconds(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc{} && end == text.data() + text.size()) return std::chrono::seconds(number);
  const auto duration = parse_duration(text);
  if (!duration) return Error{"'" + std::string(text) + "' is no time: a number of seconds, or such as 30s, 10m, 1h"};
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*duration);
  if (seconds != *duration) return Error{"'" + std::string(text) + "' is not a whole number of seconds"};
  if (seconds.count() > std::numeric_limits<std::uint32_t>::max())
    return Error{"'" + std::string(text) + "' is too long"};
  return seconds;
}

std::string clock_text(std::chrono::seconds seconds) {
  const long long all = seconds.count();
  char text[48];
  if (all >= 3600)
    std::snprintf(text, sizeof text, "%lldh %02lldm %02llds", all / 3600, all / 60 % 60, all % 60);
  else if (all >= 60)
    std::snprintf(text, sizeof text, "%lldm %02llds", all / 60, all % 60);
  else
    std::snprintf(text, sizeof text, "%llds", all);
  return text;
}

std::string hex_text(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

Result<netlink::MasterKey> read_master_key(const std::string& path) {
  const bool is_input = path == "-";
  const auto content = derivation::read_secret_file(is_input ? "/dev/stdin" : path, key_file_most);
  if (!content) return content.error();
  const auto master = derivation::parse_master(*content);
  if (!master) return master.error().in(is_input ? "standard input" : path);
  netlink::MasterKey key;
  std::ranges::copy(std::as_bytes(master->bytes()), key.bytes().begin());
  return key;
}

nlohmann::json to_json(const netlink::Pool& pool, const std::string& network) {
  nlohmann::json json = {{"network", network}, {"first", pool.first}, {"last", pool.last}, {"host", pool.host}};
  put(json, "ipv4", pool.ipv4);
  put(json, "ipv6", pool.ipv6);
  return json;
}

nlohmann::json to_json(const netlink::Generation& generation) {
  return {{"number", generation.number},
          {"slot", generation.number % netlink::esp_slots},
          {"state", netlink::to_string(generation.state)},
          {"algorithm", netlink::to_string(generation.algorithm)},
          {"remaining_s", generation.remaining.count()},
          {"clients", generation.clients},
          {"memory_bytes", generation.memory}};
}

nlohmann::json to_json(const netlink::Esp& esp) {
  auto source = [](const Address& address) {
    return netlink::is_unspecified(address) ? std::string() : address.to_string();
  };
  return {{"udp_port", esp.udp_port},
          {"source_ipv4", text_or_null(source(esp.source_ipv4))},
          {"source_ipv6", text_or_null(source(esp.source_ipv6))},
          {"unknown_rate", esp.unknown_rate},
          {"boot_nonce", hex_text(esp.boot_nonce)},
          {"driver", esp.driver},
          {"fallback", text_or_null(esp.fallback.value_or(""))},
          {"key_cache", esp.key_cache},
          {"newest_generation", esp.newest}};
}

nlohmann::json to_json(const netlink::EspClient& client, const std::string& network) {
  nlohmann::json json = {{"id", client.id},
                         {"network", network},
                         {"banned", client.banned},
                         {"incarnation_min", client.incarnation_min},
                         {"received", client.received},
                         {"sent", client.sent},
                         {"moves", client.moves},
                         {"failures", client.failures}};
  if (client.generation) json["generation"] = *client.generation;
  if (client.incarnation) json["incarnation"] = *client.incarnation;
  if (const std::string outer = netlink::outer_text(client.address, client.port); !outer.empty()) {
    json["outer"] = outer;
    json["encapsulation"] = netlink::to_string(client.encapsulation);
  }
  if (client.idle) json["idle_ms"] = client.idle->count();
  put(json, "inner_ipv4", client.inner_ipv4);
  put(json, "inner_ipv6", client.inner_ipv6);
  return json;
}

std::string standing(const netlink::EspClient& client) {
  if (client.banned) return "banned";
  if (client.incarnation_min >= netlink::esp_incarnation_end) return "revoked";
  // What is below the newest that was heard would not come in anyway.
  if (client.incarnation_min <= client.incarnation.value_or(0)) return {};
  return "revoked below " + std::to_string(client.incarnation_min);
}

}  // namespace sluice::cli
