// SPDX-License-Identifier: Apache-2.0
#include "kds/sqlite/store.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <fstream>

#include "kds/testing.hpp"

namespace sluice::kds::sqlite {
namespace {

using namespace testing_support;

/// What a person's sqlite3 shell would do, in a file that no store has open.
void by_hand(const std::filesystem::path& path, const char* sql) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &raw), SQLITE_OK);
  const UniqueDatabase database(raw);
  ASSERT_EQ(sqlite3_exec(raw, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(raw);
}

unsigned mode_of(const std::filesystem::path& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 ? about.st_mode & 07777U : 0;
}

Result<void> nothing(Transaction&) { return {}; }

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { store_ = *SqliteStore::open(path_); }
  /// True: all of it was written.
  int number_of(const Store::Work& work) {
    const Result<void> done = store_->transact(work);
    return done ? 0 : done.error().number;
  }
  template <class T>
  int insert(const T& record) {
    return number_of([&](Transaction& t) -> Result<void> {
      t.insert(record);
      return {};
    });
  }
  template <class T>
  int put(const T& record) {
    return number_of([&](Transaction& t) -> Result<void> {
      t.put(record);
      return {};
    });
  }

  Folder folder_;
  std::filesystem::path path_ = folder_ / "kds.db";
  std::unique_ptr<SqliteStore> store_;
};

Gateway a_gateway() { return {"gw1", nonce(1), 3, 9, 8, start(), true, {1, 2}}; }

Generation a_generation(std::uint32_t number, GenerationState state) {
  Generation generation;
  generation.gateway = "gw1";
  generation.number = number;
  generation.state = state;
  generation.wrapped = Bytes(Kek::wrapped_size, 0x5a);
  generation.made = start();
  generation.lifetime = 1h;
  generation.overlap = 10min;
  generation.made_sequence = 4;
  return generation;
}

Issue an_issue(std::uint32_t id, std::uint32_t incarnation, std::uint32_t spi) {
  return {"gw1", 1, id, incarnation, spi, "laptop", start(), start() + 10min, false, false};
}

TEST_F(StoreTest, GivesRecordsBackAsTheyWere) {
  const Gateway gateway = a_gateway();
  Device device;
  device.name = "laptop";
  device.roles = {"staff", "admin"};
  device.enabled = false;
  device.fingerprint = Bytes(32, 7);
  device.offence = start() + 1ns;
  Generation generation = a_generation(1, GenerationState::current);
  generation.promoted = start() + 5s;
  const Issue issue = an_issue(5, 0, 0x40000a00);
  const Attestation attestation{"laptop", Bytes(32, 9), start() + 1h, {"standard", "strict"}};
  const Update update{"gw1", 5, Update::Kind::revoke, 1, 5, 512, 0s};
  const Anomaly anomaly{"gw1", 1, 5, 0, Anomaly::Kind::clone, start(), start() + 1s, 3};
  const Membership membership{"gw1", "net1", "laptop", 5};
  ASSERT_EQ(number_of([&](Transaction& t) -> Result<void> {
              t.put(gateway);
              t.put(device);
              t.insert(generation);
              t.insert(membership);
              t.insert(issue);
              t.put(attestation);
              t.insert(update);
              t.put(anomaly);
              t.append({0, start(), "kds", "issue", "device/laptop", "issued", "{}"});
              return {};
            }),
            0);
  store_.reset();
  store_ = *SqliteStore::open(path_);
  ASSERT_TRUE(store_->read([&](Transaction& t) -> Result<void> {
    EXPECT_EQ(t.gateway("gw1"), gateway);
    EXPECT_EQ(t.gateways().size(), 1U);
    EXPECT_EQ(t.device("laptop"), device);
    EXPECT_EQ(t.devices("", 10).size(), 1U);
    EXPECT_EQ(t.devices("laptop", 10).size(), 0U);
    EXPECT_EQ(t.generation("gw1", 1), generation);
    EXPECT_EQ(t.live_generations("gw1").size(), 1U);
    EXPECT_EQ(t.membership("gw1", "net1", "laptop"), membership);
    EXPECT_EQ(t.memberships_of("laptop").size(), 1U);
    EXPECT_EQ(t.issue("gw1", 1, 5, 0), issue);
    EXPECT_EQ(t.newest_issue("gw1", 1, 5), issue);
    EXPECT_EQ(t.attestation("laptop"), attestation);
    EXPECT_EQ(t.updates("gw1", 0, 10), std::vector{update});
    EXPECT_TRUE(t.updates("gw1", 5, 10).empty());
    EXPECT_EQ(t.anomaly(anomaly), anomaly);
    EXPECT_EQ(t.audit(0, 10).size(), 1U);
    EXPECT_EQ(t.expired_issues(start() + 10min, 10).size(), 1U);
    EXPECT_TRUE(t.expired_issues(start() + 10min - 1ns, 10).empty());
    EXPECT_FALSE(t.gateway("gw2") || t.device("none") || t.attestation("none") || t.generation("gw1", 2));
    return {};
  }));
}

TEST_F(StoreTest, HoldsWhatMustBeUnique) {
  Device laptop, phone;
  laptop.name = "laptop";
  phone.name = "phone";
  ASSERT_EQ(put(a_gateway()) + put(laptop) + put(phone) + insert(a_generation(1, GenerationState::current)), 0);
  EXPECT_EQ(insert(a_generation(1, GenerationState::next)), ENOTUNIQ);     // the number
  EXPECT_EQ(insert(a_generation(2, GenerationState::current)), ENOTUNIQ);  // two current ones
  ASSERT_EQ(insert(Membership{"gw1", "net1", "laptop", 5}), 0);
  EXPECT_EQ(insert(Membership{"gw1", "net1", "phone", 5}), ENOTUNIQ);
  EXPECT_EQ(insert(Membership{"gw1", "net1", "laptop", 6}), ENOTUNIQ);
  EXPECT_EQ(insert(Membership{"gw1", "net1", "nobody", 7}), ENOTUNIQ);  // a foreign key
  ASSERT_EQ(insert(an_issue(5, 0, 0xa00)), 0);
  EXPECT_EQ(insert(an_issue(5, 0, 0xa01)), ENOTUNIQ);
  EXPECT_EQ(insert(an_issue(5, 1, 0xa00)), ENOTUNIQ);
  EXPECT_EQ(insert(an_issue(5, 512, 0xa02)), ENOTUNIQ);  // out of range
  const Update update{"gw1", 5, Update::Kind::ban, 0, 5, 0, 0s};
  ASSERT_EQ(insert(update), 0);
  EXPECT_EQ(insert(update), ENOTUNIQ);
}

TEST_F(StoreTest, KeepsAllOfATransactionOrNothing) {
  // The function failed.
  EXPECT_EQ(number_of([&](Transaction& t) -> Result<void> {
              t.put(a_gateway());
              return Error{"no", EDOM};
            }),
            EDOM);
  // An access failed in the middle: its error is what is told, and nothing after it is done.
  EXPECT_EQ(number_of([&](Transaction& t) -> Result<void> {
              t.put(a_gateway());
              t.insert(Membership{"gw1", "net1", "nobody", 7});
              EXPECT_FALSE(t.gateway("gw1"));
              return Error{"a conclusion from that", EDOM};
            }),
            ENOTUNIQ);
  // A write where only reading was announced.
  const Result<void> read = store_->read([&](Transaction& t) -> Result<void> {
    t.put(a_gateway());
    return {};
  });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().number, EROFS);
  // One within another.
  EXPECT_EQ(number_of([&](Transaction&) { return store_->read(nothing); }), EDEADLK);
  ASSERT_TRUE(store_->read([&](Transaction& t) -> Result<void> {
    EXPECT_TRUE(t.gateways().empty());
    return {};
  }));
  EXPECT_EQ(put(a_gateway()), 0);
}

TEST_F(StoreTest, NeverTakesNumbersBack) {
  ASSERT_EQ(put(a_gateway()), 0);
  Gateway less = a_gateway();
  less.newest = less.sequence = less.acknowledged = 1;
  ASSERT_EQ(put(less), 0);
  Device laptop;
  laptop.name = "laptop";
  ASSERT_EQ(put(laptop) + insert(a_generation(1, GenerationState::current)) + insert(an_issue(5, 0, 0xa00)), 0);
  Issue issue = an_issue(5, 0, 0xa00);
  issue.revoked = true;
  ASSERT_EQ(put(issue), 0);
  issue.revoked = false;
  ASSERT_EQ(put(issue), 0);
  ASSERT_TRUE(store_->read([&](Transaction& t) -> Result<void> {
    EXPECT_EQ(t.gateway("gw1")->newest, 3U);
    EXPECT_EQ(t.gateway("gw1")->sequence, 9U);
    EXPECT_EQ(t.gateway("gw1")->acknowledged, 8U);
    EXPECT_TRUE(t.issue("gw1", 1, 5, 0)->revoked);
    return {};
  }));
}

TEST_F(StoreTest, FindsTheLowestFreeId) {
  ASSERT_EQ(put(a_gateway()), 0);
  for (const std::uint32_t id : {1U, 2U, 4U, 5U}) {
    Device device;
    device.name = "d" + std::to_string(id);
    ASSERT_EQ(put(device) + insert(Membership{"gw1", "net1", device.name, id}), 0);
  }
  ASSERT_TRUE(store_->read([&](Transaction& t) -> Result<void> {
    EXPECT_EQ(t.free_id("gw1", 1, 10), 3U);
    EXPECT_EQ(t.free_id("gw1", 4, 10), 6U);
    EXPECT_EQ(t.free_id("gw1", 7, 10), 7U);
    EXPECT_EQ(t.free_id("gw1", 4, 5), std::nullopt);
    EXPECT_EQ(t.free_id("gw1", 1, 2), std::nullopt);
    EXPECT_EQ(t.free_id("gw2", 1, 2), 1U);
    EXPECT_EQ(t.free_id("gw1", 5, 4), std::nullopt);
    return {};
  }));
}

TEST_F(StoreTest, SaysWhenAnotherWrote) {
  EXPECT_TRUE(*store_->changed());
  EXPECT_FALSE(*store_->changed());
  ASSERT_EQ(put(a_gateway()), 0);
  EXPECT_FALSE(*store_->changed());
  const auto other = *SqliteStore::open(path_);
  ASSERT_TRUE(other->transact([&](Transaction& t) -> Result<void> {
    t.append({0, start(), "kds", "x", "y", "z", "{}"});
    return {};
  }));
  EXPECT_TRUE(*store_->changed());
  EXPECT_FALSE(*store_->changed());
}

TEST_F(StoreTest, IsItsOwnersAlone) {
  ASSERT_EQ(put(a_gateway()), 0);
  for (const char* name : {"kds.db", "kds.db-wal", "kds.db-shm", "kds.db-lock"})
    EXPECT_EQ(mode_of(folder_ / name), 0600U) << name;
  store_.reset();
  ASSERT_EQ(::chmod(path_.c_str(), 0640), 0);
  const auto open = SqliteStore::open(path_);
  ASSERT_FALSE(open);
  EXPECT_NE(open.error().message.find("chmod 600"), std::string::npos) << open.error().message;
  EXPECT_FALSE(SqliteStore::open(folder_ / "none" / "kds.db"));
  EXPECT_FALSE(SqliteStore::open(folder_ / "."));
}

// As after a restore by another user: what can be read alone is no store, and not only once a key is issued.
TEST_F(StoreTest, IsOneThatCanBeWritten) {
  if (::geteuid() != 0) GTEST_SKIP() << "another user takes root";
  ASSERT_EQ(put(a_gateway()), 0);
  store_.reset();
  constexpr uid_t nobody = 65534;
  for (const auto& name : {folder_ / ".", path_, folder_ / "kds.db-lock"})
    ASSERT_EQ(::chown(name.c_str(), nobody, 0), 0);
  ASSERT_EQ(::chmod(path_.c_str(), 0400), 0);
  ASSERT_EQ(::seteuid(nobody), 0);
  const auto open = SqliteStore::open(path_);
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().number, EROFS);
  EXPECT_NE(open.error().message.find("kds.db: can be read here, but not written"), std::string::npos)
      << open.error().message;
}

// Version 1 knew no PCRs.
TEST_F(StoreTest, AFileOfBeforeIsBroughtToToday) {
  Device laptop;
  laptop.name = "laptop";
  laptop.roles = {"staff"};
  laptop.attestation_key = Bytes{1, 2, 3};
  laptop.pcrs[7].fill(9);
  ASSERT_EQ(put(laptop), 0);
  store_.reset();
  by_hand(path_, "ALTER TABLE device DROP COLUMN pcrs; PRAGMA user_version = 1");
  store_ = *SqliteStore::open(path_);
  laptop.pcrs.clear();
  ASSERT_TRUE(store_->read([&](Transaction& t) -> Result<void> {
    EXPECT_EQ(t.device("laptop"), laptop);
    return {};
  }));
}

TEST_F(StoreTest, RefusesFilesThatItDoesNotKnow) {
  store_.reset();
  by_hand(path_, "PRAGMA user_version = 99");
  const auto newer = SqliteStore::open(path_);
  ASSERT_FALSE(newer);
  EXPECT_NE(newer.error().message.find("newer sluice-kds"), std::string::npos) << newer.error().message;
  by_hand(path_, "PRAGMA user_version = 1; PRAGMA application_id = 1");
  const auto other = SqliteStore::open(path_);
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("not one of sluice-kds"), std::string::npos) << other.error().message;
  ASSERT_TRUE(derivation::write_secret_file(folder_ / "text", "this is no database, and long enough to see it", false));
  EXPECT_FALSE(SqliteStore::open(folder_ / "text"));
}

TEST_F(StoreTest, PrunesWhatIsDead) {
  Device laptop;
  laptop.name = "laptop";
  ASSERT_EQ(put(a_gateway()) + put(laptop) + insert(a_generation(1, GenerationState::dead)) +
                insert(a_generation(2, GenerationState::current)),
            0);
  for (std::uint32_t i = 0; i < 5; ++i) ASSERT_EQ(insert(an_issue(5, i, 0xa00 + i)), 0);
  ASSERT_EQ(put(Anomaly{"gw1", 1, 5, 0, Anomaly::Kind::moved, start(), start(), 1}), 0);
  int rounds = 0;
  bool more = true;
  for (; more && rounds < 20; ++rounds) {
    ASSERT_EQ(number_of([&](Transaction& t) -> Result<void> {
                EXPECT_TRUE(t.expired_issues(start() + 24h, 10).empty());
                more = t.prune_dead(2);
                return {};
              }),
              0);
  }
  EXPECT_EQ(rounds, 3 + 1 + 1 + 1);  // issues, anomalies, the generation, nothing
  ASSERT_TRUE(store_->read([&](Transaction& t) -> Result<void> {
    EXPECT_FALSE(t.generation("gw1", 1));
    EXPECT_TRUE(t.generation("gw1", 2));
    EXPECT_FALSE(t.newest_issue("gw1", 1, 5));
    return {};
  }));
}

TEST_F(StoreTest, LongLinesOfTheAuditLogAreReadAndPrunedFewAtATime) {
  const std::string detail = "{\"x\":\"" + std::string(992, 'x') + "\"}";
  ASSERT_EQ(number_of([&](Transaction& t) -> Result<void> {
              for (int i = 0; i < 10; ++i) t.append({0, start(), "kds", "x", "y", "z", detail});
              return {};
            }),
            0);
  ASSERT_EQ(number_of([&](Transaction& t) -> Result<void> {
              EXPECT_EQ(t.audit(0, 10).size(), 10U);
              EXPECT_EQ(t.audit(0, 10, 3000).size(), 3U);
              EXPECT_EQ(t.audit(8, 10, 3000).size(), 2U);
              EXPECT_EQ(t.audit(0, 10, 1).size(), 1U) << "or a reader would come no further";
              EXPECT_TRUE(t.prune_audit(start() + 1s, 10, 3000));
              EXPECT_EQ(t.audit(0, 10).size(), 7U);
              EXPECT_TRUE(t.prune_audit(start() + 1s, 10, 1));
              EXPECT_EQ(t.audit(0, 10).front().sequence, 5U);
              return {};
            }),
            0);
}

TEST_F(StoreTest, PrunesTheAuditLogByTime) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(number_of([&](Transaction& t) -> Result<void> {
                t.append({0, start() + i * 1min, "kds", "x", "y", "z", "{}"});
                return {};
              }),
              0);
  }
  ASSERT_EQ(number_of([&](Transaction& t) -> Result<void> {
              EXPECT_TRUE(t.prune_audit(start() + 3min, 2));
              EXPECT_EQ(t.audit(0, 10).size(), 3U);
              EXPECT_TRUE(t.prune_audit(start() + 3min, 2));
              EXPECT_FALSE(t.prune_audit(start() + 3min, 2));
              EXPECT_EQ(t.audit(0, 10).size(), 2U);
              EXPECT_EQ(t.audit(0, 10).front().sequence, 4U);
              return {};
            }),
            0);
}

/// All bytes that the store has on the disk.
std::string on_disk(const Folder& folder) {
  std::string all;
  for (const char* name : {"kds.db", "kds.db-wal"}) {
    std::ifstream stream(folder / name, std::ios::binary);
    all.append(std::istreambuf_iterator<char>(stream), {});
  }
  return all;
}

TEST_F(StoreTest, LeavesNothingOfWhatWasOverwritten) {
  Generation generation = a_generation(1, GenerationState::current);
  generation.wrapped.assign(Kek::wrapped_size, 0xd7);
  const std::string needle(Kek::wrapped_size, static_cast<char>(0xd7));
  ASSERT_EQ(put(a_gateway()) + insert(generation), 0);
  ASSERT_NE(on_disk(folder_).find(needle), std::string::npos);
  generation.state = GenerationState::dead;
  generation.wrapped.assign(Kek::wrapped_size, 0);
  ASSERT_EQ(put(generation), 0);
  EXPECT_TRUE(*store_->scrub());
  EXPECT_EQ(on_disk(folder_).find(needle), std::string::npos);
}

TEST_F(StoreTest, KeepsItsLogShort) {
  ASSERT_EQ(put(a_gateway()), 0);
  for (int i = 0; i < 3000; ++i) {
    Gateway gateway = a_gateway();
    gateway.policy.assign(2000, static_cast<std::uint8_t>(i));
    ASSERT_EQ(put(gateway), 0);
  }
  EXPECT_LT(std::filesystem::file_size(folder_ / "kds.db-wal"), 8U << 20);
}

}  // namespace
}  // namespace sluice::kds::sqlite
