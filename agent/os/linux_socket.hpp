// SPDX-License-Identifier: Apache-2.0
//
// What the files of agent/os/ for Linux share: options of a socket, and its error queue (IP_RECVERR in ip(7)).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "agent/outcome.hpp"
#include "base/address.hpp"

namespace sluice::agent::os {

/// Failure leaves the system's default, which is worse than asked and better than no answer.
void set_option(int fd, int level, int name, int value);
/// -1: the usual TTL.
void set_hops(int fd, bool v4, int hops);
void receive_errors(int fd, bool v4, bool on);

bool connect_to(int fd, const Endpoint& destination);
std::optional<Address> local_address(int fd);

/// Where an ICMP error quotes what it is about: the transport header's first bytes.
using Quoted = std::array<std::uint8_t, 8>;
enum class Taken {
  nothing,
  another,
  icmp,      ///< an ICMP error
  too_long,  ///< what was sent did not fit; of the outcome the MTU is set
};

/// Takes the head of the socket's error queue; of an ICMP error fills in *outcome* and *quoted*.
Taken take_icmp_error(int fd, Outcome& outcome, Quoted& quoted);

/// An error number that no ICMP message came with.
Outcome from_errno(int number, const Address& destination);

}  // namespace sluice::agent::os
