// SPDX-License-Identifier: Apache-2.0
//
// Reading one attribute's payload into one member, for who parses messages.  False: it is not of the shape that the
// contract gives it.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "base/address.hpp"
#include "base/result.hpp"
#include "netlink/message.hpp"
#include "netlink/types.hpp"

namespace sluice::netlink {

// An event's attributes (parse_esp.cpp).
bool read_anomaly(Bytes payload, Anomaly& anomaly);

inline bool read_address(Bytes payload, Address& address) {
  Address::Bytes bytes;
  if (payload.size() != bytes.size()) return false;
  std::memcpy(bytes.data(), payload.data(), bytes.size());
  address = Address(bytes);
  return true;
}

inline bool read_text(Bytes payload, std::string& text) {
  const char* start = reinterpret_cast<const char*>(payload.data());
  text.assign(start, strnlen(start, payload.size()));
  return true;
}

template <class Integer>
bool read_optional(Bytes payload, std::optional<Integer>& value) {
  return read(payload, value.emplace());
}

inline bool read_bool(Bytes payload, bool& value) {
  std::uint8_t number = 0;
  if (!read(payload, number)) return false;
  value = number != 0;
  return true;
}

inline bool read_milliseconds(Bytes payload, std::chrono::milliseconds& value) {
  std::uint32_t count = 0;
  if (!read(payload, count)) return false;
  value = std::chrono::milliseconds(count);
  return true;
}

inline bool read_seconds(Bytes payload, std::chrono::seconds& value) {
  std::uint32_t count = 0;
  if (!read(payload, count)) return false;
  value = std::chrono::seconds(count);
  return true;
}

// The module and this program were built from different contracts, or the message is damaged.
inline Error malformed(const char* what) {
  return {std::string("the kernel's ") + what + " has an attribute of an unexpected shape", EBADMSG};
}

}  // namespace sluice::netlink
