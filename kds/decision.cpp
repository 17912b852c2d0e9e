// SPDX-License-Identifier: Apache-2.0
#include "kds/decision.hpp"

#include <nlohmann/json.hpp>

namespace sluice::kds {
namespace {

using nlohmann::json;

Party party_of(const std::string& text) {
  using Kind = Party::Kind;
  const std::size_t slash = text.find('/');
  const std::string kind = text.substr(0, slash);
  return {kind == "device"     ? Kind::device
          : kind == "gateway"  ? Kind::gateway
          : kind == "operator" ? Kind::operator_
                               : Kind::kds,
          slash == std::string::npos ? "" : text.substr(slash + 1)};
}

std::optional<AuditAction> action_of(const Audit& line) {
  if (line.action == "generation")
    return line.outcome == "made"    ? AuditAction::generation
           : line.outcome == "ended" ? AuditAction::end
                                     : AuditAction::promote;
  for (const auto action :
       {AuditAction::revoke, AuditAction::ban, AuditAction::anomaly, AuditAction::policy, AuditAction::change})
    if (line.action == to_string(action)) return action;
  return std::nullopt;
}

std::string text_at(const json& detail, const char* name) {
  const auto found = detail.find(name);
  return found != detail.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<std::uint32_t> number_at(const json& detail, const char* name) {
  const auto found = detail.find(name);
  if (found == detail.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint32_t>();
}

}  // namespace

std::optional<AuditEvent> decision_of(const Audit& line) {
  AuditEvent event{line.time, party_of(line.actor), {}, party_of(line.subject), AuditOutcome::done, {}};
  const auto action = action_of(line);
  if (!action || event.actor.kind == Party::Kind::operator_) return std::nullopt;
  event.action = *action;
  const json detail = json::parse(line.detail, nullptr, false);
  if (!detail.is_object()) return event;
  event.detail.gateway = text_at(detail, "gateway");
  event.detail.generation = number_at(detail, line.action == "generation" ? "number" : "generation");
  event.detail.id = number_at(detail, "id");
  event.detail.incarnation = number_at(detail, "incarnation");
  if (const auto seconds = number_at(detail, "lifetime")) event.detail.lifetime = std::chrono::seconds(*seconds);
  event.detail.anomaly = text_at(detail, "anomaly");
  const std::string why = text_at(detail, "why");
  event.detail.reason = line.outcome + (why.empty() ? "" : ": " + why);
  return event;
}

}  // namespace sluice::kds
