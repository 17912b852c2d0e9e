// SPDX-License-Identifier: Apache-2.0
#include "kds/anomaly.hpp"

#include <nlohmann/json.hpp>

#include "kds/audit.hpp"
#include "kds/device.hpp"

namespace sluice::kds {
namespace {

using Kind = Anomaly::Kind;
using Verdict = Consequence::Verdict;

constexpr auto memory = std::chrono::hours(1);  // within which a second offence bans

nlohmann::json detail_of(const std::string& gateway, const AnomalyReport& report) {
  return {{"gateway", gateway},
          {"anomaly", to_string(report.kind)},
          {"generation", report.number},
          {"id", report.id},
          {"incarnation", report.incarnation}};
}

}  // namespace

std::string to_string(Kind kind) {
  switch (kind) {
    case Kind::moved:
      return "moved";
    case Kind::clone:
      return "clone";
    case Kind::fingerprint:
      return "fingerprint";
    case Kind::inner_source:
      return "inner-source";
    case Kind::exhausting:
      return "exhausting";
  }
  return "unknown";
}

Result<std::vector<Consequence>> Anomalies::report(const std::string& gateway,
                                                   const std::vector<AnomalyReport>& reports, Time now) {
  std::vector<Consequence> all;
  const Result<void> done = store_.transact([&](Transaction& transaction) -> Result<void> {
    all.clear();
    for (const AnomalyReport& one : reports) all.push_back(follow(transaction, gateway, one, now));
    return {};
  });
  if (!done) return done.error();
  return all;
}

Consequence Anomalies::follow(Transaction& transaction, const std::string& gateway, const AnomalyReport& report,
                              Time now) {
  Consequence decision;
  // Nothing is kept of what names no key of ours: a gateway could fill the disk with it.
  std::optional<Issue> issue = transaction.issue(gateway, report.number, report.id, report.incarnation);
  const std::optional<Generation> generation = transaction.generation(gateway, report.number);
  if (!issue || !generation || generation->state == GenerationState::dead) return decision;
  decision.device = issue->device;

  Anomaly key{gateway, report.number, report.id, report.incarnation, report.kind, now, now, 0};
  Anomaly told = transaction.anomaly(key).value_or(key);
  told.last = now;
  ++told.count;
  transaction.put(told);
  const bool first = told.count == 1;
  const auto line = [&](const std::string& action, const std::string& outcome) {
    audit(transaction, now, "gateway/" + gateway, action, "device/" + issue->device, outcome,
          detail_of(gateway, report));
  };

  std::optional<Device> device = transaction.device(issue->device);
  if (issue->revoked || !device) {
    decision.verdict = Verdict::duplicate;
    if (first) line("anomaly", "its key is revoked already");
    return decision;
  }
  if (report.kind == Kind::moved) {
    decision.verdict = Verdict::noted;
    if (first) line("anomaly", "noted");
    return decision;
  }
  if (report.kind == Kind::exhausting) {
    decision.verdict = Verdict::replace;
    issue->due = true;
    transaction.put(*issue);
    if (first) line("anomaly", "a new key is due");
    return decision;
  }
  const bool again = device->offence && *device->offence <= now && now - *device->offence < memory;
  device->offence = now;
  if (again) {
    decision.verdict = Verdict::banned;
    ban_device(transaction, *device, decision.touched);
    line("ban", "banned: the second time within an hour");
  } else {
    decision.verdict = Verdict::revoked;
    transaction.put(*device);
    revoke_keys(transaction, device->name, decision.touched);
    line("revoke", "revoked: the first time within an hour");
  }
  return decision;
}

}  // namespace sluice::kds
