// SPDX-License-Identifier: Apache-2.0
//
// Which networks of which gateways a device may have keys for, by its roles and its health.  Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "kds/posture.hpp"
#include "kds/settings.hpp"

namespace sluice::kds {

struct Grant {
  std::string gateway, network;
  Duration interval{};  ///< for which health that was shown now counts

  bool operator==(const Grant&) const = default;
};

struct Refusal {
  enum class Reason {
    role,     ///< none of the network's roles; its posture was not looked at
    posture,  ///< *failures* say what to mend
    quote     ///< the quote that the posture asks for is missing or unknown, which is the first of *failures*
  };
  std::string gateway, network;
  Reason reason = Reason::role;
  std::vector<Failure> failures;

  bool operator==(const Refusal&) const = default;
};

/// "role", "posture", "quote".
std::string_view to_string(Refusal::Reason reason);

/// Each network of each gateway is in one of the two, once, in the order of the settings.
struct Decision {
  std::vector<Grant> granted;
  std::vector<Refusal> refused;
};

/// *posture* is what the evidence says and may be anything; *context* is what was verified besides.  The roles are the
/// enrolled device's at the KDS, never what it says itself.
Decision decide(const Settings& settings, const std::vector<std::string>& roles, const nlohmann::json& posture,
                const Context& context);

}  // namespace sluice::kds
