// SPDX-License-Identifier: Apache-2.0
//
// Generations: a gateway's master keys, from their making to their wiping, and its update log.  The states and what
// moves them are the table in Documentation/kds.rst, "Ids, incarnations, generations".
//
// What the kernel refuses (Documentation/esp.rst, "Generations") is never asked of it: numbers go up by one, so of two
// that live no two are equal modulo 3, and a next generation is made only when no other but the current one lives.  The
// kernel's previous generation ends before ours does, as its overlap begins before the acknowledgement gets here; the
// margin is for clocks that do not run alike.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "derivation/secret.hpp"
#include "kds/store.hpp"
#include "kds/updates.hpp"
#include "kds/wrap.hpp"

namespace sluice::kds {

struct GenerationOptions {
  std::chrono::seconds lifetime = std::chrono::hours(1);  ///< 5 min to 24 h
  derivation::Algorithm algorithm = derivation::Algorithm::aes_256_gcm;
  std::chrono::seconds margin = std::chrono::seconds(2);
};

/// Is it what keys are issued of: current, its promotion acknowledged, not at its hard end?  A gateway that promoted
/// the next one and could not say so may have ended it all the same; a key of it is then worth nothing there.
bool may_issue(const Gateway& gateway, const Generation& generation, Time now);

/// When the next one is to be made: 80 % of its lifetime.
Time next_due(const Generation& generation);

class Generations {
 public:
  static constexpr std::uint32_t most_number = 4294967292;  ///< of a generation; uapi/sluice.yaml
  static constexpr std::size_t nonce_size = 32;

  /// What is wanted of a gateway's generations, by its name.
  using OptionsOf = std::function<GenerationOptions(const std::string&)>;

  /// Both outlive it.
  Generations(Store& store, const Kek& kek, OptionsOf options)
      : store_(store), kek_(kek), options_of_(std::move(options)) {}
  /// The same for every gateway.
  Generations(Store& store, const Kek& kek, GenerationOptions options)
      : Generations(store, kek, [options](const std::string&) { return options; }) {}

  struct Boot {
    bool fresh = false;              ///< the nonce was another one: everything began anew
    std::uint64_t acknowledged = 0;  ///< the updates behind this one are what the gateway must carry out
    /// What lives here: the gateway ends all else that it has, or keys could be taken there that cannot be revoked
    /// here.
    std::vector<std::uint32_t> live;
  };
  /// A gateway says which boot it is in; one that was never heard is noted.  *newest*: the newest number that its
  /// kernel had; if this store does not know of it (it was lost or set back, or somebody brought one in by hand), the
  /// boot is a fresh one.  The policy is an update of each call, of a fresh boot or not.  EINVAL: no name or nonce.
  Result<Boot> boot(const std::string& gateway, std::span<const std::uint8_t> nonce, Time now,
                    std::uint32_t newest = 0);

  /// It has carried out all updates up to *sequence*.  What follows from that is done at once; true: there are new
  /// updates.  ENOENT: it has to boot: it never has, or it has carried out what this store knows nothing of any more.
  Result<bool> acknowledge(const std::string& gateway, std::uint64_t sequence, Time now);

  /// An update as it is sent.
  struct Outgoing {
    Update update;
    derivation::Algorithm algorithm = derivation::Algorithm::aes_256_gcm;  ///< generation
    std::chrono::seconds lifetime{0};  ///< generation: what is left of it, rounded down, so that it ends there in time
    derivation::Secret master;         ///< generation
    Bytes policy;                      ///< policy
  };
  /// In order, those behind *sequence*, *most* at most.  ENOENT: it has not booted.
  Result<std::vector<Outgoing>> updates_after(const std::string& gateway, std::uint64_t sequence, Time now,
                                              std::size_t most = 64);

  /// What time brings, to be called each second or so: next generations, ends, leases that ran out.  A gateway at
  /// which it fails does not stop the others; the first error is returned then.
  Result<Touched> tick(Time now);

  /// The responder's blob, for the gateway to have; empty: none.  Nothing is done if it has it.  ENOENT: it has not
  /// booted.
  Result<Touched> set_policy(const std::string& gateway, const Bytes& policy, Time now);

  /// Wraps every live master key by another KEK, all or none; how many.  Key servers must have *to* from then on.  The
  /// caller has the store scrubbed.
  Result<std::size_t> rewrap_all(const Kek& to, const std::string& actor, Time now);

  /// The KEK of before is lost: gateways with a master key that this one does not unwrap have to boot anew, and their
  /// generations end; how many gateways.  The caller has the store scrubbed.
  Result<std::size_t> end_lost(const std::string& actor, Time now);

 private:
  Result<void> advance(Transaction& transaction, Gateway& gateway, Time now);
  Result<Generation> make(Transaction& transaction, Gateway& gateway, GenerationState state, Time now);
  static void look_at_clock(Transaction& transaction, Gateway& gateway, Time now);
  Result<void> forget_boot(Transaction& transaction, Gateway& gateway, const std::string& actor, const char* why,
                           Time now);
  void kill(Transaction& transaction, Generation generation, Time now, const char* why);
  static void promote(Transaction& transaction, Gateway& gateway, Generation& generation);
  Result<void> expire_leases(Time now, Touched& touched);
  Result<void> prune();

  Store& store_;
  const Kek& kek_;
  OptionsOf options_of_;
  bool to_scrub_ = true;  // who ended in between may have left something
};

}  // namespace sluice::kds
