// SPDX-License-Identifier: Apache-2.0
//
// What the kernel says becomes what we answer: real routes and real rejections in a namespace.
#include "agent/connect.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <fstream>

#include "agent/testing.hpp"
#include "base/socket.hpp"
#include "tls/testing.hpp"

namespace sluice::agent {
namespace {

using session::v1::Verdict;

class ConnectTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!namespace_.entered()) GTEST_SKIP() << "needs root for a network namespace";
    ASSERT_TRUE(
        namespace_.run("ip addr add 10.0.0.1/32 dev lo && ip addr add 10.0.0.2/32 dev lo && "
                       "ip addr add fd00::1/128 dev lo && ip addr add fd00::2/128 dev lo"));
    // Accept queues, rejections and routes for both families.
    ASSERT_TRUE(namespace_.run(R"(nft -f - <<END
table inet test {
  chain in {
    type filter hook input priority 0;
    ip daddr 10.0.0.1 tcp dport 100 reject with icmp type net-unreachable
    ip daddr 10.0.0.1 tcp dport 101 reject with icmp type host-unreachable
    ip daddr 10.0.0.1 tcp dport 102 reject with icmp type prot-unreachable
    ip daddr 10.0.0.1 tcp dport 103 reject with icmp type port-unreachable
    ip daddr 10.0.0.1 tcp dport 109 reject with icmp type net-prohibited
    ip daddr 10.0.0.1 tcp dport 110 reject with icmp type host-prohibited
    ip daddr 10.0.0.1 tcp dport 113 reject with icmp type admin-prohibited
    ip6 daddr fd00::1 tcp dport 100 reject with icmpv6 type no-route
    ip6 daddr fd00::1 tcp dport 101 reject with icmpv6 type admin-prohibited
    ip6 daddr fd00::1 tcp dport 103 reject with icmpv6 type addr-unreachable
    ip6 daddr fd00::1 tcp dport 104 reject with icmpv6 type port-unreachable
    tcp dport 200 drop
  }
}
END
)"));
    ASSERT_TRUE(
        namespace_.run("ip route add unreachable 10.1.0.0/24 && ip route add prohibit 10.2.0.0/24 && "
                       "ip -6 route add unreachable fd01::/64 && ip -6 route add prohibit fd02::/64"));
  }

  Outcome outcome(const std::string& destination, Duration timeout = Duration(5000)) {
    Connect connect(io_.get_executor(), *Endpoint::parse(destination));
    Outcome result;
    tls::testing::run(io_, [](Connect& attempt, Duration time, Outcome& out) -> Task<void> {
      out = co_await attempt.run(time);
    }(connect, timeout, result));
    return result;
  }
  void expect_unreachable(const std::string& destination, unsigned type, unsigned code, const std::string& reporter) {
    Outcome result = outcome(destination);
    EXPECT_EQ(result.verdict, session::v1::UNREACHABLE) << destination << ": " << result.detail;
    EXPECT_EQ(result.icmp_type, type) << destination;
    EXPECT_EQ(result.icmp_code, code) << destination;
    EXPECT_EQ(result.reporter ? result.reporter->to_string() : "", reporter) << destination;
  }

  testing::Namespace namespace_;
  asio::io_context io_;
};

TEST_F(ConnectTest, OpenIsAccepted) {
  for (const char* address : {"10.0.0.1", "fd00::1"}) {
    Endpoint endpoint{*Address::parse(address), 0};
    tcp::acceptor acceptor(io_, to_asio(endpoint));
    endpoint.port = acceptor.local_endpoint().port();
    Connect connect(io_.get_executor(), endpoint);
    Outcome result;
    tls::testing::run(io_, [](Connect& attempt, Outcome& out) -> Task<void> {
      out = co_await attempt.run(Duration(1000));
    }(connect, result));
    EXPECT_EQ(result.verdict, session::v1::ACCEPT) << result.detail;
    EXPECT_GT(connect.took().count(), 0);
    // Dropped now, it must be a reset to the server.
    tcp::socket server = acceptor.accept();
    connect.take_socket().close();
    boost::system::error_code code;
    char byte;
    server.receive(asio::buffer(&byte, 1), 0, code);
    EXPECT_EQ(code, asio::error::connection_reset);
  }
}

TEST_F(ConnectTest, RstIsRefused) {
  EXPECT_EQ(outcome("10.0.0.1:9").verdict, session::v1::REFUSE);
  EXPECT_EQ(outcome("[fd00::1]:9").verdict, session::v1::REFUSE);
}

TEST_F(ConnectTest, SilenceIsATimeout) {
  EXPECT_EQ(outcome("10.0.0.1:200", Duration(200)).verdict, session::v1::TIMEOUT);
  EXPECT_EQ(outcome("[fd00::1]:200", Duration(200)).verdict, session::v1::TIMEOUT);
}

TEST_F(ConnectTest, KernelsOwnTimeoutIsATimeout) {
  std::ofstream("/proc/sys/net/ipv4/tcp_syn_retries") << "1";
  Outcome result = outcome("10.0.0.1:200", Duration(20000));
  EXPECT_EQ(result.verdict, session::v1::TIMEOUT);
  EXPECT_EQ(result.detail, "Connection timed out");
}

TEST_F(ConnectTest, IcmpIsToldExactly) {
  // 10.0.0.1 reports about itself and our own address is the same, so nobody else is named.
  expect_unreachable("10.0.0.1:100", 3, 0, "");
  expect_unreachable("10.0.0.1:101", 3, 1, "");
  expect_unreachable("10.0.0.1:102", 3, 2, "");
  expect_unreachable("10.0.0.1:103", 3, 3, "");
  expect_unreachable("10.0.0.1:109", 3, 9, "");
  expect_unreachable("10.0.0.1:110", 3, 10, "");
  expect_unreachable("10.0.0.1:113", 3, 13, "");
}

TEST_F(ConnectTest, Icmp6IsToldExactly) {
  expect_unreachable("[fd00::1]:100", 1, 0, "");
  expect_unreachable("[fd00::1]:101", 1, 1, "");
  expect_unreachable("[fd00::1]:103", 1, 3, "");
  expect_unreachable("[fd00::1]:104", 1, 4, "");
}

TEST_F(ConnectTest, LocalErrorsAreToldInTheFamilysNumbers) {
  expect_unreachable("192.0.2.1:80", 3, 0, "");  // no route
  expect_unreachable("10.1.0.1:80", 3, 1, "");
  expect_unreachable("10.2.0.1:80", 3, 13, "");
  expect_unreachable("[2001:db8::1]:80", 1, 0, "");
  expect_unreachable("[fd01::1]:80", 1, 3, "");
  expect_unreachable("[fd02::1]:80", 1, 1, "");
}

TEST_F(ConnectTest, TheReporterIsNamed) {
  // A router that is not us: a second namespace that forwards, and rejects for a host behind it.
  ASSERT_TRUE(namespace_.run(
      "set -e; unshare -n sleep 60 & pid=$!; sleep 0.3; echo $pid > /tmp/sluice-connect-test.pid\n"
      "ip link add veth0 type veth peer name veth1 netns $pid && ip addr add 10.9.0.1/24 dev veth0 && "
      "ip link set veth0 up && nsenter -t $pid -n sh -c 'ip link set lo up; ip addr add 10.9.0.2/24 dev veth1; "
      "ip link set veth1 up; sysctl -qw net.ipv4.ip_forward=1; ip route add unreachable 10.10.0.0/24; "
      "ip route add prohibit 10.11.0.0/24' && ip route add 10.10.0.0/15 via 10.9.0.2"));
  expect_unreachable("10.10.0.1:80", 3, 1, "10.9.0.2");
  expect_unreachable("10.11.0.1:80", 3, 13, "10.9.0.2");
  // Nobody has this address: our own kernel's neighbour discovery fails.
  expect_unreachable("10.9.0.99:80", 3, 1, "");
  namespace_.run("kill $(cat /tmp/sluice-connect-test.pid); rm /tmp/sluice-connect-test.pid");
}

TEST_F(ConnectTest, ManyAtOnce) {
  ASSERT_TRUE(raise_open_files());
  std::vector<std::unique_ptr<Connect>> connects;
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    connects.push_back(std::make_unique<Connect>(io_.get_executor(), *Endpoint::parse("10.0.0.1:9")));
    asio::co_spawn(
        io_,
        [&refused, connect = connects.back().get()]() -> Task<void> {
          Outcome result = co_await connect->run(Duration(5000));
          if (result.verdict == session::v1::REFUSE) ++refused;
        },
        asio::detached);
  }
  io_.restart();
  io_.run();
  EXPECT_EQ(refused, 3000);
}

TEST_F(ConnectTest, CancelEndsAtOnce) {
  Connect connect(io_.get_executor(), *Endpoint::parse("10.0.0.1:200"));
  asio::steady_timer timer(io_, std::chrono::milliseconds(50));
  timer.async_wait([&connect](auto) { connect.cancel(); });
  auto start = std::chrono::steady_clock::now();
  tls::testing::run(io_, [](Connect& attempt) -> Task<void> { (void)co_await attempt.run(Duration(5000)); }(connect));
  EXPECT_TRUE(connect.cancelled());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

}  // namespace
}  // namespace sluice::agent
