// SPDX-License-Identifier: Apache-2.0
//
// What a gateway and its key distribution server say to each other, as values and as JSON (Documentation/kds.rst,
// "Bodies").  Pure.  What comes from the KDS is read strictly: it decides what the kernel lets in.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "netlink/master_key.hpp"
#include "netlink/types.hpp"

namespace sluice::gateway {

using BootNonce = std::array<std::uint8_t, 32>;

/// What the module tells of itself.
struct KernelBoot {
  BootNonce nonce{};
  std::uint32_t newest = 0;  ///< number of the newest generation that it ever had; a KDS makes greater ones
};

struct PromoteUpdate {
  std::uint32_t number = 0;
  std::chrono::seconds overlap{0};
  bool operator==(const PromoteUpdate&) const = default;
};

/// The incarnations of an id below the least are over, under one generation.
struct RevokeUpdate {
  std::uint32_t number = 0;
  std::uint32_t id = 0;
  std::uint16_t incarnation_min = 0;
  bool operator==(const RevokeUpdate&) const = default;
};

struct BanUpdate {
  std::uint32_t id = 0;
  bool banned = true;
  bool operator==(const BanUpdate&) const = default;
};

/// The responder's blob; empty: there is to be none.
struct PolicyUpdate {
  std::vector<std::uint8_t> blob;
  bool operator==(const PolicyUpdate&) const = default;
};

struct Update {
  using Change = std::variant<netlink::NewGeneration, PromoteUpdate, RevokeUpdate, BanUpdate, PolicyUpdate>;

  std::uint64_t sequence = 0;
  Change change;
};

/// For metrics, in the order in which they are told.
inline constexpr std::array<std::string_view, 6> update_kinds = {"generation", "promote", "revoke",
                                                                 "ban",        "unban",   "policy"};
/// Which of *update_kinds*, by its place.
std::size_t kind_of(const Update& update);
/// "update 15 (revoke)", for logs; no key in it.
std::string name_of(const Update& update);

/// Updates in one answer, at most.
inline constexpr std::size_t updates_max = 1024;
/// Bytes of an answer, at most: as many updates as that, of the longest kind that may come often.
inline constexpr std::size_t kds_answer_max = std::size_t{1} << 18;

/// The answer to GET /v1/gateway/updates?after=*after*: in order, each sequence greater than the one before and than
/// *after*.  An error names the field: "updates[2].id: ...".  The keys in *text* stay there; what the parse made of
/// them on the way is wiped (derivation/wiped_heap.hpp).
Result<std::vector<Update>> parse_updates(std::string_view text, std::uint64_t after);

struct BootAnswer {
  bool fresh = false;               ///< the KDS takes every earlier generation for dead
  std::uint64_t acknowledged = 0;   ///< ask for the updates after this one
  std::vector<std::uint32_t> live;  ///< generations that live; all others have ended
  bool operator==(const BootAnswer&) const = default;
};
Result<BootAnswer> parse_boot(std::string_view text);

std::string boot_json(const KernelBoot& boot);
/// As POST /v1/gateway/anomalies takes them.
std::string anomalies_json(std::span<const netlink::Anomaly> anomalies);

/// title and detail of a problem (RFC 9457), printable and bounded; empty if *text* is none.
std::string problem_words(std::string_view text);

}  // namespace sluice::gateway
