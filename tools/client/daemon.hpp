// SPDX-License-Identifier: Apache-2.0
//
// The daemon: has the tunnel up while health and roles allow it, and renews its key.  It holds no key itself: each turn
// is taken by a process that begins with exec() and ends (turn.hpp).
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "client/online.hpp"

namespace sluice::client {

/// Until SIGTERM or SIGINT, which take the tunnel down; SIGHUP brings a turn at once.  The program's exit code.
int run_daemon(const OnlineOptions& options);

/// The process that takes one turn for it: what came of it goes to stdout.
int run_turn(const OnlineOptions& options);

/// {"process", "outcome", "server", "words", "next_in"} of the daemon that lives; nothing if there is none.
std::optional<nlohmann::json> daemon_status();

}  // namespace sluice::client
