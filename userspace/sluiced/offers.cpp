// SPDX-License-Identifier: Apache-2.0
#include "sluiced/offers.hpp"

#include <algorithm>
#include <utility>

namespace sluice::gateway {

void Offers::announced(const netlink::Parked& parked) {
  Offer fresh;
  fresh.parked = parked;
  auto [position, is_new] = offers_.try_emplace(parked.id, std::move(fresh));
  // Announced twice without a verdict between: cannot happen on one socket, and must not leak a credit if it does.
  if (!is_new) return surroundings_.return_credit();
  Offer& offer = position->second;
  offer.record = surroundings_.begin_record(parked);
  place(offer);
}

void Offers::place(Offer& offer) {
  const auto link_id = surroundings_.choose(offer);
  if (!link_id && holding_) return hold(offer);
  if (!link_id) {
    if (offer.failures.empty())
      surroundings_.no_agent(offer);
    else
      surroundings_.answered(offer, offer.failures.back().answer);
    settle_credit(offer);
    offers_.erase(offer.parked.id);
    return;
  }
  offer.link = *link_id;
  offer.sent = false;
  Link& link = links_[*link_id];
  if (link.unread.size() < window && link.queue.empty())
    send(link, offer);
  else
    link.queue.push(offer.parked.client, offer.parked.id);
}

void Offers::hold(Offer& offer) {
  offer.link = 0;
  offer.sent = false;
  held_.insert(offer.parked.id);
}

void Offers::send(Link& link, Offer& offer) {
  offer.serial = next_serial_++;
  offer.sent = true;
  serials_.emplace(offer.serial, offer.parked.id);
  // From here on the credit belongs to the place in the window: a withdrawn Offer is unread all the same.
  link.unread.push_back({offer.serial, offer.parked.id, offer.holds_credit});
  offer.holds_credit = false;
  surroundings_.send_offer(offer.link, offer);
}

void Offers::pump(LinkId id, Link& link) {
  while (link.unread.size() < window) {
    const auto next = link.queue.pop();
    if (!next) return;
    const auto offer = offers_.find(*next);
    if (offer == offers_.end() || offer->second.link != id) continue;
    send(link, offer->second);
  }
}

void Offers::settle_credit(Offer& offer) {
  if (!offer.holds_credit) return;
  offer.holds_credit = false;
  surroundings_.return_credit();
}

void Offers::withdrawn(const netlink::Withdrawn& withdrawn) {
  const auto found = offers_.find(withdrawn.id);
  if (found == offers_.end()) return;  // it crossed our verdict
  Offer& offer = found->second;
  surroundings_.withdrawn(offer, withdrawn.reason);
  if (offer.sent) {
    serials_.erase(offer.serial);
    surroundings_.send_withdraw(offer.link, offer.serial);
  } else if (held_.erase(withdrawn.id) == 0) {
    links_[offer.link].queue.remove(offer.parked.client, offer.parked.id);
  }
  settle_credit(offer);
  offers_.erase(found);
}

bool Offers::answer(LinkId link, const session::v1::Answer& answer) {
  const auto serial = serials_.find(answer.id());
  // A serial that was given out once may have been withdrawn while its Answer was on the way.
  if (serial == serials_.end()) {
    if (answer.id() == 0 || answer.id() >= next_serial_) return false;
    surroundings_.answered_late(link, answer);
    return true;
  }
  const auto found = offers_.find(serial->second);
  if (found == offers_.end() || found->second.link != link) return false;
  serials_.erase(serial);
  Offer& offer = found->second;
  switch (surroundings_.next(offer, answer)) {
    case Next::another:
      place(offer);
      return true;
    case Next::wait:
      if (holding_) {
        hold(offer);
        return true;
      }
      break;
    case Next::verdict:
      break;
  }
  surroundings_.answered(offer, answer);
  offers_.erase(found);
  return true;
}

bool Offers::progress(LinkId id, std::uint32_t count) {
  Link& link = links_[id];
  if (count > link.unread.size()) return false;
  for (; count > 0; --count) {
    if (link.unread.front().holds_credit) surroundings_.return_credit();
    link.unread.pop_front();
  }
  pump(id, link);
  return true;
}

void Offers::place_held() {
  for (const std::uint32_t id : std::exchange(held_, {}))
    if (const auto offer = offers_.find(id); offer != offers_.end()) place(offer->second);
}

void Offers::link_added() { place_held(); }

void Offers::release_held() {
  holding_ = false;
  place_held();
}

void Offers::link_lost(LinkId id) {
  const auto found = links_.find(id);
  if (found == links_.end()) return;
  // What the agent had not read keeps its credit if it is still wanted, and gives it back if not.
  for (const Unread& unread : found->second.unread) {
    if (!unread.holds_credit) continue;
    const auto offer = offers_.find(unread.id);
    if (offer != offers_.end() && offer->second.link == id && offer->second.serial == unread.serial)
      offer->second.holds_credit = true;
    else
      surroundings_.return_credit();
  }
  links_.erase(found);

  std::vector<std::pair<std::uint64_t, std::uint32_t>> orphans;
  for (const auto& [kernel_id, offer] : offers_)
    if (offer.link == id) orphans.emplace_back(offer.record->serial, kernel_id);
  std::ranges::sort(orphans);  // the oldest first
  for (const auto& [record, kernel_id] : orphans) {
    Offer& offer = offers_.at(kernel_id);
    if (offer.sent) serials_.erase(offer.serial);
    place(offer);
  }
}

std::size_t Offers::queued(LinkId link) const {
  const auto found = links_.find(link);
  return found == links_.end() ? 0 : found->second.queue.size();
}

std::size_t Offers::unread(LinkId link) const {
  const auto found = links_.find(link);
  return found == links_.end() ? 0 : found->second.unread.size();
}

}  // namespace sluice::gateway
