// SPDX-License-Identifier: Apache-2.0
//
// What differs between operating systems in the agent: how a connect() is begun so that the ICMP error
// which ends it can be read exactly.  One file a system implements this; nothing else in agent/ may
// include a system's own headers.
#pragma once

#include <optional>

#include "agent/outcome.hpp"
#include "base/address.hpp"
#include "base/unique_fd.hpp"

namespace sluice::agent::os {

/// A connect() that is under way, or what it came to at once.
struct Begun {
  UniqueFd socket;
  std::optional<Outcome> outcome;  ///< only failures; a connect() that succeeds at once is writable
};

/// A non-blocking connect() from a socket of its own.
Begun begin_connect(const Endpoint& destination);

/// To be asked when the socket has become writable, or broken.  On ACCEPT the socket is an ordinary one
/// again, on which ICMP errors are no more than hints (RFC 1122, 4.2.3.9).
Outcome finish_connect(int socket, const Endpoint& destination);

}  // namespace sluice::agent::os
