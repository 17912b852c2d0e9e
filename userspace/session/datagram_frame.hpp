// SPDX-License-Identifier: Apache-2.0
//
// Frames of a DGRAM session: a header of 12 bytes, big-endian, and what it announces.  Pure.
//
//    0        4       6       7     8     9      10      12
//    association | length | kind | TTL | TOS | flags | zero | length bytes
//
// Documentation/session-protocol.rst says when each is sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/address.hpp"
#include "base/result.hpp"

namespace sluice::session {

enum class DatagramKind : std::uint8_t {
  datagram = 1,     ///< the payload: of UDP what follows its header, of another protocol what follows the IP header
  error = 2,        ///< agent to gateway: an ICMP error about the association's datagrams
  unbind = 3,       ///< the association is over; no frame of it follows from this side
  acknowledge = 4,  ///< association 0: how many bytes of datagram frames were taken so far
};

/// Bytes of a frame's header.
inline constexpr std::size_t kDatagramHeader = 12;
/// Bytes of payload in one frame: what an IPv6 packet without extension headers can hold.
inline constexpr std::size_t kDatagramMax = 65535;

struct Datagram {
  std::uint32_t association = 0;
  std::uint8_t ttl = 0;  ///< as the packet came in to the sender of the frame; 0: unknown
  std::uint8_t tos = 0;
  bool dont_fragment = false;
  std::span<const std::byte> payload;
};

/// An ICMP error, in the numbers of the destination's family.
struct DatagramError {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t mtu = 0;            ///< 0: none
  std::optional<Address> reporter;  ///< nothing: nobody known
};

/// One frame, taken apart.  What is not of its kind is as initialized.
struct DatagramFrame {
  DatagramKind kind = DatagramKind::datagram;
  /// Its payload points into the buffer that was read; association is set for error and unbind, too.
  Datagram datagram;
  DatagramError error;
  std::uint64_t taken = 0;  ///< acknowledge
};

/// Append one frame to *out*.  A payload longer than kDatagramMax is not to be given.
void append_datagram(std::string& out, const Datagram& datagram);
void append_error(std::string& out, std::uint32_t association, const DatagramError& error);
void append_unbind(std::string& out, std::uint32_t association);
void append_acknowledge(std::string& out, std::uint64_t taken);

/// Takes one whole frame from the front of *data* (and shortens *data*); nothing if it is not all there.  An error
/// (unknown kind or flag, wrong length, association 0) ends the session.
Result<std::optional<DatagramFrame>> take_datagram_frame(std::span<const std::byte>& data);

}  // namespace sluice::session
