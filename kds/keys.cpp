// SPDX-License-Identifier: Apache-2.0
#include "kds/keys.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "kds/audit.hpp"

namespace sluice::kds {
namespace {

using std::chrono::duration_cast;
using std::chrono::seconds;

seconds whole_seconds(Duration duration) { return duration_cast<seconds>(duration); }

// What a person who reads the log wants to know of a refusal.  Bounded, for each evidence is a line that is kept; and a
// network of other roles was not asked for.
nlohmann::json summary(const Decision& decision, const Context& context) {
  constexpr std::size_t networks_most = 64, claims_most = 16;
  std::size_t granted_left_out = 0, refused_left_out = 0;
  nlohmann::json refused = nlohmann::json::array();
  for (const Refusal& refusal : decision.refused) {
    if (refusal.reason == Refusal::Reason::role) continue;
    if (refused.size() == networks_most) {
      ++refused_left_out;
      continue;
    }
    nlohmann::json claims = nlohmann::json::array();
    for (std::size_t i = 0; i < std::min(refusal.failures.size(), claims_most); ++i)
      claims.push_back(refusal.failures[i].claim);
    if (refusal.failures.size() > claims_most) claims.push_back("...");
    refused.push_back({{"gateway", refusal.gateway},
                       {"network", refusal.network},
                       {"reason", std::string(to_string(refusal.reason))},
                       {"claims", std::move(claims)}});
  }
  nlohmann::json granted = nlohmann::json::array();
  for (const Grant& grant : decision.granted)
    if (granted.size() < networks_most)
      granted.push_back(grant.gateway + "/" + grant.network);
    else
      ++granted_left_out;
  nlohmann::json all{{"granted", std::move(granted)},
                     {"refused", std::move(refused)},
                     {"quote", std::string(to_string(context.quote))}};
  if (granted_left_out != 0) all["granted_left_out"] = granted_left_out;
  if (refused_left_out != 0) all["refused_left_out"] = refused_left_out;
  return all;
}

KeyAnswer::Later later(const std::string& gateway, const std::string& network, const Error& error) {
  switch (error.number) {
    case EAGAIN:
    case ENOENT:
      return {gateway, network, error.message};
    case ENOSPC:  // the device can wait; who runs the key server has to do something
      return {gateway, network, error.message, error.message};
    default:
      return {gateway, network, "the key server cannot make this key; its log says why", error.message};
  }
}

const HeldKey* find(const std::vector<HeldKey>& held, const Grant& grant) {
  const auto found = std::ranges::find_if(
      held, [&](const HeldKey& key) { return key.gateway == grant.gateway && key.network == grant.network; });
  return found == held.end() ? nullptr : &*found;
}

}  // namespace

Keys::Keys(const Settings& settings, Store& store, Issuer& issuer)
    : settings_(settings), store_(store), issuer_(issuer) {
  for (const Posture& posture : settings_.postures) {
    marks_.emplace(posture.name, mark(posture));
    longest_ = std::max(longest_, whole_seconds(posture.interval));
  }
}

// By postures that were satisfied: what was measured is not kept.
Decision Keys::from_before(const std::vector<std::string>& roles, const Attestation& attestation) const {
  Decision decision;
  for (const GatewaySettings& gateway : settings_.gateways) {
    for (const NetworkSettings& network : gateway.networks) {
      const bool role = std::ranges::any_of(
          network.roles, [&](const auto& one) { return std::ranges::find(roles, one) != roles.end(); });
      const Posture* posture = settings_.posture(network.posture);
      if (!role)
        decision.refused.push_back({gateway.name, network.name, Refusal::Reason::role, {}});
      else if (posture == nullptr ||
               std::ranges::find(attestation.postures, marks_.at(posture->name)) == attestation.postures.end())
        decision.refused.push_back({gateway.name, network.name, Refusal::Reason::posture, {}});
      else
        decision.granted.push_back({gateway.name, network.name, posture->interval});
    }
  }
  return decision;
}

// A value of which nothing is known is what it has to be from now on: an operator sees it, and can take it away.
void Keys::remember_pcrs(Transaction& transaction, Device& device, const Pcrs& quoted, Time now) const {
  nlohmann::json fresh = nlohmann::json::array();
  for (const Posture& posture : settings_.postures)
    for (const unsigned number : posture.pcrs)
      if (const auto value = quoted.find(number); value != quoted.end() && device.pcrs.insert(*value).second)
        fresh.push_back(number);
  if (fresh.empty()) return;
  transaction.put(device);
  const std::string subject = "device/" + device.name;
  audit(transaction, now, subject, "change", subject, "pcrs", {{"first_seen", std::move(fresh)}});
}

void Keys::shown(Transaction& transaction, const KeyQuestion& question, Judged& judged, Time now) const {
  for (const Grant& grant : judged.decision.granted) {
    const seconds interval = whole_seconds(grant.interval);
    judged.health = judged.health == seconds(0) ? interval : std::min(judged.health, interval);
  }
  Attestation attestation{question.device, question.fingerprint, now + judged.health, {}};
  for (const Grant& grant : judged.decision.granted) {
    const NetworkSettings* network = settings_.gateway(grant.gateway)->network(grant.network);
    const std::string& satisfied = marks_.at(network->posture);
    if (std::ranges::find(attestation.postures, satisfied) == attestation.postures.end())
      attestation.postures.push_back(satisfied);
  }
  // What was shown before is over as well: a device is what it is now.
  if (attestation.postures.empty())
    transaction.remove_attestation(question.device);
  else
    transaction.put(attestation);
  audit(transaction, now, "device/" + question.device, "evidence", "device/" + question.device,
        judged.decision.granted.empty() ? "refused" : "done", summary(judged.decision, judged.context));
}

Keys::Judged Keys::judge(Transaction& transaction, const KeyQuestion& question, Time now) const {
  Judged judged;
  auto device = transaction.device(question.device);
  const std::string subject = "device/" + question.device;
  auto refuse = [&](int number, std::string words) {
    judged.error = Error{std::move(words), number};
    audit(transaction, now, subject, "evidence", subject, "refused", {{"reason", judged.error->message}});
  };
  if (!device) {
    refuse(EACCES, "device '" + question.device + "' is not enrolled: ask who runs the key server");
  } else if (!device->enabled) {
    refuse(EACCES, "device '" + question.device + "' is disabled: ask who runs the key server");
  } else if (device->banned) {
    refuse(EACCES, "device '" + question.device +
                       "' is banned, because its keys were seen in two places or by an "
                       "operator: ask who runs the key server");
  } else if (device->fingerprint && *device->fingerprint != question.fingerprint) {
    refuse(EACCES, "the certificate of device '" + question.device + "' is not the one that it is enrolled with");
  } else if (question.posture) {
    // The key may be another since the quote was verified.
    judged.context.quote = !question.quoted_by                             ? QuoteState::missing
                           : question.quoted_by == device->attestation_key ? QuoteState::verified
                                                                           : QuoteState::unknown;
    if (judged.context.quote == QuoteState::verified) {
      remember_pcrs(transaction, *device, question.pcrs, now);
      judged.context.quoted = question.pcrs;
      judged.context.enrolled = device->pcrs;
    }
    judged.decision = decide(settings_, device->roles, *question.posture, judged.context);
    shown(transaction, question, judged, now);
  } else {
    const auto attestation = transaction.attestation(question.device);
    // One that is good for longer than any can be was made before the clock was set back.
    if (!attestation || attestation->fingerprint != question.fingerprint || attestation->good_until <= now ||
        attestation->good_until > now + longest_) {
      judged.error = Error{"health has to be shown: no earlier evidence counts any more", ENODATA};
    } else {
      judged.decision = from_before(device->roles, *attestation);
      judged.health = duration_cast<seconds>(attestation->good_until - now);
    }
  }
  return judged;
}

void Keys::serve(Transaction& transaction, const KeyQuestion& question, const Grant& grant, Served& served, Time now) {
  const NetworkSettings* network = settings_.gateway(grant.gateway)->network(grant.network);
  const seconds lease = std::max(seconds(1), std::min(whole_seconds(grant.interval), served.judged.health));
  const IssueRequest request{question.device, grant.gateway, grant.network, {network->first, network->last}, lease};
  const Renewed* kept = nullptr;
  Result<std::vector<Renewed>> renewed{std::vector<Renewed>()};
  if (const HeldKey* held = find(question.held, grant)) {
    renewed = issuer_.renew(transaction, request, now);
    if (!renewed) return served.later.push_back(later(grant.gateway, grant.network, renewed.error()));
    const auto same = std::ranges::find(*renewed, held->spi, &Renewed::spi_to_gateway);
    if (same != renewed->end()) kept = &*same;
  }
  if (kept == nullptr || kept->outdated) {
    Touched touched;
    Result<Taken> taken = issuer_.take(transaction, request, now, touched);
    if (taken) return served.taken.push_back(*std::move(taken));
    if (kept == nullptr) return served.later.push_back(later(grant.gateway, grant.network, taken.error()));
  }
  served.renewed.push_back({grant.gateway, grant.network, *kept});
}

Keys::Served Keys::serve(Transaction& transaction, const KeyQuestion& question, Time now) {
  Served served;
  served.judged = judge(transaction, question, now);
  if (served.judged.error) return served;
  const std::vector<Grant>& granted = served.judged.decision.granted;
  // Who holds a key and can go on with it has chosen: keys of other networks would be spent for nothing.
  const bool chosen =
      std::ranges::any_of(granted, [&](const Grant& one) { return find(question.held, one) != nullptr; });
  for (const Grant& grant : granted)
    if (!chosen || find(question.held, grant) != nullptr) serve(transaction, question, grant, served, now);
  return served;
}

std::vector<Result<KeyAnswer>> Keys::answer(const std::vector<KeyQuestion>& questions, Time now) {
  std::vector<Served> served;
  const Result<void> done = store_.transact([&](Transaction& transaction) -> Result<void> {
    served.clear();
    for (const KeyQuestion& question : questions) served.push_back(serve(transaction, question, now));
    return {};
  });
  std::vector<Result<KeyAnswer>> answers;
  if (!done) {
    for (std::size_t i = 0; i < questions.size(); ++i) answers.emplace_back(done.error());
    return answers;
  }
  std::vector<Taken> taken;
  for (const Served& one : served) std::ranges::copy(one.taken, std::back_inserter(taken));
  std::vector<Result<Issued>> issued = issuer_.finish(taken, now);
  auto next = issued.begin();
  for (Served& one : served) {
    if (one.judged.error) {
      answers.emplace_back(*one.judged.error);
      continue;
    }
    KeyAnswer answer{
        one.judged.health, {}, std::move(one.renewed), std::move(one.judged.decision.refused), std::move(one.later)};
    for (const Taken& spent : one.taken) {
      Result<Issued>& key = *next++;
      if (key)
        answer.issued.push_back(*std::move(key));
      else
        answer.later.push_back(later(spent.issue.gateway, spent.network, key.error()));
    }
    answers.emplace_back(std::move(answer));
  }
  return answers;
}

}  // namespace sluice::kds
