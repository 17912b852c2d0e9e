// SPDX-License-Identifier: Apache-2.0
#include "kds/sqlite/transaction.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sluice::kds::sqlite {
namespace {

std::string to_text(const std::vector<std::string>& list) {
  // Names are checked before they come here; what is not UTF-8 all the same must not throw.
  return nlohmann::json(list).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::vector<std::string> to_list(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  std::vector<std::string> list;
  if (!json.is_array()) return list;
  for (const nlohmann::json& element : json) {
    if (element.is_string()) list.push_back(element.get<std::string>());
  }
  return list;
}

Bytes to_bytes(const Pcrs& pcrs) {
  Bytes bytes;
  for (const auto& [number, value] : pcrs) {
    bytes.push_back(static_cast<std::uint8_t>(number));
    bytes.insert(bytes.end(), value.begin(), value.end());
  }
  return bytes;
}

Pcrs to_pcrs(const Bytes& bytes) {
  Pcrs pcrs;
  constexpr std::size_t size = sizeof(Pcrs::mapped_type);
  for (std::size_t at = 0; at + 1 + size <= bytes.size(); at += 1 + size)
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at) + 1, size, pcrs[bytes[at]].begin());
  return pcrs;
}

std::int64_t limit(std::size_t most) { return static_cast<std::int64_t>(std::min<std::size_t>(most, 1U << 30)); }

#define GATEWAY_COLUMNS "name, boot_nonce, newest, sequence, acknowledged, seen, early, policy"
Gateway gateway_of(const Query& q) {
  return {q.text(0), q.bytes(1), q.u32(2), q.u64(3), q.u64(4), q.time(5), q.boolean(6), q.bytes(7)};
}

#define DEVICE_COLUMNS "name, roles, enabled, banned, fingerprint, attestation_key, offence, pcrs"
Device device_of(const Query& q) {
  return {q.text(0),           to_list(q.text(1)),  q.boolean(2),       q.boolean(3),
          q.optional_bytes(4), q.optional_bytes(5), q.optional_time(6), to_pcrs(q.bytes(7))};
}

#define MEMBERSHIP_COLUMNS "gateway, network, device, id"
Membership membership_of(const Query& q) { return {q.text(0), q.text(1), q.text(2), q.u32(3)}; }

#define GENERATION_COLUMNS                                                                                 \
  "gateway, number, state, algorithm, wrapped, made, lifetime, overlap, made_sequence, promote_sequence, " \
  "promoted, ends"
Generation generation_of(const Query& q) {
  return {q.text(0),
          q.u32(1),
          static_cast<GenerationState>(q.integer(2)),
          static_cast<derivation::Algorithm>(q.integer(3)),
          q.bytes(4),
          q.time(5),
          q.seconds(6),
          q.seconds(7),
          q.u64(8),
          q.u64(9),
          q.optional_time(10),
          q.optional_time(11)};
}

#define ISSUE_COLUMNS "gateway, number, id, incarnation, spi, device, issued, lease_until, revoked, due"
Issue issue_of(const Query& q) {
  return {q.text(0), q.u32(1),  q.u32(2),  q.u32(3),     q.u32(4),
          q.text(5), q.time(6), q.time(7), q.boolean(8), q.boolean(9)};
}

#define UPDATE_COLUMNS "gateway, sequence, kind, number, id, incarnation_min, overlap"
Update update_of(const Query& q) {
  return {q.text(0), q.u64(1), static_cast<Update::Kind>(q.integer(2)), q.u32(3), q.u32(4), q.u32(5), q.seconds(6)};
}

std::uint8_t number_of(Update::Kind kind) { return static_cast<std::uint8_t>(kind); }
std::uint8_t number_of(Anomaly::Kind kind) { return static_cast<std::uint8_t>(kind); }
std::uint8_t number_of(GenerationState state) { return static_cast<std::uint8_t>(state); }
std::uint8_t number_of(derivation::Algorithm algorithm) { return static_cast<std::uint8_t>(algorithm); }

/// The row of a query that has one at most.
template <class T, T (*Make)(const Query&)>
std::optional<T> one(Query& query) {
  return query.row() ? std::optional<T>(Make(query)) : std::nullopt;
}

template <class T, T (*Make)(const Query&)>
std::vector<T> all(Query& query) {
  std::vector<T> list;
  while (query.row()) list.push_back(Make(query));
  return list;
}

}  // namespace

// ---- gateways ----

std::optional<Gateway> SqliteTransaction::gateway(const std::string& name) {
  Query q(db_, "SELECT " GATEWAY_COLUMNS " FROM gateway WHERE name = ?1", name);
  return one<Gateway, gateway_of>(q);
}

std::vector<Gateway> SqliteTransaction::gateways() {
  Query q(db_, "SELECT " GATEWAY_COLUMNS " FROM gateway ORDER BY name");
  return all<Gateway, gateway_of>(q);
}

void SqliteTransaction::put(const Gateway& gateway) {
  // Numbers that were used once never come again, whatever the caller thinks.
  Query(db_,
        "INSERT INTO gateway (" GATEWAY_COLUMNS
        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
        "ON CONFLICT (name) DO UPDATE SET boot_nonce = ?2, newest = max(newest, ?3), sequence = max(sequence, ?4), "
        "acknowledged = max(acknowledged, ?5), seen = ?6, early = ?7, policy = ?8",
        gateway.name, gateway.boot_nonce, gateway.newest, gateway.sequence, gateway.acknowledged, gateway.seen,
        gateway.early, gateway.policy)
      .run();
}

// ---- devices ----

std::optional<Device> SqliteTransaction::device(const std::string& name) {
  Query q(db_, "SELECT " DEVICE_COLUMNS " FROM device WHERE name = ?1", name);
  return one<Device, device_of>(q);
}

std::vector<Device> SqliteTransaction::devices(const std::string& after, std::size_t most) {
  Query q(db_, "SELECT " DEVICE_COLUMNS " FROM device WHERE name > ?1 ORDER BY name LIMIT ?2", after, limit(most));
  return all<Device, device_of>(q);
}

void SqliteTransaction::put(const Device& device) {
  Query(db_,
        "INSERT INTO device (" DEVICE_COLUMNS
        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
        "ON CONFLICT (name) DO UPDATE SET roles = ?2, enabled = ?3, banned = ?4, fingerprint = ?5, "
        "attestation_key = ?6, offence = ?7, pcrs = ?8",
        device.name, to_text(device.roles), device.enabled, device.banned, device.fingerprint, device.attestation_key,
        device.offence, to_bytes(device.pcrs))
      .run();
}

void SqliteTransaction::remove_device(const std::string& name) {
  remove_attestation(name);
  Query(db_, "DELETE FROM device WHERE name = ?1", name).run();
}

// ---- memberships ----

std::optional<Membership> SqliteTransaction::membership(const std::string& gateway, const std::string& network,
                                                        const std::string& device) {
  Query q(db_, "SELECT " MEMBERSHIP_COLUMNS " FROM membership WHERE gateway = ?1 AND network = ?2 AND device = ?3",
          gateway, network, device);
  return one<Membership, membership_of>(q);
}

std::vector<Membership> SqliteTransaction::memberships_of(const std::string& device) {
  Query q(db_, "SELECT " MEMBERSHIP_COLUMNS " FROM membership WHERE device = ?1 ORDER BY gateway, network", device);
  return all<Membership, membership_of>(q);
}

void SqliteTransaction::insert(const Membership& membership) {
  Query(db_, "INSERT INTO membership (" MEMBERSHIP_COLUMNS ") VALUES (?1, ?2, ?3, ?4)", membership.gateway,
        membership.network, membership.device, membership.id)
      .run();
}

void SqliteTransaction::remove(const Membership& membership) {
  Query(db_, "DELETE FROM membership WHERE gateway = ?1 AND network = ?2 AND device = ?3", membership.gateway,
        membership.network, membership.device)
      .run();
}

std::vector<std::uint32_t> SqliteTransaction::banned_ids(const std::string& gateway) {
  Query q(db_,
          "SELECT membership.id FROM membership JOIN device ON device.name = membership.device "
          "WHERE membership.gateway = ?1 AND device.banned ORDER BY membership.id",
          gateway);
  std::vector<std::uint32_t> ids;
  while (q.row()) ids.push_back(q.u32(0));
  return ids;
}

std::optional<PoolState> SqliteTransaction::pool(const std::string& gateway, const std::string& network) {
  Query q(db_, "SELECT first, last, free_from FROM pool WHERE gateway = ?1 AND network = ?2", gateway, network);
  if (!q.row()) return std::nullopt;
  return PoolState{gateway, network, {q.u32(0), q.u32(1)}, q.u32(2)};
}

void SqliteTransaction::put(const PoolState& pool) {
  Query(db_,
        "INSERT INTO pool (gateway, network, first, last, free_from) VALUES (?1, ?2, ?3, ?4, ?5) "
        "ON CONFLICT (gateway, network) DO UPDATE SET first = ?3, last = ?4, free_from = ?5",
        pool.gateway, pool.network, pool.pool.first, pool.pool.last, pool.free_from)
      .run();
}

std::optional<std::uint32_t> SqliteTransaction::free_id(const std::string& gateway, std::uint32_t first,
                                                        std::uint32_t last) {
  if (first > last) return std::nullopt;
  {
    Query q(db_, "SELECT 1 FROM membership WHERE gateway = ?1 AND id = ?2", gateway, first);
    if (!q.row()) return first;
  }
  // The first that is taken and has no neighbour.
  Query q(db_,
          "SELECT id + 1 FROM membership AS one WHERE gateway = ?1 AND id BETWEEN ?2 AND ?3 AND NOT EXISTS "
          "(SELECT 1 FROM membership WHERE gateway = ?1 AND id = one.id + 1) ORDER BY id LIMIT 1",
          gateway, first, last);
  if (!q.row() || q.u32(0) > last) return std::nullopt;
  return q.u32(0);
}

void SqliteTransaction::freed_id(const std::string& gateway, std::uint32_t id) {
  Query(db_, "UPDATE pool SET free_from = max(first, ?2) WHERE gateway = ?1 AND free_from > ?2", gateway, id).run();
}

// ---- generations ----

std::optional<Generation> SqliteTransaction::generation(const std::string& gateway, std::uint32_t number) {
  Query q(db_, "SELECT " GENERATION_COLUMNS " FROM generation WHERE gateway = ?1 AND number = ?2", gateway, number);
  return one<Generation, generation_of>(q);
}

std::vector<Generation> SqliteTransaction::live_generations(const std::string& gateway) {
  Query q(db_, "SELECT " GENERATION_COLUMNS " FROM generation WHERE gateway = ?1 AND state < 4 ORDER BY number",
          gateway);
  return all<Generation, generation_of>(q);
}

void SqliteTransaction::insert(const Generation& generation) {
  Query(db_,
        "INSERT INTO generation (" GENERATION_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        generation.gateway, generation.number, number_of(generation.state), number_of(generation.algorithm),
        generation.wrapped, generation.made, generation.lifetime, generation.overlap, generation.made_sequence,
        generation.promote_sequence, generation.promoted, generation.ends)
      .run();
}

void SqliteTransaction::put(const Generation& generation) {
  Query(db_,
        "UPDATE generation SET state = ?3, wrapped = ?4, promote_sequence = ?5, promoted = ?6, ends = ?7 "
        "WHERE gateway = ?1 AND number = ?2",
        generation.gateway, generation.number, number_of(generation.state), generation.wrapped,
        generation.promote_sequence, generation.promoted, generation.ends)
      .run();
}

bool SqliteTransaction::prune_dead(std::size_t most) {
  std::string gateway;
  std::uint32_t number = 0;
  {
    Query q(db_, "SELECT gateway, number FROM generation WHERE state = 4 ORDER BY gateway, number LIMIT 1");
    if (!q.row()) return false;
    gateway = q.text(0);
    number = q.u32(1);
  }
  if (Query(db_,
            "DELETE FROM issue WHERE gateway = ?1 AND number = ?2 AND (id, incarnation) IN "
            "(SELECT id, incarnation FROM issue WHERE gateway = ?1 AND number = ?2 LIMIT ?3)",
            gateway, number, limit(most))
          .run() > 0)
    return true;
  if (Query(db_,
            "DELETE FROM anomaly WHERE gateway = ?1 AND number = ?2 AND (id, incarnation) IN "
            "(SELECT id, incarnation FROM anomaly WHERE gateway = ?1 AND number = ?2 LIMIT ?3)",
            gateway, number, limit(most))
          .run() > 0)
    return true;
  Query(db_, "DELETE FROM generation WHERE gateway = ?1 AND number = ?2", gateway, number).run();
  return true;
}

// ---- issues ----

std::optional<Issue> SqliteTransaction::newest_issue(const std::string& gateway, std::uint32_t number,
                                                     std::uint32_t id) {
  Query q(db_,
          "SELECT " ISSUE_COLUMNS
          " FROM issue WHERE gateway = ?1 AND number = ?2 AND id = ?3 ORDER BY incarnation DESC LIMIT 1",
          gateway, number, id);
  return one<Issue, issue_of>(q);
}

std::optional<Issue> SqliteTransaction::issue(const std::string& gateway, std::uint32_t number, std::uint32_t id,
                                              std::uint32_t incarnation) {
  Query q(db_,
          "SELECT " ISSUE_COLUMNS " FROM issue WHERE gateway = ?1 AND number = ?2 AND id = ?3 AND incarnation = ?4",
          gateway, number, id, incarnation);
  return one<Issue, issue_of>(q);
}

void SqliteTransaction::insert(const Issue& issue) {
  Query(db_, "INSERT INTO issue (" ISSUE_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)", issue.gateway,
        issue.number, issue.id, issue.incarnation, issue.spi, issue.device, issue.issued, issue.lease_until,
        issue.revoked, issue.due)
      .run();
}

void SqliteTransaction::put(const Issue& issue) {
  Query(db_,
        "UPDATE issue SET lease_until = ?5, revoked = max(revoked, ?6), due = ?7 "
        "WHERE gateway = ?1 AND number = ?2 AND id = ?3 AND incarnation = ?4",
        issue.gateway, issue.number, issue.id, issue.incarnation, issue.lease_until, issue.revoked, issue.due)
      .run();
}

void SqliteTransaction::revoke_issues(const std::string& gateway, std::uint32_t number, std::uint32_t id,
                                      std::uint32_t incarnation_min) {
  Query(db_,
        "UPDATE issue SET revoked = 1 "
        "WHERE gateway = ?1 AND number = ?2 AND id = ?3 AND incarnation < ?4 AND revoked = 0",
        gateway, number, id, incarnation_min)
      .run();
}

std::vector<Issue> SqliteTransaction::expired_issues(Time now, std::size_t most) {
  Query q(db_,
          "SELECT " ISSUE_COLUMNS
          " FROM issue WHERE revoked = 0 AND lease_until <= ?1 AND EXISTS (SELECT 1 FROM generation "
          "WHERE gateway = issue.gateway AND number = issue.number AND state < 4) ORDER BY lease_until LIMIT ?2",
          now, limit(most));
  return all<Issue, issue_of>(q);
}

// ---- attestations ----

std::optional<Attestation> SqliteTransaction::attestation(const std::string& device) {
  Query q(db_, "SELECT device, fingerprint, good_until, postures FROM attestation WHERE device = ?1", device);
  if (!q.row()) return std::nullopt;
  return Attestation{q.text(0), q.bytes(1), q.time(2), to_list(q.text(3))};
}

void SqliteTransaction::put(const Attestation& attestation) {
  Query(db_,
        "INSERT INTO attestation (device, fingerprint, good_until, postures) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT (device) DO UPDATE SET fingerprint = ?2, good_until = ?3, postures = ?4",
        attestation.device, attestation.fingerprint, attestation.good_until, to_text(attestation.postures))
      .run();
}

void SqliteTransaction::remove_attestation(const std::string& device) {
  Query(db_, "DELETE FROM attestation WHERE device = ?1", device).run();
}

// ---- updates ----

void SqliteTransaction::insert(const Update& update) {
  Query(db_, "INSERT INTO gateway_update (" UPDATE_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", update.gateway,
        update.sequence, number_of(update.kind), update.number, update.id, update.incarnation_min, update.overlap)
      .run();
}

std::vector<Update> SqliteTransaction::updates(const std::string& gateway, std::uint64_t after, std::size_t most) {
  Query q(db_,
          "SELECT " UPDATE_COLUMNS
          " FROM gateway_update WHERE gateway = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3",
          gateway, after, limit(most));
  return all<Update, update_of>(q);
}

void SqliteTransaction::remove_updates(const std::string& gateway, std::uint64_t through) {
  Query(db_, "DELETE FROM gateway_update WHERE gateway = ?1 AND sequence <= ?2", gateway, through).run();
}

void SqliteTransaction::remove_updates_of(const std::string& gateway, std::uint32_t number) {
  // Bans and policies have number 0.
  Query(db_, "DELETE FROM gateway_update WHERE gateway = ?1 AND number = ?2", gateway, number).run();
}

void SqliteTransaction::remove_superseded(const Update& by) {
  using Kind = Update::Kind;
  switch (by.kind) {
    case Kind::generation:
    case Kind::promote:
      return;
    case Kind::revoke:
      Query(db_,
            "DELETE FROM gateway_update WHERE gateway = ?1 AND id = ?2 AND kind = ?3 AND number = ?4 "
            "AND incarnation_min <= ?5",
            by.gateway, by.id, number_of(by.kind), by.number, by.incarnation_min)
          .run();
      return;
    case Kind::ban:
    case Kind::unban:
      Query(db_, "DELETE FROM gateway_update WHERE gateway = ?1 AND id = ?2 AND kind IN (?3, ?4)", by.gateway, by.id,
            number_of(Kind::ban), number_of(Kind::unban))
          .run();
      return;
    case Kind::policy:
      Query(db_, "DELETE FROM gateway_update WHERE gateway = ?1 AND id = 0 AND kind = ?2", by.gateway,
            number_of(by.kind))
          .run();
      return;
  }
}

// ---- anomalies ----

std::optional<Anomaly> SqliteTransaction::anomaly(const Anomaly& key) {
  Query q(db_,
          "SELECT first, last, count FROM anomaly "
          "WHERE gateway = ?1 AND number = ?2 AND id = ?3 AND incarnation = ?4 AND kind = ?5",
          key.gateway, key.number, key.id, key.incarnation, number_of(key.kind));
  if (!q.row()) return std::nullopt;
  return Anomaly{key.gateway, key.number, key.id, key.incarnation, key.kind, q.time(0), q.time(1), q.u64(2)};
}

void SqliteTransaction::put(const Anomaly& anomaly) {
  Query(db_,
        "INSERT INTO anomaly (gateway, number, id, incarnation, kind, first, last, count) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
        "ON CONFLICT (gateway, number, id, incarnation, kind) DO UPDATE SET first = ?6, last = ?7, count = ?8",
        anomaly.gateway, anomaly.number, anomaly.id, anomaly.incarnation, number_of(anomaly.kind), anomaly.first,
        anomaly.last, anomaly.count)
      .run();
}

// ---- audit ----

void SqliteTransaction::append(const Audit& line) {
  Query(db_, "INSERT INTO audit (time, actor, action, subject, outcome, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        line.time, line.actor, line.action, line.subject, line.outcome, line.detail)
      .run();
  lines_.push_back(line);
}

std::vector<Audit> SqliteTransaction::audit(std::uint64_t after, std::size_t most, std::size_t most_bytes) {
  Query q(db_,
          "SELECT sequence, time, actor, action, subject, outcome, detail FROM audit WHERE sequence > ?1 "
          "ORDER BY sequence LIMIT ?2",
          after, limit(most));
  std::vector<Audit> lines;
  for (std::size_t bytes = 0; bytes < most_bytes && q.row(); bytes += lines.back().detail.size())
    lines.push_back({q.u64(0), q.time(1), q.text(2), q.text(3), q.text(4), q.text(5), q.text(6)});
  return lines;
}

bool SqliteTransaction::prune_audit(Time before, std::size_t most, std::size_t most_bytes) {
  // By sequence: lines are appended as time goes on, and one whose clock was ahead only stays a little longer.  Each
  // byte of what goes is overwritten, which is what takes the time.
  std::uint64_t through = 0;
  {
    Query q(db_, "SELECT sequence, time, length(detail) FROM audit ORDER BY sequence LIMIT ?1", limit(most));
    for (std::size_t bytes = 0; bytes < most_bytes && q.row(); bytes += q.u64(2))
      if (q.time(1) < before) through = q.u64(0);
  }
  if (through == 0) return false;
  return Query(db_, "DELETE FROM audit WHERE sequence <= ?1 AND time < ?2", through, before).run() > 0;
}

}  // namespace sluice::kds::sqlite
