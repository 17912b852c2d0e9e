// SPDX-License-Identifier: Apache-2.0
#include "kds/access.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace sluice::kds {
namespace {

// What a posture that is in no settings comes to: they allow no such name, and a door that nobody guards stays shut.
std::vector<Failure> nobody_judges(const std::string& posture) {
  return {{posture, "missing", "present", "The posture " + posture + " is not in the key server's settings.",
           "Tell who runs the key server."}};
}

}  // namespace

std::string_view to_string(Refusal::Reason reason) {
  switch (reason) {
    case Refusal::Reason::role:
      return "role";
    case Refusal::Reason::posture:
      return "posture";
    case Refusal::Reason::quote:
      return "quote";
  }
  return "";
}

Decision decide(const Settings& settings, const std::vector<std::string>& roles, const nlohmann::json& posture,
                const Context& context) {
  Decision decision;
  std::map<std::string, std::vector<Failure>, std::less<>>
      judged;  // each posture once, however many networks ask for it
  for (const GatewaySettings& gateway : settings.gateways) {
    for (const NetworkSettings& network : gateway.networks) {
      const auto is_one = [&](const std::string& role) { return std::ranges::find(roles, role) != roles.end(); };
      if (std::ranges::none_of(network.roles, is_one)) {
        decision.refused.push_back({gateway.name, network.name, Refusal::Reason::role, {}});
        continue;
      }
      const Posture* wanted = settings.posture(network.posture);
      auto known = judged.find(network.posture);
      if (known == judged.end())
        known = judged
                    .emplace(network.posture,
                             wanted != nullptr ? judge(*wanted, posture, context) : nobody_judges(network.posture))
                    .first;
      if (const std::vector<Failure>& failures = known->second; !failures.empty()) {
        const bool is_quote = wanted != nullptr && wanted->quote && context.quote != QuoteState::verified;
        decision.refused.push_back(
            {gateway.name, network.name, is_quote ? Refusal::Reason::quote : Refusal::Reason::posture, failures});
      } else {
        decision.granted.push_back({gateway.name, network.name, wanted->interval});
      }
    }
  }
  return decision;
}

}  // namespace sluice::kds
