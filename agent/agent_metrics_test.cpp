// SPDX-License-Identifier: Apache-2.0
//
// The metrics of the whole agent, as what it does changes them.
#include <gtest/gtest.h>

#include <boost/asio/ip/udp.hpp>

#include "agent/agent_testing.hpp"
#include "metrics/testing.hpp"

namespace sluice::agent {
namespace {

using asio::ip::udp;

class AgentMetrics : public testing::AgentTest {
 protected:
  using Values = std::map<std::string, double>;

  Values measure() {
    std::optional<metrics::Families> families;
    agent_->measure([&](metrics::Families answer) { families = std::move(answer); });
    EXPECT_TRUE(until([&] { return families.has_value(); }));
    return families ? metrics::testing::read(families->to_text()) : Values();
  }
  /// What is now more than in *before*.
  Values more_than(const Values& before) {
    Values more = measure();
    for (auto& [name, value] : more) value -= before.at(name);
    std::erase_if(more,
                  [](const auto& entry) { return entry.second == 0 || entry.first.find("pool") != std::string::npos; });
    return more;
  }
  /// And all else that the agent does by itself is done.
  bool connected(int dgram_sessions = 1) {
    return ready() && until([&] {
             const Values values = measure();
             return values.at("sluice_agent_connected") == 1 &&
                    values.at("sluice_agent_dgram_sessions_total") == dgram_sessions;
           });
  }
  bool answered(std::uint64_t id) {
    return until([&] { return gateway_.answers.contains(id); });
  }
};

TEST_F(AgentMetrics, EverySeriesIsThereFromTheStart) {
  const Settings with = settings();
  gateway_.stop();
  start(with);
  const Values values = measure();
  EXPECT_EQ(values.at("sluice_agent_connected"), 0);
  EXPECT_EQ(values.at(R"(sluice_agent_answers_total{verdict="refuse"})"), 0);
  EXPECT_TRUE(until([&] { return measure().at("sluice_agent_dials_failed_total") == 1; }));
  EXPECT_EQ(measure().size(), values.size());
}

TEST_F(AgentMetrics, ARefusalMovesOfferAttemptAndAnswer) {
  const Endpoint closed = server();
  server_.close();
  start(settings());
  ASSERT_TRUE(connected());
  const Values before = measure();
  EXPECT_EQ(before.at("sluice_agent_sessions_total"), 1);
  gateway_.offer(1, closed);
  ASSERT_TRUE(answered(1));
  EXPECT_EQ(more_than(before), (Values{{"sluice_agent_offers_total", 1},
                                       {R"(sluice_agent_attempts_total{kind="connect"})", 1},
                                       {R"(sluice_agent_answers_total{verdict="refuse"})", 1}}));
}

TEST_F(AgentMetrics, AStreamIsCountedWithItsBytesWhileItIsOpen) {
  start(settings());
  ASSERT_TRUE(connected());
  const Values before = measure();
  gateway_.offer(1, server());
  ASSERT_TRUE(answered(1));
  tcp::socket peer = server_.accept();
  peer.send(asio::buffer("banner", 6));
  const Values want = {{"sluice_agent_offers_total", 1},
                       {"sluice_agent_streams_active", 1},
                       {"sluice_agent_streams_total", 1},
                       {R"(sluice_agent_stream_bytes_total{direction="to_gateway"})", 6},
                       {R"(sluice_agent_attempts_total{kind="connect"})", 1},
                       {R"(sluice_agent_answers_total{verdict="accept"})", 1}};
  EXPECT_TRUE(until([&] { return more_than(before) == want; }));
  EXPECT_EQ(more_than(before), want);
}

TEST_F(AgentMetrics, CountersOutliveTheSession) {
  udp::socket server(io_, udp::endpoint(asio::ip::address_v4::loopback(), 0));
  start(settings());
  ASSERT_TRUE(connected());
  ASSERT_TRUE(until([&] { return !gateway_.dgrams.empty() && gateway_.dgrams.begin()->second->session; }));
  gateway_.offer(1, {*Address::parse("127.0.0.1"), server.local_endpoint().port()}, 17);
  ASSERT_TRUE(answered(1));
  const auto& answer = gateway_.answers[1];
  gateway_.dgrams[answer.session()]->send(answer.association(), "hello");
  const char* received = R"(sluice_agent_datagrams_total{direction="from_gateway"})";
  ASSERT_TRUE(until([&] { return measure().at(received) == 1; }));
  EXPECT_EQ(measure().at("sluice_agent_associations_active"), 1);

  gateway_.control->close("test");
  ASSERT_TRUE(until([&] { return measure().at("sluice_agent_connected") == 0; }));
  ASSERT_TRUE(until([&] { return gateway_.controls == 2; }));
  ASSERT_TRUE(until([&] { return measure().at("sluice_agent_sessions_total") == 2; }));
  const Values after = measure();
  EXPECT_EQ(after.at(received), 1);
  EXPECT_EQ(after.at("sluice_agent_associations_active"), 0);
  EXPECT_EQ(after.at(R"(sluice_agent_answers_total{verdict="accept"})"), 1);
}

TEST_F(AgentMetrics, AWithdrawnOfferIsAnsweredByNobody) {
  gateway_.refuse_dgrams = true;  // what is offered then waits for a session
  start(settings());
  ASSERT_TRUE(connected(0));
  const Values before = measure();
  gateway_.offer(1, server(), 17);
  ASSERT_TRUE(until([&] { return measure().at("sluice_agent_offers_waiting") == 1; }));
  gateway_.withdraw(1);
  ASSERT_TRUE(until([&] { return measure().at("sluice_agent_offers_waiting") == 0; }));
  EXPECT_EQ(more_than(before), (Values{{"sluice_agent_offers_total", 1},
                                       {"sluice_agent_offers_withdrawn_total", 1},
                                       {R"(sluice_agent_attempts_total{kind="bind"})", 1}}));
}

}  // namespace
}  // namespace sluice::agent
