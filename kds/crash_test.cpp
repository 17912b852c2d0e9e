// SPDX-License-Identifier: Apache-2.0
//
// Processes that die while they issue, and processes that issue from one file at once.  What a child printed was given
// out; it must not be given out again.  (A killed process loses nothing that it wrote; what power failures lose is up
// to synchronous=FULL and the disk, and is not tested here.)
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <random>

#include "base/unique_fd.hpp"
#include "kds/testing.hpp"

namespace sluice::kds {
namespace {

using namespace testing_support;

constexpr int devices_there = 32;  // enough for the incarnations of a generation to last

std::string name_of(int device) { return "d" + std::to_string(device); }

bool enrol_all(Store& store) {
  Devices devices(store);
  for (int i = 0; i < devices_there; ++i) {
    Device device;
    device.name = name_of(i);
    if (!devices.enrol(device, "operator/test", start())) return false;
  }
  return true;
}

/// One line a key on *fd*, after its commit.  Never returns; 0: it issued *most*.
[[noreturn]] void issue_in_child(const std::filesystem::path& path, int most, int fd) {
  auto store = sqlite::SqliteStore::open(path);
  if (!store) {
    ::dprintf(2, "%s\n", store.error().message.c_str());
    ::_exit(3);
  }
  const Kek kek = test_kek();
  Issuer issuer(**store, kek, [] { return 0.5; }, {0, 4min});
  for (int i = 0; i < most; ++i) {
    const auto issued = issuer.issue(request(name_of(i % devices_there)), start());
    if (!issued) {
      // EAGAIN: the incarnations are used up.
      if (issued.error().number != EAGAIN) {
        ::dprintf(2, "%s\n", issued.error().message.c_str());
        ::_exit(4);
      }
      ::_exit(0);
    }
    const std::string line = std::to_string(issued->number) + "/" + std::to_string(issued->spi_to_gateway) + "\n";
    // At once or not at all (pipe(7), PIPE_BUF).
    if (::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) ::_exit(5);
  }
  ::_exit(0);
}

struct Child {
  pid_t pid = -1;
  UniqueFd output;
};

Child start_child(const std::filesystem::path& path, int most) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  UniqueFd read(ends[0]), write(ends[1]);
  const pid_t pid = ::fork();
  if (pid == 0) issue_in_child(path, most, write.get());
  return {pid, std::move(read)};
}

/// Reads on until there are so many lines, or the end.
void read_lines(int fd, std::size_t lines, std::string& text) {
  char buffer[4096];
  while (static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) < lines) {
    const ssize_t size = ::read(fd, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return;
    text.append(buffer, static_cast<std::size_t>(size));
  }
}

/// Whole lines, each of which must be new; how many.
std::size_t take_lines(const std::string& text, std::set<std::string>& all, bool& twice) {
  std::size_t count = 0;
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1, ++count)
    twice = !all.insert(text.substr(begin, end - begin)).second || twice;
  return count;
}

int status_of(pid_t pid) {
  int status = -1;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

/// "ok", or what is wrong with the file.
std::string check_integrity(const std::filesystem::path& path) {
  sqlite3* database = nullptr;
  std::string answer = "cannot be opened";
  if (sqlite3_open(path.c_str(), &database) == SQLITE_OK) {
    const auto note = [](void* to, int, char** columns, char**) {
      *static_cast<std::string*>(to) = columns[0] != nullptr ? columns[0] : "";
      return 0;
    };
    if (sqlite3_exec(database, "PRAGMA integrity_check", note, &answer, nullptr) != SQLITE_OK)
      answer = sqlite3_errmsg(database);
  }
  sqlite3_close(database);
  return answer;
}

TEST(Crash, NothingIsIssuedTwice) {
  constexpr int rounds = 50;
  const Folder folder;
  const std::filesystem::path path = folder / "kds.db";
  std::mt19937 random(7);
  std::set<std::string> all;
  bool twice = false;
  std::size_t killed = 0, spent = 0;
  for (int round = 0; round < rounds; ++round) {
    {
      // Each round begins as a key server does that finds the file as it was left.
      auto store = sqlite::SqliteStore::open(path);
      ASSERT_TRUE(store) << store.error().message;
      const Kek kek = test_kek();
      Generations generations(**store, kek, GenerationOptions{});
      if (round == 0) {
        ASSERT_TRUE(enrol_all(**store));
      }
      // Mostly the same generation goes on.
      const auto boot = generations.boot("gw1", nonce(static_cast<std::uint8_t>(1 + round / 10)), start());
      ASSERT_TRUE(boot) << boot.error().message;
      std::uint64_t last = boot->acknowledged;
      for (const auto& outgoing : updates_of(generations, last, start())) last = outgoing.update.sequence;
      ASSERT_TRUE(generations.acknowledge("gw1", last, start()));
    }
    Child child = start_child(path, 100000);
    ASSERT_GT(child.pid, 0);
    // Some before or while they open the file, most in the middle of issuing.
    std::string text;
    if (round % 5 != 0) read_lines(child.output.get(), 1 + random() % 60, text);
    ::usleep(static_cast<useconds_t>(random() % (round % 5 == 0 ? 40000 : 3000)));
    ASSERT_EQ(::kill(child.pid, SIGKILL), 0);
    read_lines(child.output.get(), SIZE_MAX, text);
    const std::size_t count = take_lines(text, all, twice);
    const int status = status_of(child.pid);
    ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << status;
    if (count > 0 && WIFSIGNALED(status)) ++killed;
    spent += count;
    ASSERT_FALSE(twice) << "round " << round;
    ASSERT_EQ(check_integrity(path), "ok");
  }
  EXPECT_GE(killed, 30U) << "hardly any was killed while it issued: the test shows nothing";
  EXPECT_EQ(all.size(), spent);
}

TEST(Crash, ProcessesShareOneFile) {
  const Folder folder;
  const std::filesystem::path path = folder / "kds.db";
  {
    auto store = sqlite::SqliteStore::open(path);
    ASSERT_TRUE(store);
    const Kek kek = test_kek();
    Generations generations(**store, kek, GenerationOptions{});
    ASSERT_TRUE(enrol_all(**store));
    ASSERT_TRUE(generations.boot("gw1", nonce(1), start()));
    ASSERT_TRUE(generations.acknowledge("gw1", 2, start()));
  }
  Child first = start_child(path, 200), second = start_child(path, 200);
  std::set<std::string> all;
  bool twice = false;
  for (const Child* child : {&first, &second}) {
    std::string text;
    read_lines(child->output.get(), SIZE_MAX, text);
    EXPECT_EQ(take_lines(text, all, twice), 200U);
  }
  EXPECT_EQ(status_of(first.pid), 0);
  EXPECT_EQ(status_of(second.pid), 0);
  EXPECT_FALSE(twice);
  EXPECT_EQ(all.size(), 400U);
  EXPECT_EQ(check_integrity(path), "ok");
}

TEST(Crash, ProcessesMakeTheFileAtOnce) {
  const Folder folder;
  const std::filesystem::path path = folder / "kds.db";
  std::vector<Child> children;
  for (int i = 0; i < 4; ++i) children.push_back(start_child(path, 0));
  for (const Child& child : children) EXPECT_EQ(status_of(child.pid), 0);
  EXPECT_TRUE(sqlite::SqliteStore::open(path));
}

}  // namespace
}  // namespace sluice::kds
