// SPDX-License-Identifier: Apache-2.0
#include "sluiced/ip_packet.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::gateway {
namespace {

using Packet = std::vector<std::byte>;

// "45 00 ..."; blanks do not count.
Packet bytes(std::string_view hex) {
  Packet packet;
  std::string digits;
  for (const char c : hex)
    if (c != ' ') digits += c;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    packet.push_back(static_cast<std::byte>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  return packet;
}

std::string text(std::span<const std::byte> payload) {
  return {reinterpret_cast<const char*>(payload.data()), payload.size()};
}

const std::string udp = "c000 0035 000b 0000 616263";  // 49152 to 53, "abc", checksum not made yet
const std::string v4 = "45 b8 001f 1234 4000 3f 11 0000 64400101 0a140007 ";
const std::string v6_start = "6b80 0000 ";
const std::string v6_addresses = "fd640001000000000000000000000001 fd200000000000000000000000000007 ";

std::string v6(const std::string& next, std::size_t length) {
  char word[5];
  std::snprintf(word, sizeof word, "%04zx", length);
  return v6_start + word + next + "40" + v6_addresses;
}

TEST(IpPacketTest, ADatagramOfIpv4) {
  const Packet raw = bytes(v4 + udp);
  const auto packet = parse_ip_packet(raw);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->protocol, IPPROTO_UDP);
  EXPECT_EQ(packet->source.to_string(), "100.64.1.1:49152");
  EXPECT_EQ(packet->destination.to_string(), "10.20.0.7:53");
  EXPECT_EQ(packet->ttl, 63);
  EXPECT_EQ(packet->tos, 0xb8);
  EXPECT_TRUE(packet->dont_fragment);
  EXPECT_EQ(text(packet->payload), "abc");
}

TEST(IpPacketTest, OptionsAndPaddingAreNoPayload) {
  const Packet raw = bytes("46 00 0023 1234 0000 3f 11 0000 64400101 0a140007 01010100" + udp + "0000");
  const auto packet = parse_ip_packet(raw);
  ASSERT_TRUE(packet);
  EXPECT_FALSE(packet->dont_fragment);
  EXPECT_EQ(text(packet->payload), "abc");
}

TEST(IpPacketTest, ADatagramOfIpv6) {
  const Packet raw = bytes(v6("11", 11) + udp);
  const auto packet = parse_ip_packet(raw);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->source.to_string(), "[fd64:1::1]:49152");
  EXPECT_EQ(packet->destination.to_string(), "[fd20::7]:53");
  EXPECT_EQ(packet->tos, 0xb8);
  EXPECT_EQ(packet->ttl, 64);
  EXPECT_TRUE(packet->dont_fragment);
  EXPECT_EQ(text(packet->payload), "abc");
}

TEST(IpPacketTest, ExtensionHeadersArePassedOver) {
  const std::string hop = "3c00 010400000000", options = "2c00 010400000000", atomic = "1100 0000 00000001";
  const Packet raw = bytes(v6("00", 35) + hop + options + atomic + udp);
  const auto packet = parse_ip_packet(raw);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->protocol, IPPROTO_UDP);
  EXPECT_EQ(text(packet->payload), "abc");
}

TEST(IpPacketTest, OfAnotherProtocolAllIsPayload) {
  const Packet four = bytes("45 00 0017 1234 0000 3f 2f 0000 64400101 0a140007 616263");
  const Packet six = bytes(v6("2f", 3) + "616263");
  for (const Packet& raw : {four, six}) {
    const auto packet = parse_ip_packet(raw);
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->protocol, IPPROTO_GRE);
    EXPECT_EQ(packet->source.port, 0);
    EXPECT_EQ(text(packet->payload), "abc");
  }
}

TEST(IpPacketTest, WhatContradictsItselfIsNothing) {
  const std::string wrong[] = {
      "",
      "45",
      "00" + v4.substr(2) + udp,                                   // version
      "44" + v4.substr(2) + udp,                                   // header shorter than itself
      "4f 00 001f 1234 4000 3f 11 0000 64400101 0a140007" + udp,   // options beyond the packet
      "45 00 0020 1234 4000 3f 11 0000 64400101 0a140007" + udp,   // longer than it is
      "45 00 001f 1234 2000 3f 11 0000 64400101 0a140007" + udp,   // more fragments
      "45 00 001f 1234 0001 3f 11 0000 64400101 0a140007" + udp,   // a later fragment
      v4 + "c000 0035 000c 0000 616263",                           // UDP longer than it is
      v4 + "c000 0035 0007 0000 616263",                           // UDP shorter than its header
      "45 00 0017 1234 0000 3f 11 0000 64400101 0a140007 c00000",  // no whole UDP header
      v6("11", 12) + udp,                                          // longer than it is
      v6("00", 11) + "11ff" + udp.substr(4),                       // extension beyond the packet
      v6("2c", 19) + "1100 0009 00000001" + udp,                   // a fragment
  };
  for (const std::string& hex : wrong) EXPECT_FALSE(parse_ip_packet(bytes(hex))) << hex;
}

// A receiver sums all words, the checksum among them, and must find ffff.
unsigned sum_at_receiver(const Endpoint& source, const Endpoint& destination, const UdpHeader& header,
                         std::span<const std::byte> payload) {
  std::string all = source.address.bytes() + destination.address.bytes() + std::string("\0\x11", 2);
  all += text(std::span(header).subspan(4, 2)) + text(header) + text(payload);
  if (all.size() % 2 != 0) all += '\0';
  unsigned long sum = 0;
  for (std::size_t i = 0; i < all.size(); i += 2)
    sum += static_cast<unsigned char>(all[i]) << 8 | static_cast<unsigned char>(all[i + 1]);
  while (sum > 0xffff) sum = (sum >> 16) + (sum & 0xffff);
  return static_cast<unsigned>(sum);
}

TEST(UdpHeaderTest, TheChecksumIsRightInBothFamilies) {
  for (const auto& [from, to] : {std::pair{"10.20.0.7:53", "100.64.1.1:49152"}, {"[fd20::7]:53", "[fd64:1::1]:9"}}) {
    const Endpoint source = *Endpoint::parse(from), destination = *Endpoint::parse(to);
    for (const std::size_t size : {0u, 1u, 2u, 1471u, 65507u}) {
      const Packet payload(size, std::byte{0xa5});
      const UdpHeader header = udp_header(source, destination, payload);
      EXPECT_EQ(sum_at_receiver(source, destination, header, payload), 0xffffu) << from << " " << size;
    }
  }
}

TEST(UdpHeaderTest, ZeroIsNeverSent) {
  // Found by trial: two bytes of payload take every sum once.
  const Endpoint source = *Endpoint::parse("10.20.0.7:53"), destination = *Endpoint::parse("100.64.1.1:49152");
  int ones = 0;
  for (unsigned word = 0; word < 0x10000; ++word) {
    const Packet payload{static_cast<std::byte>(word >> 8), static_cast<std::byte>(word & 0xff)};
    const UdpHeader header = udp_header(source, destination, payload);
    EXPECT_FALSE(header[6] == std::byte{0} && header[7] == std::byte{0});
    ones += header[6] == std::byte{0xff} && header[7] == std::byte{0xff};
  }
  EXPECT_GE(ones, 1);
}

}  // namespace
}  // namespace sluice::gateway
