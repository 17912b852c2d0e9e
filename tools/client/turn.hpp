// SPDX-License-Identifier: Apache-2.0
//
// A turn of the daemon: asks a key server, and sees to it that the tunnel is what it grants.  A process of its own
// takes it (daemon.hpp), so that no key is ever in the memory of the one that stays.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "client/grant.hpp"
#include "client/record.hpp"
#include "client/schedule.hpp"
#include "client/settings.hpp"

namespace sluice::client {

struct Turned {
  Outcome outcome = Outcome::failed;
  std::optional<Times> times;                       ///< granted, renewed
  std::optional<std::chrono::seconds> retry_after;  ///< what the server asks for
  std::string server;
  std::string words;  ///< for people, a line or several

  bool operator==(const Turned&) const = default;
};

std::string_view to_string(Outcome outcome);

/// What the process tells the daemon.  No key is in it.
std::string to_text(const Turned& turned);
Result<Turned> turned_from_text(const std::string& text);

/// For the record of the tunnel of a key that was granted just now.
Grant grant_of(const Granted& granted);

/// Blocks for as long as asking and measuring take.  A tunnel of a key server's key is replaced where its key is not
/// renewed; one of a key file is left, and the turn fails.  What is refused leaves the tunnel as it is.
Turned turn(const Settings& settings, const Choice& choice);

}  // namespace sluice::client
