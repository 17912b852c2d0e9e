// SPDX-License-Identifier: Apache-2.0
//
// Discovery with a real DNS server: dnsmasq on loopback, where it is installed.
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/unique_fd.hpp"
#include "client/discover/discover.hpp"

namespace sluice::client::discover {
namespace {

constexpr const char* program = "/usr/sbin/dnsmasq";

// A UDP socket on a free port of loopback.
UniqueFd bound(Endpoint& endpoint) {
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  socklen_t size = Endpoint{*Address::parse("127.0.0.1"), 0}.to_sockaddr(address);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return {};
  endpoint = *Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&address));
  return fd;
}

class Dnsmasq : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access(program, X_OK) != 0) GTEST_SKIP() << "dnsmasq is not here";
    { ASSERT_TRUE(bound(endpoint_)); }
    std::vector<std::string> arguments = {program,
                                          "--keep-in-foreground",
                                          "--conf-file=/dev/null",
                                          "--no-resolv",
                                          "--no-hosts",
                                          "--pid-file=",
                                          "--user=",
                                          "--bind-interfaces",
                                          "--listen-address=127.0.0.1",
                                          "--log-facility=/dev/null",
                                          "--local=/test/",
                                          "--port=" + std::to_string(endpoint_.port)};
    for (const char* record : {"ready.test,ready.test,1,0,0", "_sluice-kds._tcp.corp.test,KDS1.corp.test,8443,10,60",
                               "_sluice-kds._tcp.corp.test,kds2.corp.test,8444,10,40",
                               "_sluice-kds._tcp.corp.test,last.corp.test,443,20,0", "_sluice-kds._tcp.off.test"})
      arguments.push_back(std::string("--srv-host=") + record);
    // More than 512 bytes: by UDP the answer is cut, by TCP it is whole.
    for (int i = 0; i < 40; ++i)
      arguments.push_back("--srv-host=_sluice-kds._tcp.many.test,kds" + std::to_string(i) + ".many.test,443,1,1");
    arguments.push_back("--txt-record=_sluice-kds._tcp.text.test,hello");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    ASSERT_EQ(::posix_spawn(&pid_, program, nullptr, nullptr, argv.data(), environ), 0);
    resolver_.server = endpoint_;
    resolver_.seconds = 1;
    // It answers once it is there; what is refused until then comes back at once.
    for (int i = 0; i < 500; ++i) {
      auto answer = resolver_.srv("ready.test");
      if (answer && answer->records.size() == 1) return;
      ::usleep(10'000);
    }
    FAIL() << "dnsmasq does not answer";
  }
  void TearDown() override {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  Endpoint endpoint_;
  pid_t pid_ = -1;
  Resolver resolver_;
};

TEST_F(Dnsmasq, FindsTheServersOfTheFirstDomainThatHasAny) {
  Options options;
  options.domains = {"nowhere.test", "off.test", "corp.test", "many.test"};
  options.resolver = resolver_;
  options.random = [](std::uint32_t most) { return most; };  // always the last one
  auto found = discover(options);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->domain, "corp.test");
  ASSERT_EQ(found->servers.size(), 3U);
  EXPECT_EQ(found->servers[2].host, "last.corp.test");
  EXPECT_EQ(found->servers[2].port, 443);
  std::vector<std::string> hosts = {found->servers[0].host, found->servers[1].host};
  std::ranges::sort(hosts);
  EXPECT_EQ(hosts, (std::vector<std::string>{"kds1.corp.test", "kds2.corp.test"}));
}

TEST_F(Dnsmasq, SaysWhyThereIsNone) {
  Options options;
  options.domains = {"nowhere.test", "off.test", "text.test"};
  options.resolver = resolver_;
  auto found = discover(options);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message,
            "nowhere.test: names no key distribution server; off.test: says that it has no key distribution server; "
            "text.test: names no key distribution server");
}

TEST_F(Dnsmasq, WhatIsCutByUdpIsFetchedByTcp) {
  auto answer = resolver_.srv("_sluice-kds._tcp.many.test");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->records.size(), records_most);
  Options options;
  options.domains = {"many.test"};
  options.resolver = resolver_;
  EXPECT_EQ(discover(options)->servers.size(), servers_most);
}

TEST_F(Dnsmasq, ARefusalIsAnError) {
  auto answer = resolver_.srv("_sluice-kds._tcp.example.com");  // not of its own, and it has nobody to ask
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("_sluice-kds._tcp.example.com: "), std::string::npos) << answer.error().message;
}

TEST(Resolver, ASilentServerIsGivenUp) {
  Resolver resolver;
  Endpoint endpoint;
  const UniqueFd silent = bound(endpoint);
  ASSERT_TRUE(silent);
  resolver.server = endpoint;
  resolver.seconds = 1;
  resolver.tries = 1;
  auto answer = resolver.srv("_sluice-kds._tcp.test");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().number, ETIMEDOUT) << answer.error().message;
}

TEST(Resolver, RefusesNamesThatAreNone) {
  for (const char* name : {"", "a..b", "a b", "A.example", "a."})
    EXPECT_EQ(Resolver().srv(name).error().number, EINVAL) << name;
  EXPECT_FALSE(addresses_of("a b", 443));
  Resolver resolver;
  resolver.server = *Endpoint::parse("[::1]:53");
  EXPECT_EQ(resolver.srv("a.test").error().number, EINVAL);
}

TEST(Resolver, AddressesOfAHostHaveItsPort) {
  auto endpoints = addresses_of("localhost", 8443);
  ASSERT_TRUE(endpoints) << endpoints.error().message;
  for (const Endpoint& one : *endpoints) {
    EXPECT_EQ(one.port, 8443);
    EXPECT_TRUE(one.address.to_string() == "127.0.0.1" || one.address.to_string() == "::1") << one.to_string();
  }
}

}  // namespace
}  // namespace sluice::client::discover
