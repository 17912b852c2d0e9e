// SPDX-License-Identifier: Apache-2.0
#include "netlink/build.hpp"

#include <linux/netlink.h>

namespace sluice::netlink {
namespace {

Bytes bytes_of(const Address& address) { return std::as_bytes(std::span{address.raw()}); }

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

}  // namespace sluice::netlink
