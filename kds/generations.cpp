// SPDX-License-Identifier: Apache-2.0
#include "kds/generations.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "derivation/derive.hpp"
#include "kds/audit.hpp"
#include "tls/peer.hpp"

namespace sluice::kds {
namespace {

using namespace std::chrono_literals;
using derivation::Secret;
using Kind = Update::Kind;

constexpr std::chrono::seconds most_overlap = 600s;
constexpr std::chrono::seconds seen_resolution = 10s;
// By so much clocks of key servers on one store may differ, or be set back, without a consequence.
constexpr std::chrono::seconds slack = 60s;
// Portions of long work, and how many of them a tick does.
constexpr std::size_t leases_at_once = 64, lease_rounds = 256;
constexpr std::size_t pruned_at_once = 512, prune_rounds = 16;

// forget_boot() makes it zero.
bool has_booted(const Gateway& gateway) { return gateway.boot_nonce != Bytes(Generations::nonce_size, 0); }

Error not_booted(const std::string& gateway) {
  return {"gateway '" + gateway + "' is not known here: it has to say first in which boot it is", ENOENT};
}

std::string subject(const std::string& gateway) { return "gateway/" + gateway; }

const Generation* find(const std::vector<Generation>& generations, GenerationState state) {
  const auto found =
      std::find_if(generations.begin(), generations.end(), [&](const Generation& g) { return g.state == state; });
  return found == generations.end() ? nullptr : &*found;
}

}  // namespace

bool may_issue(const Gateway& gateway, const Generation& generation, Time now) {
  return generation.state == GenerationState::current && generation.promote_sequence != 0 &&
         gateway.acknowledged >= generation.promote_sequence && now < generation.hard_end();
}

Time next_due(const Generation& generation) { return generation.made + generation.lifetime * 4 / 5; }

Result<Generation> Generations::make(Transaction& transaction, Gateway& gateway, GenerationState state, Time now) {
  if (gateway.newest >= most_number)
    return Error{"the numbers of generations of gateway '" + gateway.name + "' have run out; give it another name",
                 ERANGE};
  Generation made;
  made.gateway = gateway.name;
  made.number = gateway.newest + 1;
  made.state = state;
  const GenerationOptions options = options_of_(gateway.name);
  made.algorithm = options.algorithm;
  made.made = now;
  made.lifetime = std::clamp<std::chrono::seconds>(options.lifetime, 5min, 24h);
  made.overlap = std::min(most_overlap, made.lifetime / 5);
  Result<Secret> master = Secret::random(derivation::master_size);
  if (!master) return master.error();
  if (master->all_zero()) return Error{"the random generator gives zeros", EIO};
  Result<Bytes> wrapped = kek_.wrap(*master, gateway.name, made.number);
  if (!wrapped) return wrapped.error();
  made.wrapped = *std::move(wrapped);

  gateway.newest = made.number;
  gateway.early = false;
  Update update;
  update.kind = Kind::generation;
  update.number = made.number;
  made.made_sequence = append(transaction, gateway, update);
  transaction.insert(made);
  audit(transaction, now, itself, "generation", subject(gateway.name), "made",
        {{"number", made.number}, {"lifetime", made.lifetime.count()}});
  return made;
}

void Generations::promote(Transaction& transaction, Gateway& gateway, Generation& generation) {
  Update update;
  update.kind = Kind::promote;
  update.number = generation.number;
  update.overlap = generation.overlap;
  generation.promote_sequence = append(transaction, gateway, update);
  transaction.put(generation);
}

void Generations::kill(Transaction& transaction, Generation generation, Time now, const char* why) {
  generation.state = GenerationState::dead;
  std::fill(generation.wrapped.begin(), generation.wrapped.end(), 0);
  transaction.put(generation);
  transaction.remove_updates_of(generation.gateway, generation.number);
  audit(transaction, now, itself, "generation", subject(generation.gateway), "ended",
        {{"number", generation.number}, {"why", why}});
  to_scrub_ = true;
}

// What has a moment in the future that cannot be so far away was made before the clock was set back.  The gateway's own
// clock was not: its generations end when they were to, which cannot be told by this one any more.  So others are made.
void Generations::look_at_clock(Transaction& transaction, Gateway& gateway, Time now) {
  if (gateway.seen <= now + slack) return;
  gateway.seen = now;
  gateway.early = true;
  transaction.put(gateway);
  audit(transaction, now, itself, "generation", subject(gateway.name), "the clock was set back: another one is made",
        nlohmann::json::object());
}

Result<void> Generations::advance(Transaction& transaction, Gateway& gateway, Time now) {
  if (!has_booted(gateway)) return {};
  look_at_clock(transaction, gateway, now);
  for (const Generation& generation : transaction.live_generations(gateway.name)) {
    if (now >= generation.hard_end())
      kill(transaction, generation, now, "lifetime");
    else if (generation.state != GenerationState::previous || !generation.ends)
      continue;
    else if (now >= *generation.ends)
      kill(transaction, generation, now, "overlap");
    else if (*generation.ends > now + most_overlap + options_of_(gateway.name).margin + slack)
      kill(transaction, generation, now, "the clock was set back");
  }
  const std::vector<Generation> live = transaction.live_generations(gateway.name);
  const Generation* current = find(live, GenerationState::current);
  const Generation* next = find(live, GenerationState::next);
  if (next != nullptr) {
    Generation changed = *next;
    if (changed.promote_sequence == 0) {
      if (gateway.acknowledged >= changed.made_sequence) promote(transaction, gateway, changed);
      return {};
    }
    if (gateway.acknowledged < changed.promote_sequence) return {};
    if (current != nullptr) {
      Generation before = *current;
      before.state = GenerationState::previous;
      before.ends = std::min(before.hard_end(), now + changed.overlap + options_of_(gateway.name).margin);
      transaction.put(before);
    }
    changed.state = GenerationState::current;
    changed.promoted = now;
    transaction.put(changed);
    audit(transaction, now, itself, "generation", subject(gateway.name), "current", {{"number", changed.number}});
    return {};
  }
  if (find(live, GenerationState::previous) != nullptr) return {};
  // One that nobody hears from gets no new ones for ever.
  const bool due = current != nullptr
                       ? (gateway.early || now >= next_due(*current))
                       : now - gateway.seen < std::max<std::chrono::seconds>(options_of_(gateway.name).lifetime, 5min);
  if (!due) return {};
  if (Result<Generation> made = make(transaction, gateway, GenerationState::next, now); !made) return made.error();
  return {};
}

Result<Generations::Boot> Generations::boot(const std::string& name, std::span<const std::uint8_t> nonce, Time now,
                                            std::uint32_t newest) {
  if (!tls::is_name(name)) return Error{"'" + name.substr(0, 64) + "' is no name of a gateway", EINVAL};
  if (nonce.size() != nonce_size) return Error{"a boot nonce has 32 bytes", EINVAL};
  Boot boot;
  Result<void> done = store_.transact([&](Transaction& transaction) -> Result<void> {
    const std::optional<Gateway> known = transaction.gateway(name);
    Gateway gateway = known.value_or(Gateway{});
    gateway.name = name;
    gateway.seen = now;
    gateway.newest = std::max(gateway.newest, newest);
    // A kernel that has had a later generation than any that is known here has outlived this store's contents.
    const bool set_back = known && newest > known->newest;
    boot = {!known || set_back ||
                !std::equal(nonce.begin(), nonce.end(), gateway.boot_nonce.begin(), gateway.boot_nonce.end()),
            gateway.acknowledged,
            {}};
    const auto say_live = [&] {
      for (const Generation& generation : transaction.live_generations(name)) boot.live.push_back(generation.number);
    };
    const auto say_policy = [&] {
      if (gateway.policy.empty()) return;
      Update update;
      update.kind = Kind::policy;
      append(transaction, gateway, update);
    };
    if (!boot.fresh) {
      transaction.put(gateway);
      // A sluiced that begins anew has it nowhere: the kernel may answer with what somebody else has set.
      say_policy();
      say_live();
      return {};
    }
    // Bans outlive generations at the gateway, so what takes one back is not let go with them.
    std::set<std::uint32_t> unbanned;
    for (const Update& update : transaction.updates(name, 0, std::numeric_limits<int>::max()))
      if (update.kind == Kind::unban) unbanned.insert(update.id);
    gateway.boot_nonce.assign(nonce.begin(), nonce.end());
    for (const Generation& generation : transaction.live_generations(name)) kill(transaction, generation, now, "boot");
    transaction.remove_updates(name, gateway.sequence);
    gateway.acknowledged = boot.acknowledged = gateway.sequence;
    transaction.put(gateway);
    audit(transaction, now, subject(name), "boot", subject(name),
          set_back ? "the store was set back"
          : known  ? "another boot"
                   : "first boot",
          nlohmann::json::object());
    Result<Generation> made = make(transaction, gateway, GenerationState::current, now);
    if (!made) return made.error();
    promote(transaction, gateway, *made);
    say_policy();
    for (const std::uint32_t id : transaction.banned_ids(name)) {
      Update update;
      update.kind = Kind::ban;
      update.id = id;
      append(transaction, gateway, update);
      unbanned.erase(id);
    }
    for (const std::uint32_t id : unbanned) {
      Update update;
      update.kind = Kind::unban;
      update.id = id;
      append(transaction, gateway, update);
    }
    say_live();
    return {};
  });
  if (!done) return done.error();
  return boot;
}

Result<bool> Generations::acknowledge(const std::string& name, std::uint64_t sequence, Time now) {
  bool grew = false, set_back = false;
  Result<void> done = store_.transact([&](Transaction& transaction) -> Result<void> {
    std::optional<Gateway> gateway = transaction.gateway(name);
    if (!gateway || !has_booted(*gateway)) return not_booted(name);
    set_back = sequence > gateway->sequence;
    // What it has issued since it does not know, and would issue again under the same SPI.
    if (set_back) return forget_boot(transaction, *gateway, subject(name), "the store was set back", now);
    const std::uint64_t before = gateway->sequence;
    look_at_clock(transaction, *gateway, now);
    const bool news = sequence > gateway->acknowledged;
    if (news) {
      gateway->acknowledged = sequence;
      transaction.remove_updates(name, sequence);
    }
    // Not each poll is worth a write.
    if (news || now - gateway->seen >= seen_resolution || now < gateway->seen) {
      gateway->seen = now;
      transaction.put(*gateway);
    }
    if (Result<void> advanced = advance(transaction, *gateway, now); !advanced) return advanced;
    grew = gateway->sequence != before;
    return {};
  });
  if (!done) return done.error();
  if (set_back) return not_booted(name);
  return grew;
}

// Its generations end, and the gateway has to say again in which boot it is.
Result<void> Generations::forget_boot(Transaction& transaction, Gateway& gateway, const std::string& actor,
                                      const char* why, Time now) {
  for (const Generation& generation : transaction.live_generations(gateway.name))
    kill(transaction, generation, now, why);
  gateway.boot_nonce.assign(nonce_size, 0);
  transaction.put(gateway);
  audit(transaction, now, actor, "boot", subject(gateway.name), std::string("has to boot anew: ") + why,
        {{"acknowledged", gateway.acknowledged}});
  return {};
}

Result<std::vector<Generations::Outgoing>> Generations::updates_after(const std::string& name, std::uint64_t sequence,
                                                                      Time now, std::size_t most) {
  std::vector<Outgoing> list;
  Result<void> done = store_.read([&](Transaction& transaction) -> Result<void> {
    list.clear();
    const std::optional<Gateway> gateway = transaction.gateway(name);
    if (!gateway || !has_booted(*gateway)) return not_booted(name);
    for (Update& update : transaction.updates(name, sequence, most)) {
      Outgoing outgoing;
      if (update.kind == Kind::generation) {
        const std::optional<Generation> generation = transaction.generation(name, update.number);
        if (!generation) return Error{"generation " + std::to_string(update.number) + " is not kept", EIO};
        outgoing.lifetime =
            std::min(std::chrono::floor<std::chrono::seconds>(generation->hard_end() - now), generation->lifetime);
        // The next tick ends it; what is behind it makes no sense without it.
        if (outgoing.lifetime < 1s) break;
        outgoing.algorithm = generation->algorithm;
        Result<Secret> master = kek_.unwrap(generation->wrapped, name, update.number);
        if (!master) return master.error();
        outgoing.master = *std::move(master);
      }
      if (update.kind == Kind::policy) outgoing.policy = gateway->policy;
      outgoing.update = std::move(update);
      list.push_back(std::move(outgoing));
    }
    return {};
  });
  if (!done) return done.error();
  return list;
}

Result<Touched> Generations::tick(Time now) {
  std::vector<Gateway> gateways;
  if (Result<void> done = store_.read([&](Transaction& transaction) -> Result<void> {
        gateways = transaction.gateways();
        return {};
      });
      !done)
    return done.error();
  Touched touched;
  std::optional<Error> first;
  const auto note = [&first](const Result<void>& done) {
    if (!done && !first) first = done.error();
  };
  for (const Gateway& listed : gateways) {
    bool grew = false;
    const Result<void> done = store_.transact([&](Transaction& transaction) -> Result<void> {
      std::optional<Gateway> gateway = transaction.gateway(listed.name);
      if (!gateway) return {};
      const std::uint64_t before = gateway->sequence;
      Result<void> advanced = advance(transaction, *gateway, now);
      grew = gateway->sequence != before;
      return advanced;
    });
    if (done && grew) touched.insert(listed.name);
    if (!done) note(done.error().in("gateway '" + listed.name + "'"));
  }
  note(expire_leases(now, touched));
  note(prune());
  if (to_scrub_) {
    const Result<bool> scrubbed = store_.scrub();
    if (!scrubbed) note(scrubbed.error());
    if (scrubbed && *scrubbed) to_scrub_ = false;
  }
  if (first) return *first;
  return touched;
}

Result<void> Generations::expire_leases(Time now, Touched& touched) {
  std::size_t found = leases_at_once;
  for (std::size_t round = 0; round < lease_rounds && found == leases_at_once; ++round) {
    Touched in_round;
    Result<void> done = store_.transact([&](Transaction& transaction) -> Result<void> {
      in_round.clear();
      const std::vector<Issue> expired = transaction.expired_issues(now, leases_at_once);
      found = expired.size();
      for (const Issue& issue : expired) {
        // Later incarnations have leases of their own.
        revoke_below(transaction, issue.gateway, issue.number, issue.id, issue.incarnation + 1, in_round);
        audit(transaction, now, itself, "revoke", "device/" + issue.device, "its lease ran out",
              {{"gateway", issue.gateway},
               {"generation", issue.number},
               {"id", issue.id},
               {"incarnation", issue.incarnation}});
      }
      return {};
    });
    if (!done) return done;
    touched.merge(in_round);
  }
  return {};
}

Result<void> Generations::prune() {
  bool more = true;
  for (std::size_t round = 0; round < prune_rounds && more; ++round) {
    Result<void> done = store_.transact([&](Transaction& transaction) -> Result<void> {
      more = transaction.prune_dead(pruned_at_once);
      return {};
    });
    if (!done) return done;
  }
  return {};
}

Result<Touched> Generations::set_policy(const std::string& name, const Bytes& policy, Time now) {
  Touched touched;
  Result<void> done = store_.transact([&](Transaction& transaction) -> Result<void> {
    touched.clear();
    std::optional<Gateway> gateway = transaction.gateway(name);
    if (!gateway) return not_booted(name);
    if (gateway->policy == policy) return {};
    gateway->policy = policy;
    Update update;
    update.kind = Kind::policy;
    append(transaction, *gateway, update);
    audit(transaction, now, itself, "policy", subject(name), "changed", {{"bytes", policy.size()}});
    touched.insert(name);
    return {};
  });
  if (!done) return done.error();
  return touched;
}

Result<std::size_t> Generations::rewrap_all(const Kek& to, const std::string& actor, Time now) {
  std::size_t count = 0;
  Result<void> done = store_.transact([&](Transaction& transaction) -> Result<void> {
    count = 0;
    for (const Gateway& gateway : transaction.gateways()) {
      for (Generation& generation : transaction.live_generations(gateway.name)) {
        Result<Bytes> again = rewrap(kek_, to, generation.wrapped, gateway.name, generation.number);
        if (!again) return again.error();
        generation.wrapped = *std::move(again);
        transaction.put(generation);
        audit(transaction, now, actor, "generation", subject(gateway.name), "wrapped by another key-encrypting key",
              {{"number", generation.number}});
        ++count;
      }
    }
    return {};
  });
  if (!done) return done.error();
  return count;
}

Result<std::size_t> Generations::end_lost(const std::string& actor, Time now) {
  std::size_t count = 0;
  Result<void> done = store_.transact([&](Transaction& transaction) -> Result<void> {
    count = 0;
    for (Gateway& gateway : transaction.gateways()) {
      const std::vector<Generation> live = transaction.live_generations(gateway.name);
      if (std::all_of(live.begin(), live.end(),
                      [&](const Generation& one) { return kek_.unwrap(one.wrapped, gateway.name, one.number).ok(); }))
        continue;
      if (auto forgotten = forget_boot(transaction, gateway, actor, "the key-encrypting key is lost", now); !forgotten)
        return forgotten;
      ++count;
    }
    return {};
  });
  if (!done) return done.error();
  return count;
}

}  // namespace sluice::kds
