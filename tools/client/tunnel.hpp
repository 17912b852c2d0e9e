// SPDX-License-Identifier: Apache-2.0
//
// Up, down and status: the steps of a tunnel in their order, with a record of what was made, and the keeper's life.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "client/keeper.hpp"
#include "client/key_file.hpp"
#include "client/record.hpp"

namespace sluice::client {

struct UpOptions {
  std::filesystem::path key_file;
  std::optional<std::string> interface;  ///< one that is there; nothing: an XFRM interface of our own
  bool foreground = false;
  std::optional<Grant> grant;  ///< for the record: whose keys they are
};

/// The name of the device that is made where none is given.
inline constexpr const char* own_interface_name = "sluice0";

/// What happened, in a line.  EALREADY: it is up.  All is undone when it fails.  With *foreground* it only comes back
/// when it fails: the process becomes the keeper.
Result<std::string> up(const UpOptions& options);
/// The same with keys that are there already; *key_file* is not looked at.
Result<std::string> up(const KeyFile& keys, const UpOptions& options);

/// Puts other keys into the tunnel that is up.  The new SAs are there before the old one goes: no packet is lost, or
/// leaves in clear because there is no route into a tunnel for a moment.  What comes in under the old key is taken
/// for 30 s more, for the gateway sends under it until it hears the new one; the kernel ends it, whoever lives then.
///
/// False: nothing was done, for nothing is up, or these keys are for another gateway, other addresses or routes, or
/// this host's own address is another one now: down(), then up().
Result<bool> replace(const KeyFile& keys, const UpOptions& options);

/// The key of the tunnel that is up goes on until then.  ESRCH: nothing is up, or it is another one.
Result<void> go_on(derivation::Spi outbound, std::int64_t end);

/// Packets of the tunnel that is up.
struct Traffic {
  std::uint64_t out = 0, in = 0;
};
/// Nothing: it is not up, or its SAs are gone.
std::optional<Traffic> traffic();

/// Ends the keeper and removes what up() made; true if there was something to remove.
Result<bool> down();

/// {"state": "up" | "broken" | "down", ...}.  No key is in it.
Result<nlohmann::json> status();

/// What the keeper does: keep, and at the end undo.
Result<void> keep(const keeper::Descriptors& descriptors);

}  // namespace sluice::client
