// SPDX-License-Identifier: Apache-2.0
#include "kds/sqlite/connection.hpp"

#include <cerrno>
#include <utility>

namespace sluice::kds::sqlite {
namespace {

// Nanoseconds since 1970 in 64 bits: what system_clock has here, so that a time comes back as it went in; until 2262.
std::int64_t to_number(Time time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

Time to_time(std::int64_t number) {
  return Time(std::chrono::duration_cast<Time::duration>(std::chrono::nanoseconds(number)));
}

/// What a caller may treat differently.  None is one that the rules above the store give (EACCES, EAGAIN, EEXIST,
/// EINVAL, ENODATA, ENOENT): those are answers to whoever asks, and a store that fails is none of his business.
int errno_of(int code) {
  switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
      return ENOTUNIQ;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return EBUSY;
    case SQLITE_FULL:
      return ENOSPC;
    case SQLITE_NOMEM:
      return ENOMEM;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return EROFS;
    default:
      return EIO;
  }
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const std::filesystem::path& path) {
  // Absolute, as "file:..." and ":memory:" mean something else to SQLite.
  std::error_code code;
  const std::filesystem::path absolute = std::filesystem::absolute(path, code);
  if (code) return Error{path.string() + ": " + code.message(), code.value()};
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(absolute.c_str(), &raw,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  UniqueDatabase database(raw);
  if (opened != SQLITE_OK)
    return Error{path.string() + ": " + (raw != nullptr ? sqlite3_errmsg(raw) : "no memory"), errno_of(opened)};
  // SQLite opens what it may only read without a word, and fails when the first key is issued.
  if (sqlite3_db_readonly(raw, "main") != 0)
    return Error{path.string() +
                     ": can be read here, but not written: look at its owner and mode, and at whether its " +
                     "file system is mounted read-only",
                 EROFS};
  std::unique_ptr<Connection> connection(new Connection(std::move(database), path.string()));
  sqlite3_busy_timeout(raw, busy_milliseconds);
  // A file that somebody prepared runs nothing of its own, and our own statements do not break its structure.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  // sqlite.org/pragma.html.  FULL: a commit that returned is on the disk.  Checkpoints are the store's own affair.
  for (const char* sql : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON",
                          "PRAGMA secure_delete=ON", "PRAGMA temp_store=MEMORY", "PRAGMA wal_autocheckpoint=0",
                          "PRAGMA cell_size_check=ON", "PRAGMA cache_size=-16384"}) {
    if (auto done = connection->execute(sql); !done) return done.error();
  }
  return connection;
}

Result<void> Connection::execute(const char* sql) {
  if (sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error(sql);
  return {};
}

Result<std::int64_t> Connection::number(const char* sql) {
  Query query(*this, sql);
  const bool row = query.row();
  if (std::optional<Error> failure = take_failure()) return *failure;
  if (!row) return Error{name_ + ": no answer to " + sql, EIO};
  return query.integer(0);
}

void Connection::fail(Error error) {
  if (!failure_) failure_ = std::move(error);
}

Error Connection::error(const std::string& what) const {
  // The first words are enough to find a statement; values are never part of it.
  return {name_ + ": " + sqlite3_errmsg(handle()) + " (" + what.substr(0, 60) + ")",
          errno_of(sqlite3_extended_errcode(handle()))};
}

sqlite3_stmt* Connection::prepared(const char* sql) {
  if (failed()) return nullptr;
  UniqueStatement& statement = statements_[sql];
  if (!statement) {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v3(handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr) != SQLITE_OK) {
      fail(error(sql));
      return nullptr;
    }
    statement.reset(raw);
  }
  if (only_reads_ && sqlite3_stmt_readonly(statement.get()) == 0) {
    fail(Error{name_ + ": a write where only reading was announced", EROFS});
    return nullptr;
  }
  return statement.get();
}

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

bool Query::row() {
  if (statement_ == nullptr || connection_.failed()) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) connection_.fail(connection_.error(sqlite3_sql(statement_)));
  return false;
}

std::int64_t Query::run() {
  while (row()) {
  }
  return connection_.failed() ? 0 : sqlite3_changes64(connection_.handle());
}

std::string Query::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return text == nullptr ? std::string()
                         : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

Bytes Query::bytes(int column) const {
  const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
  return bytes == nullptr ? Bytes() : Bytes(bytes, bytes + sqlite3_column_bytes(statement_, column));
}

Time Query::time(int column) const { return to_time(integer(column)); }

std::optional<Time> Query::optional_time(int column) const {
  return null(column) ? std::nullopt : std::optional(time(column));
}

std::optional<Bytes> Query::optional_bytes(int column) const {
  return null(column) ? std::nullopt : std::optional(bytes(column));
}

void Query::check(int code) {
  if (code != SQLITE_OK) connection_.fail(connection_.error("bind"));
}

void Query::bind(int position, std::int64_t value) {
  if (statement_ != nullptr) check(sqlite3_bind_int64(statement_, position, value));
}

// Copied: a constructor's arguments may be temporaries.
void Query::bind(int position, const std::string& value) {
  if (statement_ != nullptr)
    check(sqlite3_bind_text64(statement_, position, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

void Query::bind(int position, const Bytes& value) {
  if (statement_ == nullptr) return;
  // A null pointer would bind NULL.
  static const std::uint8_t nothing = 0;
  check(sqlite3_bind_blob64(statement_, position, value.empty() ? &nothing : value.data(), value.size(),
                            SQLITE_TRANSIENT));
}

void Query::bind(int position, Time value) { bind(position, to_number(value)); }

}  // namespace sluice::kds::sqlite
