// SPDX-License-Identifier: Apache-2.0
//
// What differs between operating systems in the agent: how a connect() or a ping is begun so that the ICMP error
// which ends it can be read exactly, and with which TTL; and sockets for datagrams (datagram.hpp).  The files
// linux*.cpp implement it, other systems need their own; nothing else in agent/ may include a system's own headers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/outcome.hpp"
#include "base/address.hpp"
#include "base/unique_fd.hpp"

namespace sluice::agent::os {

/// What is under way, or what it came to at once.
struct Begun {
  UniqueFd socket;
  std::optional<Outcome> outcome;  ///< only failures; a connect() that succeeds at once is writable
};

/// The address that this host sends to *destination* from.
std::optional<Address> source_towards(const Address& destination);

/// A non-blocking connect() from a socket of its own; its SYN has *hops* as TTL, 0: the usual one.
Begun begin_connect(const Endpoint& destination, std::uint8_t hops);

/// To be asked when the socket has become writable, or broken; nothing: it is neither yet.  On ACCEPT the socket is an
/// ordinary one again, with the usual TTL, on which ICMP errors are no more than hints (RFC 1122, 4.2.3.9).
std::optional<Outcome> finish_connect(int socket, const Endpoint& destination);

/// An echo request.
struct Echo {
  Address destination;
  std::uint8_t hops = 0;  ///< TTL, 0: the usual one
  std::uint8_t tos = 0;
  bool dont_fragment = false;
  std::uint16_t length = 0;  ///< bytes of payload
  std::uint64_t token = 0;   ///< random: identifier, sequence number and the payload's first bytes
};

/// How this process may ping: "socket" (a ping socket, for everybody), "raw" (needs CAP_NET_RAW), or "": not at all.
std::string ping_ability();

/// Sends an echo request from a socket of its own.
Begun begin_ping(const Echo& echo);

/// To be asked when the socket has become readable; nothing: what came was not for us.
std::optional<Outcome> finish_ping(int socket, const Echo& echo);

}  // namespace sluice::agent::os
