// SPDX-License-Identifier: Apache-2.0
#include "client/turn_process.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace sluice::client {
namespace {

using namespace std::chrono_literals;

Result<TurnProcess> shell(const std::string& script) { return TurnProcess::start("/bin/sh", {"sh", "-c", script}); }

void await(const TurnProcess& process) {
  pollfd waiting{process.handle(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 10000), 1);
}

TEST(TurnProcess, TellsWhatItWrote) {
  auto process = shell("echo well");
  ASSERT_TRUE(process) << process.error().message;
  await(*process);
  EXPECT_TRUE(process->end(0ms));
  auto told = process->told();
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(*told, "well\n");
}

TEST(TurnProcess, IsEnded) {
  auto process = TurnProcess::start("/bin/sleep", {"sleep", "1000"});
  ASSERT_TRUE(process) << process.error().message;
  EXPECT_FALSE(process->ended());
  EXPECT_TRUE(process->end(10s));
  auto told = process->told();
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().message, "its process was ended by signal 15");
}

TEST(TurnProcess, IsKilledWhereItDoesNotHeed) {
  const auto before = ::signal(SIGTERM, SIG_IGN);  // inherited
  auto process = TurnProcess::start("/bin/sleep", {"sleep", "1000"});
  ::signal(SIGTERM, before);
  ASSERT_TRUE(process) << process.error().message;
  EXPECT_TRUE(process->end(200ms));
  auto told = process->told();
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().message, "its process was ended by signal 9");
}

TEST(TurnProcess, IsNotStartedWithoutAHandle) {
  // Room for the two ends of its pipe, and for no handle.
  const int next = ::dup(0);
  ASSERT_GE(next, 0);
  ::close(next);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{static_cast<rlim_t>(next) + 2, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  auto process = TurnProcess::start("/bin/sleep", {"sleep", "1000"});
  ::setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().number, EMFILE);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
}

}  // namespace
}  // namespace sluice::client
