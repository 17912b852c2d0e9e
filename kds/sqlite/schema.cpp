// SPDX-License-Identifier: Apache-2.0
#include "kds/sqlite/schema.hpp"

#include <array>
#include <cerrno>
#include <string>

namespace sluice::kds::sqlite {
namespace {

constexpr std::int64_t application_id = 0x534c4b44;  // "SLKD": PRAGMA application_id

// Times are nanoseconds since 1970, spans seconds; lists are JSON arrays.
constexpr const char* version_1 = R"sql(
CREATE TABLE gateway (
  name TEXT PRIMARY KEY,
  boot_nonce BLOB NOT NULL,
  newest INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  acknowledged INTEGER NOT NULL,
  seen INTEGER NOT NULL,
  early INTEGER NOT NULL,
  policy BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
  name TEXT PRIMARY KEY,
  roles TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  banned INTEGER NOT NULL,
  fingerprint BLOB,
  attestation_key BLOB,
  offence INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE membership (
  gateway TEXT NOT NULL REFERENCES gateway (name),
  network TEXT NOT NULL,
  device TEXT NOT NULL REFERENCES device (name),
  id INTEGER NOT NULL CHECK (id BETWEEN 1 AND 1048575),
  PRIMARY KEY (gateway, network, device),
  UNIQUE (gateway, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX membership_device ON membership (device);

CREATE TABLE pool (
  gateway TEXT NOT NULL REFERENCES gateway (name),
  network TEXT NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  free_from INTEGER NOT NULL,
  PRIMARY KEY (gateway, network)
) STRICT, WITHOUT ROWID;

CREATE TABLE generation (
  gateway TEXT NOT NULL REFERENCES gateway (name),
  number INTEGER NOT NULL,
  state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),
  algorithm INTEGER NOT NULL,
  wrapped BLOB NOT NULL,
  made INTEGER NOT NULL,
  lifetime INTEGER NOT NULL,
  overlap INTEGER NOT NULL,
  made_sequence INTEGER NOT NULL,
  promote_sequence INTEGER NOT NULL,
  promoted INTEGER,
  ends INTEGER,
  PRIMARY KEY (gateway, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX generation_state ON generation (gateway, state) WHERE state < 4;
CREATE INDEX generation_dead ON generation (gateway, number) WHERE state = 4;

CREATE TABLE issue (
  gateway TEXT NOT NULL,
  number INTEGER NOT NULL,
  id INTEGER NOT NULL,
  incarnation INTEGER NOT NULL CHECK (incarnation BETWEEN 0 AND 511),
  spi INTEGER NOT NULL,
  device TEXT NOT NULL,
  issued INTEGER NOT NULL,
  lease_until INTEGER NOT NULL,
  revoked INTEGER NOT NULL,
  due INTEGER NOT NULL,
  PRIMARY KEY (gateway, number, id, incarnation),
  UNIQUE (gateway, number, spi),
  FOREIGN KEY (gateway, number) REFERENCES generation (gateway, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX issue_lease ON issue (lease_until) WHERE revoked = 0;

CREATE TABLE attestation (
  device TEXT PRIMARY KEY REFERENCES device (name),
  fingerprint BLOB NOT NULL,
  good_until INTEGER NOT NULL,
  postures TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE gateway_update (
  gateway TEXT NOT NULL REFERENCES gateway (name),
  sequence INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  number INTEGER NOT NULL,
  id INTEGER NOT NULL,
  incarnation_min INTEGER NOT NULL,
  overlap INTEGER NOT NULL,
  PRIMARY KEY (gateway, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX gateway_update_about ON gateway_update (gateway, id, kind);

CREATE TABLE anomaly (
  gateway TEXT NOT NULL,
  number INTEGER NOT NULL,
  id INTEGER NOT NULL,
  incarnation INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (gateway, number, id, incarnation, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  time INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  outcome TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
)sql";

// PCRs are their numbers, a byte each, and behind each its 32 bytes.
constexpr const char* version_2 = "ALTER TABLE device ADD COLUMN pcrs BLOB NOT NULL DEFAULT x''";

constexpr std::array migrations{version_1, version_2};

/// Within a transaction: as far as one version; false: nothing is left to do.
Result<bool> step(Connection& connection, const std::string& name) {
  Result<std::int64_t> version = connection.number("PRAGMA user_version");
  if (!version) return version.error();
  if (*version > schema_version)
    return Error{name + ": was written by a newer sluice-kds (its format is " + std::to_string(*version) +
                     ", this program knows " + std::to_string(schema_version) + "); run that one",
                 EPROTO};
  Result<std::int64_t> owner = connection.number("PRAGMA application_id");
  Result<std::int64_t> tables = connection.number("SELECT count(*) FROM sqlite_schema");
  if (!owner) return owner.error();
  if (!tables) return tables.error();
  if (*version < 0 || (*tables > 0 && *owner != application_id))
    return Error{name + ": is a database, and not one of sluice-kds; name another file", EPROTO};
  if (*version == schema_version) return false;
  if (auto done = connection.execute(migrations[static_cast<std::size_t>(*version)]); !done) return done.error();
  const std::string marks = "PRAGMA application_id=" + std::to_string(application_id) +
                            "; PRAGMA user_version=" + std::to_string(*version + 1);
  if (auto done = connection.execute(marks.c_str()); !done) return done.error();
  return true;
}

}  // namespace

const std::int64_t schema_version = static_cast<std::int64_t>(migrations.size());

Result<void> migrate(Connection& connection, const std::string& name) {
  for (std::size_t i = 0; i <= migrations.size(); ++i) {
    if (auto begun = connection.execute("BEGIN IMMEDIATE"); !begun) return begun;
    Result<bool> more = step(connection, name);
    if (auto ended = connection.execute(more ? "COMMIT" : "ROLLBACK"); more && !ended) {
      (void)connection.execute("ROLLBACK");
      return ended;
    }
    if (!more) return more.error();
    if (!*more) return {};
  }
  return {};
}

}  // namespace sluice::kds::sqlite
