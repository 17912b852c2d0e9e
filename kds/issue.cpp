// SPDX-License-Identifier: Apache-2.0
#include "kds/issue.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "derivation/derive.hpp"
#include "kds/audit.hpp"
#include "kds/generations.hpp"
#include "tls/peer.hpp"

namespace sluice::kds {
namespace {

using namespace std::chrono_literals;
using derivation::Direction;
using derivation::Secret;
using derivation::Spi;

// A key that is worn out and that no other could be issued for yet: when to ask again.
constexpr auto due_again = 10s;

Result<void> check_device(Transaction& transaction, const std::string& name) {
  const std::optional<Device> device = transaction.device(name);
  if (!device) return Error{"device '" + name.substr(0, 64) + "' is not enrolled; an operator enrols it", EACCES};
  if (device->banned) return Error{"device '" + name + "' is banned; an operator can lift that", EACCES};
  if (!device->enabled) return Error{"device '" + name + "' is disabled; an operator can enable it", EACCES};
  return {};
}

Result<void> check_lease(std::chrono::seconds lease) {
  if (lease < 1s || lease > 24h) return Error{"a lease is 1 s to 24 h", EINVAL};
  return {};
}

Result<void> check(const IssueRequest& request) {
  if (!tls::is_name(request.device) || !tls::is_name(request.gateway) || !tls::is_name(request.network))
    return Error{"a device, a gateway and a network have names: letters, digits, '.', '_' and '-', at most 63", EINVAL};
  if (request.pool.first < 1 || request.pool.first > request.pool.last || request.pool.last > Spi::most_id)
    return Error{
        "the pool of network '" + request.network + "' is no range of ids within 1 to " + std::to_string(Spi::most_id),
        EINVAL};
  return check_lease(request.lease);
}

/// The id that the device has by the network at the gateway, or gets now.
Result<std::uint32_t> id_of(Transaction& transaction, const IssueRequest& request, Touched& touched) {
  const auto [first, last] = request.pool;
  if (const auto member = transaction.membership(request.gateway, request.network, request.device)) {
    if (member->id >= first && member->id <= last) return member->id;
    // The network has another pool now: the id leads to no address of it any more.
    revoke_id(transaction, request.gateway, member->id, touched);
    transaction.remove(*member);
    transaction.freed_id(request.gateway, member->id);
  }
  PoolState pool = transaction.pool(request.gateway, request.network)
                       .value_or(PoolState{request.gateway, request.network, request.pool, first});
  if (pool.pool != request.pool) pool = {request.gateway, request.network, request.pool, first};
  const std::optional<std::uint32_t> id = transaction.free_id(request.gateway, std::max(pool.free_from, first), last);
  if (!id)
    return Error{"the pool of network '" + request.network + "' at gateway '" + request.gateway +
                     "' is full: its ids " + std::to_string(first) + " to " + std::to_string(last) +
                     " are taken; forget devices that are gone, or give it a larger pool",
                 ENOSPC};
  pool.free_from = *id + 1;
  transaction.put(pool);
  transaction.insert(Membership{request.gateway, request.network, request.device, *id});
  return *id;
}

/// The generation whose keys are given out; none: it has not been acknowledged yet.
const Generation* issuing(const Gateway& gateway, const std::vector<Generation>& live, Time now) {
  const auto found = std::ranges::find_if(live, [&](const Generation& g) { return may_issue(gateway, g, now); });
  return found == live.end() ? nullptr : &*found;
}

/// Never later than a lifetime from now, whatever the clock was when it was made.
Time expires_at(const Generation& generation, Time now) {
  const Time end = std::min(generation.hard_end(), now + generation.lifetime);
  return generation.ends ? std::min(*generation.ends, end) : end;
}

}  // namespace

// Devices of a generation fetch the next one's key when it has been promoted, and not all at once.
Time Issuer::refresh_at(const Generation& generation, Time now) {
  const double fraction = std::clamp(random_(), 0.0, 1.0);
  Time from = std::clamp(next_due(generation), now, now + generation.lifetime);
  Time::duration window = generation.overlap;
  if (generation.state == GenerationState::previous) {
    from = now;
    window = std::max(expires_at(generation, now) - now, Time::duration::zero());
  }
  const auto jitter = std::chrono::duration<double, Time::period>(window) * (0.8 * fraction);
  return std::min(from + std::chrono::duration_cast<Time::duration>(jitter), expires_at(generation, now));
}

Result<Taken> Issuer::take(Transaction& transaction, const IssueRequest& request, Time now, Touched& touched) {
  if (Result<void> good = check(request); !good) return good.error();
  if (Result<void> good = check_device(transaction, request.device); !good) return good.error();
  std::optional<Gateway> gateway = transaction.gateway(request.gateway);
  if (!gateway) return Error{"gateway '" + request.gateway + "' has not been heard of yet", ENOENT};
  const std::vector<Generation> live = transaction.live_generations(request.gateway);
  const Generation* current = issuing(*gateway, live, now);
  if (current == nullptr)
    return Error{"gateway '" + request.gateway + "' has not acknowledged a generation of keys yet; ask again", EAGAIN};

  // What refuses without the id comes first, so that little is written for who is refused.
  const Result<std::uint32_t> id = id_of(transaction, request, touched);
  if (!id) return id.error();
  std::uint32_t incarnation = 0;
  if (const auto newest = transaction.newest_issue(request.gateway, current->number, *id)) {
    if (newest->incarnation >= Spi::most_incarnation)
      return Error{"the keys of device '" + request.device + "' at gateway '" + request.gateway +
                       "' are used up until its next generation, which is on its way; ask again",
                   EAGAIN};
    incarnation = newest->incarnation + 1;
  }
  if (options_.burst != 0 && incarnation >= options_.burst) {
    const auto earlier = transaction.issue(request.gateway, current->number, *id, incarnation - options_.burst);
    if (earlier && now - earlier->issued < options_.burst_within)
      return Error{"device '" + request.device + "' took " + std::to_string(options_.burst) + " keys of gateway '" +
                       request.gateway + "' within minutes; ask again later",
                   EAGAIN};
  }
  const Result<Spi> spi = Spi::compose(current->number, Direction::to_gateway, *id, incarnation);
  if (!spi) return spi.error();

  Taken taken;
  taken.issue = {request.gateway,     current->number, *id,  incarnation, spi->value(), request.device, now,
                 now + request.lease, false,           false};
  taken.network = request.network;
  taken.generation = *current;
  transaction.insert(taken.issue);
  const bool next_is_there = live.size() > 1 && live.back().state == GenerationState::next;
  if (incarnation == Spi::most_incarnation && !next_is_there && !gateway->early) {
    gateway->early = true;
    transaction.put(*gateway);
  }
  audit(transaction, now, "device/" + request.device, "issue", "device/" + request.device, "issued",
        {{"gateway", request.gateway}, {"generation", current->number}, {"spi", spi->to_string()}});
  return taken;
}

Result<Issued> Issuer::derive(const Taken& taken, const Secret& master, Time now) {
  const Generation& generation = taken.generation;
  const Result<Spi> spi = Spi::parse(taken.issue.spi);
  if (!spi) return spi.error();
  Issued issued;
  issued.gateway = taken.issue.gateway;
  issued.network = taken.network;
  issued.number = generation.number;
  issued.id = taken.issue.id;
  issued.incarnation = taken.issue.incarnation;
  issued.algorithm = generation.algorithm;
  issued.spi_to_gateway = spi->value();
  issued.spi_to_client = spi->reverse().value();
  Result<Secret> there = derivation::derive(master, issued.spi_to_gateway, generation.algorithm);
  if (!there) return there.error();
  Result<Secret> back = derivation::derive(master, issued.spi_to_client, generation.algorithm);
  if (!back) return back.error();
  issued.key_to_gateway = *std::move(there);
  issued.key_to_client = *std::move(back);
  issued.refresh_after = refresh_at(generation, now);
  issued.expires_after = expires_at(generation, now);
  issued.lease_until = taken.issue.lease_until;
  return issued;
}

std::vector<Result<Issued>> Issuer::finish(std::span<const Taken> taken, Time now) {
  std::vector<Result<Issued>> answers;
  answers.reserve(taken.size());
  // Unwrapped once for all of a batch.
  std::map<std::pair<std::string, std::uint32_t>, Result<Secret>> masters;
  for (const Taken& one : taken) {
    const auto key = std::make_pair(one.generation.gateway, one.generation.number);
    auto master = masters.find(key);
    if (master == masters.end())
      master = masters.emplace(key, kek_.unwrap(one.generation.wrapped, one.generation.gateway, one.generation.number))
                   .first;
    if (master->second)
      answers.push_back(derive(one, *master->second, now));
    else
      answers.emplace_back(master->second.error());
  }
  return answers;
}

std::vector<Result<Issued>> Issuer::issue_many(std::span<const IssueRequest> requests, Time now) {
  std::vector<Taken> taken;
  std::vector<std::optional<Error>> refused;
  const Result<void> done = store_.transact([&](Transaction& transaction) -> Result<void> {
    taken.clear();
    refused.clear();
    Touched touched;
    for (const IssueRequest& request : requests) {
      Result<Taken> one = take(transaction, request, now, touched);
      refused.push_back(one ? std::nullopt : std::optional(one.error()));
      if (one) taken.push_back(*std::move(one));
    }
    return {};
  });
  if (!done) {
    taken.clear();
    refused.assign(requests.size(), done.error());
  }
  std::vector<Result<Issued>> issued = finish(taken, now);
  std::vector<Result<Issued>> answers;
  auto next = issued.begin();
  for (const auto& why : refused) answers.push_back(why ? Result<Issued>(*why) : std::move(*next++));
  return answers;
}

Result<Issued> Issuer::issue(const IssueRequest& request, Time now) {
  return std::move(issue_many(std::span(&request, 1), now).front());
}

Result<std::vector<Renewed>> Issuer::renew(Transaction& transaction, const IssueRequest& request, Time now) {
  if (Result<void> good = check(request); !good) return good.error();
  if (Result<void> good = check_device(transaction, request.device); !good) return good.error();
  std::vector<Renewed> list;
  const std::optional<Gateway> gateway = transaction.gateway(request.gateway);
  const std::optional<Membership> member = transaction.membership(request.gateway, request.network, request.device);
  // With another pool the id may be another network's: take() gives another one.
  if (!gateway || !member || member->id < request.pool.first || member->id > request.pool.last) return list;
  const std::vector<Generation> live = transaction.live_generations(request.gateway);
  const Generation* current = issuing(*gateway, live, now);
  for (const Generation& generation : live) {
    const Time expires = expires_at(generation, now);
    if (now >= expires) continue;
    std::optional<Issue> newest = transaction.newest_issue(request.gateway, generation.number, member->id);
    // An id may have been another's before.
    if (!newest || newest->device != request.device || newest->revoked || newest->lease_until <= now) continue;
    newest->lease_until = std::max(newest->lease_until, now + request.lease);
    transaction.put(*newest);
    Renewed renewed{generation.number,           member->id, newest->incarnation, newest->spi,
                    refresh_at(generation, now), expires,    newest->lease_until};
    if (newest->due) renewed.refresh_after = std::min(now + due_again, expires);
    renewed.outdated = newest->due || (current != nullptr && current->number != generation.number);
    list.push_back(renewed);
  }
  return list;
}

Result<std::vector<Renewed>> Issuer::renew(const IssueRequest& request, Time now) {
  std::vector<Renewed> list;
  const Result<void> done = store_.transact([&](Transaction& transaction) -> Result<void> {
    Result<std::vector<Renewed>> renewed = renew(transaction, request, now);
    if (!renewed) return renewed.error();
    list = *std::move(renewed);
    return {};
  });
  if (!done) return done.error();
  return list;
}

}  // namespace sluice::kds
