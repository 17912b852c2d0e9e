// SPDX-License-Identifier: Apache-2.0
//
// What a Gateway tells of its agents.  It is not started, so there is no kernel: agents come by the Reception.
#include "metrics/testing.hpp"
#include "sluiced/gateway.hpp"
#include "tls/testing.hpp"

namespace sluice::gateway {
namespace {

class GatewayMetrics : public testing::Test {
 protected:
  using Values = std::map<std::string, double>;

  GatewayMetrics() {
    auto worker = [this] { return std::make_unique<Worker>(*tls::Context::create(tls::Role::server, pki_.gateway())); };
    workers_.push_back(worker());
    relay_ = worker();
    Settings settings;
    NetworkSettings corp;
    corp.name = "corp";
    corp.routes = {{*Prefix::parse("10.20.0.0/16"), {}, {{{"berlin"}}, {{"spare"}}}},
                   {*Prefix::parse("fd20::/48"), {}, {{{"berlin"}}}}};
    settings.networks.push_back(corp);
    gateway_ = std::make_unique<Gateway>(control_, workers_, *relay_, std::move(settings));
  }
  LinkId connect(const std::string& agent) {
    Greeting greeting;
    greeting.network = "corp";
    greeting.agent = agent;
    auto session = std::make_shared<ControlSession>(nullptr);
    session->round_trip_us = 12500;
    Reception& reception = *gateway_;
    return *reception.open_control(greeting, session, *workers_[0]);
  }
  Values measure() { return metrics::testing::read(gateway_->measure().to_text()); }

  static std::string of(const std::string& metric, const std::string& agent, const std::string& more = "") {
    return "sluice_gateway_agent_" + metric + "{network=\"corp\",agent=\"" + agent + "\"" + more + "}";
  }

  tls::testing::Pki pki_;
  asio::io_context control_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Worker> relay_;
  std::unique_ptr<Gateway> gateway_;
};

TEST_F(GatewayMetrics, AgentsOfRoutesAreToldOfWhileTheyAreAway) {
  const Values before = measure();
  EXPECT_EQ(before.at(of("connected", "berlin")), 0);
  EXPECT_EQ(before.at(of("connected", "spare")), 0);
  EXPECT_FALSE(before.contains(of("offers_total", "berlin")));
  EXPECT_EQ(before.at("sluice_gateway_agents"), 0);
}

TEST_F(GatewayMetrics, WhoIsConnectedHasEverySeriesFromTheStart) {
  connect("berlin");
  connect("stranger");  // whom no route names
  const Values values = measure();
  EXPECT_EQ(values.at("sluice_gateway_agents"), 2);
  EXPECT_EQ(values.at(of("connected", "spare")), 0);
  for (const char* agent : {"berlin", "stranger"}) {
    EXPECT_EQ(values.at(of("connected", agent)), 1);
    EXPECT_EQ(values.at(of("round_trip_seconds", agent)), 0.0125);
    EXPECT_EQ(values.at(of("offers_total", agent)), 0);
    for (const char* verdict : {"accept", "refuse", "unreachable", "timeout", "reply"})
      EXPECT_EQ(values.at(of("answers_total", agent, ",verdict=\"" + std::string(verdict) + "\"")), 0);
    for (const char* reason : {"full", "late", "gone", "lost"})
      EXPECT_EQ(values.at(of("datagrams_dropped_total", agent, ",reason=\"" + std::string(reason) + "\"")), 0);
  }
}

TEST_F(GatewayMetrics, ANewerSessionOfAnAgentTakesItsPlace) {
  const LinkId first = connect("berlin");
  const std::size_t series = measure().size();
  const LinkId second = connect("berlin");
  EXPECT_EQ(measure().size(), series);
  Reception& reception = *gateway_;
  reception.control_ended(first, Error{"late"});
  EXPECT_EQ(measure().at(of("connected", "berlin")), 1);
  reception.control_ended(second, Error{"cut"});
  EXPECT_EQ(measure().at(of("connected", "berlin")), 0);
}

}  // namespace
}  // namespace sluice::gateway
