// SPDX-License-Identifier: Apache-2.0
#include "kds/sqlite/store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <thread>
#include <utility>

#include "kds/sqlite/schema.hpp"
#include "kds/sqlite/transaction.hpp"

namespace sluice::kds::sqlite {
namespace {

using namespace std::chrono_literals;

constexpr int long_log = 1000;  // pages; SQLite's own default
constexpr auto longest_wait = 5s;
constexpr auto between_tries = 200us;

/// An empty file for its owner alone, if there is none.  What exists is not opened here: closing a descriptor of a file
/// ends the locks that this process has on it by others (fcntl(2)), SQLite's among them.
Result<void> make_file(const std::filesystem::path& path) {
  const UniqueFd made(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (made) {
    if (::fchmod(made.get(), 0600) != 0) return system_error(path.string(), errno);
    return {};
  }
  if (errno != EEXIST) return system_error(path.string(), errno);
  struct stat about {};
  if (::lstat(path.c_str(), &about) != 0) return system_error(path.string(), errno);
  if (!S_ISREG(about.st_mode)) return Error{path.string() + ": is no regular file", EINVAL};
  if ((about.st_mode & 077) == 0) return {};
  char mode[8];
  std::snprintf(mode, sizeof mode, "%04o", about.st_mode & 07777U);
  return Error{path.string() + ": holds keys, and its mode " + mode + " lets others at them; `chmod 600 " +
                   path.string() + "` closes it",
               EACCES};
}

/// One writer at a time, for as long as it lives.
class Turn {
 public:
  static Result<Turn> take(int fd, const std::string& name) {
    // flock() has no time limit of its own, and a process that was stopped must not stop all others.
    const auto deadline = std::chrono::steady_clock::now() + longest_wait;
    while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno != EWOULDBLOCK) return system_error(name + "-lock", errno);
      if (std::chrono::steady_clock::now() >= deadline)
        return Error{name + ": another process has been writing for seconds; is one stopped?", EBUSY};
      std::this_thread::sleep_for(between_tries);
    }
    return Turn(fd);
  }
  Turn(Turn&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Turn& operator=(Turn&&) = delete;
  ~Turn() {
    if (fd_ >= 0) ::flock(fd_, LOCK_UN);
  }

 private:
  explicit Turn(int fd) : fd_(fd) {}
  int fd_;
};

/// Ends a transaction that was not committed, also if the function within throws.
class Rollback {
 public:
  explicit Rollback(Connection& connection) : connection_(connection) {}
  ~Rollback() {
    connection_.only_reads(false);
    if (sqlite3_get_autocommit(connection_.handle()) == 0) (void)connection_.execute("ROLLBACK");
    (void)connection_.take_failure();
  }
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;

 private:
  Connection& connection_;
};

int note_pages(void* pages, sqlite3*, const char*, int in_log) {
  *static_cast<int*>(pages) = in_log;
  return SQLITE_OK;
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::filesystem::path& path) {
  const std::string name = path.string();
  UniqueFd lock(::open((name + "-lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return system_error(name + "-lock", errno);
  Result<Turn> turn = Turn::take(lock.get(), name);
  if (!turn) return turn.error();
  if (auto made = make_file(path); !made) return made.error();
  Result<std::unique_ptr<Connection>> connection = Connection::open(path);
  if (!connection) return connection.error();
  if (auto done = migrate(**connection, name); !done) return done.error();
  std::unique_ptr<SqliteStore> store(new SqliteStore(*std::move(connection), std::move(lock), name));
  sqlite3_wal_hook(store->connection_->handle(), note_pages, &store->log_pages_);
  return store;
}

SqliteStore::~SqliteStore() {
  // The last connection's end is a checkpoint.  Without the turn it is still safe: SQLite makes it alone on the file.
  const Result<Turn> turn = Turn::take(lock_.get(), name_);
  connection_.reset();
}

Result<void> SqliteStore::transact(const Work& work) {
  Result<Turn> turn = Turn::take(lock_.get(), name_);
  if (!turn) return turn.error();
  if (auto done = run(work, "BEGIN IMMEDIATE", false); !done) return done;
  checkpoint_if_long();
  return {};
}

Result<void> SqliteStore::read(const Work& work) { return run(work, "BEGIN", true); }

Result<void> SqliteStore::run(const Work& work, const char* begin, bool only_reads) {
  if (sqlite3_get_autocommit(connection_->handle()) == 0)
    return Error{name_ + ": a transaction within a transaction", EDEADLK};
  if (auto begun = connection_->execute(begin); !begun) return begun;
  const Rollback rollback(*connection_);
  connection_->only_reads(only_reads);
  SqliteTransaction transaction(*connection_);
  Result<void> done = work(transaction);
  // A failure below explains what the function may have concluded from what it did not get.
  if (std::optional<Error> failure = connection_->take_failure()) return *failure;
  if (!done) return done;
  if (auto ended = connection_->execute("COMMIT"); !ended) return ended;
  committed(transaction.lines());
  return {};
}

Result<bool> SqliteStore::changed() {
  Result<std::int64_t> version = connection_->number("PRAGMA data_version");
  if (!version) return version.error();
  return std::exchange(seen_version_, *version) != *version;
}

void SqliteStore::checkpoint_if_long() {
  if (log_pages_ < long_log) return;
  // PASSIVE: as far as nobody has to wait.  What fails now is tried after the next commit; that one is safe anyway.
  sqlite3_wal_checkpoint_v2(connection_->handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

Result<bool> SqliteStore::scrub() {
  Result<Turn> turn = Turn::take(lock_.get(), name_);
  if (!turn) return turn.error();
  sqlite3* database = connection_->handle();
  // Readers are not waited for.
  sqlite3_busy_timeout(database, 0);
  const int code = sqlite3_wal_checkpoint_v2(database, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  Result<bool> result = code == SQLITE_OK;
  if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) result = connection_->error("checkpoint");
  sqlite3_busy_timeout(database, busy_milliseconds);
  if (code == SQLITE_OK) log_pages_ = 0;
  return result;
}

}  // namespace sluice::kds::sqlite
