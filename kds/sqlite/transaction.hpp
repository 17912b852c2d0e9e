// SPDX-License-Identifier: Apache-2.0
//
// The records as rows: kds::Transaction by SQL, within a transaction that the store began.
#pragma once

#include "kds/sqlite/connection.hpp"
#include "kds/store.hpp"

namespace sluice::kds::sqlite {

class SqliteTransaction final : public Transaction {
 public:
  explicit SqliteTransaction(Connection& connection) : db_(connection) {}

  std::optional<Gateway> gateway(const std::string& name) override;
  std::vector<Gateway> gateways() override;
  void put(const Gateway& gateway) override;

  std::optional<Device> device(const std::string& name) override;
  std::vector<Device> devices(const std::string& after, std::size_t most) override;
  void put(const Device& device) override;
  void remove_device(const std::string& name) override;

  std::optional<Membership> membership(const std::string& gateway, const std::string& network,
                                       const std::string& device) override;
  std::vector<Membership> memberships_of(const std::string& device) override;
  void insert(const Membership& membership) override;
  void remove(const Membership& membership) override;
  std::vector<std::uint32_t> banned_ids(const std::string& gateway) override;
  std::optional<PoolState> pool(const std::string& gateway, const std::string& network) override;
  void put(const PoolState& pool) override;
  std::optional<std::uint32_t> free_id(const std::string& gateway, std::uint32_t first, std::uint32_t last) override;
  void freed_id(const std::string& gateway, std::uint32_t id) override;

  std::optional<Generation> generation(const std::string& gateway, std::uint32_t number) override;
  std::vector<Generation> live_generations(const std::string& gateway) override;
  void insert(const Generation& generation) override;
  void put(const Generation& generation) override;
  bool prune_dead(std::size_t most) override;

  std::optional<Issue> newest_issue(const std::string& gateway, std::uint32_t number, std::uint32_t id) override;
  std::optional<Issue> issue(const std::string& gateway, std::uint32_t number, std::uint32_t id,
                             std::uint32_t incarnation) override;
  void insert(const Issue& issue) override;
  void put(const Issue& issue) override;
  void revoke_issues(const std::string& gateway, std::uint32_t number, std::uint32_t id,
                     std::uint32_t incarnation_min) override;
  std::vector<Issue> expired_issues(Time now, std::size_t most) override;

  std::optional<Attestation> attestation(const std::string& device) override;
  void put(const Attestation& attestation) override;
  void remove_attestation(const std::string& device) override;

  void insert(const Update& update) override;
  std::vector<Update> updates(const std::string& gateway, std::uint64_t after, std::size_t most) override;
  void remove_updates(const std::string& gateway, std::uint64_t through) override;
  void remove_updates_of(const std::string& gateway, std::uint32_t number) override;
  void remove_superseded(const Update& by) override;

  std::optional<Anomaly> anomaly(const Anomaly& key) override;
  void put(const Anomaly& anomaly) override;

  void append(const Audit& line) override;
  std::vector<Audit> audit(std::uint64_t after, std::size_t most, std::size_t most_bytes) override;
  bool prune_audit(Time before, std::size_t most, std::size_t most_bytes) override;

  /// That were appended.
  [[nodiscard]] const std::vector<Audit>& lines() const { return lines_; }

 private:
  Connection& db_;
  std::vector<Audit> lines_;
};

}  // namespace sluice::kds::sqlite
