// SPDX-License-Identifier: Apache-2.0
//
// What the kernel says of ESP and of the policy responder: pools, generations, clients and their anomalies.
#include <cstring>

#include "netlink/parse.hpp"
#include "netlink/read.hpp"

namespace sluice::netlink {

Result<Pool> parse_pool(Bytes attributes) {
  Pool pool;
  bool well_formed = for_each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
    switch (type) {
      case SLUICE_A_POOL_NETWORK:
        return read(value, pool.network);
      case SLUICE_A_POOL_FIRST:
        return read(value, pool.first);
      case SLUICE_A_POOL_LAST:
        return read(value, pool.last);
      case SLUICE_A_POOL_BASE_IPV4:
        return read_address(value, pool.ipv4.emplace());
      case SLUICE_A_POOL_BASE_IPV6:
        return read_address(value, pool.ipv6.emplace());
      case SLUICE_A_POOL_HOST:
        return read_bool(value, pool.host);
    }
    return true;
  });
  if (!well_formed) return malformed("pool");
  // Either way to say that there is none.
  if (pool.ipv4 == Address{}) pool.ipv4.reset();
  if (pool.ipv6 == Address{}) pool.ipv6.reset();
  return pool;
}

Result<Generation> parse_generation(Bytes attributes) {
  Generation generation;
  bool well_formed = for_each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
    switch (type) {
      case SLUICE_A_GENERATION_NUMBER:
        return read(value, generation.number);
      case SLUICE_A_GENERATION_ALGORITHM:
        return read_enum(value, generation.algorithm, __SLUICE_ALGORITHM_COUNT);
      case SLUICE_A_GENERATION_STATE:
        return read_enum(value, generation.state, __SLUICE_GENERATION_STATE_COUNT);
      case SLUICE_A_GENERATION_REMAINING:
        return read_seconds(value, generation.remaining);
      case SLUICE_A_GENERATION_CLIENTS:
        return read(value, generation.clients);
      case SLUICE_A_GENERATION_MEMORY:
        return read(value, generation.memory);
    }
    return true;
  });
  if (!well_formed) return malformed("generation");
  return generation;
}

Result<Esp> parse_esp(Bytes attributes) {
  Esp esp;
  bool well_formed = for_each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
    switch (type) {
      case SLUICE_A_ESP_UDP_PORT:
        return read(value, esp.udp_port);
      case SLUICE_A_ESP_SOURCE_IPV4:
        return read_address(value, esp.source_ipv4);
      case SLUICE_A_ESP_SOURCE_IPV6:
        return read_address(value, esp.source_ipv6);
      case SLUICE_A_ESP_UNKNOWN_RATE:
        return read(value, esp.unknown_rate);
      case SLUICE_A_ESP_BOOT_NONCE:
        if (value.size() != esp.boot_nonce.size()) return false;
        std::memcpy(esp.boot_nonce.data(), value.data(), value.size());
        return true;
      case SLUICE_A_ESP_DRIVER:
        return read_text(value, esp.driver);
      case SLUICE_A_ESP_FALLBACK:
        return read_text(value, esp.fallback.emplace());
      case SLUICE_A_ESP_KEY_CACHE:
        return read(value, esp.key_cache);
      case SLUICE_A_ESP_NEWEST:
        return read(value, esp.newest);
    }
    return true;
  });
  if (!well_formed) return malformed("description of ESP");
  return esp;
}

Result<Policy> parse_policy(Bytes attributes) {
  Policy policy;
  bool well_formed = for_each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
    switch (type) {
      case SLUICE_A_POLICY_PORT:
        return read(value, policy.port);
      case SLUICE_A_POLICY_BLOB:
        if (value.empty() || value.size() > policy_blob_max) return false;
        policy.blob.resize(value.size());
        std::memcpy(policy.blob.data(), value.data(), value.size());
        return true;
      case SLUICE_A_POLICY_RATE:
        return read(value, policy.rate);
      case SLUICE_A_POLICY_SOURCE_RATE:
        return read(value, policy.source_rate);
    }
    return true;
  });
  if (!well_formed) return malformed("policy");
  return policy;
}

Result<EspClient> parse_esp_client(Bytes attributes) {
  EspClient client;
  bool well_formed = for_each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
    switch (type) {
      case SLUICE_A_ESP_CLIENT_ID:
        return read(value, client.id);
      case SLUICE_A_ESP_CLIENT_GENERATION:
        return read_optional(value, client.generation);
      case SLUICE_A_ESP_CLIENT_INCARNATION:
        return read_optional(value, client.incarnation);
      case SLUICE_A_ESP_CLIENT_INCARNATION_MIN:
        return read(value, client.incarnation_min);
      case SLUICE_A_ESP_CLIENT_BANNED:
        return read_bool(value, client.banned);
      case SLUICE_A_ESP_CLIENT_ADDRESS:
        return read_address(value, client.address.emplace());
      case SLUICE_A_ESP_CLIENT_PORT:
        return read(value, client.port);
      case SLUICE_A_ESP_CLIENT_ENCAPSULATION:
        return read_enum(value, client.encapsulation, __SLUICE_ENCAPSULATION_COUNT);
      case SLUICE_A_ESP_CLIENT_RECEIVED:
        return read(value, client.received);
      case SLUICE_A_ESP_CLIENT_SENT:
        return read(value, client.sent);
      case SLUICE_A_ESP_CLIENT_IDLE:
        return read_milliseconds(value, client.idle.emplace());
      case SLUICE_A_ESP_CLIENT_MOVES:
        return read(value, client.moves);
      case SLUICE_A_ESP_CLIENT_FAILURES:
        return read(value, client.failures);
      case SLUICE_A_ESP_CLIENT_NETWORK:
        return read(value, client.network);
      case SLUICE_A_ESP_CLIENT_INNER_IPV4:
        return read_address(value, client.inner_ipv4.emplace());
      case SLUICE_A_ESP_CLIENT_INNER_IPV6:
        return read_address(value, client.inner_ipv6.emplace());
    }
    return true;
  });
  if (!well_formed) return malformed("ESP client");
  return client;
}

bool read_anomaly(Bytes payload, Anomaly& anomaly) {
  return for_each_attribute(payload, [&](std::uint16_t type, Bytes value) {
    switch (type) {
      case SLUICE_A_ESP_CLIENT_ID:
        return read(value, anomaly.id);
      case SLUICE_A_ESP_CLIENT_GENERATION:
        return read(value, anomaly.generation);
      case SLUICE_A_ESP_CLIENT_INCARNATION:
        return read(value, anomaly.incarnation);
      case SLUICE_A_ESP_CLIENT_ANOMALY:
        return read_enum(value, anomaly.kind, __SLUICE_ANOMALY_COUNT);
      case SLUICE_A_ESP_CLIENT_ADDRESS:
        return read_address(value, anomaly.address.emplace());
      case SLUICE_A_ESP_CLIENT_PORT:
        return read(value, anomaly.port);
      case SLUICE_A_ESP_CLIENT_OLD_ADDRESS:
        return read_address(value, anomaly.old_address.emplace());
      case SLUICE_A_ESP_CLIENT_OLD_PORT:
        return read(value, anomaly.old_port);
    }
    return true;
  });
}

}  // namespace sluice::netlink
