// SPDX-License-Identifier: Apache-2.0
#include "session/fair_queue.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <vector>

namespace sluice::session {
namespace {

constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

class FairQueueTest : public ::testing::Test {
 protected:
  /// A datagram whose frame has *size* bytes and begins with *mark*.
  bool push(std::uint32_t association, std::size_t size, char mark = 0) {
    std::string payload(size - kDatagramHeader, mark);
    return queue_.push({association, 0, 0, false, std::as_bytes(std::span(payload))}, now_);
  }
  /// Which association's turn it is; 0: nobody's.
  std::uint32_t pop(std::size_t room = kAll) {
    std::optional<std::string> wire = queue_.pop(room, now_);
    if (!wire) return 0;
    std::span<const std::byte> data = std::as_bytes(std::span(*wire));
    Result<std::optional<DatagramFrame>> frame = take_datagram_frame(data);
    EXPECT_TRUE(frame && *frame && data.empty());
    size_ = wire->size();
    mark_ = size_ > kDatagramHeader ? wire->back() : '\0';
    return (*frame)->datagram.association;
  }

  FairQueue::Clock::time_point now_{};
  FairQueue queue_{{.one = 10000, .all = 40000, .age = Duration(500)}};
  std::size_t size_ = 0;
  char mark_ = 0;
};

TEST_F(FairQueueTest, AssociationsTakeTurnsAndKeepTheirOrder) {
  for (char mark = 'a'; mark < 'd'; ++mark) {
    for (std::uint32_t association = 1; association <= 3; ++association) ASSERT_TRUE(push(association, 2048, mark));
  }
  for (char mark = 'a'; mark < 'd'; ++mark) {
    for (std::uint32_t association = 1; association <= 3; ++association) {
      EXPECT_EQ(pop(), association);
      EXPECT_EQ(mark_, mark);
    }
  }
  EXPECT_EQ(pop(), 0U);
  EXPECT_EQ(queue_.bytes(), 0U);
}

TEST_F(FairQueueTest, TheShareIsOneOfBytes) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(push(1, 1000));
  ASSERT_TRUE(push(2, 9000));
  std::map<std::uint32_t, std::size_t> bytes;
  while (const std::uint32_t association = pop()) {
    bytes[association] += size_;
    const std::size_t least = association == 2 ? 6000 : 0;
    EXPECT_GE(bytes[1], least) << "a long datagram has to wait for its deficit";
  }
  EXPECT_EQ(bytes[1], 10000U);
  EXPECT_EQ(bytes[2], 9000U);
}

TEST_F(FairQueueTest, ANewcomerWaitsForOneRound) {
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(push(1, 1000));
  EXPECT_EQ(pop(), 1U);
  ASSERT_TRUE(push(2, 100));
  int before = 0;
  while (pop() == 1) ++before;
  EXPECT_LE(before, 2);
}

TEST_F(FairQueueTest, OneMayHoldSoMuchOrOneDatagram) {
  ASSERT_TRUE(push(1, 30000)) << "one may wait, however long";
  EXPECT_FALSE(push(1, 12));
  EXPECT_EQ(pop(), 1U);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(push(1, 1000));
  EXPECT_FALSE(push(1, 12));
  EXPECT_TRUE(push(2, 12));
  EXPECT_EQ(queue_.bytes(), 10012U);
}

TEST_F(FairQueueTest, ManyFloodsLeaveRoomForANewcomer) {
  for (int i = 0; i < 40; ++i) {
    for (std::uint32_t flood = 1; flood <= 20; ++flood) (void)push(flood, 500);
  }
  EXPECT_LE(queue_.bytes(), 40000U);
  EXPECT_TRUE(push(100, 1500));
  EXPECT_FALSE(push(101, 40000)) << "all together are bounded";
}

TEST_F(FairQueueTest, WhatIsTooOldIsDroppedWhenItsTurnComes) {
  ASSERT_TRUE(push(1, 100, 'a'));
  ASSERT_TRUE(push(2, 100, 'b'));
  now_ += Duration(300);
  ASSERT_TRUE(push(1, 100, 'c'));
  now_ += Duration(200);
  EXPECT_EQ(pop(), 1U) << "as old as allowed";
  EXPECT_EQ(mark_, 'a');
  now_ += Duration(1);
  EXPECT_EQ(pop(), 1U) << "2 was too old";
  EXPECT_EQ(mark_, 'c');
  EXPECT_EQ(pop(), 0U);
  EXPECT_EQ(queue_.late(), 1U);
  EXPECT_EQ(queue_.bytes(), 0U);
}

TEST_F(FairQueueTest, WhatIsTooOldMakesRoom) {
  ASSERT_TRUE(push(1, 10000, 'a'));
  now_ += Duration(501);
  ASSERT_TRUE(push(1, 10000, 'b'));
  EXPECT_EQ(queue_.late(), 1U);
  EXPECT_EQ(pop(), 1U);
  EXPECT_EQ(mark_, 'b');
}

TEST_F(FairQueueTest, TheTurnIsKeptUntilThereIsRoom) {
  ASSERT_TRUE(push(1, 2000));
  ASSERT_TRUE(push(2, 100));
  EXPECT_EQ(pop(1999), 0U);
  EXPECT_EQ(pop(2000), 1U);
  EXPECT_EQ(pop(100), 2U);
}

TEST_F(FairQueueTest, DropForgetsAnAssociation) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(push(1, 100));
    ASSERT_TRUE(push(2, 100));
  }
  EXPECT_EQ(queue_.drop(1), 3U);
  EXPECT_EQ(queue_.drop(1), 0U);
  EXPECT_EQ(queue_.bytes(), 300U);
  ASSERT_TRUE(push(1, 100));
  EXPECT_EQ(pop(), 2U);
  EXPECT_EQ(queue_.drop_all(), 3U);
  EXPECT_EQ(pop(), 0U);
  EXPECT_EQ(queue_.bytes(), 0U);
}

}  // namespace
}  // namespace sluice::session
