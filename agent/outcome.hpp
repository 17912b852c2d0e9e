// SPDX-License-Identifier: Apache-2.0
//
// Outcome: what the far end said to one connect() or ping, in the words of the session protocol.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/address.hpp"
#include "session.pb.h"

namespace sluice::agent {

struct Outcome {
  session::v1::Verdict verdict = session::v1::ACCEPT;
  std::uint32_t icmp_type = 0;  ///< UNREACHABLE: in the numbers of the destination's family
  std::uint32_t icmp_code = 0;
  std::uint32_t icmp_mtu = 0;
  std::optional<Address> reporter;  ///< nothing: this host itself
  std::string detail;
  std::uint32_t ttl = 0;  ///< ACCEPT of a ping: of the reply, 0: unknown
  bool own = false;       ///< this agent is the cause: another of the route may do better

  static Outcome accepted() { return {}; }
  static Outcome refused() { return {session::v1::REFUSE, 0, 0, 0, {}, "connection refused", 0}; }
  static Outcome timed_out(std::string detail) { return {session::v1::TIMEOUT, 0, 0, 0, {}, std::move(detail), 0}; }
  /// We carry as much as we may: to the client that is silence, as on a congested link.
  static Outcome busy(std::string detail) { return by_us(timed_out(std::move(detail))); }
  /// Something here, and not the way to *destination*, does not work.
  static Outcome failed(const Address& destination, std::string detail) {
    return by_us(net_unreachable(destination, std::move(detail)));
  }
  static Outcome by_us(Outcome outcome) {
    outcome.own = true;
    return outcome;
  }

  // Errors that no ICMP message told us, in the numbers for *destination*'s family
  // (RFC 792 and RFC 1812, 5.2.7.1; RFC 4443, 3.1).
  static Outcome net_unreachable(const Address& destination, std::string detail) {
    return unreachable(destination, 0, 0, std::move(detail));
  }
  static Outcome host_unreachable(const Address& destination, std::string detail) {
    return unreachable(destination, 1, 3, std::move(detail));
  }
  /// The TTL ended here: *reporter* is the address that we would send from (RFC 1812, 4.3.2.4).
  static Outcome time_exceeded(const Address& destination, std::optional<Address> reporter) {
    return {session::v1::UNREACHABLE, destination.is_v4() ? 11U : 3U, 0, 0,
            std::move(reporter),      "the TTL ended here",           0};
  }
  static Outcome prohibited(const Address& destination, std::string detail) {
    return unreachable(destination, 13, 1, std::move(detail));
  }

 private:
  static Outcome unreachable(const Address& destination, std::uint32_t v4, std::uint32_t v6, std::string detail) {
    const bool is_v4 = destination.is_v4();
    return {session::v1::UNREACHABLE, is_v4 ? 3U : 1U, is_v4 ? v4 : v6, 0, {}, std::move(detail), 0};
  }
};

}  // namespace sluice::agent
