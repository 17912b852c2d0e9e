// SPDX-License-Identifier: Apache-2.0
//
// Store: what the key server asks of the thing that keeps its records.  kds/sqlite is the embedded one.
//
// It offers transactions, not coarse operations such as "issue" or "boot": the rules (generations, incarnations, bans)
// are then written once, above it, and a store is nothing but records, orders and uniqueness.  On etcd this is its
// software transactional memory (clientv3/concurrency, STM): what a transaction reads is noted with its revision,
// writes are held back, and one Txn commits them if none of those revisions has changed (ranges by range_end in
// Compare). Hence the rules for the function given to transact():
//   - it may run again, so it changes nothing but the records and what it returns;
//   - it writes few records (etcd takes 128 operations a Txn unless told otherwise): long work goes in portions;
//   - it reads what it decides by within the transaction.
//
// A record access that fails is noted; accesses after it do nothing and give nothing, and transact() returns that error
// and commits nothing.  The rules above thus need no check after each line, and nothing that they may have concluded
// from an absent record is kept.
//
// Not thread-safe: one Store a thread.  Calls block (disk, other processes' transactions).
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "kds/records.hpp"

namespace sluice::kds {

/// Valid within the function that it was given to.  put() makes or replaces; "insert" refuses what exists (ENOTUNIQ).
/// Reads see the transaction's own writes.
class Transaction {
 public:
  virtual ~Transaction() = default;

  virtual std::optional<Gateway> gateway(const std::string& name) = 0;
  /// In order of names.
  virtual std::vector<Gateway> gateways() = 0;
  virtual void put(const Gateway& gateway) = 0;

  virtual std::optional<Device> device(const std::string& name) = 0;
  /// In order of names, those behind *after*.
  virtual std::vector<Device> devices(const std::string& after, std::size_t most) = 0;
  virtual void put(const Device& device) = 0;
  /// With its attestation.  Its memberships must be gone.
  virtual void remove_device(const std::string& name) = 0;

  virtual std::optional<Membership> membership(const std::string& gateway, const std::string& network,
                                               const std::string& device) = 0;
  virtual std::vector<Membership> memberships_of(const std::string& device) = 0;
  /// Unique: (gateway, id) and (gateway, network, device).
  virtual void insert(const Membership& membership) = 0;
  virtual void remove(const Membership& membership) = 0;
  /// Ids of banned devices, in order.
  virtual std::vector<std::uint32_t> banned_ids(const std::string& gateway) = 0;
  virtual std::optional<PoolState> pool(const std::string& gateway, const std::string& network) = 0;
  virtual void put(const PoolState& pool) = 0;
  /// The smallest id of the range, both ends included, that nobody has on the gateway.
  virtual std::optional<std::uint32_t> free_id(const std::string& gateway, std::uint32_t first, std::uint32_t last) = 0;
  /// Makes every pool of the gateway look for free ids from *id* on, if it would begin later.
  virtual void freed_id(const std::string& gateway, std::uint32_t id) = 0;

  virtual std::optional<Generation> generation(const std::string& gateway, std::uint32_t number) = 0;
  /// Those that are not dead, in order of numbers.
  virtual std::vector<Generation> live_generations(const std::string& gateway) = 0;
  /// Unique: (gateway, number).
  virtual void insert(const Generation& generation) = 0;
  /// What it replaces is overwritten, not only forgotten: a wrapped key that is zero now was there before.
  virtual void put(const Generation& generation) = 0;
  /// Drops issues and anomalies of dead generations, *most* at a time, and generations that have none left.  False:
  /// nothing was left to drop.
  virtual bool prune_dead(std::size_t most) = 0;

  virtual std::optional<Issue> newest_issue(const std::string& gateway, std::uint32_t number, std::uint32_t id) = 0;
  virtual std::optional<Issue> issue(const std::string& gateway, std::uint32_t number, std::uint32_t id,
                                     std::uint32_t incarnation) = 0;
  /// Unique: (gateway, number, id, incarnation) and (gateway, number, spi).
  virtual void insert(const Issue& issue) = 0;
  /// Lease, revoked and due; a revoked one stays revoked.
  virtual void put(const Issue& issue) = 0;
  /// Marks those whose incarnation is smaller.
  virtual void revoke_issues(const std::string& gateway, std::uint32_t number, std::uint32_t id,
                             std::uint32_t incarnation_min) = 0;
  /// Of live generations, not revoked, whose lease has run out by *now*, earliest first.
  virtual std::vector<Issue> expired_issues(Time now, std::size_t most) = 0;

  virtual std::optional<Attestation> attestation(const std::string& device) = 0;
  virtual void put(const Attestation& attestation) = 0;
  virtual void remove_attestation(const std::string& device) = 0;

  /// Unique: (gateway, sequence).
  virtual void insert(const Update& update) = 0;
  /// In order, those behind *after*.
  virtual std::vector<Update> updates(const std::string& gateway, std::uint64_t after, std::size_t most) = 0;
  /// Up to this one.
  virtual void remove_updates(const std::string& gateway, std::uint64_t through) = 0;
  /// Generation, promote and revoke of that generation.
  virtual void remove_updates_of(const std::string& gateway, std::uint32_t number) = 0;
  /// Those that a new one about the same makes superfluous: ban and unban of the id, revoke of (number, id), policy.
  virtual void remove_superseded(const Update& by) = 0;

  virtual std::optional<Anomaly> anomaly(const Anomaly& key) = 0;
  virtual void put(const Anomaly& anomaly) = 0;

  /// Its sequence is ignored, the next one taken.
  virtual void append(const Audit& line) = 0;
  /// In order, those behind *after*: *most* at most, and of *most_bytes* or little more, but one at least.
  virtual std::vector<Audit> audit(std::uint64_t after, std::size_t most,
                                   std::size_t most_bytes = std::numeric_limits<std::size_t>::max()) = 0;
  /// Drops lines before *before*, oldest first, as many as audit() would give.  False: none was left.
  virtual bool prune_audit(Time before, std::size_t most,
                           std::size_t most_bytes = std::numeric_limits<std::size_t>::max()) = 0;
};

class Store {
 public:
  using Work = std::function<Result<void>(Transaction&)>;

  /// Lines of the audit log that transact() of this Store has committed; their sequences are not filled in.
  using Listener = std::function<void(const std::vector<Audit>&)>;

  virtual ~Store() = default;

  /// Asked after each commit that has some, on its thread, and not to use the Store then.
  void on_lines(Listener listener) { listener_ = std::move(listener); }

  /// All that *work* wrote, durably, or nothing: if it fails, if a record access failed, if the commit fails.
  virtual Result<void> transact(const Work& work) = 0;
  /// One consistent state to read; writes in it are an error.
  virtual Result<void> read(const Work& work) = 0;
  /// Has somebody else written since the last time that this was asked?  The first answer is true.
  virtual Result<bool> changed() = 0;
  /// Tries to get what was overwritten out of the store's logs as well.  False: others are reading, try later.
  virtual Result<bool> scrub() = 0;

 protected:
  void committed(const std::vector<Audit>& lines) const {
    if (listener_ && !lines.empty()) listener_(lines);
  }

 private:
  Listener listener_;
};

}  // namespace sluice::kds
