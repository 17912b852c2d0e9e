// SPDX-License-Identifier: Apache-2.0
//
// What we ask of TCP sockets beyond POSIX.  The implementation is one file a system
// (socket_linux.cpp); nothing here blocks and nothing owns a descriptor.
#pragma once

#include <optional>

#include "base/result.hpp"

namespace sluice {

/// Settings of every socket that carries relayed bytes of a client or a server: urgent data inline,
/// no Nagle delay, keep_alive() and reset_on_close().
Result<void> prepare_relayed_socket(int fd);

/// SO_LINGER{1,0}: close() sends RST.  Set from the first moment, so that a crash is a reset and never
/// a clean end of data (T8).
Result<void> reset_on_close(int fd);
/// Switches reset_on_close() off, just before an orderly end.
Result<void> finish_on_close(int fd);

/// Keepalive: 120 s idle, every 15 s, 8 times.  Notices a peer that is gone and keeps NAT mappings.
Result<void> keep_alive(int fd);

/// TCP_NODELAY.
Result<void> no_delay(int fd);

/// TCP_NOTSENT_LOWAT: the socket is writable, and takes bytes, only while less than that was given to it and not yet
/// sent.  What waits to be sent then waits with us, where it can still be dropped or overtaken.
Result<void> limit_unsent(int fd, int bytes);

/// Bytes (and FIN) written but not yet acknowledged by the peer; nothing when they never will be.
std::optional<unsigned> unacknowledged(int fd);

/// The connection was reset or timed out and nobody has been told yet (POLLERR), whatever is still to be read.
bool is_broken(int fd);

/// Raises the soft limit of open files to the hard limit and returns the limit in force.
Result<unsigned long> raise_open_files();

}  // namespace sluice
