// SPDX-License-Identifier: Apache-2.0
//
// Offers against fake surroundings: windows, turns, withdrawals, lost agents, and the credit, which must always
// come back exactly once for each announcement.
#include "sluiced/offers.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace sluice::gateway {
namespace {

class Fake final : public Offers::Surroundings {
 public:
  std::shared_ptr<Record> begin_record(const netlink::Parked&) override {
    Record record;
    record.serial = ++records;
    return std::make_shared<Record>(record);
  }
  std::optional<LinkId> choose(Offer&) override { return links.empty() ? std::nullopt : std::optional(links[0]); }
  Offers::Next next(Offer& offer, const session::v1::Answer& answer) override {
    if (answer.verdict() != session::v1::UNREACHABLE) return Offers::Next::verdict;
    offer.failures.push_back({std::to_string(offer.link), answer});
    std::erase(links, offer.link);
    if (!links.empty()) return Offers::Next::another;
    return is_one_away ? Offers::Next::wait : Offers::Next::verdict;
  }
  void send_offer(LinkId link, const Offer& offer) override {
    sent.emplace_back(link, offer.parked.id);
    serial_of[offer.parked.id] = offer.serial;
  }
  void send_withdraw(LinkId, std::uint64_t serial) override { withdrawals.push_back(serial); }
  void no_agent(const Offer& offer) override { unreachable.push_back(offer.parked.id); }
  void answered(const Offer& offer, const session::v1::Answer&) override { answers.push_back(offer.parked.id); }
  void answered_late(LinkId, const session::v1::Answer& answer) override { late.push_back(answer.id()); }
  void withdrawn(const Offer& offer, netlink::Reason) override { given_up.push_back(offer.parked.id); }
  void return_credit() override { ++credit; }

  std::vector<LinkId> links{1};  // connected, in order of preference
  bool is_one_away = false;      // an agent that might come
  std::vector<std::pair<LinkId, std::uint32_t>> sent;
  std::map<std::uint32_t, std::uint64_t> serial_of;
  std::vector<std::uint64_t> withdrawals;
  std::vector<std::uint32_t> unreachable;
  std::vector<std::uint32_t> answers;
  std::vector<std::uint64_t> late;
  std::vector<std::uint32_t> given_up;
  std::uint64_t records = 0;
  int credit = 0;
};

class OffersTest : public testing::Test {
 protected:
  void announce(std::uint32_t id, std::uint32_t client = 1) {
    netlink::Parked parked;
    parked.id = id;
    parked.client = client;
    offers.announced(parked);
  }
  bool answer(std::uint32_t id, LinkId link = 1, session::v1::Verdict verdict = session::v1::REFUSE) {
    session::v1::Answer answer;
    answer.set_id(fake.serial_of.at(id));
    answer.set_verdict(verdict);
    return offers.answer(link, answer);
  }
  void fill_window(std::uint32_t first = 1000) {
    for (std::uint32_t i = 0; i < Offers::window; ++i) announce(first + i);
  }

  Fake fake;
  Offers offers{fake};
};

TEST_F(OffersTest, AnOfferIsSentAndAnswered) {
  announce(7);
  EXPECT_EQ(fake.sent, (std::vector<std::pair<LinkId, std::uint32_t>>{{1, 7}}));
  EXPECT_EQ(fake.credit, 0);
  EXPECT_TRUE(offers.progress(1, 1));
  EXPECT_EQ(fake.credit, 1);
  EXPECT_TRUE(answer(7));
  EXPECT_EQ(fake.answers, std::vector<std::uint32_t>{7});
  EXPECT_EQ(offers.size(), 0u);
  EXPECT_EQ(fake.credit, 1);
}

TEST_F(OffersTest, AnAnswerMayComeBeforeItsProgress) {
  announce(7);
  EXPECT_TRUE(answer(7));
  EXPECT_EQ(fake.credit, 0);
  EXPECT_TRUE(offers.progress(1, 1));
  EXPECT_EQ(fake.credit, 1);
}

TEST_F(OffersTest, WithoutAnAgentItIsUnreachableAtOnce) {
  fake.links.clear();
  announce(7);
  EXPECT_EQ(fake.unreachable, std::vector<std::uint32_t>{7});
  EXPECT_EQ(fake.credit, 1);
  EXPECT_EQ(offers.size(), 0u);
}

TEST_F(OffersTest, WhatOneAgentCannotReachAnotherIsAsked) {
  fake.links = {1, 2};
  announce(7);
  const std::uint64_t first = fake.serial_of.at(7);
  EXPECT_TRUE(offers.progress(1, 1));
  EXPECT_TRUE(answer(7, 1, session::v1::UNREACHABLE));
  EXPECT_EQ(fake.sent, (std::vector<std::pair<LinkId, std::uint32_t>>{{1, 7}, {2, 7}}));
  EXPECT_NE(fake.serial_of.at(7), first);
  EXPECT_TRUE(fake.answers.empty());
  EXPECT_EQ(offers.unread(2), 1u);
  EXPECT_TRUE(offers.progress(2, 1));
  EXPECT_EQ(fake.credit, 1);  // once for one announcement
  EXPECT_TRUE(answer(7, 2, session::v1::UNREACHABLE));
  EXPECT_EQ(fake.answers, std::vector<std::uint32_t>{7});
  EXPECT_EQ(offers.size(), 0u);
}

TEST_F(OffersTest, WhatAnotherIsAskedMayHaveToWaitForItsWindow) {
  fake.links = {2};
  fill_window();
  fake.links = {1, 2};
  announce(7);
  EXPECT_TRUE(answer(7, 1, session::v1::UNREACHABLE));
  EXPECT_EQ(offers.queued(2), 1u);
  EXPECT_TRUE(offers.progress(2, 1));
  EXPECT_EQ(fake.sent.back(), (std::pair<LinkId, std::uint32_t>{2, 7}));
}

TEST_F(OffersTest, WhereTheOtherAgentIsLostTheAnswerOfTheFirstCounts) {
  fake.links = {1, 2};
  announce(7);
  EXPECT_TRUE(answer(7, 1, session::v1::UNREACHABLE));
  fake.links.clear();
  offers.link_lost(2);
  EXPECT_EQ(fake.answers, std::vector<std::uint32_t>{7});
  EXPECT_TRUE(fake.unreachable.empty());
  EXPECT_EQ(offers.size(), 0u);
  EXPECT_TRUE(offers.progress(1, 1));
  EXPECT_EQ(fake.credit, 1);
}

TEST_F(OffersTest, AfterAStartAnAgentThatIsAwayIsWaitedFor) {
  offers.hold();
  fake.is_one_away = true;
  announce(7);
  EXPECT_TRUE(answer(7, 1, session::v1::UNREACHABLE));
  EXPECT_TRUE(fake.answers.empty());
  fake.links = {2};
  offers.link_added();
  EXPECT_EQ(fake.sent.back(), (std::pair<LinkId, std::uint32_t>{2, 7}));
  EXPECT_TRUE(answer(7, 2));
  EXPECT_EQ(fake.answers, std::vector<std::uint32_t>{7});
}

TEST_F(OffersTest, AndWhenItDoesNotComeTheAnswerIsGiven) {
  offers.hold();
  fake.is_one_away = true;
  announce(7);
  EXPECT_TRUE(answer(7, 1, session::v1::UNREACHABLE));
  offers.release_held();
  EXPECT_EQ(fake.answers, std::vector<std::uint32_t>{7});
  EXPECT_TRUE(fake.unreachable.empty());
  EXPECT_EQ(offers.size(), 0u);
}

TEST_F(OffersTest, WhatIsWithdrawnWhileAnotherIsAskedIsWithdrawnThere) {
  fake.links = {1, 2};
  announce(7);
  EXPECT_TRUE(answer(7, 1, session::v1::UNREACHABLE));
  offers.withdrawn({7, netlink::Reason::reset});
  EXPECT_EQ(fake.withdrawals, std::vector<std::uint64_t>{fake.serial_of.at(7)});
  EXPECT_EQ(offers.size(), 0u);
  EXPECT_TRUE(offers.progress(1, 1));
  EXPECT_EQ(fake.credit, 1);
}

TEST_F(OffersTest, AFullWindowMakesOffersWaitAndClientsTakeTurns) {
  fill_window();
  fake.sent.clear();
  announce(1, 1);
  announce(2, 1);
  announce(3, 2);
  EXPECT_TRUE(fake.sent.empty());
  EXPECT_EQ(offers.queued(1), 3u);
  EXPECT_TRUE(offers.progress(1, 2));
  EXPECT_EQ(fake.sent, (std::vector<std::pair<LinkId, std::uint32_t>>{{1, 1}, {1, 3}}));
  EXPECT_EQ(offers.unread(1), Offers::window);
}

TEST_F(OffersTest, AWithdrawnOfferInTheQueueGivesItsCreditBackAtOnce) {
  fill_window();
  announce(1);
  offers.withdrawn({1, netlink::Reason::reset});
  EXPECT_EQ(fake.credit, 1);
  EXPECT_EQ(offers.queued(1), 0u);
  EXPECT_TRUE(fake.withdrawals.empty());
  EXPECT_EQ(fake.given_up, std::vector<std::uint32_t>{1});
}

TEST_F(OffersTest, AWithdrawnOfferThatWasSentHoldsItsPlaceUntilItIsRead) {
  announce(7);
  offers.withdrawn({7, netlink::Reason::expired});
  EXPECT_EQ(fake.withdrawals, std::vector<std::uint64_t>{fake.serial_of[7]});
  EXPECT_EQ(fake.credit, 0);
  EXPECT_EQ(offers.unread(1), 1u);
  EXPECT_TRUE(offers.progress(1, 1));
  EXPECT_EQ(fake.credit, 1);
}

TEST_F(OffersTest, AnAnswerThatCrossedItsWithdrawIsDropped) {
  announce(7);
  offers.withdrawn({7, netlink::Reason::reset});
  EXPECT_TRUE(answer(7));
  EXPECT_TRUE(fake.answers.empty());
  EXPECT_EQ(fake.late.size(), 1u);
}

TEST_F(OffersTest, AnAnswerToNothingIsAnError) {
  session::v1::Answer answer;
  answer.set_id(99);
  EXPECT_FALSE(offers.answer(1, answer));
  answer.set_id(0);
  EXPECT_FALSE(offers.answer(1, answer));
}

TEST_F(OffersTest, AnotherAgentsAnswerIsAnError) {
  announce(7);
  EXPECT_FALSE(answer(7, 2));
  EXPECT_TRUE(answer(7, 1));
}

TEST_F(OffersTest, MoreProgressThanOffersIsAnError) {
  announce(7);
  EXPECT_FALSE(offers.progress(1, 2));
}

TEST_F(OffersTest, ALostAgentsOffersGoToTheNext) {
  announce(1);
  announce(2);
  offers.progress(1, 1);  // 1 is read, 2 is not
  offers.withdrawn({2, netlink::Reason::reset});
  announce(3);
  fake.links = {2};
  fake.sent.clear();
  const auto old_serial = fake.serial_of[1];
  offers.link_lost(1);
  EXPECT_EQ(fake.sent, (std::vector<std::pair<LinkId, std::uint32_t>>{{2, 1}, {2, 3}}));
  EXPECT_NE(fake.serial_of[1], old_serial);
  EXPECT_EQ(fake.credit, 2);  // 1 when it was read, 2 when it was lost withdrawn
  EXPECT_TRUE(offers.progress(2, 2));
  EXPECT_EQ(fake.credit, 3);  // 3; and not 1 again
  EXPECT_TRUE(answer(1, 2));
  EXPECT_TRUE(answer(3, 2));
  EXPECT_EQ(offers.size(), 0u);
}

TEST_F(OffersTest, ALostAgentWithoutAnotherMeansUnreachable) {
  announce(1);
  announce(2);
  offers.progress(1, 1);
  fake.links.clear();
  offers.link_lost(1);
  EXPECT_EQ(fake.unreachable, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(fake.credit, 2);
  EXPECT_EQ(offers.size(), 0u);
}

TEST_F(OffersTest, WhileHeldOffersWaitForAnAgent) {
  fake.links.clear();
  offers.hold();
  announce(1);
  announce(2);
  offers.withdrawn({2, netlink::Reason::reset});
  EXPECT_TRUE(fake.unreachable.empty());
  EXPECT_EQ(fake.credit, 1);
  fake.links = {5};
  offers.link_added();
  EXPECT_EQ(fake.sent, (std::vector<std::pair<LinkId, std::uint32_t>>{{5, 1}}));
}

TEST_F(OffersTest, WhenTheHoldEndsOffersAreAnswered) {
  fake.links.clear();
  offers.hold();
  announce(1);
  offers.release_held();
  EXPECT_EQ(fake.unreachable, std::vector<std::uint32_t>{1});
  EXPECT_EQ(fake.credit, 1);
  announce(2);
  EXPECT_EQ(fake.unreachable, (std::vector<std::uint32_t>{1, 2}));
}

}  // namespace
}  // namespace sluice::gateway
