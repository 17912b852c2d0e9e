// SPDX-License-Identifier: Apache-2.0
//
// Real echo requests in a namespace: what comes back is what we answer, by ping sockets and by raw ones.
#include "agent/ping.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <fstream>

#include "agent/testing.hpp"
#include "tls/testing.hpp"

namespace sluice::agent {
namespace {

class PingTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!namespace_.entered()) GTEST_SKIP() << "needs root for a network namespace";
    // Ping sockets for nobody, or for everybody.
    const bool raw = std::string(GetParam()) == "raw";
    std::ofstream("/proc/sys/net/ipv4/ping_group_range") << (raw ? "1 0" : "0 2147483647");
    ASSERT_EQ(os::ping_ability(), GetParam());
    ASSERT_TRUE(namespace_.run(R"(for i in 1 2 3 4 5; do
  ip addr add 10.0.0.$i/32 dev lo && ip addr add fd00::$i/128 dev lo || exit 1
done
nft -f - <<END
table inet test {
  chain in {
    type filter hook input priority 0;
    ip daddr 10.0.0.2 icmp type echo-request reject with icmp type host-unreachable
    ip daddr 10.0.0.3 icmp type echo-request reject with icmp type admin-prohibited
    ip6 daddr fd00::2 icmpv6 type echo-request reject with icmpv6 type addr-unreachable
    ip6 daddr fd00::3 icmpv6 type echo-request reject with icmpv6 type admin-prohibited
    ip daddr 10.0.0.4 icmp type echo-request drop
    ip6 daddr fd00::4 icmpv6 type echo-request drop
  }
}
END
ip route add prohibit 10.2.0.0/24 && ip -6 route add prohibit fd02::/64)"));
  }

  Outcome outcome(const os::Echo& echo, Duration timeout = Duration(5000)) {
    Ping ping(io_.get_executor(), echo);
    Outcome result;
    tls::testing::run(io_, [](Ping& attempt, Duration time, Outcome& out) -> Task<void> {
      out = co_await attempt.run(time);
    }(ping, timeout, result));
    EXPECT_GT(ping.took().count(), 0);
    return result;
  }
  Outcome outcome(const std::string& destination, Duration timeout = Duration(5000)) {
    return outcome(echo(destination), timeout);
  }
  static os::Echo echo(const std::string& destination, std::uint16_t length = 56) {
    static std::uint64_t token = 0;
    return {*Address::parse(destination), 0, 0, false, length, token += 0x10001};
  }
  void expect_unreachable(const os::Echo& echo, unsigned type, unsigned code) {
    const Outcome result = outcome(echo);
    EXPECT_EQ(result.verdict, session::v1::UNREACHABLE) << result.detail;
    EXPECT_EQ(result.icmp_type, type);
    EXPECT_EQ(result.icmp_code, code);
  }

  testing::Namespace namespace_;
  asio::io_context io_;
};

TEST_P(PingTest, AReplyIsAcceptedWithItsTtlWhateverItsSize) {
  for (const auto& [destination, longest] : {std::pair{"10.0.0.1", 65507}, {"fd00::1", 65527}}) {
    for (const int length : {0, 1, 56, 1473, 9001, longest}) {
      const Outcome result = outcome(echo(destination, static_cast<std::uint16_t>(length)));
      EXPECT_EQ(result.verdict, session::v1::ACCEPT) << destination << " " << length << ": " << result.detail;
      EXPECT_EQ(result.ttl, 64u) << destination;
    }
  }
}

TEST_P(PingTest, IcmpIsToldExactlyWithItsReporter) {
  for (const auto& [destination, type, code] :
       {std::tuple{"10.0.0.2", 3u, 1u}, {"10.0.0.3", 3u, 13u}, {"fd00::2", 1u, 3u}, {"fd00::3", 1u, 1u}}) {
    SCOPED_TRACE(destination);
    expect_unreachable(echo(destination), type, code);
    const Outcome result = outcome(destination);
    ASSERT_TRUE(result.reporter);
    EXPECT_EQ(result.reporter->to_string(), destination);
  }
}

TEST_P(PingTest, SilenceIsATimeout) {
  EXPECT_EQ(outcome("10.0.0.4", Duration(200)).verdict, session::v1::TIMEOUT);
  EXPECT_EQ(outcome("fd00::4", Duration(200)).verdict, session::v1::TIMEOUT);
}

TEST_P(PingTest, ARouteThatForbidsIsTold) {
  expect_unreachable(echo("10.2.0.1"), 3, 13);
  expect_unreachable(echo("fd02::1"), 1, 1);
}

TEST_P(PingTest, WhatMayNotBeFragmentedIsTooBig) {
  ASSERT_TRUE(namespace_.run("ip link set lo mtu 1500"));
  os::Echo large = echo("10.0.0.1", 3000);
  EXPECT_EQ(outcome(large).verdict, session::v1::ACCEPT) << "it may be fragmented";
  large.dont_fragment = true;
  const Outcome result = outcome(large);
  EXPECT_EQ(std::tuple(result.verdict, result.icmp_type, result.icmp_code, result.icmp_mtu),
            std::tuple(session::v1::UNREACHABLE, 3u, 4u, 1500u));
}

TEST_P(PingTest, WhatAnotherPingBroughtIsNotOurs) {
  // Two at once to one host: one has no answer, as the other's is not taken for it, nor the other's error.
  ASSERT_TRUE(namespace_.run(
      "nft 'add rule inet test in ip daddr 10.0.0.5 icmp sequence 1 drop; "
      "add rule inet test in ip daddr 10.0.0.5 icmp sequence 3 reject with icmp type host-unreachable'"));
  os::Echo silent = echo("10.0.0.5"), open = silent, refused = silent;
  silent.token = 0x10001;
  open.token = 0x20001;
  refused.token = 0x30001;
  Ping first(io_.get_executor(), silent), second(io_.get_executor(), open), third(io_.get_executor(), refused);
  Outcome of_first, of_second, of_third;
  auto ask = [](Ping& ping, Outcome& outcome) -> Task<void> { outcome = co_await ping.run(Duration(500)); };
  asio::co_spawn(io_, ask(first, of_first), asio::detached);
  asio::co_spawn(io_, ask(second, of_second), asio::detached);
  asio::co_spawn(io_, ask(third, of_third), asio::detached);
  io_.run();
  EXPECT_EQ(of_first.verdict, session::v1::TIMEOUT) << of_first.detail;
  EXPECT_EQ(of_second.verdict, session::v1::ACCEPT) << of_second.detail;
  EXPECT_EQ(of_third.verdict, session::v1::UNREACHABLE) << of_third.detail;
}

TEST_P(PingTest, AWithdrawnPingEnds) {
  Ping ping(io_.get_executor(), echo("10.0.0.4"));
  asio::steady_timer timer(io_, std::chrono::milliseconds(50));
  timer.async_wait([&](boost::system::error_code) { ping.cancel(); });
  Outcome result;
  tls::testing::run(io_, [](Ping& attempt, Outcome& out) -> Task<void> {
    out = co_await attempt.run(Duration(60000));
  }(ping, result));
  EXPECT_TRUE(ping.cancelled());
  EXPECT_EQ(result.detail, "withdrawn");
}

INSTANTIATE_TEST_SUITE_P(Sockets, PingTest, ::testing::Values("socket", "raw"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace sluice::agent
