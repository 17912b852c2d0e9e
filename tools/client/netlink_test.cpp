// SPDX-License-Identifier: Apache-2.0
#include "client/netlink.hpp"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace sluice::client {
namespace {

// Says what a kernel would, before it is asked: the requests are numbered from 1.
class Kernel {
 public:
  Kernel() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) std::abort();
    ours_.reset(ends[0]);
    theirs_.reset(ends[1]);
  }
  Netlink asked() { return Netlink(std::move(theirs_)); }

  void says(std::uint32_t sequence, std::uint16_t type, const std::string& payload, std::uint16_t flags = 0) const {
    nlmsghdr head{};
    head.nlmsg_len = static_cast<std::uint32_t>(NLMSG_HDRLEN + payload.size());
    head.nlmsg_type = type;
    head.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_MULTI | flags);
    head.nlmsg_seq = sequence;
    std::string message(reinterpret_cast<const char*>(&head), sizeof head);
    message += payload;
    ASSERT_EQ(::send(ours_.get(), message.data(), message.size(), 0), static_cast<ssize_t>(message.size()));
  }
  void part(std::uint32_t sequence, const std::string& payload, std::uint16_t flags = 0) const {
    says(sequence, RTM_NEWROUTE, payload, flags);
  }
  void done(std::uint32_t sequence, int status, std::uint16_t flags = 0, const std::string& more = {}) const {
    says(sequence, NLMSG_DONE, std::string(reinterpret_cast<const char*>(&status), sizeof status) + more, flags);
  }

 private:
  UniqueFd ours_, theirs_;
};

Request dump() { return {RTM_GETROUTE, NLM_F_DUMP, rtmsg{}}; }

// What a dump has visited, or what came instead.
struct Dump {
  Result<void> done;
  std::string visited;
};

Dump read(Kernel& kernel) {
  Netlink netlink = kernel.asked();
  Dump dumped;
  dumped.done = netlink.ask(
      dump(), [&](Bytes part) { dumped.visited.append(reinterpret_cast<const char*>(part.data()), part.size()); });
  return dumped;
}

TEST(Netlink, GivesADumpWhole) {
  Kernel kernel;
  kernel.part(1, "one ");
  kernel.part(1, "two ");
  kernel.done(1, 0);
  const Dump dumped = read(kernel);
  ASSERT_TRUE(dumped.done) << dumped.done.error().message;
  EXPECT_EQ(dumped.visited, "one two ");
}

TEST(Netlink, TellsOfADumpThatFailedOnTheWay) {
  Kernel kernel;
  kernel.part(1, "one ");
  kernel.done(1, -EMSGSIZE);
  const Dump dumped = read(kernel);
  ASSERT_FALSE(dumped.done);
  EXPECT_EQ(dumped.done.error().number, EMSGSIZE);
  EXPECT_EQ(dumped.visited, "");
}

TEST(Netlink, TellsTheKernelsWordsForADumpThatFailed) {
  Kernel kernel;
  nlattr head{NLA_HDRLEN + 8, NLMSGERR_ATTR_MSG};
  kernel.done(1, -EINVAL, NLM_F_ACK_TLVS,
              std::string(reinterpret_cast<const char*>(&head), sizeof head) + std::string("no room", 8));
  const Dump dumped = read(kernel);
  ASSERT_FALSE(dumped.done);
  EXPECT_EQ(dumped.done.error().message, "no room (Invalid argument)");
}

TEST(Netlink, ReadsAgainWhatChangedMeanwhile) {
  Kernel kernel;
  kernel.part(1, "one ");
  kernel.part(1, "three ", NLM_F_DUMP_INTR);
  kernel.done(1, 0);
  kernel.part(2, "one ");
  kernel.done(2, 0, NLM_F_DUMP_INTR);
  kernel.part(3, "one ");
  kernel.part(3, "two ");
  kernel.done(3, 0);
  const Dump dumped = read(kernel);
  ASSERT_TRUE(dumped.done) << dumped.done.error().message;
  EXPECT_EQ(dumped.visited, "one two ");
}

TEST(Netlink, GivesUpOnWhatNeverRests) {
  Kernel kernel;
  for (std::uint32_t sequence = 1; sequence <= 100; ++sequence) kernel.done(sequence, 0, NLM_F_DUMP_INTR);
  const Dump dumped = read(kernel);
  ASSERT_FALSE(dumped.done);
  EXPECT_EQ(dumped.done.error().number, EAGAIN);
}

TEST(Netlink, ReadsTheRoutesOfThisHost) {
  auto netlink = Netlink::open(NETLINK_ROUTE);
  ASSERT_TRUE(netlink) << netlink.error().message;
  auto done = netlink->ask(dump(), [](Bytes part) { EXPECT_GE(part.size(), sizeof(rtmsg)); });
  EXPECT_TRUE(done) << done.error().message;
}

}  // namespace
}  // namespace sluice::client
