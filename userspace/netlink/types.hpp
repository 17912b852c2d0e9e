// SPDX-License-Identifier: Apache-2.0
//
// The netlink contract (uapi/sluice.yaml) as values.  No libnl, no sockets: this is what the rest of userspace sees.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.hpp"
#include "netlink/names.gen.hpp"

namespace sluice::netlink {

enum class Verdict : std::uint8_t {
  accept = SLUICE_VERDICT_ACCEPT,
  refuse = SLUICE_VERDICT_REFUSE,
  unreachable = SLUICE_VERDICT_UNREACHABLE,
  timeout = SLUICE_VERDICT_TIMEOUT,
  reply = SLUICE_VERDICT_REPLY,
  unbind = SLUICE_VERDICT_UNBIND,
};

enum class Action : std::uint8_t {
  offer = SLUICE_ACTION_OFFER,
  refuse = SLUICE_ACTION_REFUSE,
  prohibit = SLUICE_ACTION_PROHIBIT,
  drop = SLUICE_ACTION_DROP,
};

enum class Scope : std::uint8_t {
  none = SLUICE_SCOPE_DEFAULT,
  client = SLUICE_SCOPE_CLIENT,
  network = SLUICE_SCOPE_NETWORK,
};

enum class State : std::uint8_t {
  waiting = SLUICE_STATE_WAITING,
  announced = SLUICE_STATE_ANNOUNCED,
  released = SLUICE_STATE_RELEASED,
  bound = SLUICE_STATE_BOUND,
  discard = SLUICE_STATE_DISCARD,
};

enum class Reason : std::uint8_t {
  reset = SLUICE_REASON_RESET,
  expired = SLUICE_REASON_EXPIRED,
  removed = SLUICE_REASON_REMOVED,
};

enum class Algorithm : std::uint8_t {
  unspecified = SLUICE_ALGORITHM_UNSPECIFIED,
  aes_128_gcm = SLUICE_ALGORITHM_AES_128_GCM,
  aes_256_gcm = SLUICE_ALGORITHM_AES_256_GCM,
};

enum class GenerationState : std::uint8_t {
  next = SLUICE_GENERATION_STATE_NEXT,
  current = SLUICE_GENERATION_STATE_CURRENT,
  previous = SLUICE_GENERATION_STATE_PREVIOUS,
};

enum class Encapsulation : std::uint8_t {
  native = SLUICE_ENCAPSULATION_NATIVE,
  udp = SLUICE_ENCAPSULATION_UDP,
};

enum class AnomalyKind : std::uint8_t {
  moved = SLUICE_ANOMALY_MOVED,
  alternates = SLUICE_ANOMALY_ALTERNATES,
  fingerprint = SLUICE_ANOMALY_FINGERPRINT,
  spoofed = SLUICE_ANOMALY_SPOOFED,
  exhausting = SLUICE_ANOMALY_EXHAUSTING,
};

// The YAML's words, from the generated tables.
inline std::string_view to_string(Verdict value) { return verdict_names[static_cast<std::uint8_t>(value)]; }
inline std::string_view to_string(Action value) { return action_names[static_cast<std::uint8_t>(value)]; }
inline std::string_view to_string(Scope value) { return scope_names[static_cast<std::uint8_t>(value)]; }
inline std::string_view to_string(State value) { return state_names[static_cast<std::uint8_t>(value)]; }
inline std::string_view to_string(Reason value) { return reason_names[static_cast<std::uint8_t>(value)]; }
inline std::string_view to_string(Algorithm value) { return algorithm_names[static_cast<std::uint8_t>(value)]; }
inline std::string_view to_string(GenerationState value) {
  return generation_state_names[static_cast<std::uint8_t>(value)];
}
inline std::string_view to_string(Encapsulation value) { return encapsulation_names[static_cast<std::uint8_t>(value)]; }
inline std::string_view to_string(AnomalyKind value) { return anomaly_names[static_cast<std::uint8_t>(value)]; }

struct Network {
  std::uint32_t ifindex = 0;
  std::string name;
  std::uint32_t park_timeout_ms = 0;
  std::uint32_t park_max = 0;
  std::uint32_t park_client_max = 0;
  std::uint32_t park_source_max = 0;
  std::uint32_t parked = 0;
  std::uint32_t clients = 0;
  std::uint32_t association_max = 0;
  std::uint32_t association_client_max = 0;
  std::uint32_t association_source_max = 0;
  std::uint32_t discard_time_ms = 0;
  std::uint32_t associations = 0;

  bool operator==(const Network&) const = default;
};

// A change to a network's limits; what is absent stays.
struct NetworkLimits {
  std::optional<std::uint32_t> park_timeout_ms;
  std::optional<std::uint32_t> park_max;
  std::optional<std::uint32_t> park_client_max;
  std::optional<std::uint32_t> park_source_max;
  std::optional<std::uint32_t> association_max;
  std::optional<std::uint32_t> association_client_max;
  std::optional<std::uint32_t> association_source_max;
  std::optional<std::uint32_t> discard_time_ms;

  bool operator==(const NetworkLimits&) const = default;
};

struct Client {
  std::uint32_t id = 0;
  std::uint32_t network = 0;
  std::uint32_t access = 0;
  std::vector<Prefix> prefixes;

  bool operator==(const Client&) const = default;
};

struct Rule {
  struct Ports {
    std::uint16_t first = 0;
    std::uint16_t last = 0;
    bool operator==(const Ports&) const = default;
  };

  Action action = Action::offer;
  std::optional<std::uint8_t> protocol;
  std::optional<Prefix> prefix;
  std::optional<Ports> ports;

  bool operator==(const Rule&) const = default;
};

// Whose ACL: a network's (by the index of its device) or a client's (by id).
struct AclOwner {
  std::optional<std::uint32_t> network;
  std::optional<std::uint32_t> client;

  bool operator==(const AclOwner&) const = default;
};

struct Acl {
  AclOwner owner;
  std::vector<Rule> rules;

  bool operator==(const Acl&) const = default;
};

struct AclQuestion {
  Address source;
  Address destination;
  std::uint8_t protocol = 6;
  std::uint16_t port = 0;
};

struct AclDecision {
  std::uint32_t network = 0;
  std::uint32_t client = 0;
  Action action = Action::offer;
  Scope scope = Scope::none;
  std::optional<std::uint32_t> index;

  bool operator==(const AclDecision&) const = default;
};

// A TCP SYN, an echo request or the first datagram of an association, and what became of it.  The ports of an echo
// request are its identifier and sequence number; other protocols without ports have 0.
struct Parked {
  std::uint32_t id = 0;
  std::uint32_t network = 0;
  std::uint32_t client = 0;
  std::uint8_t protocol = 0;
  Endpoint source;
  Endpoint destination;
  std::uint8_t ttl = 0;
  State state = State::waiting;
  std::chrono::milliseconds age{0};
  std::uint32_t retransmits = 0;
  Scope scope = Scope::none;
  std::optional<std::uint32_t> index;
  std::uint32_t length = 0;  // echo request, datagram: bytes of its payload
  std::uint8_t tos = 0;
  bool dont_fragment = false;
  std::uint32_t held = 0;                         // datagrams that wait for the agent, the first included
  std::optional<std::chrono::milliseconds> idle;  // bound: since the client's last datagram

  bool operator==(const Parked&) const = default;
};

struct IcmpError {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::optional<Address> source;
  std::optional<std::uint32_t> mtu;

  bool operator==(const IcmpError&) const = default;
};

// The answer to one offer.
struct Answer {
  std::uint32_t id = 0;
  Verdict verdict = Verdict::timeout;
  std::optional<IcmpError> icmp;
  std::optional<std::uint8_t> ttl;  // reply: of the echo reply

  bool operator==(const Answer&) const = default;
};

struct Withdrawn {
  std::uint32_t id = 0;
  Reason reason = Reason::reset;

  bool operator==(const Withdrawn&) const = default;
};

// Counters of a network, or of the network namespace (without network and name).
struct Counters {
  std::optional<std::uint32_t> network;
  std::string name;
  // Counter attribute and value, in the order of the message.
  std::vector<std::pair<std::uint16_t, std::uint64_t>> values;

  bool operator==(const Counters&) const = default;
};

struct Controller {
  std::uint16_t proxy_port = 0;
  std::uint32_t mark = 0;
  std::uint32_t mark_mask = 0;
  std::uint32_t credit = 0;
  std::uint32_t port_id = 0;
  std::optional<int> datagram_socket;  // bind: a raw socket of protocol 255, whose queue gets the datagrams

  bool operator==(const Controller&) const = default;
};

// ESP: the id is 20 bits of the SPI, and ids begin with 1.
inline constexpr std::uint32_t esp_id_max = (1U << 20) - 1;
inline constexpr std::uint16_t esp_incarnation_end = 512;  // as the least: all are revoked
inline constexpr std::uint32_t esp_slots = 3;              // a generation's number modulo this is in the SPI

// A range of ESP client ids of a network; an id's inner address is the base plus the id.
struct Pool {
  std::uint32_t network = 0;
  std::uint32_t first = 1;
  std::uint32_t last = esp_id_max;
  std::optional<Address> ipv4;
  std::optional<Address> ipv6;
  bool host = false;

  bool operator==(const Pool&) const = default;
};

// A generation of session keys, without its master key: the kernel does not give that back.
struct Generation {
  std::uint32_t number = 0;
  Algorithm algorithm = Algorithm::unspecified;
  GenerationState state = GenerationState::next;
  std::chrono::seconds remaining{0};
  std::uint32_t clients = 0;
  std::uint32_t memory = 0;

  bool operator==(const Generation&) const = default;
};

struct Esp {
  std::uint16_t udp_port = 0;
  Address source_ipv4;  // unspecified: as the route says
  Address source_ipv6;
  std::uint32_t unknown_rate = 0;
  std::array<std::uint8_t, 32> boot_nonce{};
  std::string driver;
  std::optional<std::string> fallback;
  std::uint32_t key_cache = 0;
  std::uint32_t newest = 0;  ///< number of the newest generation that ever was; 0: none

  bool operator==(const Esp&) const = default;
};

// A change to ESP; what is absent stays.
struct EspChange {
  std::optional<std::uint16_t> udp_port;
  std::optional<Address> source_ipv4;
  std::optional<Address> source_ipv6;
  std::optional<std::uint32_t> unknown_rate;

  bool operator==(const EspChange&) const = default;
};

// The policy responder.
struct Policy {
  std::uint16_t port = 0;  // 0: off, and there is no blob
  std::vector<std::uint8_t> blob;
  std::uint32_t rate = 0;
  std::uint32_t source_rate = 0;

  bool operator==(const Policy&) const = default;
};

inline constexpr std::size_t policy_blob_max = 1200;

// A change to it; what is absent stays.
struct PolicyChange {
  std::optional<std::uint16_t> port;
  std::optional<std::vector<std::uint8_t>> blob;
  std::optional<std::uint32_t> rate;
  std::optional<std::uint32_t> source_rate;

  bool operator==(const PolicyChange&) const = default;
};

// An ESP client under one generation.  One that has not been heard has no outer address.
struct EspClient {
  std::uint32_t id = 0;
  std::optional<std::uint32_t> generation;
  std::optional<std::uint16_t> incarnation;
  std::uint16_t incarnation_min = 0;
  bool banned = false;
  std::optional<Address> address;
  std::uint16_t port = 0;  // 0 with native ESP
  Encapsulation encapsulation = Encapsulation::native;
  std::uint32_t received = 0;
  std::uint32_t sent = 0;
  std::optional<std::chrono::milliseconds> idle;
  std::uint32_t moves = 0;
  std::uint32_t failures = 0;
  std::uint32_t network = 0;
  std::optional<Address> inner_ipv4;
  std::optional<Address> inner_ipv6;

  bool operator==(const EspClient&) const = default;
};

// What to do to an id: ban it or lift the ban; revoke its incarnations below the least, in every live generation
// unless one is named.
struct EspClientChange {
  std::uint32_t id = 0;
  std::optional<std::uint32_t> generation;
  std::optional<std::uint16_t> incarnation_min;
  std::optional<bool> banned;

  bool operator==(const EspClientChange&) const = default;
};

// What authenticated packets told of an ESP client.
struct Anomaly {
  std::uint32_t id = 0;
  std::uint32_t generation = 0;
  std::uint16_t incarnation = 0;
  AnomalyKind kind = AnomalyKind::moved;
  std::optional<Address> address;
  std::uint16_t port = 0;
  std::optional<Address> old_address;
  std::uint16_t old_port = 0;

  bool operator==(const Anomaly&) const = default;
};

// What the kernel tells the controller, in one message.
struct Events {
  std::vector<Parked> parked;
  std::vector<Withdrawn> withdrawn;
  std::vector<Anomaly> anomalies;

  [[nodiscard]] bool empty() const { return parked.empty() && withdrawn.empty() && anomalies.empty(); }
};

}  // namespace sluice::netlink
