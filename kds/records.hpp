// SPDX-License-Identifier: Apache-2.0
//
// What a key server remembers, as plain values: no record knows where it is kept.  Documentation/kds.rst says what they
// are for.  Times are given in by callers; no record and no store reads a clock.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "derivation/spi.hpp"

namespace sluice::kds {

using Time = std::chrono::system_clock::time_point;
using Bytes = std::vector<std::uint8_t>;

/// A gateway that has booted at least once, and where its update log stands.
struct Gateway {
  std::string name;
  Bytes boot_nonce;                ///< 32 bytes, of the kernel module there
  std::uint32_t newest = 0;        ///< highest generation number there ever was; never goes back
  std::uint64_t sequence = 0;      ///< of its last update; never goes back, not at a boot either
  std::uint64_t acknowledged = 0;  ///< it has carried out the updates up to this one
  Time seen;                       ///< when it was last heard, to within ten seconds
  bool early = false;              ///< an id has used its incarnations up: the next generation is due now
  Bytes policy;                    ///< the responder's blob; empty: none

  bool operator==(const Gateway&) const = default;
};

/// Values of a TPM's PCRs by their numbers, 0 to 23; SHA-256.
using Pcrs = std::map<unsigned, std::array<std::uint8_t, 32>>;

struct Device {
  std::string name;
  std::vector<std::string> roles;
  bool enabled = true;
  bool banned = false;
  std::optional<Bytes> fingerprint;      ///< SHA-256 of the one certificate that it may show
  std::optional<Bytes> attestation_key;  ///< of its TPM
  std::optional<Time> offence;           ///< when an anomaly last cost it its keys
  Pcrs pcrs = {};                        ///< that its quotes have to be of: first seen, or by an operator

  bool operator==(const Device&) const = default;
};

/// The id that a device has on a gateway, by a network there.
struct Membership {
  std::string gateway;
  std::string network;
  std::string device;
  std::uint32_t id = 0;

  bool operator==(const Membership&) const = default;
};

/// The ids of a network on a gateway, both ends included.
struct Pool {
  std::uint32_t first = 1;
  std::uint32_t last = derivation::Spi::most_id;

  bool operator==(const Pool&) const = default;
};

/// A pool, and where to look for an id that nobody has: every smaller one of the pool is taken.
struct PoolState {
  std::string gateway;
  std::string network;
  Pool pool;
  std::uint32_t free_from = 1;
};

enum class GenerationState : std::uint8_t { next = 1, current = 2, previous = 3, dead = 4 };

struct Generation {
  std::string gateway;
  std::uint32_t number = 0;
  GenerationState state = GenerationState::next;
  derivation::Algorithm algorithm = derivation::Algorithm::aes_256_gcm;
  Bytes wrapped;  ///< the master key (wrap.hpp); zero bytes of the same length once it is dead
  Time made;
  std::chrono::seconds lifetime{0};    ///< from *made*; its hard end
  std::chrono::seconds overlap{0};     ///< that the one before it serves on, from its promotion
  std::uint64_t made_sequence = 0;     ///< of the update that brings it to the gateway
  std::uint64_t promote_sequence = 0;  ///< of its promotion; 0: not asked for yet
  std::optional<Time> promoted;        ///< when that was acknowledged
  std::optional<Time> ends;            ///< of a previous one: when its overlap is over

  [[nodiscard]] Time hard_end() const { return made + lifetime; }
  bool operator==(const Generation&) const = default;
};

/// One key pair that went out.  Its row is what makes a second issue of the same SPI impossible.
struct Issue {
  std::string gateway;
  std::uint32_t number = 0;  ///< of the generation
  std::uint32_t id = 0;
  std::uint32_t incarnation = 0;
  std::uint32_t spi = 0;  ///< towards the gateway
  std::string device;
  Time issued;
  Time lease_until;
  bool revoked = false;
  bool due = false;  ///< to be replaced soon: many packets have gone under it

  bool operator==(const Issue&) const = default;
};

/// The health that a device has shown, with which certificate.
struct Attestation {
  std::string device;
  Bytes fingerprint;  ///< SHA-256 of the certificate
  Time good_until;
  std::vector<std::string> postures;  ///< mark() of those that were satisfied

  bool operator==(const Attestation&) const = default;
};

/// One change that a gateway has to carry out; which fields count depends on the kind.
struct Update {
  enum class Kind : std::uint8_t { generation = 1, promote = 2, revoke = 3, ban = 4, unban = 5, policy = 6 };

  std::string gateway;
  std::uint64_t sequence = 0;
  Kind kind = Kind::generation;
  std::uint32_t number = 0;           ///< generation, promote, revoke
  std::uint32_t id = 0;               ///< revoke, ban, unban
  std::uint32_t incarnation_min = 0;  ///< revoke: smaller ones are refused; 512 refuses all
  std::chrono::seconds overlap{0};    ///< promote

  bool operator==(const Update&) const = default;
};

/// What gateways told of one key: one record for each kind, however often it was told.
struct Anomaly {
  enum class Kind : std::uint8_t { moved = 1, clone = 2, fingerprint = 3, inner_source = 4, exhausting = 5 };

  std::string gateway;
  std::uint32_t number = 0;
  std::uint32_t id = 0;
  std::uint32_t incarnation = 0;
  Kind kind = Kind::moved;
  Time first;
  Time last;
  std::uint64_t count = 0;

  bool operator==(const Anomaly&) const = default;
};

/// One line of the audit log.
struct Audit {
  std::uint64_t sequence = 0;  ///< given by the store
  Time time;
  std::string actor;    ///< "operator/alice", "gateway/gw1", "kds"
  std::string action;   ///< "issue", "revoke", "ban", ...
  std::string subject;  ///< "device/laptop", "gateway/gw1"
  std::string outcome;
  std::string detail = "{}";  ///< a JSON object; without secrets

  bool operator==(const Audit&) const = default;
};

}  // namespace sluice::kds
