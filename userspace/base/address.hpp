// SPDX-License-Identifier: Apache-2.0
//
// Address, Endpoint and Prefix: values without sockets.  An address is always 16 bytes in network byte
// order; IPv4 is carried IPv4-mapped (::ffff:a.b.c.d, RFC 4291, 2.5.5.2), as in the netlink contract.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace sluice {

class Address {
 public:
  using Bytes = std::array<std::uint8_t, 16>;

  /// The unspecified address ::.
  constexpr Address() = default;
  constexpr explicit Address(const Bytes& bytes) : bytes_(bytes) {}

  /// "192.0.2.1" or "2001:db8::1".
  static Result<Address> parse(std::string_view text);
  /// 4 or 16 bytes, as protobuf messages carry them.
  static Result<Address> from_bytes(std::string_view bytes);
  /// AF_INET or AF_INET6; nothing for other families.
  static std::optional<Address> from_sockaddr(const sockaddr* address);

  [[nodiscard]] bool is_v4() const;
  /// The 16 bytes, as netlink attributes carry them.
  [[nodiscard]] const Bytes& raw() const { return bytes_; }
  /// 4 bytes (IPv4) or 16, as protobuf messages carry them.
  [[nodiscard]] std::string bytes() const;
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const Address&) const = default;

 private:
  Bytes bytes_{};
};

struct Endpoint {
  Address address;
  std::uint16_t port = 0;

  /// "192.0.2.1:443" or "[2001:db8::1]:443".
  static Result<Endpoint> parse(std::string_view text);
  static std::optional<Endpoint> from_sockaddr(const sockaddr* address);

  /// Fills *storage* with sockaddr_in or sockaddr_in6 and returns its length.
  socklen_t to_sockaddr(sockaddr_storage& storage) const;
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const Endpoint&) const = default;
};

/// A range of addresses.  The length counts bits of the 16 bytes, so 10.0.0.0/8 has length 104 and
/// ::/0 holds every address of both families.
struct Prefix {
  Address address;
  std::uint8_t length = 128;

  /// "10.0.0.0/8", "fd00::/8", or an address alone.  Bits beyond the length must be zero.
  static Result<Prefix> parse(std::string_view text);

  [[nodiscard]] bool contains(const Address& address) const;
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const Prefix&) const = default;
};

}  // namespace sluice

template <>
struct std::hash<sluice::Address> {
  std::size_t operator()(const sluice::Address& address) const noexcept;
};

template <>
struct std::hash<sluice::Endpoint> {
  std::size_t operator()(const sluice::Endpoint& endpoint) const noexcept;
};
