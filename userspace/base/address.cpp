// SPDX-License-Identifier: Apache-2.0
#include "base/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace sluice {
namespace {

constexpr std::size_t kMappedPrefix = 12;  // bytes before the IPv4 address in ::ffff:a.b.c.d
constexpr std::uint8_t kMappedBits = 96;

Address::Bytes map_v4(const void* four) {
  Address::Bytes bytes{};
  bytes[10] = bytes[11] = 0xff;
  std::memcpy(bytes.data() + kMappedPrefix, four, 4);
  return bytes;
}

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (code != std::errc() || end != text.data() + text.size()) {
    return Error{"'" + std::string(text) + "' is no port"};
  }
  return port;
}

std::size_t hash_bytes(const Address::Bytes& bytes, std::uint64_t seed) {
  std::uint64_t half[2];
  std::memcpy(half, bytes.data(), sizeof(half));
  // Fibonacci hashing of both halves; enough for tables whose keys the kernel has already bounded.
  std::uint64_t mixed = (half[0] ^ seed) * 0x9e3779b97f4a7c15U;
  mixed = (mixed ^ (mixed >> 32) ^ half[1]) * 0x9e3779b97f4a7c15U;
  return mixed ^ (mixed >> 29);
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  std::string copy(text.substr(0, text.find('\0')));
  in_addr v4;
  if (copy.size() != text.size()) return Error{"an IP address has no zero bytes"};
  if (inet_pton(AF_INET, copy.c_str(), &v4) == 1) return Address(map_v4(&v4));
  Bytes bytes;
  if (inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) return Address(bytes);
  return Error{"'" + copy + "' is no IP address"};
}

Result<Address> Address::from_bytes(std::string_view bytes) {
  if (bytes.size() == 4) return Address(map_v4(bytes.data()));
  if (bytes.size() != 16) return Error{"an address has 4 or 16 bytes, not " + std::to_string(bytes.size())};
  Bytes copy;
  std::memcpy(copy.data(), bytes.data(), copy.size());
  return Address(copy);
}

std::optional<Address> Address::from_sockaddr(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof(v4));
    return Address(map_v4(&v4.sin_addr));
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, address, sizeof(v6));
    Bytes bytes;
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return Address(bytes);
  }
  return std::nullopt;
}

bool Address::is_v4() const {
  static constexpr std::uint8_t mapped[kMappedPrefix] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::memcmp(bytes_.data(), mapped, sizeof(mapped)) == 0;
}

std::string Address::bytes() const {
  std::string all(reinterpret_cast<const char*>(bytes_.data()), bytes_.size());
  return is_v4() ? all.substr(kMappedPrefix) : all;
}

std::string Address::to_string() const {
  char text[INET6_ADDRSTRLEN];
  if (is_v4()) return inet_ntop(AF_INET, bytes_.data() + kMappedPrefix, text, sizeof(text));
  return inet_ntop(AF_INET6, bytes_.data(), text, sizeof(text));
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
  std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Error{"'" + std::string(text) + "' is not ADDRESS:PORT"};
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  Result<Address> address = Address::parse(host);
  if (!address) return address.error().in("'" + std::string(text) + "'");
  if (address->is_v4() == bracketed) {
    return Error{"'" + std::string(text) + "': an IPv6 address, and only that, stands in brackets"};
  }
  Result<std::uint16_t> port = parse_port(text.substr(colon + 1));
  if (!port) return port.error().in("'" + std::string(text) + "'");
  return Endpoint{*address, *port};
}

std::optional<Endpoint> Endpoint::from_sockaddr(const sockaddr* address) {
  std::optional<Address> parsed = Address::from_sockaddr(address);
  if (!parsed) return std::nullopt;
  // The port stands at the same place in sockaddr_in and sockaddr_in6 (POSIX gives both sin_port's shape).
  sockaddr_in shape;
  std::memcpy(&shape, address, sizeof(shape));
  return Endpoint{*parsed, ntohs(shape.sin_port)};
}

socklen_t Endpoint::to_sockaddr(sockaddr_storage& storage) const {
  std::memset(&storage, 0, sizeof(storage));
  if (address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.raw().data() + kMappedPrefix, 4);
    std::memcpy(&storage, &v4, sizeof(v4));
    return sizeof(v4);
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, address.raw().data(), 16);
  std::memcpy(&storage, &v6, sizeof(v6));
  return sizeof(v6);
}

std::string Endpoint::to_string() const {
  std::string host = address.to_string();
  return (address.is_v4() ? host : "[" + host + "]") + ":" + std::to_string(port);
}

Result<Prefix> Prefix::parse(std::string_view text) {
  std::string quoted = "'" + std::string(text) + "'";
  std::size_t slash = text.find('/');
  Result<Address> address = Address::parse(text.substr(0, slash));
  if (!address) return address.error();
  const bool v4_text = text.find(':') == std::string_view::npos;
  std::uint8_t length = 128;
  if (slash != std::string_view::npos) {
    std::string_view digits = text.substr(slash + 1);
    auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (code != std::errc() || end != digits.data() + digits.size() || length > (v4_text ? 32 : 128)) {
      return Error{quoted + ": the prefix length is wrong"};
    }
    if (v4_text) length = static_cast<std::uint8_t>(length + kMappedBits);
  }
  for (unsigned bit = length; bit < 128; ++bit) {
    if ((address->raw()[bit / 8] >> (7 - bit % 8)) & 1) return Error{quoted + ": bits beyond the prefix are set"};
  }
  return Prefix{*address, length};
}

bool Prefix::contains(const Address& other) const {
  const unsigned whole = length / 8;
  if (std::memcmp(address.raw().data(), other.raw().data(), whole) != 0) return false;
  const unsigned rest = length % 8;
  return rest == 0 || ((address.raw()[whole] ^ other.raw()[whole]) >> (8 - rest)) == 0;
}

std::string Prefix::to_string() const {
  const bool v4 = address.is_v4() && length >= kMappedBits;
  return address.to_string() + "/" + std::to_string(v4 ? length - kMappedBits : length);
}

}  // namespace sluice

std::size_t std::hash<sluice::Address>::operator()(const sluice::Address& address) const noexcept {
  return sluice::hash_bytes(address.raw(), 0);
}

std::size_t std::hash<sluice::Endpoint>::operator()(const sluice::Endpoint& endpoint) const noexcept {
  return sluice::hash_bytes(endpoint.address.raw(), endpoint.port);
}
