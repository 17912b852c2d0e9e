// SPDX-License-Identifier: Apache-2.0
#include "netlink/parse.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::netlink {
namespace {

bool read_address(Bytes payload, Address& address) {
  Address::Bytes bytes;
  if (payload.size() != bytes.size()) return false;
  std::memcpy(bytes.data(), payload.data(), bytes.size());
  address = Address(bytes);
  return true;
}

bool read_text(Bytes payload, std::string& text) {
  const char* start = reinterpret_cast<const char*>(payload.data());
  text.assign(start, strnlen(start, payload.size()));
  return true;
}

template <class Integer>
bool read_optional(Bytes payload, std::optional<Integer>& value) {
  return read(payload, value.emplace());
}

bool read_bool(Bytes payload, bool& value) {
  std::uint8_t number = 0;
  if (!read(payload, number)) return false;
  value = number != 0;
  return true;
}

bool read_milliseconds(Bytes payload, std::chrono::milliseconds& value) {
  std::uint32_t count = 0;
  if (!read(payload, count)) return false;
  value = std::chrono::milliseconds(count);
  return true;
}

bool read_seconds(Bytes payload, std::chrono::seconds& value) {
  std::uint32_t count = 0;
  if (!read(payload, count)) return false;
  value = std::chrono::seconds(count);
  return true;
}

bool read_prefix(Bytes payload, Prefix& prefix) {
  return for_each_attribute(payload, [&](std::uint16_t type, Bytes value) {
    switch (type) {
      case SLUICE_A_PREFIX_ADDRESS:
        return read_address(value, prefix.address);
      case SLUICE_A_PREFIX_LENGTH:
        return read(value, prefix.length) && prefix.length <= 128;
    }
    return true;
  });
}

bool read_rule(Bytes payload, Rule& rule) {
  std::optional<std::uint16_t> first;
  std::optional<std::uint16_t> last;
  bool well_formed = for_each_attribute(payload, [&](std::uint16_t type, Bytes value) {
    switch (type) {
      case SLUICE_A_RULE_ACTION:
        return read_enum(value, rule.action, __SLUICE_ACTION_COUNT);
      case SLUICE_A_RULE_PROTOCOL:
        return read_optional(value, rule.protocol);
      case SLUICE_A_RULE_PREFIX:
        return read_prefix(value, rule.prefix.emplace());
      case SLUICE_A_RULE_PORT_FIRST:
        return read_optional(value, first);
      case SLUICE_A_RULE_PORT_LAST:
        return read_optional(value, last);
    }
    return true;
  });
  if (first) rule.ports = Rule::Ports{*first, last.value_or(*first)};
  return well_formed;
}

bool read_parked(Bytes payload, Parked& parked) {
  return for_each_attribute(payload, [&](std::uint16_t type, Bytes value) {
    switch (type) {
      case SLUICE_A_PARKED_ID:
        return read(value, parked.id);
      case SLUICE_A_PARKED_NETWORK:
        return read(value, parked.network);
      case SLUICE_A_PARKED_CLIENT:
        return read(value, parked.client);
      case SLUICE_A_PARKED_PROTOCOL:
        return read(value, parked.protocol);
      case SLUICE_A_PARKED_SOURCE:
        return read_address(value, parked.source.address);
      case SLUICE_A_PARKED_DESTINATION:
        return read_address(value, parked.destination.address);
      case SLUICE_A_PARKED_SOURCE_PORT:
        return read(value, parked.source.port);
      case SLUICE_A_PARKED_DESTINATION_PORT:
        return read(value, parked.destination.port);
      case SLUICE_A_PARKED_TTL:
        return read(value, parked.ttl);
      case SLUICE_A_PARKED_STATE:
        return read_enum(value, parked.state, __SLUICE_STATE_COUNT);
      case SLUICE_A_PARKED_AGE:
        return read_milliseconds(value, parked.age);
      case SLUICE_A_PARKED_RETRANSMITS:
        return read(value, parked.retransmits);
      case SLUICE_A_PARKED_SCOPE:
        return read_enum(value, parked.scope, __SLUICE_SCOPE_COUNT);
      case SLUICE_A_PARKED_INDEX:
        return read_optional(value, parked.index);
      case SLUICE_A_PARKED_LENGTH:
        return read(value, parked.length);
      case SLUICE_A_PARKED_TOS:
        return read(value, parked.tos);
      case SLUICE_A_PARKED_DONT_FRAGMENT:
        return read_bool(value, parked.dont_fragment);
      case SLUICE_A_PARKED_HELD:
        return read(value, parked.held);
      case SLUICE_A_PARKED_IDLE:
        return read_milliseconds(value, parked.idle.emplace());
    }
    return true;
  });
}

bool read_withdrawn(Bytes payload, Withdrawn& withdrawn) {
  return for_each_attribute(payload, [&](std::uint16_t type, Bytes value) {
    switch (type) {
      case SLUICE_A_WITHDRAWN_ID:
        return read(value, withdrawn.id);
      case SLUICE_A_WITHDRAWN_REASON:
        return read_enum(value, withdrawn.reason, __SLUICE_REASON_COUNT);
    }
    return true;
  });
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

bool read_controller_events(Bytes payload, Events& events) {
  return for_each_attribute(payload, [&](std::uint16_t type, Bytes value) {
    switch (type) {
      case SLUICE_A_CONTROLLER_PARKED:
        return read_parked(value, events.parked.emplace_back());
      case SLUICE_A_CONTROLLER_WITHDRAWN:
        return read_withdrawn(value, events.withdrawn.emplace_back());
    }
    return true;
  });
}

bool is_counter(std::uint16_t attribute) {
  auto same = [&](const CounterName& counter) { return counter.attribute == attribute; };
  return std::ranges::any_of(network_counters, same) || std::ranges::any_of(namespace_counters, same);
}

// The module and this program were built from different contracts, or the message is damaged.
Error malformed(const char* what) {
  return {std::string("the kernel's ") + what + " has an attribute of an unexpected shape", EBADMSG};
}

// The attribute of *request* that stands at, or holds, the byte *offset*: "rule[2]", "park-max".
std::string attribute_at(Bytes request, std::size_t offset) {
  constexpr std::size_t headers = NLMSG_HDRLEN + GENL_HDRLEN;
  if (request.size() < headers || offset < headers) return {};
  const auto command = static_cast<std::uint8_t>(request[NLMSG_HDRLEN]);
  std::string found;
  std::uint16_t previous = 0;
  std::size_t ordinal = 0;
  for_each_attribute(request.subspan(headers), [&](std::uint16_t type, Bytes payload) {
    ordinal = type == previous ? ordinal + 1 : 0;
    previous = type;
    const std::size_t start = static_cast<std::size_t>(payload.data() - request.data()) - NLA_HDRLEN;
    if (offset < start || offset >= start + NLA_HDRLEN + payload.size()) return true;
    found = attribute_name(command, type);
    if (ordinal > 0) found += "[" + std::to_string(ordinal) + "]";
    return false;
  });
  return found;
}

struct Extack {
  std::string message;
  std::optional<std::uint32_t> offset;
  std::optional<std::uint32_t> missing;
  std::optional<std::uint32_t> missing_nest;
};

Extack parse_extack(Bytes attributes) {
  Extack extack;
  for_each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
    switch (type) {
      case NLMSGERR_ATTR_MSG:
        return read_text(value, extack.message);
      case NLMSGERR_ATTR_OFFS:
        return read_optional(value, extack.offset);
      case NLMSGERR_ATTR_MISS_TYPE:
        return read_optional(value, extack.missing);
      case NLMSGERR_ATTR_MISS_NEST:
        return read_optional(value, extack.missing_nest);
    }
    return true;
  });
  return extack;
}

}  // namespace

Result<Network> parse_network(Bytes attributes) {
  Network network;
  bool well_formed = for_each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
    switch (type) {
      case SLUICE_A_NETWORK_IFINDEX:
        return read(value, network.ifindex);
      case SLUICE_A_NETWORK_NAME:
        return read_text(value, network.name);
      case SLUICE_A_NETWORK_PARK_TIMEOUT:
        return read(value, network.park_timeout_ms);
      case SLUICE_A_NETWORK_PARK_MAX:
        return read(value, network.park_max);
      case SLUICE_A_NETWORK_PARK_CLIENT_MAX:
        return read(value, network.park_client_max);
      case SLUICE_A_NETWORK_PARK_SOURCE_MAX:
        return read(value, network.park_source_max);
      case SLUICE_A_NETWORK_PARKED:
        return read(value, network.parked);
      case SLUICE_A_NETWORK_CLIENTS:
        return read(value, network.clients);
      case SLUICE_A_NETWORK_ASSOCIATION_MAX:
        return read(value, network.association_max);
      case SLUICE_A_NETWORK_ASSOCIATION_CLIENT_MAX:
        return read(value, network.association_client_max);
      case SLUICE_A_NETWORK_ASSOCIATION_SOURCE_MAX:
        return read(value, network.association_source_max);
      case SLUICE_A_NETWORK_DISCARD_TIME:
        return read(value, network.discard_time_ms);
      case SLUICE_A_NETWORK_ASSOCIATIONS:
        return read(value, network.associations);
    }
    return true;
  });
  if (!well_formed) return malformed("network");
  return network;
}

Result<Client> parse_client(Bytes attributes) {
  Client client;
  bool well_formed = for_each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
    switch (type) {
      case SLUICE_A_CLIENT_ID:
        return read(value, client.id);
      case SLUICE_A_CLIENT_NETWORK:
        return read(value, client.network);
      case SLUICE_A_CLIENT_ACCESS:
        return read(value, client.access);
      case SLUICE_A_CLIENT_PREFIX:
        return read_prefix(value, client.prefixes.emplace_back());
    }
    return true;
  });
  if (!well_formed) return malformed("client");
  return client;
}

Result<Acl> parse_acl(Bytes attributes) {
  Acl acl;
  bool well_formed = for_each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
    switch (type) {
      case SLUICE_A_ACL_NETWORK:
        return read_optional(value, acl.owner.network);
      case SLUICE_A_ACL_CLIENT:
        return read_optional(value, acl.owner.client);
      case SLUICE_A_ACL_RULE:
        return read_rule(value, acl.rules.emplace_back());
    }
    return true;
  });
  if (!well_formed) return malformed("ACL");
  return acl;
}

Result<AclDecision> parse_acl_decision(Bytes attributes) {
  AclDecision decision;
  bool well_formed = for_each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
    switch (type) {
      case SLUICE_A_ACL_NETWORK:
        return read(value, decision.network);
      case SLUICE_A_ACL_CLIENT:
        return read(value, decision.client);
      case SLUICE_A_ACL_ACTION:
        return read_enum(value, decision.action, __SLUICE_ACTION_COUNT);
      case SLUICE_A_ACL_SCOPE:
        return read_enum(value, decision.scope, __SLUICE_SCOPE_COUNT);
      case SLUICE_A_ACL_INDEX:
        return read_optional(value, decision.index);
    }
    return true;
  });
  if (!well_formed) return malformed("ACL decision");
  return decision;
}

Result<Parked> parse_parked(Bytes attributes) {
  Parked parked;
  if (!read_parked(attributes, parked)) return malformed("parked packet");
  return parked;
}

Result<Withdrawn> parse_withdrawn(Bytes attributes) {
  Withdrawn withdrawn;
  if (!read_withdrawn(attributes, withdrawn)) return malformed("withdrawal");
  return withdrawn;
}

Result<Counters> parse_counters(Bytes attributes) {
  Counters counters;
  bool well_formed = for_each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
    if (type == SLUICE_A_COUNTER_NETWORK) return read_optional(value, counters.network);
    if (type == SLUICE_A_COUNTER_NAME) return read_text(value, counters.name);
    if (!is_counter(type)) return true;
    std::uint64_t count = 0;
    if (!read(value, count)) return false;
    counters.values.emplace_back(type, count);
    return true;
  });
  if (!well_formed) return malformed("counters");
  return counters;
}

Result<Controller> parse_controller(Bytes attributes) {
  Controller controller;
  bool well_formed = for_each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
    switch (type) {
      case SLUICE_A_CONTROLLER_PROXY_PORT:
        return read(value, controller.proxy_port);
      case SLUICE_A_CONTROLLER_MARK:
        return read(value, controller.mark);
      case SLUICE_A_CONTROLLER_MARK_MASK:
        return read(value, controller.mark_mask);
      case SLUICE_A_CONTROLLER_CREDIT:
        return read(value, controller.credit);
      case SLUICE_A_CONTROLLER_PORT_ID:
        return read(value, controller.port_id);
    }
    return true;
  });
  if (!well_formed) return malformed("controller");
  return controller;
}

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

Result<void> parse_events(std::uint8_t command, Bytes attributes, Events& events) {
  bool well_formed = true;
  switch (command) {
    case SLUICE_CMD_PARKED_NTF:
    case SLUICE_CMD_WITHDRAWN_NTF:
      well_formed = read_controller_events(attributes, events);
      break;
    case SLUICE_CMD_ANOMALY_NTF:
      well_formed = read_anomaly(attributes, events.anomalies.emplace_back());
      if (!well_formed) events.anomalies.pop_back();
      break;
  }
  if (!well_formed) return malformed("event");
  return {};
}

Result<void> parse_acknowledgement(Bytes message, Bytes request) {
  if (message.size() < NLMSG_HDRLEN + sizeof(int)) return malformed("acknowledgement");
  nlmsghdr header;
  std::memcpy(&header, message.data(), sizeof header);
  // NLMSG_ERROR: struct nlmsgerr, whose copy of the request ends after its header (NETLINK_CAP_ACK).
  // NLMSG_DONE of a dump: an int alone.  The attributes of the extended acknowledgement follow either.
  int number = 0;
  std::memcpy(&number, message.data() + NLMSG_HDRLEN, sizeof number);
  if (number == 0) return {};
  std::size_t extack_start = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof number);
  if (header.nlmsg_type == NLMSG_ERROR) {
    extack_start = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(nlmsgerr));
    if (!(header.nlmsg_flags & NLM_F_CAPPED) && message.size() >= extack_start) {
      nlmsgerr error;
      std::memcpy(&error, message.data() + NLMSG_HDRLEN, sizeof error);
      extack_start = NLMSG_HDRLEN + sizeof(int) + NLMSG_ALIGN(error.msg.nlmsg_len);
    }
  }

  Extack extack;
  if (header.nlmsg_flags & NLM_F_ACK_TLVS && message.size() > extack_start)
    extack = parse_extack(message.subspan(extack_start));

  std::string text = extack.message;
  std::string attribute;
  if (extack.offset) attribute = attribute_at(request, *extack.offset);
  if (attribute.empty() && extack.missing_nest) {
    attribute = attribute_at(request, *extack.missing_nest);
    if (text.empty()) text = "it is incomplete";
  }
  if (attribute.empty() && extack.missing && request.size() > NLMSG_HDRLEN) {
    const auto command = static_cast<std::uint8_t>(request[NLMSG_HDRLEN]);
    attribute = attribute_name(command, static_cast<std::uint16_t>(*extack.missing));
    if (text.empty()) text = "it is missing";
  }
  Error error{std::generic_category().message(-number), -number};
  if (!attribute.empty()) text = attribute + (text.empty() ? "" : ": " + text);
  if (!text.empty()) error.message = text + " (" + error.message + ")";
  return error;
}

}  // namespace sluice::netlink
