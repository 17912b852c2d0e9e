// SPDX-License-Identifier: Apache-2.0
//
// Is there a policy where this host is?  Asks the gateways (Documentation/policy.rst), verifies what they answer, and
// says what follows: whether to look for key servers at all, and where.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "client/settings.hpp"
#include "policy/statement.hpp"

namespace sluice::client {

/// A gateway that was asked, and what came of it.
struct Asked {
  Endpoint gateway;
  std::optional<policy::Verified> believed;
  std::optional<std::string> refusal;  ///< there was an answer, and why it is not believed
  std::string silence;                 ///< there was none, and why, where that is known

  [[nodiscard]] bool answered() const { return believed || refusal; }
};

/// Those of the settings, or of the default routes, one after the other until one is believed.  Blocks, for three
/// seconds a gateway at most.  An error is this host's own: its certificates, the routes.
Result<std::vector<Asked>> ask_for_policy(const Settings& settings);

enum class Stance {
  go_on,        ///< look for key servers
  leave_alone,  ///< nothing here is for us
  try_again,    ///< there must be a policy, and nobody answered
  refuse,       ///< there must be a policy, and what was answered is not believed
};

struct Bearings {
  Stance stance = Stance::go_on;
  std::string words;                          ///< for people; empty where it goes on
  std::optional<policy::Statement> believed;  ///< the policy, if there is one
};

/// What follows from the answers.  Pure.
Bearings bearings_of(PolicySettings::Mode mode, const std::vector<Asked>& asked);
/// Asks, unless the settings say otherwise.
Result<Bearings> take_bearings(const Settings& settings);
/// Key servers, or the domain to find them in, are the policy's where the settings name neither.
Settings with_policy(Settings settings, const Bearings& bearings);

nlohmann::json to_json(const std::vector<Asked>& asked);
std::string to_words(const std::vector<Asked>& asked);

}  // namespace sluice::client
