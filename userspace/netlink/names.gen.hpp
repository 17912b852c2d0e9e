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
    {SLUICE_A_COUNTER_PASSED_LINK, "passed-link", "Packets of the link itself (multicast, neighbour discovery, DHCP), and questions for the policy to the gateway address, left to the host."},
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
    {SLUICE_A_COUNTER_ESP_RECEIVED, "esp-received", "ESP packets, native and in UDP, and what else came to the UDP port.  The sum of the counters from esp-delivered to esp-drop-ecn is always this one."},
    {SLUICE_A_COUNTER_ESP_DELIVERED, "esp-delivered", "Decrypted, and given to the network's device."},
    {SLUICE_A_COUNTER_ESP_DUMMY, "esp-dummy", "Authentic, and of no content (next header 59, RFC 4303, 2.6)."},
    {SLUICE_A_COUNTER_ESP_KEEPALIVE, "esp-keepalive", "NAT keepalives (RFC 3948, 2.3)."},
    {SLUICE_A_COUNTER_ESP_FOREIGN, "esp-foreign", "Native ESP whose SPI is not ours, left to the host's own IPsec (E7)."},
    {SLUICE_A_COUNTER_ESP_DROP_SHORT, "esp-drop-short", "Shorter than an ESP packet can be."},
    {SLUICE_A_COUNTER_ESP_DROP_FOREIGN, "esp-drop-foreign", "In UDP, with an SPI that is not ours, or IKE: nobody there to leave it to."},
    {SLUICE_A_COUNTER_ESP_DROP_DIRECTION, "esp-drop-direction", "SPI of the direction from the gateway to the client: our own packet come back."},
    {SLUICE_A_COUNTER_ESP_DROP_DEAD, "esp-drop-dead", "SPI of a generation that is not live."},
    {SLUICE_A_COUNTER_ESP_DROP_NO_POOL, "esp-drop-no-pool", "SPI of an id that is in no pool."},
    {SLUICE_A_COUNTER_ESP_DROP_FRAGMENT, "esp-drop-fragment", "Fragments of UDP or ESP that were not put together before."},
    {SLUICE_A_COUNTER_ESP_DROP_BANNED, "esp-drop-banned", "Of a client that is banned."},
    {SLUICE_A_COUNTER_ESP_DROP_INCARNATION, "esp-drop-incarnation", "Of an incarnation that is revoked, or older than the client's newest."},
    {SLUICE_A_COUNTER_ESP_DROP_SEQUENCE, "esp-drop-sequence", "Sequence number 0 (RFC 4303, 2.2)."},
    {SLUICE_A_COUNTER_ESP_DROP_OLD, "esp-drop-old", "Older than the replay window."},
    {SLUICE_A_COUNTER_ESP_DROP_REPLAYED, "esp-drop-replayed", "Seen before."},
    {SLUICE_A_COUNTER_ESP_DROP_LIMITED, "esp-drop-limited", "From an outer address that is not the client's, above unknown-rate or above the client's part of it."},
    {SLUICE_A_COUNTER_ESP_DROP_MEMORY, "esp-drop-memory", "Without memory for a copy, a record or the cipher."},
    {SLUICE_A_COUNTER_ESP_DROP_AUTHENTICATION, "esp-drop-authentication", "ICV is wrong: forged, damaged, or of another gateway."},
    {SLUICE_A_COUNTER_ESP_DROP_PADDING, "esp-drop-padding", "Padding is not 1, 2, 3, ... or longer than the packet (RFC 4303, 2.4)."},
    {SLUICE_A_COUNTER_ESP_DROP_NEXT_HEADER, "esp-drop-next-header", "Neither IPv4, IPv6 nor dummy inside."},
    {SLUICE_A_COUNTER_ESP_DROP_INNER, "esp-drop-inner", "Inner header is broken, or longer than what came."},
    {SLUICE_A_COUNTER_ESP_DROP_SPOOFED, "esp-drop-spoofed", "Inner source is not the client's address (E3)."},
    {SLUICE_A_COUNTER_ESP_DROP_ECN, "esp-drop-ecn", "Congestion mark outside and no ECN inside (RFC 6040, 4.2)."},
    {SLUICE_A_COUNTER_ESP_SENT, "esp-sent", "Packets encrypted and sent to their client."},
    {SLUICE_A_COUNTER_ESP_SEND_NO_CLIENT, "esp-send-no-client", "Packets routed to a network's device whose destination is no id's address, or banned: answered host unreachable."},
    {SLUICE_A_COUNTER_ESP_SEND_UNHEARD, "esp-send-unheard", "Packets for a client that has not been heard under a live generation: answered host unreachable."},
    {SLUICE_A_COUNTER_ESP_SEND_EXHAUSTED, "esp-send-exhausted", "Packets for a client whose key has sent all it may (RFC 4303, 3.3.3)."},
    {SLUICE_A_COUNTER_ESP_SEND_TOO_BIG, "esp-send-too-big", "Packets longer than the path to the client takes: answered too big."},
    {SLUICE_A_COUNTER_ESP_SEND_NO_ROUTE, "esp-send-no-route", "Packets without a route to the client's outer address, or with one through this device."},
    {SLUICE_A_COUNTER_ESP_SEND_MEMORY, "esp-send-memory", "Packets dropped for want of memory for a copy or the cipher."},
    {SLUICE_A_COUNTER_ANOMALIES, "anomalies", "Anomalies seen, whether told or not."},
    {SLUICE_A_COUNTER_ANOMALIES_LOST, "anomalies-lost", "Anomalies that found no controller, its socket full, or too many before them."},
    {SLUICE_A_COUNTER_POLICY_ANSWERED, "policy-answered", "Questions for the policy that were answered.  The policy counters together are all that came to its port."},
    {SLUICE_A_COUNTER_POLICY_SHORT, "policy-short", "Shorter than the answer: answered with the length that is needed alone."},
    {SLUICE_A_COUNTER_POLICY_DROP_MALFORMED, "policy-drop-malformed", "No question, or from a port below 1024, an address that is not one host's, or to many."},
    {SLUICE_A_COUNTER_POLICY_DROP_LIMITED, "policy-drop-limited", "Above rate or source-rate."},
    {SLUICE_A_COUNTER_POLICY_DROP_MEMORY, "policy-drop-memory", "Without memory, or a route, for the answer."},
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

inline constexpr std::string_view algorithm_names[] = {
    "unspecified",
    "aes-128-gcm",
    "aes-256-gcm",
};

inline constexpr std::string_view generation_state_names[] = {
    "next",
    "current",
    "previous",
};

inline constexpr std::string_view encapsulation_names[] = {
    "native",
    "udp",
};

inline constexpr std::string_view anomaly_names[] = {
    "moved",
    "alternates",
    "fingerprint",
    "spoofed",
    "exhausting",
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
    case SLUICE_CMD_POOL_NEW:
    case SLUICE_CMD_POOL_DEL:
    case SLUICE_CMD_POOL_GET:
      switch (attribute) {
        case SLUICE_A_POOL_NETWORK: return "network";
        case SLUICE_A_POOL_FIRST: return "first";
        case SLUICE_A_POOL_LAST: return "last";
        case SLUICE_A_POOL_BASE_IPV4: return "base-ipv4";
        case SLUICE_A_POOL_BASE_IPV6: return "base-ipv6";
        case SLUICE_A_POOL_HOST: return "host";
      }
      break;
    case SLUICE_CMD_GENERATION_NEW:
    case SLUICE_CMD_GENERATION_PROMOTE:
    case SLUICE_CMD_GENERATION_DEL:
    case SLUICE_CMD_GENERATION_GET:
      switch (attribute) {
        case SLUICE_A_GENERATION_NUMBER: return "number";
        case SLUICE_A_GENERATION_ALGORITHM: return "algorithm";
        case SLUICE_A_GENERATION_MASTER_KEY: return "master-key";
        case SLUICE_A_GENERATION_LIFETIME: return "lifetime";
        case SLUICE_A_GENERATION_OVERLAP: return "overlap";
        case SLUICE_A_GENERATION_STATE: return "state";
        case SLUICE_A_GENERATION_REMAINING: return "remaining";
        case SLUICE_A_GENERATION_CLIENTS: return "clients";
        case SLUICE_A_GENERATION_MEMORY: return "memory";
      }
      break;
    case SLUICE_CMD_ESP_SET:
    case SLUICE_CMD_ESP_GET:
      switch (attribute) {
        case SLUICE_A_ESP_UDP_PORT: return "udp-port";
        case SLUICE_A_ESP_SOURCE_IPV4: return "source-ipv4";
        case SLUICE_A_ESP_SOURCE_IPV6: return "source-ipv6";
        case SLUICE_A_ESP_UNKNOWN_RATE: return "unknown-rate";
        case SLUICE_A_ESP_BOOT_NONCE: return "boot-nonce";
        case SLUICE_A_ESP_DRIVER: return "driver";
        case SLUICE_A_ESP_FALLBACK: return "fallback";
        case SLUICE_A_ESP_KEY_CACHE: return "key-cache";
        case SLUICE_A_ESP_NEWEST: return "newest";
      }
      break;
    case SLUICE_CMD_ESP_CLIENT_SET:
    case SLUICE_CMD_ESP_CLIENT_GET:
    case SLUICE_CMD_ANOMALY_NTF:
      switch (attribute) {
        case SLUICE_A_ESP_CLIENT_ID: return "id";
        case SLUICE_A_ESP_CLIENT_GENERATION: return "generation";
        case SLUICE_A_ESP_CLIENT_INCARNATION: return "incarnation";
        case SLUICE_A_ESP_CLIENT_INCARNATION_MIN: return "incarnation-min";
        case SLUICE_A_ESP_CLIENT_BANNED: return "banned";
        case SLUICE_A_ESP_CLIENT_ADDRESS: return "address";
        case SLUICE_A_ESP_CLIENT_PORT: return "port";
        case SLUICE_A_ESP_CLIENT_ENCAPSULATION: return "encapsulation";
        case SLUICE_A_ESP_CLIENT_RECEIVED: return "received";
        case SLUICE_A_ESP_CLIENT_SENT: return "sent";
        case SLUICE_A_ESP_CLIENT_IDLE: return "idle";
        case SLUICE_A_ESP_CLIENT_MOVES: return "moves";
        case SLUICE_A_ESP_CLIENT_FAILURES: return "failures";
        case SLUICE_A_ESP_CLIENT_NETWORK: return "network";
        case SLUICE_A_ESP_CLIENT_INNER_IPV4: return "inner-ipv4";
        case SLUICE_A_ESP_CLIENT_INNER_IPV6: return "inner-ipv6";
        case SLUICE_A_ESP_CLIENT_ANOMALY: return "anomaly";
        case SLUICE_A_ESP_CLIENT_OLD_ADDRESS: return "old-address";
        case SLUICE_A_ESP_CLIENT_OLD_PORT: return "old-port";
      }
      break;
    case SLUICE_CMD_POLICY_SET:
    case SLUICE_CMD_POLICY_GET:
      switch (attribute) {
        case SLUICE_A_POLICY_PORT: return "port";
        case SLUICE_A_POLICY_BLOB: return "blob";
        case SLUICE_A_POLICY_RATE: return "rate";
        case SLUICE_A_POLICY_SOURCE_RATE: return "source-rate";
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
        case SLUICE_A_COUNTER_ESP_RECEIVED: return "esp-received";
        case SLUICE_A_COUNTER_ESP_DELIVERED: return "esp-delivered";
        case SLUICE_A_COUNTER_ESP_DUMMY: return "esp-dummy";
        case SLUICE_A_COUNTER_ESP_KEEPALIVE: return "esp-keepalive";
        case SLUICE_A_COUNTER_ESP_FOREIGN: return "esp-foreign";
        case SLUICE_A_COUNTER_ESP_DROP_SHORT: return "esp-drop-short";
        case SLUICE_A_COUNTER_ESP_DROP_FOREIGN: return "esp-drop-foreign";
        case SLUICE_A_COUNTER_ESP_DROP_DIRECTION: return "esp-drop-direction";
        case SLUICE_A_COUNTER_ESP_DROP_DEAD: return "esp-drop-dead";
        case SLUICE_A_COUNTER_ESP_DROP_NO_POOL: return "esp-drop-no-pool";
        case SLUICE_A_COUNTER_ESP_DROP_FRAGMENT: return "esp-drop-fragment";
        case SLUICE_A_COUNTER_ESP_DROP_BANNED: return "esp-drop-banned";
        case SLUICE_A_COUNTER_ESP_DROP_INCARNATION: return "esp-drop-incarnation";
        case SLUICE_A_COUNTER_ESP_DROP_SEQUENCE: return "esp-drop-sequence";
        case SLUICE_A_COUNTER_ESP_DROP_OLD: return "esp-drop-old";
        case SLUICE_A_COUNTER_ESP_DROP_REPLAYED: return "esp-drop-replayed";
        case SLUICE_A_COUNTER_ESP_DROP_LIMITED: return "esp-drop-limited";
        case SLUICE_A_COUNTER_ESP_DROP_MEMORY: return "esp-drop-memory";
        case SLUICE_A_COUNTER_ESP_DROP_AUTHENTICATION: return "esp-drop-authentication";
        case SLUICE_A_COUNTER_ESP_DROP_PADDING: return "esp-drop-padding";
        case SLUICE_A_COUNTER_ESP_DROP_NEXT_HEADER: return "esp-drop-next-header";
        case SLUICE_A_COUNTER_ESP_DROP_INNER: return "esp-drop-inner";
        case SLUICE_A_COUNTER_ESP_DROP_SPOOFED: return "esp-drop-spoofed";
        case SLUICE_A_COUNTER_ESP_DROP_ECN: return "esp-drop-ecn";
        case SLUICE_A_COUNTER_ESP_SENT: return "esp-sent";
        case SLUICE_A_COUNTER_ESP_SEND_NO_CLIENT: return "esp-send-no-client";
        case SLUICE_A_COUNTER_ESP_SEND_UNHEARD: return "esp-send-unheard";
        case SLUICE_A_COUNTER_ESP_SEND_EXHAUSTED: return "esp-send-exhausted";
        case SLUICE_A_COUNTER_ESP_SEND_TOO_BIG: return "esp-send-too-big";
        case SLUICE_A_COUNTER_ESP_SEND_NO_ROUTE: return "esp-send-no-route";
        case SLUICE_A_COUNTER_ESP_SEND_MEMORY: return "esp-send-memory";
        case SLUICE_A_COUNTER_ANOMALIES: return "anomalies";
        case SLUICE_A_COUNTER_ANOMALIES_LOST: return "anomalies-lost";
        case SLUICE_A_COUNTER_POLICY_ANSWERED: return "policy-answered";
        case SLUICE_A_COUNTER_POLICY_SHORT: return "policy-short";
        case SLUICE_A_COUNTER_POLICY_DROP_MALFORMED: return "policy-drop-malformed";
        case SLUICE_A_COUNTER_POLICY_DROP_LIMITED: return "policy-drop-limited";
        case SLUICE_A_COUNTER_POLICY_DROP_MEMORY: return "policy-drop-memory";
      }
      break;
  }
  return {};
}

}  // namespace sluice::netlink
