// SPDX-License-Identifier: Apache-2.0
// Made from uapi/sluice.yaml by uapi/gen.py.  Do not edit.
#pragma once

#include <cstdint>
#include <string_view>

#include <linux/sluice.h>

namespace sluice::netlink {

struct CounterName {
  uint16_t attribute;
  std::string_view name;
  std::string_view doc;
};

inline constexpr CounterName network_counters[] = {
    {SLUICE_A_COUNTER_PARKED, "parked", "SYNs parked."},
    {SLUICE_A_COUNTER_RETRANSMITTED, "retransmitted", "SYNs that replaced their parked copy (T1)."},
    {SLUICE_A_COUNTER_ANNOUNCED, "announced", "Parked SYNs told to the controller."},
    {SLUICE_A_COUNTER_ACCEPTED, "accepted", "Verdict accept: SYN released to the proxy."},
    {SLUICE_A_COUNTER_REFUSED, "refused", "Verdict refuse: RST sent."},
    {SLUICE_A_COUNTER_UNREACHABLE, "unreachable", "Verdict unreachable: ICMP error sent."},
    {SLUICE_A_COUNTER_REPLIED, "replied", "Verdict reply: echo reply sent (I1)."},
    {SLUICE_A_COUNTER_TIMED_OUT, "timed-out", "Verdict timeout: silence."},
    {SLUICE_A_COUNTER_WITHDRAWN, "withdrawn", "Parked SYNs given up by their client, with RST or with a traceroute's next probe."},
    {SLUICE_A_COUNTER_EXPIRED, "expired", "Parked SYNs whose park time ended."},
    {SLUICE_A_COUNTER_UNANSWERED, "unanswered", "Parked SYNs answered network unreachable because no controller took them."},
    {SLUICE_A_COUNTER_REMOVED, "removed", "Parked SYNs dropped with their network, client or access device."},
    {SLUICE_A_COUNTER_STEERED, "steered", "Packets given to a connection of the proxy, ICMP errors about one included, or to its listener under a pass."},
    {SLUICE_A_COUNTER_ACL_REFUSED, "acl-refused", "New connections refused by an ACL rule."},
    {SLUICE_A_COUNTER_ACL_PROHIBITED, "acl-prohibited", "New connections prohibited by an ACL rule."},
    {SLUICE_A_COUNTER_DROP_ACL, "drop-acl", "New connections dropped by an ACL rule."},
    {SLUICE_A_COUNTER_DROP_PARK_FULL, "drop-park-full", "SYNs dropped at park-max."},
    {SLUICE_A_COUNTER_DROP_CLIENT_FULL, "drop-client-full", "SYNs dropped at park-client-max."},
    {SLUICE_A_COUNTER_DROP_SOURCE_FULL, "drop-source-full", "SYNs dropped at park-source-max."},
    {SLUICE_A_COUNTER_DROP_NO_MEMORY, "drop-no-memory", "Packets dropped for want of memory."},
    {SLUICE_A_COUNTER_DROP_MALFORMED, "drop-malformed", "Packets dropped for a broken or short header."},
    {SLUICE_A_COUNTER_DROP_SPOOFED, "drop-spoofed", "Packets with a client's source address that came in on another device (N2)."},
    {SLUICE_A_COUNTER_DROP_RESET, "drop-reset", "RST segments that belong to no connection."},
    {SLUICE_A_COUNTER_STRAY_RESET, "stray-reset", "Segments of no connection, answered RST (RFC 9293, 3.10.7.1)."},
    {SLUICE_A_COUNTER_GATEWAY_ECHO, "gateway-echo", "Echo requests to the gateway address, answered (I2)."},
    {SLUICE_A_COUNTER_GATEWAY_REFUSED, "gateway-refused", "Other packets to the gateway address, refused."},
    {SLUICE_A_COUNTER_TTL_EXCEEDED, "ttl-exceeded", "New connections and echo requests whose TTL ended here, answered time exceeded (I3)."},
    {SLUICE_A_COUNTER_NOT_CARRIED, "not-carried", "Packets of a protocol that is not carried, answered administratively prohibited."},
    {SLUICE_A_COUNTER_DROP_LIMITED, "drop-limited", "Packets whose ICMP error the rate limit held back (RFC 4443, 2.4 f; RFC 1812, 4.3.2.8)."},
    {SLUICE_A_COUNTER_DROP_ERROR, "drop-error", "ICMP errors and other packets that no answer may be sent to (RFC 1122, 3.2.2), dropped."},
    {SLUICE_A_COUNTER_REPLY_FAILED, "reply-failed", "Answers that could not be built or routed to the client."},
    {SLUICE_A_COUNTER_RELEASE_FAILED, "release-failed", "Accepted SYNs that could not be released (their access device is gone)."},
    {SLUICE_A_COUNTER_PASSED_LINK, "passed-link", "Packets of the link itself (multicast, neighbour discovery, DHCP), left to the host."},
    {SLUICE_A_COUNTER_BOUND, "bound", "Verdict accept: associations bound (U1)."},
    {SLUICE_A_COUNTER_HELD, "held", "Datagrams that wait for a verdict with the first one of their association."},
    {SLUICE_A_COUNTER_UNBOUND, "unbound", "Bound associations that ended: by verdict unbind, or because the controller is gone."},
    {SLUICE_A_COUNTER_RELAYED, "relayed", "Datagrams given to the controller."},
    {SLUICE_A_COUNTER_ASSOCIATION_ERROR, "association-error", "Verdict unreachable about a bound association: ICMP error sent (U6)."},
    {SLUICE_A_COUNTER_DISCARD_ANSWERED, "discard-answered", "Datagrams of an association in discard, answered with the error that put it there."},
    {SLUICE_A_COUNTER_DROP_DISCARD, "drop-discard", "Datagrams of an association in discard, dropped in silence (U2)."},
    {SLUICE_A_COUNTER_DROP_HELD_FULL, "drop-held-full", "Datagrams dropped because as many already wait for the same association's agent."},
    {SLUICE_A_COUNTER_DROP_ASSOCIATION_FULL, "drop-association-full", "Datagrams dropped at association-max."},
    {SLUICE_A_COUNTER_DROP_CLIENT_ASSOCIATION_FULL, "drop-client-association-full", "Datagrams dropped at association-client-max."},
    {SLUICE_A_COUNTER_DROP_SOURCE_ASSOCIATION_FULL, "drop-source-association-full", "Datagrams dropped at association-source-max."},
    {SLUICE_A_COUNTER_DROP_RELAY_FULL, "drop-relay-full", "Datagrams of bound associations that found the controller's datagram socket full, gone, or its client's part of it used up while it was half full (T10)."},
};

inline constexpr CounterName namespace_counters[] = {
    {SLUICE_A_COUNTER_DROP_NO_CLIENT, "drop-no-client", "Packets on an access device whose source is no client and that are not for the host."},
    {SLUICE_A_COUNTER_VERDICT_STALE, "verdict-stale", "Verdicts for SYNs that were no longer parked."},
    {SLUICE_A_COUNTER_EVENTS, "events", "Event messages taken by the controller's socket."},
    {SLUICE_A_COUNTER_EVENTS_DEFERRED, "events-deferred", "Event messages that found the controller's socket full and were kept for later."},
    {SLUICE_A_COUNTER_CONTROLLER_LOST, "controller-lost", "Controllers whose socket went away."},
};

inline constexpr std::string_view verdict_names[] = {
    "accept",
    "refuse",
    "unreachable",
    "timeout",
    "reply",
    "unbind",
};

inline constexpr std::string_view action_names[] = {
    "offer",
    "refuse",
    "prohibit",
    "drop",
};

inline constexpr std::string_view scope_names[] = {
    "default",
    "client",
    "network",
};

inline constexpr std::string_view state_names[] = {
    "waiting",
    "announced",
    "released",
    "bound",
    "discard",
};

inline constexpr std::string_view reason_names[] = {
    "reset",
    "expired",
    "removed",
};

// Name of an attribute of an operation's outermost set, for extack; empty when unknown.
constexpr std::string_view attribute_name(uint8_t command, uint16_t attribute) {
  switch (command) {
    case SLUICE_CMD_NETWORK_GET:
    case SLUICE_CMD_NETWORK_SET:
      switch (attribute) {
        case SLUICE_A_NETWORK_IFINDEX: return "ifindex";
        case SLUICE_A_NETWORK_NAME: return "name";
        case SLUICE_A_NETWORK_PARK_TIMEOUT: return "park-timeout";
        case SLUICE_A_NETWORK_PARK_MAX: return "park-max";
        case SLUICE_A_NETWORK_PARK_CLIENT_MAX: return "park-client-max";
        case SLUICE_A_NETWORK_PARK_SOURCE_MAX: return "park-source-max";
        case SLUICE_A_NETWORK_PARKED: return "parked";
        case SLUICE_A_NETWORK_CLIENTS: return "clients";
        case SLUICE_A_NETWORK_ASSOCIATION_MAX: return "association-max";
        case SLUICE_A_NETWORK_ASSOCIATION_CLIENT_MAX: return "association-client-max";
        case SLUICE_A_NETWORK_ASSOCIATION_SOURCE_MAX: return "association-source-max";
        case SLUICE_A_NETWORK_DISCARD_TIME: return "discard-time";
        case SLUICE_A_NETWORK_ASSOCIATIONS: return "associations";
      }
      break;
    case SLUICE_CMD_CLIENT_NEW:
    case SLUICE_CMD_CLIENT_DEL:
    case SLUICE_CMD_CLIENT_GET:
      switch (attribute) {
        case SLUICE_A_CLIENT_ID: return "id";
        case SLUICE_A_CLIENT_NETWORK: return "network";
        case SLUICE_A_CLIENT_ACCESS: return "access";
        case SLUICE_A_CLIENT_PREFIX: return "prefix";
      }
      break;
    case SLUICE_CMD_ACL_SET:
    case SLUICE_CMD_ACL_GET:
    case SLUICE_CMD_ACL_TEST:
      switch (attribute) {
        case SLUICE_A_ACL_NETWORK: return "network";
        case SLUICE_A_ACL_CLIENT: return "client";
        case SLUICE_A_ACL_RULE: return "rule";
        case SLUICE_A_ACL_SOURCE: return "source";
        case SLUICE_A_ACL_DESTINATION: return "destination";
        case SLUICE_A_ACL_PROTOCOL: return "protocol";
        case SLUICE_A_ACL_PORT: return "port";
        case SLUICE_A_ACL_ACTION: return "action";
        case SLUICE_A_ACL_SCOPE: return "scope";
        case SLUICE_A_ACL_INDEX: return "index";
      }
      break;
    case SLUICE_CMD_PARKED_GET:
      switch (attribute) {
        case SLUICE_A_PARKED_ID: return "id";
        case SLUICE_A_PARKED_NETWORK: return "network";
        case SLUICE_A_PARKED_CLIENT: return "client";
        case SLUICE_A_PARKED_PROTOCOL: return "protocol";
        case SLUICE_A_PARKED_SOURCE: return "source";
        case SLUICE_A_PARKED_DESTINATION: return "destination";
        case SLUICE_A_PARKED_SOURCE_PORT: return "source-port";
        case SLUICE_A_PARKED_DESTINATION_PORT: return "destination-port";
        case SLUICE_A_PARKED_TTL: return "ttl";
        case SLUICE_A_PARKED_STATE: return "state";
        case SLUICE_A_PARKED_AGE: return "age";
        case SLUICE_A_PARKED_RETRANSMITS: return "retransmits";
        case SLUICE_A_PARKED_SCOPE: return "scope";
        case SLUICE_A_PARKED_INDEX: return "index";
        case SLUICE_A_PARKED_LENGTH: return "length";
        case SLUICE_A_PARKED_TOS: return "tos";
        case SLUICE_A_PARKED_DONT_FRAGMENT: return "dont-fragment";
        case SLUICE_A_PARKED_HELD: return "held";
        case SLUICE_A_PARKED_IDLE: return "idle";
      }
      break;
    case SLUICE_CMD_CONTROLLER_BIND:
    case SLUICE_CMD_CONTROLLER_GET:
    case SLUICE_CMD_CONTROLLER_CREDIT:
    case SLUICE_CMD_CONTROLLER_VERDICT:
    case SLUICE_CMD_PARKED_NTF:
    case SLUICE_CMD_WITHDRAWN_NTF:
      switch (attribute) {
        case SLUICE_A_CONTROLLER_PROXY_PORT: return "proxy-port";
        case SLUICE_A_CONTROLLER_MARK: return "mark";
        case SLUICE_A_CONTROLLER_MARK_MASK: return "mark-mask";
        case SLUICE_A_CONTROLLER_CREDIT: return "credit";
        case SLUICE_A_CONTROLLER_PORT_ID: return "port-id";
        case SLUICE_A_CONTROLLER_PARKED: return "parked";
        case SLUICE_A_CONTROLLER_WITHDRAWN: return "withdrawn";
        case SLUICE_A_CONTROLLER_VERDICT: return "verdict";
        case SLUICE_A_CONTROLLER_DATAGRAM_SOCKET: return "datagram-socket";
      }
      break;
    case SLUICE_CMD_COUNTER_GET:
      switch (attribute) {
        case SLUICE_A_COUNTER_NETWORK: return "network";
        case SLUICE_A_COUNTER_NAME: return "name";
        case SLUICE_A_COUNTER_PARKED: return "parked";
        case SLUICE_A_COUNTER_RETRANSMITTED: return "retransmitted";
        case SLUICE_A_COUNTER_ANNOUNCED: return "announced";
        case SLUICE_A_COUNTER_ACCEPTED: return "accepted";
        case SLUICE_A_COUNTER_REFUSED: return "refused";
        case SLUICE_A_COUNTER_UNREACHABLE: return "unreachable";
        case SLUICE_A_COUNTER_REPLIED: return "replied";
        case SLUICE_A_COUNTER_TIMED_OUT: return "timed-out";
        case SLUICE_A_COUNTER_WITHDRAWN: return "withdrawn";
        case SLUICE_A_COUNTER_EXPIRED: return "expired";
        case SLUICE_A_COUNTER_UNANSWERED: return "unanswered";
        case SLUICE_A_COUNTER_REMOVED: return "removed";
        case SLUICE_A_COUNTER_STEERED: return "steered";
        case SLUICE_A_COUNTER_ACL_REFUSED: return "acl-refused";
        case SLUICE_A_COUNTER_ACL_PROHIBITED: return "acl-prohibited";
        case SLUICE_A_COUNTER_DROP_ACL: return "drop-acl";
        case SLUICE_A_COUNTER_DROP_PARK_FULL: return "drop-park-full";
        case SLUICE_A_COUNTER_DROP_CLIENT_FULL: return "drop-client-full";
        case SLUICE_A_COUNTER_DROP_SOURCE_FULL: return "drop-source-full";
        case SLUICE_A_COUNTER_DROP_NO_MEMORY: return "drop-no-memory";
        case SLUICE_A_COUNTER_DROP_MALFORMED: return "drop-malformed";
        case SLUICE_A_COUNTER_DROP_SPOOFED: return "drop-spoofed";
        case SLUICE_A_COUNTER_DROP_RESET: return "drop-reset";
        case SLUICE_A_COUNTER_STRAY_RESET: return "stray-reset";
        case SLUICE_A_COUNTER_GATEWAY_ECHO: return "gateway-echo";
        case SLUICE_A_COUNTER_GATEWAY_REFUSED: return "gateway-refused";
        case SLUICE_A_COUNTER_TTL_EXCEEDED: return "ttl-exceeded";
        case SLUICE_A_COUNTER_NOT_CARRIED: return "not-carried";
        case SLUICE_A_COUNTER_DROP_LIMITED: return "drop-limited";
        case SLUICE_A_COUNTER_DROP_ERROR: return "drop-error";
        case SLUICE_A_COUNTER_REPLY_FAILED: return "reply-failed";
        case SLUICE_A_COUNTER_RELEASE_FAILED: return "release-failed";
        case SLUICE_A_COUNTER_PASSED_LINK: return "passed-link";
        case SLUICE_A_COUNTER_BOUND: return "bound";
        case SLUICE_A_COUNTER_HELD: return "held";
        case SLUICE_A_COUNTER_UNBOUND: return "unbound";
        case SLUICE_A_COUNTER_RELAYED: return "relayed";
        case SLUICE_A_COUNTER_ASSOCIATION_ERROR: return "association-error";
        case SLUICE_A_COUNTER_DISCARD_ANSWERED: return "discard-answered";
        case SLUICE_A_COUNTER_DROP_DISCARD: return "drop-discard";
        case SLUICE_A_COUNTER_DROP_HELD_FULL: return "drop-held-full";
        case SLUICE_A_COUNTER_DROP_ASSOCIATION_FULL: return "drop-association-full";
        case SLUICE_A_COUNTER_DROP_CLIENT_ASSOCIATION_FULL: return "drop-client-association-full";
        case SLUICE_A_COUNTER_DROP_SOURCE_ASSOCIATION_FULL: return "drop-source-association-full";
        case SLUICE_A_COUNTER_DROP_RELAY_FULL: return "drop-relay-full";
        case SLUICE_A_COUNTER_DROP_NO_CLIENT: return "drop-no-client";
        case SLUICE_A_COUNTER_VERDICT_STALE: return "verdict-stale";
        case SLUICE_A_COUNTER_EVENTS: return "events";
        case SLUICE_A_COUNTER_EVENTS_DEFERRED: return "events-deferred";
        case SLUICE_A_COUNTER_CONTROLLER_LOST: return "controller-lost";
      }
      break;
  }
  return {};
}

}  // namespace sluice::netlink
