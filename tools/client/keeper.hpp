// SPDX-License-Identifier: Apache-2.0
//
// The keeper: the process that stays.  It holds the socket whose port the gateway answers to, keeps the NAT's mapping
// alive, and takes the tunnel down when it is told to end.  It begins with exec(), so that nothing of the memory in
// which keys were is left in it.
#pragma once

#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace sluice::client::keeper {

struct Descriptors {
  int pid_file = -1;  ///< locked; the keeper lives as long as it is
  int socket = -1;    ///< of UDP encapsulation; -1: none
};

/// A socket of an unused port that hands ESP to the kernel and everything else to us.
Result<UniqueFd> open_socket(const Address& local, const Endpoint& gateway);
std::uint16_t local_port(int socket);

/// Signals that end the keeper wait until it runs.
void hold_signals();

/// Becomes the keeper.  Comes back only if that failed.
Error exec(const Descriptors& descriptors);
/// Starts the keeper, away from the terminal.  Its process id.
Result<pid_t> spawn(const Descriptors& descriptors);

/// The keeper itself: until SIGTERM or SIGINT.
Result<void> run(const Descriptors& descriptors);

}  // namespace sluice::client::keeper
