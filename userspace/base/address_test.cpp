// SPDX-License-Identifier: Apache-2.0
#include "base/address.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <unordered_set>

namespace sluice {
namespace {

Address address(std::string_view text) {
  Result<Address> parsed = Address::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : Address{};
}

TEST(Address, Ipv4IsMapped) {
  Address parsed = address("192.0.2.1");
  EXPECT_TRUE(parsed.is_v4());
  EXPECT_EQ(parsed.bytes(), std::string("\xc0\x00\x02\x01", 4));
  EXPECT_EQ(parsed.raw()[10], 0xff);
  EXPECT_EQ(parsed.to_string(), "192.0.2.1");
  EXPECT_EQ(*Address::from_bytes(parsed.bytes()), parsed);
  EXPECT_EQ(address("::ffff:192.0.2.1"), parsed);
}

TEST(Address, Ipv6) {
  Address parsed = address("2001:db8::1");
  EXPECT_FALSE(parsed.is_v4());
  EXPECT_EQ(parsed.bytes().size(), 16u);
  EXPECT_EQ(parsed.to_string(), "2001:db8::1");
  EXPECT_EQ(*Address::from_bytes(parsed.bytes()), parsed);
}

TEST(Address, RefusesWhatIsNone) {
  for (std::string_view text : {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", ":::", "host", "1.2.3.4 ", "[::1]"}) {
    EXPECT_FALSE(Address::parse(text)) << text;
  }
  EXPECT_FALSE(Address::parse(std::string_view("1.2.3.4\0", 8)));
  EXPECT_FALSE(Address::from_bytes("12345"));
}

TEST(Endpoint, RoundTripsThroughSockaddr) {
  for (std::string_view text : {"192.0.2.1:443", "[2001:db8::1]:80"}) {
    Result<Endpoint> endpoint = Endpoint::parse(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(endpoint->to_string(), text);
    sockaddr_storage storage;
    EXPECT_EQ(endpoint->to_sockaddr(storage), endpoint->address.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    EXPECT_EQ(*Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&storage)), *endpoint);
  }
}

TEST(Endpoint, RefusesWhatIsNone) {
  for (std::string_view text :
       {"192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:+1", "::1:80", "[192.0.2.1]:80", "[::1]", ":80"}) {
    EXPECT_FALSE(Endpoint::parse(text)) << text;
  }
}

TEST(Prefix, CountsBitsOfTheSixteenBytes) {
  Result<Prefix> prefix = Prefix::parse("10.20.0.0/15");
  ASSERT_TRUE(prefix);
  EXPECT_EQ(prefix->length, 96 + 15);
  EXPECT_EQ(prefix->to_string(), "10.20.0.0/15");
  EXPECT_TRUE(prefix->contains(address("10.21.255.255")));
  EXPECT_FALSE(prefix->contains(address("10.22.0.0")));
  EXPECT_FALSE(prefix->contains(address("2001:db8::1")));
}

TEST(Prefix, Ends) {
  EXPECT_TRUE(Prefix::parse("::/0")->contains(address("10.0.0.1")));
  EXPECT_TRUE(Prefix::parse("0.0.0.0/0")->contains(address("10.0.0.1")));
  EXPECT_FALSE(Prefix::parse("0.0.0.0/0")->contains(address("::1")));
  EXPECT_EQ(Prefix::parse("fd00::1")->length, 128);
  EXPECT_EQ(Prefix::parse("10.0.0.1")->length, 128);
  EXPECT_EQ(Prefix::parse("10.0.0.1")->to_string(), "10.0.0.1/32");
}

TEST(Prefix, RefusesWhatIsNone) {
  for (std::string_view text : {"10.0.0.1/8", "10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.0.0.0/-1", "/8"}) {
    EXPECT_FALSE(Prefix::parse(text)) << text;
  }
}

TEST(Endpoint, HashesApart) {
  std::unordered_set<std::size_t> seen;
  for (std::uint16_t port = 0; port < 1000; ++port) seen.insert(std::hash<Endpoint>{}({address("10.0.0.1"), port}));
  EXPECT_EQ(seen.size(), 1000u);
}

}  // namespace
}  // namespace sluice
