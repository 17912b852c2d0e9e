// SPDX-License-Identifier: Apache-2.0
//
// For tests: a whole agent, a gateway of the test's own and a server's listener, all in one io_context; the agent's
// relays have threads of their own.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "agent/agent.hpp"
#include "agent/fake_gateway.hpp"

namespace sluice::agent::testing {

using namespace std::chrono_literals;

class AgentTest : public ::testing::Test {
 protected:
  AgentTest() : gateway_(io_, gateway_identity_), server_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {}

  Settings settings() {
    Settings settings;
    settings.name = "berlin";
    settings.network = "corp";
    settings.gateways = {{"127.0.0.1", gateway_.port()}};
    settings.identity = pki_.agent();
    settings.pool = 2;
    settings.connect_timeout = Duration(5000);
    settings.dead_after = Duration(1000);
    settings.threads = 2;
    return settings;
  }
  void start(Settings with) {
    tls::Context context = *tls::Context::create(tls::Role::client, with.identity);
    agent_ = std::make_unique<Agent>(io_.get_executor(), std::move(with), std::move(context));
    asio::co_spawn(io_, agent_->run(), [this](std::exception_ptr failure) {
      EXPECT_FALSE(failure);
      agent_ended_ = true;
    });
  }
  /// Runs until *done*, at most for a few seconds.
  bool until(const std::function<bool()>& done, std::chrono::milliseconds longest = 5s) {
    const auto end = std::chrono::steady_clock::now() + longest;
    while (!done() && std::chrono::steady_clock::now() < end) {
      io_.restart();
      io_.run_one_for(10ms);
    }
    return done();
  }
  void TearDown() override {
    if (agent_) agent_->stop();
    gateway_.stop();
    EXPECT_TRUE(until([this] { return !agent_ || agent_ended_; })) << "the agent did not stop";
    server_.close();
    io_.restart();
    io_.run_for(100ms);
  }
  Endpoint server() { return from_asio(server_.local_endpoint()); }
  bool ready() {
    return until([this] { return gateway_.controls > 0 && gateway_.control; });
  }

  asio::io_context io_;
  tls::testing::Pki pki_;
  tls::Identity gateway_identity_ = pki_.gateway();
  FakeGateway gateway_;
  tcp::acceptor server_;
  std::unique_ptr<Agent> agent_;
  bool agent_ended_ = false;
};

}  // namespace sluice::agent::testing
