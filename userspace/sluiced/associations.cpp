// SPDX-License-Identifier: Apache-2.0
#include "sluiced/associations.hpp"

#include <spdlog/spdlog.h>

#include "sluiced/answer.hpp"
#include "sluiced/router.hpp"

namespace sluice::gateway {
namespace {

using Clock = Record::Clock;

// The agent's clock of idleness and ours do not agree to the last moment.
bool is_idle(const Record& record) { return Clock::now() - record.traffic->last() >= record.idle * 9 / 10; }

netlink::Answer unbind_of(std::uint32_t id) { return {id, netlink::Verdict::unbind, {}, {}}; }

}  // namespace

Associations::SessionEntry* Associations::find(LinkId link, std::uint64_t session) {
  const auto links = links_.find(link);
  if (links == links_.end()) return nullptr;
  const auto found = links->second.sessions.find(session);
  return found == links->second.sessions.end() ? nullptr : &found->second;
}

const Associations::Sessions& Associations::sessions(LinkId link) const {
  static const Sessions none;
  const auto found = links_.find(link);
  return found == links_.end() ? none : found->second.sessions;
}

DatagramSession::Numbers Associations::totals(LinkId link) const {
  const auto found = links_.find(link);
  if (found == links_.end()) return {};
  DatagramSession::Numbers all = found->second.ended;
  for (const auto& [number, entry] : found->second.sessions) {
    all.counters += entry.told.counters;
    all.waiting += entry.told.waiting;
    all.outstanding += entry.told.outstanding;
    all.strays += entry.told.strays;
  }
  return all;
}

Result<std::shared_ptr<DatagramSession>> Associations::open(LinkId link, std::uint64_t number,
                                                            const session::Datagrams::Settings& settings) {
  if (number == 0) return Error{"a DGRAM session needs a number"};
  Sessions& sessions = links_[link].sessions;
  if (sessions.contains(number)) return Error{"another DGRAM session has this number"};
  if (sessions.size() >= sessions_max) return Error{"too many DGRAM sessions"};
  auto session = std::make_shared<DatagramSession>(relay_, link, number, settings);
  sessions[number].session = session;
  return session;
}

Result<void> Associations::bind(const Offer& offer, std::uint64_t session_number, std::uint32_t number) {
  SessionEntry* session = find(offer.link, session_number);
  if (!session) return Error{"DGRAM session " + std::to_string(session_number) + " is not there"};
  if (number == 0) return Error{"an association needs a number"};
  if (!session->numbers.insert(number).second)
    return Error{"association " + std::to_string(number) + " is there already"};
  const netlink::Parked& parked = offer.parked;
  offer.record->traffic = std::make_shared<Traffic>();
  entries_.insert_or_assign(parked.id, Entry{offer.record, session->session, number});
  relay_.bind({parked.id, number, parked.protocol, parked.source, parked.destination, offer.record->traffic},
              session->session,
              [this, id = parked.id, record = offer.record](const Result<void>& done) { bound(id, record, done); });
  return {};
}

void Associations::bound(std::uint32_t id, const std::shared_ptr<Record>& record, const Result<void>& done) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.record != record) return;  // withdrawn meanwhile
  if (done) {
    found->second.bound = true;
    record->bound = Clock::now();
    record->outcome = "bound";
    return surroundings_.decide(record, {id, netlink::Verdict::accept, {}, {}});
  }
  const Entry entry = finish(id, "unreachable");
  relay_.unbind(id, entry.session, entry.number);
  record->traffic.reset();
  record->detail += (record->detail.empty() ? "" : "; ") + done.error().message;
  const bool v4 = record->source.address.is_v4();
  surroundings_.decide(record, {id, netlink::Verdict::unreachable, net_unreachable(v4), {}});
}

void Associations::discard(LinkId link, std::uint64_t session_number, std::uint32_t number) {
  SessionEntry* session = find(link, session_number);
  if (session && !session->numbers.contains(number)) relay_.unbind(0, session->session, number);
}

Associations::Entry Associations::finish(std::uint32_t id, const std::string& outcome) {
  auto node = entries_.extract(id);
  Entry& entry = node.mapped();
  if (SessionEntry* session = find(entry.session->link, entry.session->number)) session->numbers.erase(entry.number);
  entry.record->ended = Clock::now();
  entry.record->outcome = outcome;
  return std::move(entry);
}

bool Associations::withdrawn(const netlink::Withdrawn& withdrawn) {
  if (!entries_.contains(withdrawn.id)) return false;
  const Entry entry = finish(withdrawn.id, "ended: its network or client was removed");
  relay_.unbind(withdrawn.id, entry.session, entry.number);
  surroundings_.changed(entry.record);
  return true;
}

void Associations::link_lost(LinkId link, const std::string& reason) {
  const auto node = links_.extract(link);
  if (!node) return;
  // The relay tells when each has ended, and what was bound to it.
  for (const auto& [number, entry] : node.mapped().sessions) entry.session->close(reason);
}

void Associations::association_error(std::uint32_t id, const session::DatagramError& error) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || !found->second.bound) return;
  Record& record = *found->second.record;
  const Judgement judgement = judge(error, record.source.address.is_v4());
  if (!judgement.warning.empty()) {
    spdlog::debug("agent {}/{}: {}", record.network, record.agent, judgement.warning);
    return;
  }
  ++record.errors;
  record.icmp = judgement.icmp;
  record.reporter = judgement.reporter;
  surroundings_.tell_kernel({id, judgement.verdict, judgement.icmp, {}});
  if (!is_out_of_reach(judgement, record.source.address.is_v4())) return;
  Entry& broken = found->second;
  const std::uint64_t answers = record.traffic->to_client.datagrams.get();
  broken.out_of_reach = broken.answers == answers ? broken.out_of_reach + 1 : 1;
  broken.answers = answers;
  if (answers > 0 && broken.out_of_reach < out_of_reach_max) return;
  if (!surroundings_.out_of_reach(broken.session->link, record)) return;
  // This datagram's error is told; the next one is offered anew.
  const Entry entry = finish(id, "ended: its agent can't reach the server, another is asked next");
  relay_.unbind(id, entry.session, entry.number);
  surroundings_.tell_kernel(unbind_of(id));
  surroundings_.changed(entry.record);
}

void Associations::associations_unbound(const std::vector<std::uint32_t>& ids) {
  for (const std::uint32_t id : ids) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) continue;
    const Entry entry = finish(id, is_idle(*found->second.record) ? "ended: idle" : "ended by the agent");
    surroundings_.tell_kernel(unbind_of(id));
    surroundings_.changed(entry.record);
  }
}

void Associations::session_ended(const SessionEnd& end) {
  for (const std::uint32_t id : end.ids) {
    if (!entries_.contains(id)) continue;
    const Entry entry = finish(id, "ended: the agent's session ended: " + end.reason);
    surroundings_.tell_kernel(unbind_of(id));
    surroundings_.changed(entry.record);
  }
  const session::Datagrams::Counters& counters = end.numbers.counters;
  spdlog::info("DGRAM session {} ended with {} associations, {} datagrams lost on the way and {} dropped: {}",
               end.session, end.ids.size(), counters.lost, counters.dropped_gone, end.reason);
  const auto link = links_.find(end.link);
  if (link == links_.end()) return;
  link->second.ended.counters += counters;
  link->second.ended.strays += end.numbers.strays;
  link->second.sessions.erase(end.session);
}

void Associations::session_numbers(LinkId link, std::uint64_t session, const DatagramSession::Numbers& numbers) {
  if (SessionEntry* entry = find(link, session)) entry->told = numbers;
}

}  // namespace sluice::gateway
