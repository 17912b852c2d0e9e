// SPDX-License-Identifier: Apache-2.0
#include "base/socket.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/address.hpp"
#include "base/unique_fd.hpp"

namespace sluice {
namespace {

struct Pair {
  UniqueFd first, second;
};

Pair connected() {
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage;
  socklen_t length = Endpoint::parse("127.0.0.1:0")->to_sockaddr(storage);
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&storage), length), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&storage), &length), 0);
  Pair pair{UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), UniqueFd()};
  EXPECT_EQ(::connect(pair.first.get(), reinterpret_cast<sockaddr*>(&storage), length), 0);
  pair.second.reset(::accept(listener.get(), nullptr, nullptr));
  return pair;
}

bool readable(int fd) {
  pollfd poll_fd{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&poll_fd, 1, 2000) == 1;
}

TEST(Socket, PreparedSocketResetsWhenItIsDropped) {
  Pair pair = connected();
  ASSERT_TRUE(prepare_relayed_socket(pair.first.get()));
  EXPECT_FALSE(is_broken(pair.second.get()));
  pair.first.reset();
  ASSERT_TRUE(readable(pair.second.get()));
  EXPECT_TRUE(is_broken(pair.second.get()));
  char byte;
  EXPECT_EQ(::recv(pair.second.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST(Socket, FinishedSocketEndsInOrder) {
  Pair pair = connected();
  ASSERT_TRUE(prepare_relayed_socket(pair.first.get()));
  ASSERT_TRUE(finish_on_close(pair.first.get()));
  pair.first.reset();
  ASSERT_TRUE(readable(pair.second.get()));
  char byte;
  EXPECT_EQ(::recv(pair.second.get(), &byte, 1, 0), 0);
}

TEST(Socket, CountsWhatIsUnacknowledged) {
  Pair pair = connected();
  EXPECT_EQ(unacknowledged(pair.first.get()), 0u);
  // More than the receiver's buffer holds stays with the sender.
  std::string much(8 << 20, 'x');
  ASSERT_GT(::send(pair.first.get(), much.data(), much.size(), MSG_DONTWAIT), 0);
  EXPECT_GT(unacknowledged(pair.first.get()).value_or(0), 0u);
  ASSERT_TRUE(reset_on_close(pair.second.get()));
  pair.second.reset();
  ASSERT_TRUE(readable(pair.first.get()));
  EXPECT_FALSE(unacknowledged(pair.first.get()));
}

TEST(Socket, BothEndedInOrderOwesNothing) {
  Pair pair = connected();
  ::shutdown(pair.first.get(), SHUT_WR);
  ::shutdown(pair.second.get(), SHUT_WR);
  ASSERT_TRUE(readable(pair.first.get()));
  for (int i = 0; i < 100 && unacknowledged(pair.first.get()) != 0u; ++i) ::poll(nullptr, 0, 10);
  EXPECT_EQ(unacknowledged(pair.first.get()), 0u);
  EXPECT_EQ(unacknowledged(pair.second.get()), 0u);
}

}  // namespace
}  // namespace sluice
