// SPDX-License-Identifier: Apache-2.0
//
// Connection: a SQLite file, opened as the key server wants it, and its prepared statements.  Query: one use of one.
// The first failure is kept and everything after it does nothing, until it is taken (see store.hpp).
#pragma once

#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.hpp"
#include "kds/records.hpp"

namespace sluice::kds::sqlite {

struct Close {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
inline constexpr int busy_milliseconds = 5000;  ///< that a lock of another connection is waited for

using UniqueDatabase = std::unique_ptr<sqlite3, Close>;
using UniqueStatement = std::unique_ptr<sqlite3_stmt, Finalize>;

class Connection {
 public:
  /// The file must exist, and be one that can be written; an empty one is a new database.
  static Result<std::unique_ptr<Connection>> open(const std::filesystem::path& path);

  /// Statements without results or values.
  Result<void> execute(const char* sql);
  /// The one number that it answers.
  Result<std::int64_t> number(const char* sql);

  [[nodiscard]] sqlite3* handle() const { return database_.get(); }
  [[nodiscard]] bool failed() const { return failure_.has_value(); }
  void fail(Error error);
  /// What SQLite says went wrong: ENOTUNIQ, EBUSY, EROFS, ENOSPC, ENOMEM, else EIO.
  [[nodiscard]] Error error(const std::string& what) const;
  /// And from then on things are done again.
  std::optional<Error> take_failure() { return std::exchange(failure_, std::nullopt); }
  /// Statements that write fail while this is set.
  void only_reads(bool only) { only_reads_ = only; }

 private:
  friend class Query;
  Connection(UniqueDatabase database, std::string name) : database_(std::move(database)), name_(std::move(name)) {}
  sqlite3_stmt* prepared(const char* sql);

  UniqueDatabase database_;
  std::string name_;
  std::unordered_map<const char*, UniqueStatement> statements_;  // by the literal's address; closed before the file
  std::optional<Error> failure_;
  bool only_reads_ = false;
};

class Query {
 public:
  /// *sql*: a literal.  The values are bound in order: ?1, ?2 ...
  template <class... Values>
  Query(Connection& connection, const char* sql, const Values&... values)
      : connection_(connection), statement_(connection.prepared(sql)) {
    int position = 0;
    (bind(++position, values), ...);
  }
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  /// Steps to the next row; false: none, or a failure, which the connection keeps.
  bool row();
  /// To the end.  How many rows were changed.
  std::int64_t run();

  // Columns of this row, from 0.
  [[nodiscard]] std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] std::uint32_t u32(int column) const { return static_cast<std::uint32_t>(integer(column)); }
  [[nodiscard]] std::uint64_t u64(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  [[nodiscard]] bool boolean(int column) const { return integer(column) != 0; }
  [[nodiscard]] bool null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] Bytes bytes(int column) const;
  [[nodiscard]] Time time(int column) const;
  [[nodiscard]] std::chrono::seconds seconds(int column) const { return std::chrono::seconds(integer(column)); }
  [[nodiscard]] std::optional<Time> optional_time(int column) const;
  [[nodiscard]] std::optional<Bytes> optional_bytes(int column) const;

 private:
  void bind(int position, std::int64_t value);
  void bind(int position, std::uint64_t value) { bind(position, static_cast<std::int64_t>(value)); }
  void bind(int position, std::uint32_t value) { bind(position, std::int64_t{value}); }
  void bind(int position, std::uint8_t value) { bind(position, std::int64_t{value}); }
  void bind(int position, bool value) { bind(position, std::int64_t{value}); }
  void bind(int position, const std::string& value);
  void bind(int position, const Bytes& value);
  void bind(int position, Time value);
  void bind(int position, std::chrono::seconds value) { bind(position, std::int64_t{value.count()}); }
  template <class T>
  void bind(int position, const std::optional<T>& value) {
    if (value) bind(position, *value);  // otherwise it is NULL, as everything that was not bound
  }
  void check(int code);

  Connection& connection_;
  sqlite3_stmt* statement_;  // null: it failed
};

}  // namespace sluice::kds::sqlite
