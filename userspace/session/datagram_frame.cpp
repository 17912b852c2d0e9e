// SPDX-License-Identifier: Apache-2.0
#include "session/datagram_frame.hpp"

#include <algorithm>

namespace sluice::session {
namespace {

constexpr std::size_t kErrorLength = 24;
constexpr std::size_t kAcknowledgeLength = 8;
constexpr std::uint8_t kDontFragment = 1;  // the only flag

template <class Number>
void put(std::string& out, Number value) {
  for (std::size_t i = sizeof(Number); i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i)));
}

template <class Number>
Number get(std::span<const std::byte> data, std::size_t at) {
  std::uint64_t value = 0;
  for (std::byte byte : data.subspan(at, sizeof(Number))) value = value << 8 | std::to_integer<std::uint64_t>(byte);
  return static_cast<Number>(value);
}

void put_header(std::string& out, std::uint32_t association, std::size_t length, DatagramKind kind,
                std::uint8_t ttl = 0, std::uint8_t tos = 0, std::uint8_t flags = 0) {
  put(out, association);
  put(out, static_cast<std::uint16_t>(length));
  put(out, static_cast<std::uint8_t>(kind));
  put(out, ttl);
  put(out, tos);
  put(out, flags);
  put(out, std::uint16_t{0});
}

Error broken(const std::string& what) { return Error{"a datagram frame with " + what}; }

/// All that can be judged before what follows the header is there.
Result<void> check_header(std::span<const std::byte> header) {
  const auto association = get<std::uint32_t>(header, 0);
  const auto length = get<std::uint16_t>(header, 4);
  const auto kind = get<std::uint8_t>(header, 6);
  std::size_t wanted = length;
  switch (static_cast<DatagramKind>(kind)) {
    case DatagramKind::datagram:
      break;
    case DatagramKind::error:
      wanted = kErrorLength;
      break;
    case DatagramKind::unbind:
      wanted = 0;
      break;
    case DatagramKind::acknowledge:
      wanted = kAcknowledgeLength;
      break;
    default:
      return broken("the unknown kind " + std::to_string(kind));
  }
  if (length != wanted) return broken("a length of " + std::to_string(length) + " for kind " + std::to_string(kind));
  const bool of_session = static_cast<DatagramKind>(kind) == DatagramKind::acknowledge;
  if ((association == 0) != of_session) return broken("association " + std::to_string(association));
  const bool is_datagram = static_cast<DatagramKind>(kind) == DatagramKind::datagram;
  // TTL, TOS and flags, and two bytes that are zero.
  if (get<std::uint8_t>(header, 9) > kDontFragment || get<std::uint16_t>(header, 10) != 0 ||
      (!is_datagram && (get<std::uint16_t>(header, 7) != 0 || get<std::uint8_t>(header, 9) != 0))) {
    return broken("bits that mean nothing");
  }
  return {};
}

Result<DatagramError> decode_error(std::span<const std::byte> body) {
  if (get<std::uint16_t>(body, 2) != 0) return broken("bits that mean nothing");
  DatagramError error{get<std::uint8_t>(body, 0), get<std::uint8_t>(body, 1), get<std::uint32_t>(body, 4), {}};
  Address::Bytes bytes;
  std::transform(body.begin() + 8, body.end(), bytes.begin(), std::to_integer<std::uint8_t>);
  if (const Address reporter(bytes); reporter != Address{}) error.reporter = reporter;
  return error;
}

}  // namespace

void append_datagram(std::string& out, const Datagram& datagram) {
  put_header(out, datagram.association, datagram.payload.size(), DatagramKind::datagram, datagram.ttl, datagram.tos,
             datagram.dont_fragment ? kDontFragment : std::uint8_t{0});
  out.append(reinterpret_cast<const char*>(datagram.payload.data()), datagram.payload.size());
}

void append_error(std::string& out, std::uint32_t association, const DatagramError& error) {
  put_header(out, association, kErrorLength, DatagramKind::error);
  put(out, error.type);
  put(out, error.code);
  put(out, std::uint16_t{0});
  put(out, error.mtu);
  const Address::Bytes reporter = error.reporter.value_or(Address{}).raw();
  out.append(reporter.begin(), reporter.end());
}

void append_unbind(std::string& out, std::uint32_t association) {
  put_header(out, association, 0, DatagramKind::unbind);
}

void append_acknowledge(std::string& out, std::uint64_t taken) {
  put_header(out, 0, kAcknowledgeLength, DatagramKind::acknowledge);
  put(out, taken);
}

Result<std::optional<DatagramFrame>> take_datagram_frame(std::span<const std::byte>& data) {
  if (data.size() < kDatagramHeader) return std::optional<DatagramFrame>{};
  const std::span<const std::byte> header = data.first(kDatagramHeader);
  if (auto checked = check_header(header); !checked) return checked.error();
  const std::size_t length = get<std::uint16_t>(header, 4);
  if (data.size() < kDatagramHeader + length) return std::optional<DatagramFrame>{};
  const std::span<const std::byte> body = data.subspan(kDatagramHeader, length);

  DatagramFrame frame;
  frame.kind = static_cast<DatagramKind>(get<std::uint8_t>(header, 6));
  frame.datagram.association = get<std::uint32_t>(header, 0);
  if (frame.kind == DatagramKind::datagram) {
    frame.datagram.ttl = get<std::uint8_t>(header, 7);
    frame.datagram.tos = get<std::uint8_t>(header, 8);
    frame.datagram.dont_fragment = get<std::uint8_t>(header, 9) == kDontFragment;
    frame.datagram.payload = body;
  } else if (frame.kind == DatagramKind::error) {
    Result<DatagramError> error = decode_error(body);
    if (!error) return error.error();
    frame.error = *std::move(error);
  } else if (frame.kind == DatagramKind::acknowledge) {
    frame.taken = get<std::uint64_t>(body, 0);
  }
  data = data.subspan(kDatagramHeader + length);
  return std::optional<DatagramFrame>(std::move(frame));
}

}  // namespace sluice::session
