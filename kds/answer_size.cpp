// SPDX-License-Identifier: Apache-2.0
#include "kds/answer_size.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sluice::kds {
namespace {

// All members and punctuation of one element, its numbers and addresses at their longest: less than these.
constexpr std::size_t of_answer = 256, of_key = 768, of_refusal = 128, of_failure = 128;
constexpr std::size_t of_quote = 1024;     // what a quote or a PCR may be found to be, with its remedy
constexpr std::size_t of_found = 2 * 200;  // found_size_max, were each byte escaped
constexpr std::size_t of_route = 48;

std::size_t quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).size();
}

std::size_t size_of(const Requirement& requirement) {
  std::size_t size = of_failure + 2 * quoted(requirement.claim.to_string()) + of_found + quoted(requirement.remedy);
  for (const Value& value : requirement.values) {
    const auto* text = std::get_if<std::string>(&value);
    // In quotes of its own, which are escaped.
    size += text != nullptr ? std::min(2 * quoted(*text) + 8, of_found + 8) : 32;
  }
  return size;
}

std::size_t size_of(const Posture& posture) {
  std::size_t size = of_refusal + (posture.quote ? of_quote * (1 + posture.pcrs.size()) : 0);
  for (const Requirement& requirement : posture.requirements) size += size_of(requirement);
  return size;
}

}  // namespace

std::size_t answer_size(const Settings& settings) {
  std::size_t size = of_answer;
  for (const GatewaySettings& gateway : settings.gateways)
    for (const NetworkSettings& network : gateway.networks) {
      const Posture* posture = settings.posture(network.posture);
      size += gateway.name.size() + network.name.size() +
              std::max(of_key + of_route * network.routes.size(), posture != nullptr ? size_of(*posture) : 0);
    }
  return size;
}

}  // namespace sluice::kds
