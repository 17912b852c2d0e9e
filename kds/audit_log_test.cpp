// SPDX-License-Identifier: Apache-2.0
#include "kds/audit_log.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace sluice::kds {
namespace {

namespace fs = std::filesystem;

// 2026-01-31T23:59:59.042Z
constexpr auto kTime = std::chrono::system_clock::time_point(std::chrono::milliseconds(1769903999042));

class AuditLogTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string text = (fs::temp_directory_path() / "kds-audit-XXXXXX").string();
    ASSERT_NE(::mkdtemp(text.data()), nullptr);
    folder_ = text;
    path_ = folder_ / "audit.jsonl";
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::string read(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
  }
  static mode_t mode(const fs::path& path) {
    struct stat about {};
    return ::stat(path.c_str(), &about) == 0 ? about.st_mode & 07777 : 0;
  }

  fs::path folder_, path_;
};

AuditEvent event(const char* device) {
  return {kTime, {}, AuditAction::issue, {Party::Kind::device, device}, AuditOutcome::done, {}};
}

std::string line(const char* device) {
  return std::string(R"({"time":"2026-01-31T23:59:59.042Z","actor":"kds","action":"issue","subject":"device/)") +
         device + R"(","outcome":"done","detail":{}})" + "\n";
}

TEST(AuditLine, HasAllThatIsTold) {
  AuditEvent all{kTime,
                 {Party::Kind::operator_, "alice"},
                 AuditAction::ban,
                 {Party::Kind::device, "laptop1"},
                 AuditOutcome::refused,
                 {}};
  all.detail = {.gateway = "gw1",
                .network = "corp",
                .generation = 7,
                .id = 0,
                .incarnation = 3,
                .lifetime = std::chrono::minutes(5),
                .address = *Address::parse("2001:db8::1"),
                .certificate = "0A",
                .anomaly = "clone",
                .roles = {"staff"},
                .failures = {{"os.id", "\"arch\"", "\"debian\"", "message", "remedy"}},
                .count = 2,
                .reason = "why"};
  EXPECT_EQ(audit_line(all),
            R"({"time":"2026-01-31T23:59:59.042Z","actor":"operator/alice","action":"ban","subject":"device/laptop1",)"
            R"("outcome":"refused","detail":{"gateway":"gw1","network":"corp","generation":7,"id":0,"incarnation":3,)"
            R"("lifetime":300,"address":"2001:db8::1","certificate":"0A","anomaly":"clone","roles":["staff"],)"
            R"("failures":[{"claim":"os.id","found":"\"arch\""}],"count":2,"reason":"why"}})");
  EXPECT_EQ(audit_line(event("a")) + "\n", line("a"));
  EXPECT_EQ(audit_detail({.id = 5}), R"({"id":5})");
}

TEST(AuditLine, IsPrintableAsciiWhateverIsInIt) {
  AuditEvent bad = event("x");
  bad.subject.name = "a\nb\x1b[2J\"\\\x7f\xe2\x80\xae\xff";
  bad.detail.reason = std::string("\0{}\r\n", 5);
  const std::string text = audit_line(bad);
  for (const char c : text) EXPECT_TRUE(c >= ' ' && c < 0x7f) << static_cast<int>(c);
  EXPECT_NE(text.find(R"("subject":"device/a\nb\u001b[2J\"\\\u007f\u202e\ufffd")"), text.npos) << text;
  EXPECT_NE(text.find(R"("reason":"\u0000{}\r\n")"), text.npos) << text;
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["subject"], "device/a\nb\x1b[2J\"\\\x7f\xe2\x80\xae\xef\xbf\xbd");
}

TEST(AuditLine, IsBounded) {
  AuditEvent large = event("x");
  const std::string huge(5000, '\x01');
  large.actor = {Party::Kind::operator_, huge};
  large.subject.name = huge;
  auto& detail = large.detail;
  detail.gateway = detail.network = detail.certificate = detail.anomaly = detail.reason = huge;
  detail.roles.assign(1000, huge);
  detail.failures.assign(1000, {huge, huge, huge, huge, huge});
  const auto json = nlohmann::json::parse(audit_line(large));
  EXPECT_EQ(json["detail"]["reason"], std::string(audit_text_max - 3, '\x01') + "...");
  EXPECT_EQ(json["detail"]["roles"].size(), audit_items_max);
  EXPECT_EQ(json["detail"]["roles_left_out"], 936);
  EXPECT_EQ(json["detail"]["failures_left_out"], 936);
  // Each byte of a text is at most six of the line.
  EXPECT_LT(audit_line(large).size(), (8 + 3 * audit_items_max) * (6 * audit_text_max + 32));
}

TEST(AuditLine, TimesHaveMilliseconds) {
  using Clock = std::chrono::system_clock;
  EXPECT_EQ(rfc3339(Clock::time_point{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(Clock::time_point(std::chrono::milliseconds(-1))), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(rfc3339(kTime + std::chrono::microseconds(999)), "2026-01-31T23:59:59.042Z");
}

TEST(AuditLine, WordsAreOneForEach) {
  EXPECT_EQ(to_string(AuditAction::start), "start");
  EXPECT_EQ(to_string(AuditAction::generation), "generation");
  EXPECT_EQ(to_string(AuditAction::end), "end");
  EXPECT_EQ(to_string(AuditAction::anomaly), "anomaly");
  EXPECT_EQ(to_string(AuditOutcome::failed), "failed");
  EXPECT_EQ((Party{Party::Kind::gateway, "gw1"}.to_string()), "gateway/gw1");
}

TEST_F(AuditLogTest, AppendsLinesToAFileOfItsMode) {
  const mode_t before = ::umask(0077);
  {
    auto log = AuditLog::open(path_);
    ASSERT_TRUE(log) << log.error().message;
    ASSERT_TRUE(log->write(event("a")));
    ASSERT_TRUE(log->write(event("b")));
  }
  EXPECT_EQ(mode(path_), 0640u);
  // What is there stays, and its mode is its owner's business.
  ASSERT_EQ(::chmod(path_.c_str(), 0600), 0);
  auto log = AuditLog::open(path_);
  ::umask(before);
  ASSERT_TRUE(log);
  ASSERT_TRUE(log->write(event("c")));
  EXPECT_EQ(read(path_), line("a") + line("b") + line("c"));
  EXPECT_EQ(mode(path_), 0600u);
}

TEST_F(AuditLogTest, GoesOnInANewFileAfterARotation) {
  auto log = AuditLog::open(path_);
  ASSERT_TRUE(log);
  ASSERT_TRUE(log->write(event("a")));
  fs::rename(path_, folder_ / "old");
  // Until the signal comes, the old file has it: nothing is lost.
  ASSERT_TRUE(log->write(event("b")));
  ASSERT_TRUE(log->reopen());
  ASSERT_TRUE(log->write(event("c")));
  EXPECT_EQ(read(folder_ / "old"), line("a") + line("b"));
  EXPECT_EQ(read(path_), line("c"));
}

TEST_F(AuditLogTest, GoesOnAfterTruncation) {
  auto log = AuditLog::open(path_);
  ASSERT_TRUE(log);
  ASSERT_TRUE(log->write(event("a")));
  fs::resize_file(path_, 0);
  ASSERT_TRUE(log->write(event("b")));
  EXPECT_EQ(read(path_), line("b"));
}

TEST_F(AuditLogTest, MakesADeletedFileAgain) {
  auto log = AuditLog::open(path_);
  ASSERT_TRUE(log);
  ASSERT_TRUE(log->write(event("a")));
  fs::remove(path_);
  ASSERT_TRUE(log->write(event("b")));
  EXPECT_EQ(read(path_), line("b"));
  // And where that cannot be, nothing is told.
  fs::remove_all(folder_);
  const auto failed = log->write(event("c"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "audit log: " + path_.string() + ": No such file or directory");
}

TEST_F(AuditLogTest, KeepsTheOldFileWhenTheNewOneCannotBeOpened) {
  auto log = AuditLog::open(path_);
  ASSERT_TRUE(log);
  fs::rename(path_, folder_ / "old");
  fs::create_directory(path_);
  EXPECT_FALSE(log->reopen());
  ASSERT_TRUE(log->write(event("a")));
  EXPECT_EQ(read(folder_ / "old"), line("a"));
}

TEST_F(AuditLogTest, RefusesWhatIsNoFile) {
  fs::create_symlink(folder_ / "elsewhere", path_);
  EXPECT_EQ(AuditLog::open(path_).error().message,
            "audit log: " + path_.string() + ": is a symbolic link, and no audit log");
  EXPECT_FALSE(fs::exists(folder_ / "elsewhere"));
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(AuditLog::open(pipe).error().message,
            "audit log: " + pipe.string() + ": is no regular file, and no audit log");
  EXPECT_EQ(AuditLog::open(folder_ / "not" / "there").error().number, ENOENT);
}

// A file that may not grow stands for a disk that is full.
class FileSize {
 public:
  explicit FileSize(rlim_t most) : handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{most, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSize() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }
  FileSize(const FileSize&) = delete;
  FileSize& operator=(const FileSize&) = delete;

 private:
  rlimit before_{};
  sighandler_t handler_;
};

TEST_F(AuditLogTest, TellsWhenItCannotWriteAndEndsHalfALine) {
  auto log = AuditLog::open(path_);
  ASSERT_TRUE(log);
  ASSERT_TRUE(log->write(event("a")));
  const std::string half = line("b").substr(0, 10);
  {
    FileSize limit(line("a").size() + half.size());
    const auto torn = log->write(event("b"));
    ASSERT_FALSE(torn);
    EXPECT_EQ(torn.error().message,
              "audit log: " + path_.string() + ": half a line was written: No space left on device");
    const auto full = log->write(event("c"));
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().message, "audit log: " + path_.string() + ": File too large");
  }
  ASSERT_TRUE(log->write(event("d")));
  ASSERT_TRUE(log->write(event("e")));
  EXPECT_EQ(read(path_), line("a") + half + "\n" + line("d") + line("e"));
}

TEST_F(AuditLogTest, EndsHalfALineOfOneWhoDied) {
  std::ofstream(path_) << R"({"time":)";
  auto log = AuditLog::open(path_);
  ASSERT_TRUE(log);
  ASSERT_TRUE(log->write(event("a")));
  ASSERT_TRUE(log->write(event("b")));
  EXPECT_EQ(read(path_), std::string(R"({"time":)") + "\n" + line("a") + line("b"));
}

TEST_F(AuditLogTest, TwoProcessesMayShareAFile) {
  auto one = AuditLog::open(path_), other = AuditLog::open(path_);
  ASSERT_TRUE(one && other);
  ASSERT_TRUE(one->write(event("a")));
  ASSERT_TRUE(other->write(event("b")));
  ASSERT_TRUE(one->write(event("c")));
  EXPECT_EQ(read(path_), line("a") + line("b") + line("c"));
}

}  // namespace
}  // namespace sluice::kds
