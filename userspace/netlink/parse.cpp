// SPDX-License-Identifier: Apache-2.0
#include "netlink/parse.hpp"

#include <algorithm>

#include "netlink/read.hpp"

namespace sluice::netlink {
namespace {

constexpr int most_errno = 4095;  // MAX_ERRNO of linux/err.h

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
  if (number > 0 || number < -most_errno) return malformed("acknowledgement");
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
