// SPDX-License-Identifier: Apache-2.0
#include "sluiced/fair_queue.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::gateway {
namespace {

std::vector<int> drain(FairQueue<int>& queue) {
  std::vector<int> all;
  while (auto item = queue.pop()) all.push_back(*item);
  return all;
}

TEST(FairQueueTest, OneClientIsServedInOrder) {
  FairQueue<int> queue;
  for (int i = 0; i < 3; ++i) queue.push(1, i);
  EXPECT_EQ(drain(queue), (std::vector{0, 1, 2}));
}

// A newcomer waits behind one item of the flood, not behind all.
TEST(FairQueueTest, ClientsTakeTurns) {
  FairQueue<int> queue;
  for (int i = 0; i < 4; ++i) queue.push(1, i);
  queue.push(2, 100);
  queue.push(3, 200);
  queue.push(3, 201);
  EXPECT_EQ(drain(queue), (std::vector{0, 100, 200, 1, 201, 2, 3}));
}

TEST(FairQueueTest, AClientThatComesBackJoinsAtTheEnd) {
  FairQueue<int> queue;
  queue.push(1, 1);
  queue.push(2, 2);
  EXPECT_EQ(queue.pop(), 1);
  queue.push(1, 3);
  EXPECT_EQ(drain(queue), (std::vector{2, 3}));
}

TEST(FairQueueTest, RemovedItemsAreNotServedAndLeaveNoTrace) {
  FairQueue<int> queue;
  queue.push(1, 1);
  queue.push(1, 2);
  queue.push(2, 3);
  EXPECT_TRUE(queue.remove(1, 1));
  EXPECT_FALSE(queue.remove(1, 1));
  EXPECT_FALSE(queue.remove(9, 1));
  EXPECT_TRUE(queue.remove(2, 3));
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_EQ(drain(queue), (std::vector{2}));
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace sluice::gateway
