// SPDX-License-Identifier: Apache-2.0
#include "sluiced/ip_packet.hpp"

#include <netinet/in.h>

#include <algorithm>

namespace sluice::gateway {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t v4_header = 20;  // RFC 791, 3.1; without options
constexpr std::size_t v6_header = 40;  // RFC 8200, 3
constexpr std::size_t udp_header_size = 8;
constexpr unsigned v4_dont_fragment = 0x4000;
constexpr unsigned v4_fragment = 0x3fff;  // more fragments, and the offset

unsigned byte_at(Bytes bytes, std::size_t at) { return std::to_integer<unsigned>(bytes[at]); }
unsigned word_at(Bytes bytes, std::size_t at) { return byte_at(bytes, at) << 8 | byte_at(bytes, at + 1); }

Address v4_address(Bytes bytes) {
  Address::Bytes raw{};
  raw[10] = raw[11] = 0xff;
  for (std::size_t i = 0; i < 4; ++i) raw[12 + i] = static_cast<std::uint8_t>(byte_at(bytes, i));
  return Address(raw);
}

Address v6_address(Bytes bytes) {
  Address::Bytes raw{};
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<std::uint8_t>(byte_at(bytes, i));
  return Address(raw);
}

std::optional<IpPacket> parse_v4(Bytes bytes) {
  if (bytes.size() < v4_header) return std::nullopt;
  const std::size_t header = (byte_at(bytes, 0) & 0xf) * 4;
  const std::size_t total = word_at(bytes, 2);
  if (header < v4_header || total < header || total > bytes.size()) return std::nullopt;
  if ((word_at(bytes, 6) & v4_fragment) != 0) return std::nullopt;
  IpPacket packet;
  packet.tos = static_cast<std::uint8_t>(byte_at(bytes, 1));
  packet.dont_fragment = (word_at(bytes, 6) & v4_dont_fragment) != 0;
  packet.ttl = static_cast<std::uint8_t>(byte_at(bytes, 8));
  packet.protocol = static_cast<std::uint8_t>(byte_at(bytes, 9));
  packet.source.address = v4_address(bytes.subspan(12, 4));
  packet.destination.address = v4_address(bytes.subspan(16, 4));
  packet.payload = bytes.subspan(header, total - header);
  return packet;
}

// Bytes of the extension header of *kind* that *rest* starts with; 0: it is none, but what the packet is about.  The
// same headers are passed over as by the kernel's ipv6_skip_exthdr(), by which the module knows the protocol.
std::optional<std::size_t> extension_size(unsigned kind, Bytes rest) {
  std::size_t size = 0;
  switch (kind) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
      if (rest.size() < 8) return std::nullopt;
      size = (byte_at(rest, 1) + 1) * 8;
      break;
    case IPPROTO_AH:  // RFC 4302, 2.2: in words of 4 bytes, less 2
      if (rest.size() < 8) return std::nullopt;
      size = (byte_at(rest, 1) + 2) * 4;
      break;
    case IPPROTO_FRAGMENT:  // an atomic fragment, RFC 6946: whole all the same
      if (rest.size() < 8 || (word_at(rest, 2) & ~6U) != 0) return std::nullopt;
      size = 8;
      break;
    default:
      return 0;
  }
  return size <= rest.size() ? std::optional(size) : std::nullopt;
}

std::optional<IpPacket> parse_v6(Bytes bytes) {
  if (bytes.size() < v6_header) return std::nullopt;
  const std::size_t length = word_at(bytes, 4);
  if (length > bytes.size() - v6_header) return std::nullopt;
  IpPacket packet;
  packet.tos = static_cast<std::uint8_t>(word_at(bytes, 0) >> 4);
  packet.dont_fragment = true;
  packet.ttl = static_cast<std::uint8_t>(byte_at(bytes, 7));
  packet.source.address = v6_address(bytes.subspan(8, 16));
  packet.destination.address = v6_address(bytes.subspan(24, 16));
  unsigned kind = byte_at(bytes, 6);
  Bytes rest = bytes.subspan(v6_header, length);
  for (;;) {
    const auto size = extension_size(kind, rest);
    if (!size) return std::nullopt;
    if (*size == 0) break;
    kind = byte_at(rest, 0);
    rest = rest.subspan(*size);
  }
  packet.protocol = static_cast<std::uint8_t>(kind);
  packet.payload = rest;
  return packet;
}

// Sum of 16-bit words, RFC 1071; what is odd at the end counts as padded with zero.
std::uint64_t sum_of(Bytes bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += word_at(bytes, i);
  if (bytes.size() % 2 != 0) sum += byte_at(bytes, bytes.size() - 1) << 8;
  return sum;
}

// What of an address is in the pseudo-header: its 4 or 16 bytes.
std::uint64_t sum_of(const Address& address) {
  const Bytes bytes = std::as_bytes(std::span(address.raw()));
  return sum_of(address.is_v4() ? bytes.last(4) : bytes);
}

void put_word(UdpHeader& header, std::size_t at, unsigned word) {
  header[at] = static_cast<std::byte>(word >> 8);
  header[at + 1] = static_cast<std::byte>(word & 0xff);
}

}  // namespace

std::optional<IpPacket> parse_ip_packet(Bytes bytes) {
  if (bytes.empty()) return std::nullopt;
  const unsigned version = byte_at(bytes, 0) >> 4;
  auto packet = version == 4 ? parse_v4(bytes) : version == 6 ? parse_v6(bytes) : std::nullopt;
  if (!packet || packet->protocol != IPPROTO_UDP) return packet;
  const Bytes udp = packet->payload;
  if (udp.size() < udp_header_size) return std::nullopt;
  const std::size_t length = word_at(udp, 4);
  if (length < udp_header_size || length > udp.size()) return std::nullopt;
  packet->source.port = static_cast<std::uint16_t>(word_at(udp, 0));
  packet->destination.port = static_cast<std::uint16_t>(word_at(udp, 2));
  packet->payload = udp.subspan(udp_header_size, length - udp_header_size);
  return packet;
}

UdpHeader udp_header(const Endpoint& source, const Endpoint& destination, Bytes payload) {
  const auto length = static_cast<unsigned>(udp_header_size + payload.size());
  UdpHeader header{};
  put_word(header, 0, source.port);
  put_word(header, 2, destination.port);
  put_word(header, 4, length);
  std::uint64_t sum = sum_of(source.address) + sum_of(destination.address) + IPPROTO_UDP + length;
  sum += sum_of(Bytes(header)) + sum_of(payload);
  while (sum > 0xffff) sum = (sum >> 16) + (sum & 0xffff);
  // Zero would mean "none", which IPv6 does not know (RFC 768; RFC 8200, 8.1).
  const unsigned checksum = ~static_cast<unsigned>(sum) & 0xffff;
  put_word(header, 6, checksum == 0 ? 0xffff : checksum);
  return header;
}

}  // namespace sluice::gateway
