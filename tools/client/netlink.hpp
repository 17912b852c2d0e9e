// SPDX-License-Identifier: Apache-2.0
//
// Netlink with the kernel's own words for what it refused.  libnl builds the messages; sending and reading the answer
// is ours, as libnl drops the extended acknowledgement, folds errno, and (libnl-xfrm) keeps copies of keys that it
// never wipes.
#pragma once

#include <netlink/msg.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace sluice::client {

using Bytes = std::span<const std::byte>;

/// An attribute's number and what to call it in errors.
struct Attribute {
  std::uint16_t number;
  const char* name;
};
#define SLUICE_ATTRIBUTE(NAME) (::sluice::client::Attribute{static_cast<std::uint16_t>(NAME), #NAME})

/// One message; wiped when it ends.
class Request {
 public:
  template <class Header>
  Request(std::uint16_t type, std::uint16_t flags, const Header& header) : Request(type, flags) {
    append(std::as_bytes(std::span{&header, 1}));
  }
  Request(Request&&) = default;
  ~Request();

  template <class T>
  void put(Attribute attribute, const T& value) {
    put_bytes(attribute, std::as_bytes(std::span{&value, 1}));
  }
  void put_bytes(Attribute attribute, Bytes value);
  void put_string(Attribute attribute, const std::string& value);
  template <class Fill>
  void nest(Attribute attribute, Fill fill) {
    nlattr* start = begin(attribute);
    fill();
    end(start);
  }

 private:
  friend class Netlink;
  struct Free {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
  };
  Request(std::uint16_t type, std::uint16_t flags);
  void append(Bytes header);
  nlattr* begin(Attribute attribute);
  void end(nlattr* start);
  void remember(Attribute attribute);
  [[nodiscard]] nlmsghdr* header() const { return nlmsg_hdr(message_.get()); }
  [[nodiscard]] std::string name_at(std::uint32_t offset) const;

  std::unique_ptr<nl_msg, Free> message_;
  std::vector<std::pair<std::uint32_t, const char*>> names_;  ///< where each attribute begins
  bool fits_ = true;
};

class Netlink {
 public:
  /// NETLINK_ROUTE or NETLINK_XFRM.
  static Result<Netlink> open(int protocol);
  /// Of a socket that is there; for tests.
  explicit Netlink(UniqueFd fd) : fd_(std::move(fd)) {}

  using Visit = std::function<void(Bytes)>;

  /// Waits for the kernel's answer.  *visit* gets what stands behind the netlink header of each message that is no
  /// acknowledgement; it holds keys if an SA was asked for, and is wiped afterwards.
  ///
  /// Of a dump (NLM_F_DUMP) it gets all of it or nothing: what the kernel could not tell whole is an error, and what
  /// changed meanwhile is asked for again, EAGAIN if it never rests.
  Result<void> ask(Request request, const Visit& visit = {});

 private:
  Result<void> send(const Request& request);
  /// One datagram's size.
  Result<std::size_t> receive(std::span<std::byte> buffer);
  Result<void> ask_once(const Request& request, const Visit& visit, bool& interrupted);
  UniqueFd fd_;
  std::uint32_t sequence_ = 0;
};

/// Calls visit(number, payload) for each attribute of *bytes*.
void for_each_attribute(Bytes bytes, const std::function<void(std::uint16_t, Bytes)>& visit);

}  // namespace sluice::client
