// SPDX-License-Identifier: Apache-2.0
//
// Owns one netlink message under construction, and the reading of attributes out of bytes.  Touches no
// socket: everything here works on memory, so that tests can feed it the kernel's own bytes.
#pragma once

#include <netlink/attr.h>
#include <netlink/msg.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace sluice::netlink {

using Bytes = std::span<const std::byte>;

// A request.  A put that does not fit is remembered and told by fits(), so that builders need no error path of their
// own; the sockets refuse to send such a message.
class Message {
 public:
  static constexpr std::size_t small = 4096;
  // Room for 1024 ACL rules or verdicts, the most that the contract lets one message carry.
  static constexpr std::size_t large = 128 * 1024;

  explicit Message(std::uint8_t command, std::uint16_t flags = 0, std::size_t capacity = small);

  template <class Integer>
  void put(std::uint16_t attribute, Integer value) {
    static_assert(std::is_unsigned_v<Integer>);
    put_bytes(attribute, std::as_bytes(std::span{&value, 1}));
  }
  void put_string(std::uint16_t attribute, std::string_view text);
  void put_bytes(std::uint16_t attribute, Bytes value);

  // There is a key in it: its bytes are wiped before their memory is given back.
  void hold_secret();

  // Runs fill() inside a nested attribute.
  template <class Fill>
  void nest(std::uint16_t attribute, Fill fill) {
    nlattr* start = begin_nest(attribute);
    fill();
    end_nest(start);
  }

  [[nodiscard]] bool fits() const { return fits_; }
  [[nodiscard]] std::uint8_t command() const;
  [[nodiscard]] nl_msg* get() const { return message_.get(); }
  [[nodiscard]] nlmsghdr* header() const { return nlmsg_hdr(message_.get()); }
  [[nodiscard]] Bytes bytes() const;
  // What stands behind the generic netlink header.
  [[nodiscard]] Bytes attributes() const;

 private:
  nlattr* begin_nest(std::uint16_t attribute);
  void end_nest(nlattr* start);

  std::unique_ptr<nl_msg, void (*)(nl_msg*)> message_;
  bool fits_ = true;
};

// Calls visit(type, payload) for every attribute until it returns false; false when it did or when the
// bytes are no well-formed row of attributes.
template <class Visit>
bool for_each_attribute(Bytes bytes, Visit visit) {
  int left = static_cast<int>(bytes.size());
  const auto* attribute = reinterpret_cast<const nlattr*>(bytes.data());
  for (; nla_ok(attribute, left); attribute = nla_next(attribute, &left)) {
    const auto* payload = static_cast<const std::byte*>(nla_data(attribute));
    if (!visit(static_cast<std::uint16_t>(nla_type(attribute)),
               Bytes{payload, static_cast<std::size_t>(nla_len(attribute))}))
      return false;
  }
  return left <= 0;  // the padding of the last attribute may be absent
}

// Reads an integer that fills its attribute exactly.
template <class Integer>
bool read(Bytes payload, Integer& value) {
  static_assert(std::is_unsigned_v<Integer>);
  if (payload.size() != sizeof value) return false;
  std::memcpy(&value, payload.data(), sizeof value);
  return true;
}

// Reads an enumeration whose values are 0 to count-1 and travel in one byte.
template <class Enum>
bool read_enum(Bytes payload, Enum& value, std::uint8_t count) {
  std::uint8_t number = 0;
  if (!read(payload, number) || number >= count) return false;
  value = static_cast<Enum>(number);
  return true;
}

}  // namespace sluice::netlink
