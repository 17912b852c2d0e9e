// SPDX-License-Identifier: Apache-2.0
#include "metrics/hand_over.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <future>
#include <thread>

#include "base/event_loop.hpp"

namespace sluice::metrics {
namespace {

using namespace std::chrono_literals;

Families one_value() {
  Families families;
  families.gauge("test_value", "A value.", 1);
  return families;
}

TEST(HandOver, TheOwnerIsAskedOnItsOwnThread) {
  EventLoop loop;
  std::thread::id asked;
  HandOver hand_over(loop.context().get_executor(), [&](const Reply& reply) {
    asked = std::this_thread::get_id();
    reply(one_value());
  });
  loop.start("test-owner");
  for (int i = 0; i < 3; ++i) {
    const std::optional<Families> answer = hand_over.ask(10s);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->all().at(0).name, "test_value");
  }
  EXPECT_NE(asked, std::this_thread::get_id());
}

TEST(HandOver, AnOwnerThatDoesNotRunIsGivenUpAndNotAskedLater) {
  asio::io_context owner;
  int asked = 0;
  HandOver hand_over(owner.get_executor(), [&](const Reply& reply) {
    ++asked;
    reply(one_value());
  });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(hand_over.ask(50ms));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 50ms);
  EXPECT_FALSE(hand_over.ask(0ms));
  owner.run();
  EXPECT_EQ(asked, 0);
}

TEST(HandOver, AnAnswerThatComesTooLateGoesNowhere) {
  EventLoop loop;
  std::promise<Reply> asked;
  {
    HandOver hand_over(loop.context().get_executor(), [&](Reply reply) { asked.set_value(std::move(reply)); });
    loop.start("test-owner");
    EXPECT_FALSE(hand_over.ask(50ms));
    hand_over.close();
  }
  asked.get_future().get()(one_value());
}

TEST(HandOver, CloseLetsWaitersGo) {
  asio::io_context owner;
  HandOver hand_over(owner.get_executor(), [](const Reply&) { ADD_FAILURE() << "it is closed"; });
  auto waiter = std::async(std::launch::async, [&] { return hand_over.ask(60s).has_value(); });
  EXPECT_EQ(waiter.wait_for(50ms), std::future_status::timeout);
  hand_over.close();
  ASSERT_EQ(waiter.wait_for(10s), std::future_status::ready);
  EXPECT_FALSE(waiter.get());
  EXPECT_FALSE(hand_over.ask(60s)) << "it must not wait";
  owner.run();
}

}  // namespace
}  // namespace sluice::metrics
