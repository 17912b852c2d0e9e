// SPDX-License-Identifier: Apache-2.0
#include "kds/announce.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>

namespace sluice::kds {
namespace {

using policy::Statement;

// Of two signers the one that is believed for longer is worth another update if it is by this much.
constexpr std::chrono::hours worth_it{24};

Statement statement_of(const Settings& settings, const GatewaySettings& gateway, Time now) {
  Statement statement;
  statement.realm = settings.realm;
  statement.gateway = gateway.name;
  statement.kds = settings.policy->kds;
  statement.domain = settings.policy->domain;
  statement.issued_at = std::chrono::floor<std::chrono::seconds>(now);
  std::optional<std::chrono::seconds> interval;
  for (const NetworkSettings& network : gateway.networks) {
    statement.routes.insert(statement.routes.end(), network.routes.begin(), network.routes.end());
    if (const Posture* posture = settings.posture(network.posture)) {
      const auto its = std::chrono::duration_cast<std::chrono::seconds>(posture->interval);
      interval = std::min(interval.value_or(its), its);
    }
  }
  statement.interval = interval.value_or(std::chrono::seconds(0));
  if (settings.policy->routes) statement.routes = *settings.policy->routes;
  std::ranges::sort(statement.routes);
  statement.routes.erase(std::unique(statement.routes.begin(), statement.routes.end()), statement.routes.end());
  return statement;
}

}  // namespace

Result<Announcer> Announcer::create(const Settings& settings, Time now) {
  Announcer announcer;
  announcer.realm_ = settings.realm;
  for (const GatewaySettings& gateway : settings.gateways) announcer.gateways_.push_back(gateway.name);
  if (!settings.policy) return announcer;
  const std::string place = settings.policy->place + ": key 'policy'";
  auto signer = policy::Signer::load(settings.identity);
  if (!signer) return signer.error().in(place);
  auto context = tls::Context::create(tls::Role::client, settings.identity);
  if (!context) return context.error().in(place);
  const auto until = tls::Peer::from_certificate(signer->certificates.front().get()).not_after;
  announcer.ours_.emplace(Ours{*std::move(signer), *std::move(context), until, {}});
  for (const GatewaySettings& gateway : settings.gateways) {
    Statement statement = statement_of(settings, gateway, now);
    const std::string where = place + ": gateway '" + gateway.name + "'";
    if (statement.routes.size() > policy::routes_most)
      return Error{where + ": its networks have " + std::to_string(statement.routes.size()) +
                       " routes, and a policy names 64 at most: name fewer as 'routes'",
                   EMSGSIZE};
    auto blob = policy::sign(statement, announcer.ours_->signer);
    if (!blob) return blob.error().in(where);
    // What no device would believe is not worth a start.
    if (auto verified = policy::verify(*blob, announcer.ours_->context, settings.realm); !verified)
      return verified.error().in(where + ": what this key server signs is not believed");
    announcer.ours_->statements.push_back(std::move(statement));
  }
  return announcer;
}

bool Announcer::still_good(const Bytes& blob, const Statement& wanted, How how) const {
  const auto verified = policy::verify(blob, ours_->context, realm_);
  if (!verified) return false;
  if (how == How::believed) return true;
  return verified->statement.says_the_same(wanted) && ours_->until < verified->signer.not_after + worth_it;
}

Result<Touched> Announcer::announce_one(Store& store, Generations& generations, const std::string& name,
                                        const Statement* wanted, How how, Time now) {
  std::optional<Gateway> gateway;
  Result<void> done = store.read([&](Transaction& transaction) -> Result<void> {
    gateway = transaction.gateway(name);
    return {};
  });
  if (!done) return done.error();
  if (!gateway) return Touched{};  // its first boot brings us here again
  if (wanted == nullptr) return how == How::changed ? generations.set_policy(name, {}, now) : Touched{};
  if (how == How::believed && gateway->policy.empty()) return Touched{};  // another key server's settings want none
  if (!gateway->policy.empty() && still_good(gateway->policy, *wanted, how)) return Touched{};
  Statement fresh = *wanted;
  fresh.issued_at = std::chrono::floor<std::chrono::seconds>(now);
  auto blob = policy::sign(fresh, ours_->signer);
  if (!blob) return blob.error();
  // With a certificate that has ended or was revoked since, this key server would sign without end.
  if (auto verified = policy::verify(*blob, ours_->context, realm_); !verified) return verified.error();
  return generations.set_policy(name, *blob, now);
}

Result<Touched> Announcer::announce(Store& store, Generations& generations, How how, Time now,
                                    const std::optional<std::string>& only) {
  std::optional<Error> first;
  if (ours_)
    if (auto read = ours_->context.reload_revoked(); !read) first = read.error();
  Touched touched;
  for (std::size_t i = 0; i < gateways_.size(); ++i) {
    const std::string& gateway = gateways_[i];
    if (only && gateway != *only) continue;
    if (how == How::changed) unsaid_.insert(gateway);
    const How its = unsaid_.contains(gateway) ? How::changed : How::believed;
    auto done = announce_one(store, generations, gateway, ours_ ? &ours_->statements[i] : nullptr, its, now);
    if (done) {
      unsaid_.erase(gateway);
      touched.merge(*done);
    } else if (!first) {
      first = done.error().in("gateway '" + gateway + "'");
    }
  }
  if (first) return *first;
  return touched;
}

}  // namespace sluice::kds
