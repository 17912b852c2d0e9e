// SPDX-License-Identifier: Apache-2.0
//
// Associations and their relay over real sockets in a network namespace: an agent's end of a DGRAM session that speaks
// in frames, clients that are UDP sockets, and, for the module, a raw socket that sends packets of protocol 255 to
// loopback, for these come into the relay's socket as whole IP packets, too.
#include "sluiced/associations.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstring>
#include <deque>
#include <thread>

#include "base/testing.hpp"
#include "tls/testing.hpp"

namespace sluice::gateway {
namespace {

using namespace std::chrono_literals;
using netlink::Verdict;
using session::DatagramFrame;
using session::DatagramKind;

constexpr LinkId berlin = 7;
constexpr std::uint64_t dgram = 3;
constexpr std::uint8_t any_protocol = 255;

struct Received {
  std::string payload;
  Endpoint from;
  int ttl = 0;
  int tos = 0;
};

// A socket of a client's, bound to its address.
class Client {
 public:
  Client(int type, int protocol, const Endpoint& local) : fd_(::socket(family_of(local), type, protocol)) {
    sockaddr_storage storage;
    const socklen_t length = local.to_sockaddr(storage);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&storage), length), 0);
    const int on = 1, off = 0;
    const timeval limit{5, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (type == SOCK_RAW) ::setsockopt(fd_.get(), SOL_IP, IP_HDRINCL, &off, sizeof off);
    for (const auto& [level, option] : {std::pair{SOL_IP, IP_RECVTTL},
                                        {SOL_IP, IP_RECVTOS},
                                        {SOL_IPV6, IPV6_RECVHOPLIMIT},
                                        {SOL_IPV6, IPV6_RECVTCLASS}})
      (void)::setsockopt(fd_.get(), level, option, &on, sizeof on);
  }

  void send(const Endpoint& to, const std::string& payload) {
    sockaddr_storage storage;
    const socklen_t length = to.to_sockaddr(storage);
    EXPECT_EQ(
        ::sendto(fd_.get(), payload.data(), payload.size(), 0, reinterpret_cast<const sockaddr*>(&storage), length),
        static_cast<ssize_t>(payload.size()));
  }

  std::optional<Received> receive() {
    std::string payload(70000, '\0');
    alignas(cmsghdr) char control[256];
    sockaddr_storage from{};
    iovec part{payload.data(), payload.size()};
    msghdr header{};
    header.msg_name = &from;
    header.msg_namelen = sizeof from;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    const ssize_t size = ::recvmsg(fd_.get(), &header, 0);
    if (size < 0) return std::nullopt;
    Received received;
    received.payload = payload.substr(0, static_cast<std::size_t>(size));
    received.from = *Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&from));
    for (cmsghdr* item = CMSG_FIRSTHDR(&header); item; item = CMSG_NXTHDR(&header, item)) {
      const bool v4 = item->cmsg_level == SOL_IP;
      if (item->cmsg_type == (v4 ? IP_TTL : IPV6_HOPLIMIT)) std::memcpy(&received.ttl, CMSG_DATA(item), sizeof(int));
      if (item->cmsg_type == (v4 ? IP_TOS : IPV6_TCLASS))
        std::memcpy(&received.tos, CMSG_DATA(item), v4 ? 1 : sizeof(int));
    }
    return received;
  }

 private:
  static int family_of(const Endpoint& local) { return local.address.is_v4() ? AF_INET : AF_INET6; }
  UniqueFd fd_;
};

class AssociationsTest : public testing::Test, public Associations::Surroundings {
 protected:
  void SetUp() override {
    if (!space.entered()) GTEST_SKIP() << "needs root";
    ASSERT_TRUE(
        space.run("ip link set lo mtu 1500 && ip address add 100.64.1.1/32 dev lo && "
                  "ip -6 address add fd64::1/128 dev lo nodad"));
    worker.emplace(*tls::Context::create(tls::Role::server, pki.gateway()));
    associations.emplace(control, *worker, *this);
    worker->start("relay");
    auto started = associations->start();
    ASSERT_TRUE(started) << started.error().message;
    connect();
  }
  void TearDown() override {
    if (!worker) return;
    if (client) client->close();
    run_until([&] { return associations->sessions(berlin).empty(); });
    associations->stop();
    worker->stop();
  }

  // The agent's DGRAM session.
  void connect() {
    auto agent_side = tls::Context::create(tls::Role::client, identity);
    auto pair = tls::testing::tls_pair(control, worker->tls(), *agent_side);
    ASSERT_TRUE(pair) << pair.error().message;
    client.emplace(std::move(pair->client));
    auto session = associations->open(berlin, dgram, {});
    ASSERT_TRUE(session) << session.error().message;
    session::Envelope reply;
    reply.mutable_hello_reply()->set_status(session::v1::OK);
    (*session)->start(std::move(pair->server), reply);
    auto read = [&]() -> Task<void> {
      auto frame = co_await session::read_frame(*client);
      replied = frame.ok();
    };
    asio::co_spawn(control, read, asio::detached);
    run_until([&] { return replied; });
  }

  void run_until(const std::function<bool()>& done) {
    const auto limit = std::chrono::steady_clock::now() + 10s;
    while (!done() && std::chrono::steady_clock::now() < limit) {
      control.restart();  // it stops whenever nothing of ours is on its way
      if (control.run_for(1ms) == 0) std::this_thread::sleep_for(1ms);
      read_frames();
    }
    EXPECT_TRUE(done());
  }

  // What came to the agent; acknowledgements aside.
  void read_frames() {
    if (!replied || !client->is_open()) return;
    std::array<std::byte, 16384> chunk;
    for (;;) {
      const auto attempt = client->try_read(chunk);
      if (attempt.status != tls::Stream::Status::ok) break;
      buffer.insert(buffer.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(attempt.size));
    }
    std::span<const std::byte> rest(buffer);
    for (;;) {
      auto frame = session::take_datagram_frame(rest);
      ASSERT_TRUE(frame) << frame.error().message;
      if (!*frame) break;
      if ((*frame)->kind == DatagramKind::acknowledge) continue;
      payloads.emplace_back(reinterpret_cast<const char*>((*frame)->datagram.payload.data()),
                            (*frame)->datagram.payload.size());
      frames.push_back(**frame);
    }
    buffer.erase(buffer.begin(), buffer.end() - static_cast<std::ptrdiff_t>(rest.size()));
  }

  void write(const std::string& bytes) {
    auto send = [this, bytes]() -> Task<void> {
      auto written = co_await client->write_all(std::as_bytes(std::span(bytes)));
      EXPECT_TRUE(written);
    };
    bool done = false;
    asio::co_spawn(control, send, [&](std::exception_ptr) { done = true; });
    run_until([&] { return done; });
  }
  void write_datagram(std::uint32_t number, const std::string& payload, std::uint8_t ttl = 60, std::uint8_t tos = 0) {
    std::string bytes;
    session::append_datagram(bytes, {number, ttl, tos, false, std::as_bytes(std::span(payload))});
    write(bytes);
  }

  Offer offer(std::uint32_t id, std::uint8_t protocol, const Endpoint& source, const Endpoint& destination) {
    Offer offer;
    offer.parked.id = id;
    offer.parked.protocol = protocol;
    offer.parked.source = source;
    offer.parked.destination = destination;
    offer.link = berlin;
    offer.record = std::make_shared<Record>();
    offer.record->protocol = protocol;
    offer.record->source = source;
    offer.record->destination = destination;
    return offer;
  }
  // Of the first, and the verdict has come.
  std::shared_ptr<Record> bind_udp(const std::string& source, const std::string& destination) {
    const Offer first = offer(11, IPPROTO_UDP, *Endpoint::parse(source), *Endpoint::parse(destination));
    const auto done = associations->bind(first, dgram, 1);
    EXPECT_TRUE(done);
    run_until([&] { return !decided.empty(); });
    EXPECT_EQ(decided, (std::vector<netlink::Answer>{{11, Verdict::accept, {}, {}}}));
    return first.record;
  }

  // Associations::Surroundings
  void decide(const std::shared_ptr<Record>&, const netlink::Answer& answer) override { decided.push_back(answer); }
  void tell_kernel(const netlink::Answer& answer) override { told.push_back(answer); }
  void changed(const std::shared_ptr<Record>&) override { ++changes; }
  bool out_of_reach(LinkId link, const Record&) override {
    out_of_reach_by.push_back(link);
    return has_another;
  }

  std::vector<LinkId> out_of_reach_by;
  bool has_another = false;
  testing_support::Namespace space;
  tls::testing::Pki pki;
  tls::Identity identity = pki.agent();
  asio::io_context control{1};
  std::optional<Worker> worker;
  std::optional<Associations> associations;
  std::optional<tls::Stream> client;
  bool replied = false;  // the HelloReply has come; frames follow
  std::vector<std::byte> buffer;
  std::deque<DatagramFrame> frames;  // their payloads are gone: see payloads
  std::deque<std::string> payloads;
  std::vector<netlink::Answer> decided;
  std::vector<netlink::Answer> told;
  int changes = 0;
};

TEST_F(AssociationsTest, AServersDatagramsReachTheClientFromTheServersAddress) {
  for (const auto& [local, server, largest] :
       {std::tuple{"100.64.1.1:4000", "10.20.0.7:53", 65507}, {"[fd64::1]:4000", "[fd20::7]:53", 65527}}) {
    Client udp(SOCK_DGRAM, 0, *Endpoint::parse(local));
    const auto record = bind_udp(local, server);
    for (const std::size_t size : {0, 1, 1472, 1473, 9000, largest}) {
      const std::string payload(size, 'x');
      write_datagram(1, payload, 60, 0xb9);
      const auto received = udp.receive();
      ASSERT_TRUE(received) << server << " " << size;
      EXPECT_EQ(received->payload, payload);
      EXPECT_EQ(received->from.to_string(), server);
      EXPECT_EQ(received->ttl, 58);
      EXPECT_EQ(received->tos, 0xb9);
    }
    for (const auto& [came, left] : {std::pair{1, 1}, {3, 1}, {255, 253}, {0, 64}}) {
      write_datagram(1, "ttl", static_cast<std::uint8_t>(came));
      const auto received = udp.receive();
      ASSERT_TRUE(received);
      EXPECT_EQ(received->ttl, left) << came;
    }
    // It is counted once it is sent, on another thread.
    run_until([&] { return record->traffic->to_client.datagrams.get() == 10; });
    EXPECT_EQ(record->traffic->to_client.dropped.get(), 0u);
    // Longer than the family allows: dropped, and the next one goes on.
    write_datagram(1, std::string(static_cast<std::size_t>(largest) + 1, 'x'));
    write_datagram(1, "next");
    EXPECT_EQ(udp.receive().value_or(Received{}).payload, "next");
    run_until([&] { return record->traffic->to_client.dropped.get() == 1; });

    std::string unbind;
    session::append_unbind(unbind, 1);
    write(unbind);
    run_until([&] { return associations->entries().empty(); });
    decided.clear();
  }
}

TEST_F(AssociationsTest, ABurstArrivesWhole) {
  Client udp(SOCK_DGRAM, 0, *Endpoint::parse("100.64.1.1:4000"));
  const auto record = bind_udp("100.64.1.1:4000", "10.20.0.7:53");
  std::string bytes;
  for (int i = 0; i < 200; ++i) {
    const std::string payload = std::to_string(i);
    session::append_datagram(bytes, {1, 60, 0, false, std::as_bytes(std::span(payload))});
  }
  write(bytes);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(udp.receive().value_or(Received{}).payload, std::to_string(i));
}

TEST_F(AssociationsTest, AClientsDatagramsReachTheAgent) {
  const Endpoint from = *Endpoint::parse("127.0.0.2:0"), to = *Endpoint::parse("127.0.0.1:0");
  Client raw(SOCK_RAW, any_protocol, from);
  raw.send(to, "nobody's");
  run_until([&] { return associations->strays() == 1; });
  const Offer first = offer(11, any_protocol, from, to);
  ASSERT_TRUE(associations->bind(first, dgram, 1));
  run_until([&] { return decided.size() == 1; });
  for (const std::size_t size : {1, 1480, 20000, 65515}) raw.send(to, std::string(size, 'x'));
  run_until([&] { return frames.size() == 4; });
  for (std::size_t i = 0; i < frames.size(); ++i) {
    EXPECT_EQ(frames[i].kind, DatagramKind::datagram);
    EXPECT_EQ(frames[i].datagram.association, 1u);
    EXPECT_EQ(frames[i].datagram.ttl, 64);
  }
  ASSERT_EQ(payloads.size(), 4u);
  EXPECT_EQ(payloads[3], std::string(65515, 'x'));
  EXPECT_EQ(first.record->traffic->to_server.datagrams.get(), 4u);
  EXPECT_EQ(first.record->traffic->to_server.bytes.get(), 1u + 1480 + 20000 + 65515);
}

TEST_F(AssociationsTest, NothingThatComesInIsKeptByTheSocketsForGoingOut) {
  Client udp(SOCK_DGRAM, 0, *Endpoint::parse("127.0.0.1:4001"));
  bind_udp("100.64.1.1:4000", "10.20.0.7:53");
  for (int i = 0; i < 100; ++i) udp.send(*Endpoint::parse("127.0.0.1:4001"), std::string(1000, 'x'));
  // "sl local rem st tx_queue:rx_queue": of protocol 17, 0011.
  EXPECT_TRUE(space.run("grep -E ':0011 .* 00000000:00000000 ' /proc/net/raw > /dev/null"));
}

TEST_F(AssociationsTest, WhatCannotBeBoundIsAnError) {
  const Offer first = offer(11, IPPROTO_UDP, *Endpoint::parse("100.64.1.1:1"), *Endpoint::parse("10.20.0.7:53"));
  EXPECT_FALSE(associations->bind(first, dgram + 1, 1));
  EXPECT_FALSE(associations->bind(first, dgram, 0));
  EXPECT_TRUE(associations->bind(first, dgram, 1));
  Offer second = offer(12, IPPROTO_UDP, *Endpoint::parse("100.64.1.1:2"), *Endpoint::parse("10.20.0.7:53"));
  EXPECT_FALSE(associations->bind(second, dgram, 1));
  second.link = berlin + 1;
  EXPECT_FALSE(associations->bind(second, dgram, 2));
  EXPECT_EQ(associations->entries().size(), 1u);
  run_until([&] { return decided.size() == 1; });
}

TEST_F(AssociationsTest, ASessionsNumberIsItsOwnAndThereAreFewOfThem) {
  EXPECT_FALSE(associations->open(berlin, 0, {}));
  EXPECT_FALSE(associations->open(berlin, dgram, {}));
  for (std::uint64_t number = dgram + 1; number < dgram + Associations::sessions_max; ++number)
    EXPECT_TRUE(associations->open(berlin + 1, number, {}));
  EXPECT_TRUE(associations->open(berlin + 1, dgram, {}));
  EXPECT_FALSE(associations->open(berlin + 1, 99, {}));
}

TEST_F(AssociationsTest, AnErrorIsJudgedAndGoesToTheKernel) {
  const auto record = bind_udp("100.64.1.1:4000", "10.20.0.7:53");
  std::string bytes;
  session::append_error(bytes, 1, {5, 1, 0, {}});  // a redirect is none
  write(bytes);
  bytes.clear();
  const Address router = *Address::parse("10.20.0.1");
  session::append_error(bytes, 1, {ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, router});
  session::append_error(bytes, 99, {ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, router});
  // Until the first has been handled others may be passed over, but not for ever.
  const auto limit = std::chrono::steady_clock::now() + 5s;
  while (told.empty() && std::chrono::steady_clock::now() < limit) write(bytes);
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told[0].id, 11u);
  EXPECT_EQ(told[0].verdict, Verdict::unreachable);
  EXPECT_EQ(told[0].icmp->type, ICMP_DEST_UNREACH);
  EXPECT_EQ(told[0].icmp->code, ICMP_PORT_UNREACH);
  EXPECT_EQ(told[0].icmp->source, router);
  EXPECT_EQ(record->outcome, "bound");
  EXPECT_EQ(record->errors, told.size());
}

TEST_F(AssociationsTest, WhereAnotherAgentMayReachTheServerTheErrorEndsIt) {
  const auto record = bind_udp("100.64.1.1:4000", "10.20.0.7:53");
  auto fail = [this] {
    std::string bytes;
    session::append_error(bytes, 1, {ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, *Address::parse("10.20.0.1")});
    const std::size_t before = told.size();
    const auto limit = std::chrono::steady_clock::now() + 5s;
    while (told.size() == before && std::chrono::steady_clock::now() < limit) write(bytes);
  };
  fail();
  ASSERT_FALSE(out_of_reach_by.empty());
  EXPECT_EQ(out_of_reach_by.front(), berlin);
  EXPECT_EQ(record->outcome, "bound");
  has_another = true;
  told.clear();
  fail();
  ASSERT_GE(told.size(), 2u);
  EXPECT_EQ(told[told.size() - 2].verdict, Verdict::unreachable);
  EXPECT_EQ(told.back(), (netlink::Answer{11, Verdict::unbind, {}, {}}));
  EXPECT_TRUE(record->outcome.starts_with("ended: its agent can't reach the server")) << record->outcome;
  EXPECT_TRUE(associations->entries().empty());
  run_until([&] { return !frames.empty() && frames.back().kind == DatagramKind::unbind; });  // and its agent knows
}

TEST_F(AssociationsTest, OneThatWorksIsNotMovedByOneError) {
  has_another = true;
  Client receiver(SOCK_DGRAM, IPPROTO_UDP, *Endpoint::parse("100.64.1.1:4000"));
  const auto record = bind_udp("100.64.1.1:4000", "10.20.0.7:53");
  auto fail = [this, record] {
    std::string bytes;
    session::append_error(bytes, 1, {ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, *Address::parse("10.20.0.1")});
    const std::uint64_t before = record->errors;
    write(bytes);
    run_until([&] { return record->errors > before; });
  };
  auto reply = [&] {
    const std::uint64_t before = record->traffic->to_client.datagrams.get();
    write_datagram(1, "reply");
    run_until([&] { return record->traffic->to_client.datagrams.get() > before; });
  };
  for (int round = 0; round < 3; ++round) {  // replies between: no row of errors
    reply();
    for (unsigned n = 1; n < Associations::out_of_reach_max; ++n) fail();
  }
  EXPECT_EQ(record->outcome, "bound");
  EXPECT_TRUE(out_of_reach_by.empty());
  fail();
  EXPECT_TRUE(record->outcome.starts_with("ended: its agent can't reach the server")) << record->outcome;
}

TEST_F(AssociationsTest, TheAgentsUnbindEndsIt) {
  const auto record = bind_udp("100.64.1.1:4000", "10.20.0.7:53");
  record->idle = 1h;
  std::string bytes;
  session::append_unbind(bytes, 1);
  write(bytes);
  run_until([&] { return told.size() == 1; });
  EXPECT_EQ(told[0], (netlink::Answer{11, Verdict::unbind, {}, {}}));
  EXPECT_EQ(record->outcome, "ended by the agent");
  EXPECT_TRUE(record->ended);
  // Its numbers are free again, as is its place.
  const Offer again = offer(12, IPPROTO_UDP, *Endpoint::parse("100.64.1.1:4000"), *Endpoint::parse("10.20.0.7:53"));
  EXPECT_TRUE(associations->bind(again, dgram, 1));
  run_until([&] { return decided.size() == 2; });
  EXPECT_EQ(decided[1].verdict, Verdict::accept);
  again.record->idle = 0ms;
  write(bytes);
  run_until([&] { return told.size() == 2; });
  EXPECT_EQ(again.record->outcome, "ended: idle");
}

TEST_F(AssociationsTest, WhatTheKernelForgetsIsEndedAtTheAgent) {
  const auto record = bind_udp("100.64.1.1:4000", "10.20.0.7:53");
  EXPECT_FALSE(associations->withdrawn({12, netlink::Reason::removed}));
  EXPECT_TRUE(associations->withdrawn({11, netlink::Reason::removed}));
  run_until([&] { return frames.size() == 1; });
  EXPECT_EQ(frames[0].kind, DatagramKind::unbind);
  EXPECT_EQ(frames[0].datagram.association, 1u);
  EXPECT_TRUE(told.empty());
  EXPECT_EQ(record->outcome, "ended: its network or client was removed");
}

TEST_F(AssociationsTest, AWithdrawnOneIsNotAcceptedAnyMore) {
  const Offer first = offer(11, IPPROTO_UDP, *Endpoint::parse("100.64.1.1:1"), *Endpoint::parse("10.20.0.7:53"));
  ASSERT_TRUE(associations->bind(first, dgram, 1));
  EXPECT_TRUE(associations->withdrawn({11, netlink::Reason::removed}));
  run_until([&] { return frames.size() == 1; });
  EXPECT_TRUE(decided.empty());
}

TEST_F(AssociationsTest, WhatNobodyWantsAnyMoreIsEndedAtTheAgent) {
  bind_udp("100.64.1.1:4000", "10.20.0.7:53");
  associations->discard(berlin, dgram, 1);  // in use: an answer that was wrong twice
  associations->discard(berlin, dgram, 2);
  run_until([&] { return frames.size() == 1; });
  EXPECT_EQ(frames[0].datagram.association, 2u);
}

TEST_F(AssociationsTest, TheEndOfASessionEndsWhatIsBoundToIt) {
  const auto record = bind_udp("100.64.1.1:4000", "10.20.0.7:53");
  write_datagram(99, "of no association");
  run_until([&] { return associations->totals(berlin).strays == 1; });
  client->close();
  run_until([&] { return told.size() == 1; });
  EXPECT_EQ(told[0], (netlink::Answer{11, Verdict::unbind, {}, {}}));
  EXPECT_TRUE(record->outcome.starts_with("ended: the agent's session ended: ")) << record->outcome;
  EXPECT_TRUE(associations->sessions(berlin).empty());
  // What it counted stays the agent's.
  EXPECT_EQ(associations->totals(berlin).counters.received, 1u);
  EXPECT_EQ(associations->totals(berlin).strays, 1u);
}

TEST_F(AssociationsTest, ALostLinkEndsItsSessions) {
  const auto record = bind_udp("100.64.1.1:4000", "10.20.0.7:53");
  associations->link_lost(berlin, "its control session ended: gone");
  EXPECT_FALSE(associations->bind(offer(12, IPPROTO_UDP, {}, {}), dgram, 2));
  run_until([&] { return told.size() == 1; });
  EXPECT_EQ(record->outcome, "ended: the agent's session ended: its control session ended: gone");
}

TEST_F(AssociationsTest, ARevokedAgentsSessionEnds) {
  const auto record = bind_udp("100.64.1.1:4000", "10.20.0.7:53");
  pki.revoke(identity);
  run_until([&] { return told.size() == 1; });
  EXPECT_NE(record->outcome.find("revoked"), std::string::npos) << record->outcome;
}

}  // namespace
}  // namespace sluice::gateway
