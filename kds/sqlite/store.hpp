// SPDX-License-Identifier: Apache-2.0
//
// SqliteStore: the embedded store, one file that the key servers of a host share.  A transaction that returned is on
// the disk (WAL, synchronous=FULL).
//
// Beside SQLite's own locks, writing and checkpoints take turns by flock(2) on FILE-lock.  SQLite up to 3.51.2 (Debian
// 12 has 3.40.1) may corrupt a file when one connection commits while another one checkpoints (sqlite.org/wal.html,
// "The WAL-Reset Bug"): with the lock the two never meet.  A person who writes with the sqlite3 shell does so while no
// key server runs.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "kds/sqlite/connection.hpp"
#include "kds/store.hpp"

namespace sluice::kds::sqlite {

class SqliteStore final : public Store {
 public:
  /// Makes the file (0600) if there is none.  One that others may read or write is refused.  Not across fork(2).
  static Result<std::unique_ptr<SqliteStore>> open(const std::filesystem::path& path);
  ~SqliteStore() override;

  Result<void> transact(const Work& work) override;
  Result<void> read(const Work& work) override;
  Result<bool> changed() override;
  Result<bool> scrub() override;

 private:
  SqliteStore(std::unique_ptr<Connection> connection, UniqueFd lock, std::string name)
      : lock_(std::move(lock)), connection_(std::move(connection)), name_(std::move(name)) {}
  Result<void> run(const Work& work, const char* begin, bool only_reads);
  void checkpoint_if_long();

  UniqueFd lock_;  // outlives the connection, whose end is a checkpoint
  std::unique_ptr<Connection> connection_;
  std::string name_;
  std::optional<std::int64_t> seen_version_;
  int log_pages_ = 0;  // of the write-ahead log, after the last commit of ours
};

}  // namespace sluice::kds::sqlite
