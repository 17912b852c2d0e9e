// SPDX-License-Identifier: Apache-2.0
//
// IP packets of either family as the module hands them over, taken apart; and the UDP header of those that go back,
// for the kernel makes only the IP header of what a raw socket sends.  Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/address.hpp"

namespace sluice::gateway {

// The longest packet: IPv6's fixed header, and all that its 16-bit length can count.
inline constexpr std::size_t ip_packet_max = 40 + 65535;

struct IpPacket {
  std::uint8_t protocol = 0;
  Endpoint source;  // ports are UDP's; 0 for any other protocol
  Endpoint destination;
  std::uint8_t ttl = 0;
  std::uint8_t tos = 0;
  bool dont_fragment = false;          // true of IPv6, where nobody on the way may fragment; who knows better says so
  std::span<const std::byte> payload;  // of UDP; of another protocol all behind the IP header and its extensions
};

// *packet* starts at the IP header and is no fragment.  Nothing: it contradicts itself, or is cut off.  Checksums are
// not looked at: the kernel has checked them, or has left them to be finished.
std::optional<IpPacket> parse_ip_packet(std::span<const std::byte> packet);

using UdpHeader = std::array<std::byte, 8>;

// RFC 768, checksum included.
UdpHeader udp_header(const Endpoint& source, const Endpoint& destination, std::span<const std::byte> payload);

}  // namespace sluice::gateway
