// SPDX-License-Identifier: Apache-2.0
#include "client/measure/run.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.hpp"

namespace sluice::client::measure {
namespace {

using namespace std::chrono_literals;

Command shell(const std::string& script, Limits limits = {}) { return {{"/bin/sh", "-c", script}, limits}; }

// Long enough that a test fails rather than passes by it.
Limits patient() {
  Limits limits;
  limits.time = 60s;
  return limits;
}

// A killed process is gone from kill(2)'s view once init, or whoever reaps here, has taken it; zombies count as gone.
bool gone(pid_t pid) {
  for (int i = 0; i < 5000; ++i) {
    if (::kill(pid, 0) != 0 && errno == ESRCH) return true;
    std::string path = "/proc/" + std::to_string(pid) + "/stat";
    if (FILE* file = std::fopen(path.c_str(), "r")) {
      char state = 0;
      const int got = std::fscanf(file, "%*d (%*[^)]) %c", &state);
      std::fclose(file);
      if (got == 1 && state == 'Z') return true;
    }
    ::usleep(1000);
  }
  return false;
}

TEST(Run, GivesOutputAndExitCode) {
  auto output = run_limited(shell("echo one; echo two >&2; exit 3"));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(output->text, "one\n");
  EXPECT_EQ(output->code, 3);
}

TEST(Run, HasAFixedEnvironmentFolderAndNoInput) {
  ::setenv("SLUICE_SECRET", "leaked", 1);
  auto output = run_limited(shell("/usr/bin/env | sort; pwd; cat; echo end"));
  ::unsetenv("SLUICE_SECRET");
  ASSERT_TRUE(output);
  // PWD and _ are the shell's own.
  EXPECT_EQ(output->text, "HOME=/\nLC_ALL=C\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nPWD=/\nSHELL=/bin/sh\n/\nend\n");
}

TEST(Run, InheritsNoDescriptor) {
  // One that is not to be closed by execve() of its own accord.
  const UniqueFd fd(::open("/dev/null", O_RDONLY));
  ASSERT_TRUE(fd);
  const int high = ::fcntl(fd.get(), F_DUPFD, 200);
  ASSERT_GE(high, 200);
  const UniqueFd owner(high);
  auto output = run_limited(shell("for fd in /proc/self/fd/*; do echo ${fd##*/}; done"));
  ASSERT_TRUE(output);
  // 3 is the folder that the shell reads.
  EXPECT_TRUE(output->text == "0\n1\n2\n" || output->text == "0\n1\n2\n3\n") << output->text;
}

TEST(Run, WorksWhereOurStandardDescriptorsAreClosed) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(0);
    ::close(1);
    ::close(2);
    auto output = run_limited(shell("echo one"));
    ::_exit(output && output->text == "one\n" ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

TEST(Run, HasNoSignalsBlockedOrIgnored) {
  auto before = ::signal(SIGUSR1, SIG_IGN);
  // One that the C library keeps for itself; whoever started us may have had it ignored.
  const struct {
    void (*handler)(int);
    unsigned long rest[3];
  } ignore{SIG_IGN, {}};
  constexpr int kept = 32;
  ASSERT_EQ(::syscall(SYS_rt_sigaction, kept, &ignore, nullptr, 8), 0);
  sigset_t mask, old;
  ::sigemptyset(&mask);
  ::sigaddset(&mask, SIGUSR2);
  ::pthread_sigmask(SIG_BLOCK, &mask, &old);
  auto output = run_limited(shell("grep -E 'Sig(Blk|Ign)' /proc/self/status"));
  sigset_t after;
  ::pthread_sigmask(SIG_SETMASK, &old, &after);
  ::signal(SIGUSR1, before);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  EXPECT_EQ(::sigismember(&after, SIGUSR2), 1) << "ours must be as they were";
}

TEST(Run, WhatHangsIsKilledWithItsGroup) {
  Limits limits;
  limits.time = 3s;  // that the script comes to its loop on a busy machine
  // SIGTERM would not do.
  const std::string file = ::testing::TempDir() + "/run_test_pid." + std::to_string(::getpid());
  limits.file_size = 100;
  auto output = run_limited(
      shell("trap '' TERM INT HUP; sleep 1000 & echo $! > " + file + "; while :; do sleep 1000; done", limits));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().number, ETIMEDOUT);
  EXPECT_EQ(output.error().message, "took longer than 3s");
  FILE* pids = std::fopen(file.c_str(), "r");
  ASSERT_NE(pids, nullptr);
  int pid = 0;
  ASSERT_EQ(std::fscanf(pids, "%d", &pid), 1);
  std::fclose(pids);
  ::unlink(file.c_str());
  EXPECT_TRUE(gone(pid));
}

TEST(Run, AChildThatHoldsTheOutputOpenIsNotWaitedFor) {
  auto output = run_limited(shell("sleep 1000 & echo $!", patient()));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(output->code, 0);
  EXPECT_TRUE(gone(std::stoi(output->text)));
}

TEST(Run, AChildThatLeftTheGroupIsNotWaitedForEither) {
  auto output = run_limited(shell("setsid sleep 1000 & echo $!", patient()));
  ASSERT_TRUE(output) << output.error().message;
  ::kill(std::stoi(output->text), SIGKILL);
}

TEST(Run, AFloodIsEnded) {
  for (const char* flood : {"cat /dev/zero", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxx; done"}) {
    auto output = run_limited(shell(flood, patient()));
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().number, EFBIG) << output.error().message;
  }
}

TEST(Run, TheLimitOfTheOutputIsExact) {
  Limits limits = patient();
  limits.output = 10;
  auto output = run_limited(shell("printf 0123456789", limits));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(output->text, "0123456789");
  EXPECT_FALSE(run_limited(shell("printf 0123456789a", limits)));
  // More than a pipe holds comes whole.
  limits.output = 1 << 20;
  output = run_limited(shell("head -c 1048576 /dev/zero", limits));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(output->text.size(), 1U << 20);
}

TEST(Run, WritesNoFiles) {
  const std::string file = ::testing::TempDir() + "/run_test_file." + std::to_string(::getpid());
  auto output = run_limited(shell("exec 2>/dev/null; printf x > " + file));
  EXPECT_FALSE(output && output->code == 0);
  ::unlink(file.c_str());
}

TEST(Run, UsesSoMuchMemoryAndProcessorAndNoMore) {
  auto output = run_limited(shell("ulimit -v; ulimit -t; ulimit -f; ulimit -c; ulimit -n"));
  ASSERT_TRUE(output);
  EXPECT_EQ(output->text, "524288\n2\n0\n0\n256\n");
}

TEST(Run, ASignalIsTold) {
  auto output = run_limited(shell("kill -9 $$"));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().message, "was ended by signal 9");
}

TEST(Run, WhatCannotBeExecutedIsTold) {
  auto output = run_limited({{"/nonexistent/program"}, {}});
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().number, ENOENT) << output.error().message;
  EXPECT_FALSE(run_limited({{}, {}}));
}

TEST(Run, OneThatClosesItsOutputIsWaitedFor) {
  auto output = run_limited(shell("echo early; exec >&-; sleep 0.2; exit 7", patient()));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(output->text, "early\n");
  EXPECT_EQ(output->code, 7);
}

TEST(Run, ManyAreDoneInTheirOrderFewAtOnce) {
  std::vector<Command> commands;
  for (int i = 0; i < 9; ++i) commands.push_back(shell("echo " + std::to_string(i), patient()));
  commands[4] = shell("exit 5", patient());
  commands[5] = {{"/nonexistent/program"}, patient()};
  const auto results = run_all(commands, 3, Clock::now() + 60s);
  ASSERT_EQ(results.size(), 9U);
  for (int i = 0; i < 9; ++i) {
    if (i == 4) {
      EXPECT_EQ(results[4]->code, 5);
    } else if (i == 5) {
      EXPECT_FALSE(results[5]);
    } else {
      EXPECT_EQ(results[static_cast<std::size_t>(i)]->text, std::to_string(i) + "\n");
    }
  }
}

TEST(Run, NothingGoesOnBeyondTheEnd) {
  const std::vector<Command> commands(3, shell("sleep 1000", patient()));
  const auto results = run_all(commands, 2, Clock::now() + 1s);
  for (const auto& result : results) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().number, ETIMEDOUT);
  }
  EXPECT_EQ(results[0].error().message, "had not ended when the time for all was over ([measure] time)");
  EXPECT_EQ(results[2].error().message, "no time was left to run it");
}

TEST(Run, LeavesNoDescriptorAndNoChild) {
  const UniqueFd before(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (int i = 0; i < 3; ++i) {
    Limits limits = patient();
    limits.output = 4;
    static_cast<void>(run_limited(shell("echo one two three", limits)).ok());
    static_cast<void>(run_limited(shell("true")).ok());
    static_cast<void>(run_limited({{"/nonexistent/program"}, {}}).ok());
  }
  const UniqueFd after(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(after.get(), before.get() + 1);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace sluice::client::measure
