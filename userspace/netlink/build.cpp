// SPDX-License-Identifier: Apache-2.0
#include "netlink/build.hpp"

#include <linux/netlink.h>

#include "netlink/esp_text.hpp"

namespace sluice::netlink {
namespace {

Bytes bytes_of(const Address& address) { return std::as_bytes(std::span{address.raw()}); }

void put_address(Message& message, std::uint16_t attribute, const std::optional<Address>& address) {
  if (address) message.put_bytes(attribute, bytes_of(*address));
}

void put_prefix(Message& message, std::uint16_t attribute, const Prefix& prefix) {
  message.nest(attribute, [&] {
    message.put_bytes(SLUICE_A_PREFIX_ADDRESS, bytes_of(prefix.address));
    message.put(SLUICE_A_PREFIX_LENGTH, prefix.length);
  });
}

void put_owner(Message& message, const AclOwner& owner) {
  if (owner.network) message.put(SLUICE_A_ACL_NETWORK, *owner.network);
  if (owner.client) message.put(SLUICE_A_ACL_CLIENT, *owner.client);
}

void put_rule(Message& message, const Rule& rule) {
  message.nest(SLUICE_A_ACL_RULE, [&] {
    message.put(SLUICE_A_RULE_ACTION, static_cast<std::uint8_t>(rule.action));
    if (rule.protocol) message.put(SLUICE_A_RULE_PROTOCOL, *rule.protocol);
    if (rule.prefix) put_prefix(message, SLUICE_A_RULE_PREFIX, *rule.prefix);
    if (rule.ports) {
      message.put(SLUICE_A_RULE_PORT_FIRST, rule.ports->first);
      message.put(SLUICE_A_RULE_PORT_LAST, rule.ports->last);
    }
  });
}

void put_answer(Message& message, const Answer& answer) {
  message.nest(SLUICE_A_CONTROLLER_VERDICT, [&] {
    message.put(SLUICE_A_VERDICT_ID, answer.id);
    message.put(SLUICE_A_VERDICT_VERDICT, static_cast<std::uint8_t>(answer.verdict));
    if (answer.ttl) message.put(SLUICE_A_VERDICT_TTL, *answer.ttl);
    if (!answer.icmp) return;
    message.put(SLUICE_A_VERDICT_ICMP_TYPE, answer.icmp->type);
    message.put(SLUICE_A_VERDICT_ICMP_CODE, answer.icmp->code);
    if (answer.icmp->source) message.put_bytes(SLUICE_A_VERDICT_ICMP_SOURCE, bytes_of(*answer.icmp->source));
    if (answer.icmp->mtu) message.put(SLUICE_A_VERDICT_ICMP_MTU, *answer.icmp->mtu);
  });
}

}  // namespace

Message get_network(const std::string& name) {
  Message message(SLUICE_CMD_NETWORK_GET);
  message.put_string(SLUICE_A_NETWORK_NAME, name);
  return message;
}

Message dump_networks() { return Message(SLUICE_CMD_NETWORK_GET, NLM_F_DUMP); }

Message set_network(std::uint32_t ifindex, const NetworkLimits& limits) {
  Message message(SLUICE_CMD_NETWORK_SET);
  message.put(SLUICE_A_NETWORK_IFINDEX, ifindex);
  if (limits.park_timeout_ms) message.put(SLUICE_A_NETWORK_PARK_TIMEOUT, *limits.park_timeout_ms);
  if (limits.park_max) message.put(SLUICE_A_NETWORK_PARK_MAX, *limits.park_max);
  if (limits.park_client_max) message.put(SLUICE_A_NETWORK_PARK_CLIENT_MAX, *limits.park_client_max);
  if (limits.park_source_max) message.put(SLUICE_A_NETWORK_PARK_SOURCE_MAX, *limits.park_source_max);
  if (limits.association_max) message.put(SLUICE_A_NETWORK_ASSOCIATION_MAX, *limits.association_max);
  if (limits.association_client_max)
    message.put(SLUICE_A_NETWORK_ASSOCIATION_CLIENT_MAX, *limits.association_client_max);
  if (limits.association_source_max)
    message.put(SLUICE_A_NETWORK_ASSOCIATION_SOURCE_MAX, *limits.association_source_max);
  if (limits.discard_time_ms) message.put(SLUICE_A_NETWORK_DISCARD_TIME, *limits.discard_time_ms);
  return message;
}

Message new_client(const Client& client) {
  Message message(SLUICE_CMD_CLIENT_NEW);
  message.put(SLUICE_A_CLIENT_ID, client.id);
  message.put(SLUICE_A_CLIENT_NETWORK, client.network);
  message.put(SLUICE_A_CLIENT_ACCESS, client.access);
  for (const Prefix& prefix : client.prefixes) put_prefix(message, SLUICE_A_CLIENT_PREFIX, prefix);
  return message;
}

Message delete_client(std::uint32_t id) {
  Message message(SLUICE_CMD_CLIENT_DEL);
  message.put(SLUICE_A_CLIENT_ID, id);
  return message;
}

Message dump_clients() { return Message(SLUICE_CMD_CLIENT_GET, NLM_F_DUMP); }

Message set_acl(const Acl& acl) {
  Message message(SLUICE_CMD_ACL_SET, 0, Message::large);
  put_owner(message, acl.owner);
  for (const Rule& rule : acl.rules) put_rule(message, rule);
  return message;
}

Message dump_acl(const AclOwner& owner) {
  Message message(SLUICE_CMD_ACL_GET, NLM_F_DUMP);
  put_owner(message, owner);
  return message;
}

Message test_acl(const AclQuestion& question) {
  Message message(SLUICE_CMD_ACL_TEST);
  message.put_bytes(SLUICE_A_ACL_SOURCE, bytes_of(question.source));
  message.put_bytes(SLUICE_A_ACL_DESTINATION, bytes_of(question.destination));
  message.put(SLUICE_A_ACL_PROTOCOL, question.protocol);
  message.put(SLUICE_A_ACL_PORT, question.port);
  return message;
}

Message dump_parked() { return Message(SLUICE_CMD_PARKED_GET, NLM_F_DUMP); }

Message dump_counters() { return Message(SLUICE_CMD_COUNTER_GET, NLM_F_DUMP); }

Message bind_controller(const Controller& controller) {
  Message message(SLUICE_CMD_CONTROLLER_BIND);
  message.put(SLUICE_A_CONTROLLER_PROXY_PORT, controller.proxy_port);
  message.put(SLUICE_A_CONTROLLER_MARK, controller.mark);
  message.put(SLUICE_A_CONTROLLER_MARK_MASK, controller.mark_mask);
  message.put(SLUICE_A_CONTROLLER_CREDIT, controller.credit);
  if (controller.datagram_socket)
    message.put(SLUICE_A_CONTROLLER_DATAGRAM_SOCKET, static_cast<std::uint32_t>(*controller.datagram_socket));
  return message;
}

Message get_controller() { return Message(SLUICE_CMD_CONTROLLER_GET); }

Message grant_credit(std::uint32_t credit) {
  Message message(SLUICE_CMD_CONTROLLER_CREDIT);
  message.put(SLUICE_A_CONTROLLER_CREDIT, credit);
  return message;
}

Message send_verdicts(std::span<const Answer> answers) {
  // Without NLM_F_ACK: errors come back all the same, and an acknowledgement a batch would only cost.
  Message message(SLUICE_CMD_CONTROLLER_VERDICT, 0, answers.size() > 32 ? Message::large : Message::small);
  for (const Answer& answer : answers) put_answer(message, answer);
  return message;
}

void put_parked(Message& message, std::uint16_t attribute, const Parked& parked) {
  auto put_everything = [&] {
    message.put(SLUICE_A_PARKED_ID, parked.id);
    message.put(SLUICE_A_PARKED_NETWORK, parked.network);
    message.put(SLUICE_A_PARKED_CLIENT, parked.client);
    message.put(SLUICE_A_PARKED_PROTOCOL, parked.protocol);
    message.put_bytes(SLUICE_A_PARKED_SOURCE, bytes_of(parked.source.address));
    message.put_bytes(SLUICE_A_PARKED_DESTINATION, bytes_of(parked.destination.address));
    message.put(SLUICE_A_PARKED_SOURCE_PORT, parked.source.port);
    message.put(SLUICE_A_PARKED_DESTINATION_PORT, parked.destination.port);
    message.put(SLUICE_A_PARKED_TTL, parked.ttl);
    message.put(SLUICE_A_PARKED_TOS, parked.tos);
    message.put(SLUICE_A_PARKED_DONT_FRAGMENT, static_cast<std::uint8_t>(parked.dont_fragment));
    message.put(SLUICE_A_PARKED_LENGTH, parked.length);
    message.put(SLUICE_A_PARKED_STATE, static_cast<std::uint8_t>(parked.state));
    message.put(SLUICE_A_PARKED_AGE, static_cast<std::uint32_t>(parked.age.count()));
    message.put(SLUICE_A_PARKED_RETRANSMITS, parked.retransmits);
    message.put(SLUICE_A_PARKED_SCOPE, static_cast<std::uint8_t>(parked.scope));
    if (parked.index) message.put(SLUICE_A_PARKED_INDEX, *parked.index);
    message.put(SLUICE_A_PARKED_HELD, parked.held);
    if (parked.idle) message.put(SLUICE_A_PARKED_IDLE, static_cast<std::uint32_t>(parked.idle->count()));
  };
  message.nest(attribute, put_everything);
}

void put_withdrawn(Message& message, std::uint16_t attribute, const Withdrawn& withdrawn) {
  message.nest(attribute, [&] {
    message.put(SLUICE_A_WITHDRAWN_ID, withdrawn.id);
    message.put(SLUICE_A_WITHDRAWN_REASON, static_cast<std::uint8_t>(withdrawn.reason));
  });
}

Message new_pool(const Pool& pool) {
  Message message(SLUICE_CMD_POOL_NEW);
  message.put(SLUICE_A_POOL_NETWORK, pool.network);
  message.put(SLUICE_A_POOL_FIRST, pool.first);
  message.put(SLUICE_A_POOL_LAST, pool.last);
  put_address(message, SLUICE_A_POOL_BASE_IPV4, pool.ipv4);
  put_address(message, SLUICE_A_POOL_BASE_IPV6, pool.ipv6);
  message.put(SLUICE_A_POOL_HOST, static_cast<std::uint8_t>(pool.host));
  return message;
}

Message delete_pool(std::uint32_t first) {
  Message message(SLUICE_CMD_POOL_DEL);
  message.put(SLUICE_A_POOL_FIRST, first);
  return message;
}

Message dump_pools() { return Message(SLUICE_CMD_POOL_GET, NLM_F_DUMP); }

Message set_esp(const EspChange& change) {
  Message message(SLUICE_CMD_ESP_SET);
  if (change.udp_port) message.put(SLUICE_A_ESP_UDP_PORT, *change.udp_port);
  // The contract knows one unspecified address, also in IPv4's place.
  auto source = [](const auto& of) { return of && is_unspecified(*of) ? std::optional(Address{}) : of; };
  put_address(message, SLUICE_A_ESP_SOURCE_IPV4, source(change.source_ipv4));
  put_address(message, SLUICE_A_ESP_SOURCE_IPV6, source(change.source_ipv6));
  if (change.unknown_rate) message.put(SLUICE_A_ESP_UNKNOWN_RATE, *change.unknown_rate);
  return message;
}

Message get_esp() { return Message(SLUICE_CMD_ESP_GET); }

Message new_generation(const NewGeneration& generation) {
  Message message(SLUICE_CMD_GENERATION_NEW);
  message.hold_secret();
  message.put(SLUICE_A_GENERATION_NUMBER, generation.number);
  if (generation.algorithm)
    message.put(SLUICE_A_GENERATION_ALGORITHM, static_cast<std::uint8_t>(*generation.algorithm));
  message.put_bytes(SLUICE_A_GENERATION_MASTER_KEY, generation.master_key.bytes());
  if (generation.lifetime)
    message.put(SLUICE_A_GENERATION_LIFETIME, static_cast<std::uint32_t>(generation.lifetime->count()));
  return message;
}

Message promote_generation(std::uint32_t number, std::optional<std::chrono::seconds> overlap) {
  Message message(SLUICE_CMD_GENERATION_PROMOTE);
  message.put(SLUICE_A_GENERATION_NUMBER, number);
  if (overlap) message.put(SLUICE_A_GENERATION_OVERLAP, static_cast<std::uint32_t>(overlap->count()));
  return message;
}

Message delete_generation(std::uint32_t number) {
  Message message(SLUICE_CMD_GENERATION_DEL);
  message.put(SLUICE_A_GENERATION_NUMBER, number);
  return message;
}

Message dump_generations() { return Message(SLUICE_CMD_GENERATION_GET, NLM_F_DUMP); }

Message set_esp_client(const EspClientChange& change) {
  Message message(SLUICE_CMD_ESP_CLIENT_SET);
  message.put(SLUICE_A_ESP_CLIENT_ID, change.id);
  if (change.generation) message.put(SLUICE_A_ESP_CLIENT_GENERATION, *change.generation);
  if (change.incarnation_min) message.put(SLUICE_A_ESP_CLIENT_INCARNATION_MIN, *change.incarnation_min);
  if (change.banned) message.put(SLUICE_A_ESP_CLIENT_BANNED, static_cast<std::uint8_t>(*change.banned));
  return message;
}

Message dump_esp_clients(std::optional<std::uint32_t> id) {
  Message message(SLUICE_CMD_ESP_CLIENT_GET, NLM_F_DUMP);
  if (id) message.put(SLUICE_A_ESP_CLIENT_ID, *id);
  return message;
}

Message set_policy(const PolicyChange& change) {
  Message message(SLUICE_CMD_POLICY_SET);
  if (change.port) message.put(SLUICE_A_POLICY_PORT, *change.port);
  if (change.blob) message.put_bytes(SLUICE_A_POLICY_BLOB, std::as_bytes(std::span{*change.blob}));
  if (change.rate) message.put(SLUICE_A_POLICY_RATE, *change.rate);
  if (change.source_rate) message.put(SLUICE_A_POLICY_SOURCE_RATE, *change.source_rate);
  return message;
}

Message get_policy() { return Message(SLUICE_CMD_POLICY_GET); }

void put_generation(Message& message, const Generation& generation) {
  message.put(SLUICE_A_GENERATION_NUMBER, generation.number);
  message.put(SLUICE_A_GENERATION_ALGORITHM, static_cast<std::uint8_t>(generation.algorithm));
  message.put(SLUICE_A_GENERATION_STATE, static_cast<std::uint8_t>(generation.state));
  message.put(SLUICE_A_GENERATION_REMAINING, static_cast<std::uint32_t>(generation.remaining.count()));
  message.put(SLUICE_A_GENERATION_CLIENTS, generation.clients);
  message.put(SLUICE_A_GENERATION_MEMORY, generation.memory);
}

void put_esp(Message& message, const Esp& esp) {
  message.put(SLUICE_A_ESP_UDP_PORT, esp.udp_port);
  put_address(message, SLUICE_A_ESP_SOURCE_IPV4, esp.source_ipv4);
  put_address(message, SLUICE_A_ESP_SOURCE_IPV6, esp.source_ipv6);
  message.put(SLUICE_A_ESP_UNKNOWN_RATE, esp.unknown_rate);
  message.put_bytes(SLUICE_A_ESP_BOOT_NONCE, std::as_bytes(std::span{esp.boot_nonce}));
  message.put_string(SLUICE_A_ESP_DRIVER, esp.driver);
  if (esp.fallback) message.put_string(SLUICE_A_ESP_FALLBACK, *esp.fallback);
  message.put(SLUICE_A_ESP_KEY_CACHE, esp.key_cache);
  message.put(SLUICE_A_ESP_NEWEST, esp.newest);
}

void put_esp_client(Message& message, const EspClient& client) {
  message.put(SLUICE_A_ESP_CLIENT_ID, client.id);
  if (client.generation) message.put(SLUICE_A_ESP_CLIENT_GENERATION, *client.generation);
  if (client.incarnation) message.put(SLUICE_A_ESP_CLIENT_INCARNATION, *client.incarnation);
  message.put(SLUICE_A_ESP_CLIENT_INCARNATION_MIN, client.incarnation_min);
  message.put(SLUICE_A_ESP_CLIENT_BANNED, static_cast<std::uint8_t>(client.banned));
  put_address(message, SLUICE_A_ESP_CLIENT_ADDRESS, client.address);
  message.put(SLUICE_A_ESP_CLIENT_PORT, client.port);
  message.put(SLUICE_A_ESP_CLIENT_ENCAPSULATION, static_cast<std::uint8_t>(client.encapsulation));
  message.put(SLUICE_A_ESP_CLIENT_RECEIVED, client.received);
  message.put(SLUICE_A_ESP_CLIENT_SENT, client.sent);
  if (client.idle) message.put(SLUICE_A_ESP_CLIENT_IDLE, static_cast<std::uint32_t>(client.idle->count()));
  message.put(SLUICE_A_ESP_CLIENT_MOVES, client.moves);
  message.put(SLUICE_A_ESP_CLIENT_FAILURES, client.failures);
  message.put(SLUICE_A_ESP_CLIENT_NETWORK, client.network);
  put_address(message, SLUICE_A_ESP_CLIENT_INNER_IPV4, client.inner_ipv4);
  put_address(message, SLUICE_A_ESP_CLIENT_INNER_IPV6, client.inner_ipv6);
}

void put_anomaly(Message& message, const Anomaly& anomaly) {
  message.put(SLUICE_A_ESP_CLIENT_ID, anomaly.id);
  message.put(SLUICE_A_ESP_CLIENT_GENERATION, anomaly.generation);
  message.put(SLUICE_A_ESP_CLIENT_INCARNATION, anomaly.incarnation);
  message.put(SLUICE_A_ESP_CLIENT_ANOMALY, static_cast<std::uint8_t>(anomaly.kind));
  put_address(message, SLUICE_A_ESP_CLIENT_ADDRESS, anomaly.address);
  message.put(SLUICE_A_ESP_CLIENT_PORT, anomaly.port);
  put_address(message, SLUICE_A_ESP_CLIENT_OLD_ADDRESS, anomaly.old_address);
  message.put(SLUICE_A_ESP_CLIENT_OLD_PORT, anomaly.old_port);
}

}  // namespace sluice::netlink
