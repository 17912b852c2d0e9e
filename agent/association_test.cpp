// SPDX-License-Identifier: Apache-2.0
//
// Real datagrams between two namespaces: what a DGRAM session makes of them, and of the errors about them.
#include "agent/association.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <map>

#include "agent/associations.hpp"
#include "agent/datagram_testing.hpp"
#include "tls/testing.hpp"

namespace sluice::agent {
namespace {

using namespace std::chrono_literals;
using session::v1::ACCEPT;
using session::v1::REFUSE;
using session::v1::TIMEOUT;
using session::v1::UNREACHABLE;
using testing::DatagramServer;

/// The gateway's end.
struct Gateway : session::Datagrams::Handler {
  struct Got {
    std::uint32_t association;
    int ttl, tos;
    std::string payload;
  };
  void on_datagram(const session::Datagram& datagram) override {
    datagrams.push_back({datagram.association, datagram.ttl, datagram.tos,
                         std::string(reinterpret_cast<const char*>(datagram.payload.data()), datagram.payload.size())});
  }
  void on_error(std::uint32_t association, const session::DatagramError& error) override {
    errors.emplace_back(std::to_string(association) + ": " + std::to_string(error.type) + "/" +
                        std::to_string(error.code) + " " + std::to_string(error.mtu) + " " +
                        (error.reporter ? error.reporter->to_string() : "nobody"));
  }
  void on_unbind(std::uint32_t association) override { unbound.push_back(association); }

  std::shared_ptr<session::Datagrams> session;
  std::vector<Got> datagrams;
  std::vector<std::string> errors;
  std::vector<std::uint32_t> unbound;
  bool ended = false;
};

class AssociationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!peer_.entered()) GTEST_SKIP() << "needs root for a network namespace";
    ASSERT_TRUE(peer_.ready());
    start(1000);
  }
  void start(std::size_t most) {
    Result<tls::Context> server = tls::Context::create(tls::Role::server, pki_.gateway());
    Result<tls::Context> client = tls::Context::create(tls::Role::client, pki_.agent());
    Result<tls::testing::TlsPair> pair = tls::testing::tls_pair(io_, *server, *client);
    ASSERT_TRUE(pair) << pair.error().message;
    gateway_ = std::make_unique<Gateway>();
    gateway_->session = session::Datagrams::create(std::move(pair->server), {.age = 60s});
    asio::co_spawn(
        io_,
        [gateway = gateway_.get(), session = gateway_->session]() -> Task<void> {
          (void)co_await session->run(*gateway);
          gateway->ended = true;
        },
        asio::detached);
    agent_ = std::make_shared<Associations>(session::Datagrams::create(std::move(pair->client), {.age = 60s}),
                                            std::make_shared<os::DatagramBatch>(), most);
    ended_ = false;
    asio::co_spawn(
        io_,
        [this, agent = agent_]() -> Task<void> {
          (void)co_await agent->run();
          ended_ = true;
        },
        asio::detached);
  }
  void end() {
    if (!agent_) return;
    agent_->close("test over");
    gateway_->session->close("test over");
    EXPECT_TRUE(until([&] { return ended_ && gateway_->ended; }));
    pass(20ms);
  }
  void TearDown() override { end(); }

  bool until(const std::function<bool()>& done, std::chrono::milliseconds longest = 5s) {
    const auto end = std::chrono::steady_clock::now() + longest;
    while (!done() && std::chrono::steady_clock::now() < end) {
      io_.restart();
      io_.run_one_for(5ms);
    }
    return done();
  }
  void pass(std::chrono::milliseconds time) {
    until([] { return false; }, time);
  }
  std::unique_ptr<DatagramServer> server(const std::string& at, int protocol = IPPROTO_UDP) {
    std::unique_ptr<DatagramServer> made;
    peer_.there([&] { made = std::make_unique<DatagramServer>(*Endpoint::parse(at), protocol); });
    return made;
  }
  Associations::Opened open(const Endpoint& server, int protocol = IPPROTO_UDP, const char* client = "10.1.0.1",
                            Duration idle = 30s, Duration idle_replied = 60s) {
    return *agent_->open({static_cast<std::uint8_t>(protocol), server, *Address::parse(client), idle, idle_replied});
  }
  std::uint32_t opened(const Endpoint& server, int protocol = IPPROTO_UDP) {
    const Associations::Opened made = open(server, protocol);
    EXPECT_EQ(made.outcome.verdict, ACCEPT) << made.outcome.detail;
    return made.association;
  }
  void send(std::uint32_t association, const std::string& payload, std::uint8_t ttl = 64, std::uint8_t tos = 0,
            bool dont_fragment = false) {
    EXPECT_TRUE(gateway_->session->send({association, ttl, tos, dont_fragment, std::as_bytes(std::span(payload))}));
  }
  std::optional<DatagramServer::Got> receive(const DatagramServer& server) {
    std::optional<DatagramServer::Got> got;
    until([&] {
      if (!got) got = server.receive();
      return got.has_value();
    });
    EXPECT_TRUE(got) << "nothing came to the server";
    return got;
  }
  /// The errors after *count* have come, and nothing more.
  std::vector<std::string> errors(std::size_t count) {
    until([&] { return gateway_->errors.size() >= count; });
    pass(50ms);
    return gateway_->errors;
  }
  static std::string pattern(std::size_t size, unsigned seed) {
    std::string payload(size, '\0');
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(i * 7 + (i >> 8) + seed);
    return payload;
  }

  testing::PeerNamespace peer_;
  asio::io_context io_;
  tls::testing::Pki pki_;
  std::unique_ptr<Gateway> gateway_;
  std::shared_ptr<Associations> agent_;
  bool ended_ = false;
};

TEST_F(AssociationTest, AnyPayloadComesAndGoesWhole) {
  for (const auto& [address, longest] : {std::pair{"10.9.0.2:0", 65507U}, {"[fd09::2]:0", 65527U}}) {
    const auto echo = server(address);
    const std::uint32_t association = opened(echo->at());
    for (const std::size_t size : {0U, 1U, 1472U, 1473U, 9000U, longest}) {
      SCOPED_TRACE(std::string(address) + " " + std::to_string(size));
      const std::string there = pattern(size, 1), back = pattern(size, 2);
      const std::size_t before = gateway_->datagrams.size();
      send(association, there);
      const auto got = receive(*echo);
      ASSERT_TRUE(got);
      EXPECT_TRUE(got->payload == there);
      EXPECT_TRUE(echo->reply(*got, back));
      ASSERT_TRUE(until([&] { return gateway_->datagrams.size() == before + 1; }));
      EXPECT_EQ(gateway_->datagrams.back().association, association);
      EXPECT_TRUE(gateway_->datagrams.back().payload == back);
    }
  }
  EXPECT_TRUE(gateway_->errors.empty()) << gateway_->errors[0];
}

TEST_F(AssociationTest, TtlAndTosAreKept) {
  for (const char* address : {"10.9.0.2:0", "[fd09::2]:0"}) {
    SCOPED_TRACE(address);
    const auto echo = server(address);
    const bool v4 = echo->at().address.is_v4();
    const std::uint32_t association = opened(echo->at());
    for (const auto& [ttl, tos] : {std::pair{3, 0}, {64, 0xb8}, {255, 0x03}, {12, 0xff}}) {
      send(association, "x", static_cast<std::uint8_t>(ttl), static_cast<std::uint8_t>(tos));
      const auto got = receive(*echo);
      ASSERT_TRUE(got);
      EXPECT_EQ(got->ttl, ttl - 2);
      EXPECT_EQ(got->tos, tos);
      const std::size_t before = gateway_->datagrams.size();
      echo->option(v4 ? IP_TTL : IPV6_UNICAST_HOPS, ttl);
      echo->option(v4 ? IP_TOS : IPV6_TCLASS, tos);
      echo->reply(*got, "y");
      ASSERT_TRUE(until([&] { return gateway_->datagrams.size() == before + 1; }));
      EXPECT_EQ(gateway_->datagrams.back().ttl, ttl);
      EXPECT_EQ(gateway_->datagrams.back().tos, tos);
    }
    send(association, "x", 0);
    EXPECT_EQ(receive(*echo)->ttl, 64) << "unknown is the usual one";
  }
}

TEST_F(AssociationTest, OurOwnHostIsOneRouterAway) {
  const DatagramServer here(*Endpoint::parse("10.9.0.1:0"));
  const std::uint32_t association = opened(here.at());
  send(association, "x", 2);
  const auto got = receive(here);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->ttl, 1);
  here.reply(*got, "y");
  ASSERT_TRUE(until([&] { return gateway_->datagrams.size() == 1; }));
  EXPECT_EQ(gateway_->datagrams[0].ttl, 65);
}

TEST_F(AssociationTest, ATtlThatEndsHereIsToldByUs) {
  const auto v4 = server("10.9.0.2:0");
  const auto v6 = server("[fd09::2]:0");
  send(opened(v4->at()), "x", 2);
  send(opened(v6->at()), "x", 1);
  EXPECT_EQ(errors(2), (std::vector<std::string>{"1: 11/0 0 10.9.0.1", "2: 3/0 0 fd09::1"}));
  EXPECT_FALSE(v4->receive() || v6->receive());
}

TEST_F(AssociationTest, EveryErrorIsToldWithItsReporter) {
  // Every datagram leaves, however many errors about earlier ones are pending.
  const std::vector<std::pair<const char*, const char*>> cases{
      {"10.9.0.2:9", "3/3 0 10.9.0.2"},
      {"[fd09::2]:9", "1/4 0 fd09::2"},
      {"10.10.0.1:9", "3/1 0 10.9.0.2"},
      {"10.11.0.1:9", "3/13 0 10.9.0.2"},
  };
  for (const auto& [address, error] : cases) {
    SCOPED_TRACE(address);
    gateway_->errors.clear();
    const std::uint32_t association = opened(*Endpoint::parse(address));
    for (int i = 0; i < 5; ++i) {
      send(association, "burst");
      if (i > 2) pass(20ms);
    }
    EXPECT_EQ(errors(5), std::vector<std::string>(5, std::to_string(association) + ": " + error));
  }
}

TEST_F(AssociationTest, AHopBehindUsTellsItsOwnTimeExceeded) {
  send(opened(*Endpoint::parse("10.12.0.5:9")), "x", 3);
  EXPECT_EQ(errors(1), std::vector<std::string>{"1: 11/0 0 10.9.0.2"});
}

TEST_F(AssociationTest, AnErrorDoesNotEndAnything) {
  const auto echo = server("10.9.0.2:0");
  const Endpoint at = echo->at();
  const std::uint32_t association = opened(at);
  ASSERT_TRUE(
      peer_.run_there("nft 'add table inet t; add chain inet t in { type filter hook input priority 0; }; "
                      "add rule inet t in udp length 20 reject with icmp type admin-prohibited'"));
  send(association, pattern(12, 0));
  EXPECT_EQ(errors(1), std::vector<std::string>{"1: 3/13 0 10.9.0.2"});
  send(association, "through");
  const auto got = receive(*echo);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->payload, "through");
  EXPECT_EQ(agent_->size(), 1U);
}

TEST_F(AssociationTest, TooBigIsToldEveryTimeAndNotByAMemory) {
  struct Case {
    const char *behind, *near;
    const char *by_router, *by_us;
    std::size_t headers;
    int protocol;
  };
  const std::vector<Case> cases{
      {"10.12.0.5:9", "10.9.0.2:0", "3/4 1400 10.9.0.2", "3/4 1500 10.9.0.1", 28, IPPROTO_UDP},
      {"[fd12::5]:9", "[fd09::2]:0", "2/0 1400 fd09::2", "2/0 1500 fd09::1", 48, IPPROTO_UDP},
      {"10.12.0.5:0", "10.9.0.2:0", "3/4 1400 10.9.0.2", "3/4 1500 10.9.0.1", 20, 253},
      {"[fd12::5]:0", "[fd09::2]:0", "2/0 1400 fd09::2", "2/0 1500 fd09::1", 40, 253},
  };
  for (const auto& [behind, near, by_router, by_us, headers, protocol] : cases) {
    SCOPED_TRACE(std::string(behind) + " protocol " + std::to_string(protocol));
    gateway_->errors.clear();
    const std::uint32_t far = opened(*Endpoint::parse(behind), protocol);
    const std::string told = std::to_string(far) + ": " + by_router;
    for (std::size_t i = 1; i <= 3; ++i) {
      send(far, pattern(1401 - headers, 0), 64, 0, true);
      EXPECT_EQ(errors(i), std::vector<std::string>(i, told));
    }
    // One that may be fragmented follows, and the error about the one before it is told all the same.
    send(far, pattern(1401 - headers, 0), 64, 0, true);
    send(far, pattern(100, 0), 64, 0, false);
    EXPECT_EQ(errors(4), std::vector<std::string>(4, told));
    // Our own device is ours to tell of.
    gateway_->errors.clear();
    const auto server_near = server(near, protocol);
    const std::uint32_t association = opened(server_near->at(), protocol);
    send(association, pattern(1501 - headers, 0), 64, 0, true);
    EXPECT_EQ(errors(1), std::vector<std::string>{std::to_string(association) + ": " + by_us});
    EXPECT_FALSE(server_near->receive());
    for (const auto& [size, dont_fragment] : {std::pair{1500 - headers, true}, {std::size_t{3000}, false}}) {
      send(association, pattern(size, 1), 64, 0, dont_fragment);
      const auto got = receive(*server_near);
      ASSERT_TRUE(got);
      EXPECT_TRUE(got->payload.ends_with(pattern(size, 1)));
    }
    EXPECT_EQ(gateway_->errors.size(), 1U);
  }
}

TEST_F(AssociationTest, TooBigIsToldAfterOneThatMayBeFragmented) {
  // Both wait for the router's link address, so the error comes when the socket no longer sends with the bit.
  const std::uint32_t association = opened(*Endpoint::parse("10.12.0.5:9"));
  ASSERT_TRUE(peer_.run_there("echo 8 > /proc/sys/net/ipv4/conf/veth1/arp_ignore"));
  ASSERT_TRUE(testing::Namespace::run("ip neigh flush dev veth0"));
  send(association, pattern(1400, 0), 64, 0, true);
  send(association, pattern(1400, 0), 64, 0, false);
  pass(100ms);
  ASSERT_TRUE(peer_.run_there("echo 0 > /proc/sys/net/ipv4/conf/veth1/arp_ignore"));
  EXPECT_EQ(errors(1), std::vector<std::string>{"1: 3/4 1400 10.9.0.2"});
}

TEST_F(AssociationTest, NoRouteIsToldAtOnceOrLater) {
  EXPECT_EQ(open(*Endpoint::parse("192.0.2.1:9")).outcome.verdict, UNREACHABLE);
  const auto echo = server("10.9.0.2:0");
  const std::uint32_t association = opened(echo->at());
  ASSERT_TRUE(testing::Namespace::run("ip route del 10.9.0.0/24 dev veth0"));
  send(association, "x");
  EXPECT_EQ(errors(1), std::vector<std::string>{"1: 3/0 0 10.9.0.1"});
}

TEST_F(AssociationTest, BoundariesAreKeptInABurst) {
  const auto echo = server("10.9.0.2:0");
  const std::uint32_t association = opened(echo->at());
  for (std::size_t i = 0; i < 100; ++i) send(association, pattern(i * 13 % 1400, static_cast<unsigned>(i)));
  DatagramServer::Got from;
  for (std::size_t i = 0; i < 100; ++i) {
    const auto got = receive(*echo);
    ASSERT_TRUE(got);
    ASSERT_TRUE(got->payload == pattern(i * 13 % 1400, static_cast<unsigned>(i))) << i;
    from = *got;
  }
  // More than one batch; few enough for the usual buffer of a socket.
  for (std::size_t i = 0; i < 70; ++i) EXPECT_TRUE(echo->reply(from, pattern(i * 17 % 1400, static_cast<unsigned>(i))));
  ASSERT_TRUE(until([&] { return gateway_->datagrams.size() == 70; }));
  for (std::size_t i = 0; i < 70; ++i) {
    ASSERT_TRUE(gateway_->datagrams[i].payload == pattern(i * 17 % 1400, static_cast<unsigned>(i))) << i;
  }
}

TEST_F(AssociationTest, OtherProtocolsGoRaw) {
  for (const char* address : {"10.9.0.2:0", "[fd09::2]:0"}) {
    SCOPED_TRACE(address);
    const auto echo = server(address, 253);
    const std::uint32_t association = opened(echo->at(), 253);
    for (const std::size_t size : {0U, 1U, 3000U, 65000U}) {
      const std::size_t before = gateway_->datagrams.size();
      send(association, pattern(size, 1), 12, 0xb8);
      const auto got = receive(*echo);
      ASSERT_TRUE(got);
      const std::size_t header = echo->at().address.is_v4() ? 20 : 0;
      EXPECT_TRUE(got->payload.substr(header) == pattern(size, 1));
      EXPECT_EQ(got->ttl, 10);
      EXPECT_EQ(got->tos, 0xb8);
      EXPECT_TRUE(echo->reply(*got, pattern(size, 2)));
      ASSERT_TRUE(until([&] { return gateway_->datagrams.size() == before + 1; }));
      EXPECT_TRUE(gateway_->datagrams.back().payload == pattern(size, 2));
      EXPECT_EQ(gateway_->datagrams.back().ttl, 64);
    }
  }
}

TEST_F(AssociationTest, OfTwoClientsOfARawProtocolOneHasIt) {
  const Endpoint at = *Endpoint::parse("10.9.0.2:0");
  const std::uint32_t first = opened(at, 253);
  EXPECT_EQ(open(at, 253, "10.1.0.2").outcome.verdict, TIMEOUT);
  EXPECT_EQ(open(at, 254, "10.1.0.2").outcome.verdict, ACCEPT);
  EXPECT_EQ(open(at, 253).outcome.verdict, ACCEPT) << "the same client's takes its place";
  ASSERT_TRUE(until([&] { return gateway_->unbound.size() == 1; }));
  EXPECT_EQ(gateway_->unbound[0], first);
  EXPECT_EQ(agent_->size(), 2U);
}

TEST_F(AssociationTest, ARawSocketTellsErrorsAboutItsOwnDatagrams) {
  const Endpoint at = *Endpoint::parse("10.9.0.2:0");
  const std::uint32_t association = opened(at, 253);
  send(association, "ours ours");
  EXPECT_EQ(errors(1), std::vector<std::string>{"1: 3/2 0 10.9.0.2"});
  // Another program's, of the same protocol to the same host.
  const DatagramServer another(*Endpoint::parse("10.9.0.1:0"), 253);
  DatagramServer::Got to;
  at.to_sockaddr(to.from);
  EXPECT_TRUE(another.reply(to, "theirs theirs"));
  pass(50ms);
  EXPECT_EQ(gateway_->errors.size(), 1U);
  EXPECT_EQ(agent_->size(), 1U);
}

TEST_F(AssociationTest, WhoMayNotOpenRawSocketsRefuses) {
  EXPECT_EQ(os::datagram_ability(), "udp raw");
  ASSERT_EQ(::seteuid(65534), 0);
  const std::string ability = os::datagram_ability();
  const Outcome raw = open(*Endpoint::parse("10.9.0.2:0"), 253).outcome;
  const Outcome udp = open(*Endpoint::parse("10.9.0.2:9")).outcome;
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_EQ(ability, "udp");
  EXPECT_EQ(raw.verdict, REFUSE);
  EXPECT_EQ(udp.verdict, ACCEPT);
}

TEST_F(AssociationTest, IdleOnesEndLaterOnceTwoRepliesCame) {
  const auto echo = server("10.9.0.2:0");
  std::vector<std::uint32_t> numbers;
  for (int i = 0; i < 3; ++i) {
    numbers.push_back(open(echo->at(), IPPROTO_UDP, "10.1.0.1", 700ms, 60s).association);
    send(numbers.back(), "x");
    const auto got = receive(*echo);
    for (int reply = 0; reply < i; ++reply) echo->reply(*got, "y");
  }
  ASSERT_TRUE(until([&] { return gateway_->datagrams.size() == 3; }));
  pass(300ms);
  EXPECT_TRUE(gateway_->unbound.empty()) << "too early";
  ASSERT_TRUE(until([&] { return gateway_->unbound.size() == 2; }, 2s));
  pass(600ms);
  EXPECT_EQ(gateway_->unbound.size(), 2U);
  EXPECT_EQ(agent_->size(), 1U);
  send(numbers[2], "x");
  EXPECT_TRUE(receive(*echo));
}

TEST_F(AssociationTest, AnUnbindClosesTheSocket) {
  const auto echo = server("10.9.0.2:0");
  const std::uint32_t association = opened(echo->at());
  send(association, "x");
  const auto got = receive(*echo);
  ASSERT_TRUE(got);
  gateway_->session->send_unbind(association);
  ASSERT_TRUE(until([&] { return agent_->size() == 0; }));
  echo->reply(*got, "y");
  pass(50ms);
  EXPECT_TRUE(gateway_->datagrams.empty());
  const DatagramServer taker(*Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&got->from)));
  // A number is not used again soon, and what comes for it still is dropped.
  send(association, "late");
  EXPECT_NE(opened(echo->at()), association);
  pass(50ms);
  EXPECT_FALSE(echo->receive());
}

TEST_F(AssociationTest, WhenThereAreTooManyWhoHasTheMostGivesWay) {
  end();
  start(4);
  const auto echo = server("10.9.0.2:0");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(open(echo->at()).association, static_cast<std::uint32_t>(i + 1));
  EXPECT_EQ(open(echo->at(), IPPROTO_UDP, "10.1.0.2").association, 4U);
  send(1, "x");
  echo->reply(*receive(*echo), "y");
  ASSERT_TRUE(until([&] { return gateway_->datagrams.size() == 1; }));
  EXPECT_EQ(open(echo->at(), IPPROTO_UDP, "10.1.0.2").outcome.verdict, ACCEPT);
  ASSERT_TRUE(until([&] { return gateway_->unbound.size() == 1; }));
  EXPECT_EQ(gateway_->unbound[0], 2U) << "the oldest without a reply";
  EXPECT_EQ(agent_->size(), 4U);
  gateway_->session->send_unbind(3);
  ASSERT_TRUE(until([&] { return agent_->size() == 3; }));
  EXPECT_EQ(open(echo->at()).outcome.verdict, ACCEPT);
  pass(50ms);
  EXPECT_EQ(gateway_->unbound.size(), 1U) << "there was room";
}

TEST_F(AssociationTest, TheEndOfTheSessionEndsThemAll) {
  const auto echo = server("10.9.0.2:0");
  for (int i = 0; i < 3; ++i) opened(echo->at());
  gateway_->session->close("cut");
  ASSERT_TRUE(until([&] { return ended_; }));
  EXPECT_EQ(agent_->size(), 0U);
  EXPECT_FALSE(agent_->open({IPPROTO_UDP, echo->at(), {}, 30s, 60s}));
}

TEST_F(AssociationTest, AnErrorFromTheGatewayIsNone) {
  gateway_->session->send_error(1, {3, 3, 0, {}});
  EXPECT_TRUE(until([&] { return ended_; }));
}

}  // namespace
}  // namespace sluice::agent
