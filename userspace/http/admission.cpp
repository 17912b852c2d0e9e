// SPDX-License-Identifier: Apache-2.0
#include "http/admission.hpp"

#include <algorithm>

#include "http/session.hpp"

namespace sluice::http {
namespace {

/// One user of IPv6 has a /64 at least.
Address key_of(const Address& address) {
  if (address.is_v4()) return address;
  Address::Bytes bytes = address.raw();
  std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
  return Address(bytes);
}

template <class Key>
std::size_t count(const std::map<Key, std::size_t>& counts, const Key& key) {
  const auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}
template <class Key>
void uncount(std::map<Key, std::size_t>& counts, const Key& key) {
  if (const auto found = counts.find(key); --found->second == 0) counts.erase(found);
}

}  // namespace

std::optional<Holder> Holder::of(const tls::Peer& peer, const std::string& realm) {
  if (realm.empty()) return Holder{peer.subject, true};
  if (const auto name = peer.device_of(realm)) return Holder{"device/" + *name, true};
  if (const auto name = peer.gateway_of(realm)) return Holder{"gateway/" + *name, false};
  if (const auto name = peer.operator_of(realm)) return Holder{"operator/" + *name, false};
  if (peer.is_kds(realm)) return Holder{"kds", false};
  return std::nullopt;
}

// The oldest, not any: an honest handshake takes a few round trips, and ends for a newer one only if as many as there
// are places begin in that time.  Not one whose peer has said what the server has not read yet: where many come at
// once, the oldest is the one that is nearly through, and if those ended nobody ever would be.
template <class Is>
bool Admission::end_oldest(Is is) {
  const auto found =
      std::ranges::find_if(openings_, [&](const Opening* one) { return is(*one) && one->session_.awaits_peer(); });
  if (found == openings_.end()) return false;
  Opening& opening = **found;
  opening.end();
  opening.session_.crowd_out();
  return true;
}

bool Admission::make_room(const Address& from) {
  const Address key = key_of(from);
  if (count(openings_of_, key) >= limits_.handshakes_of_an_address)
    return end_oldest([&](const Opening& one) { return one.key_ == key; });
  if (openings_.size() < limits_.handshakes) return true;
  // Of an address that has most: who has but one handshake under way does not pay for who has hundreds.
  std::size_t most = 0;
  for (const auto& [address, number] : openings_of_) most = std::max(most, number);
  return end_oldest([&](const Opening& one) { return count(openings_of_, one.key_) == most; });
}

// A device is one of many, in one of many networks with one address for all: what it may not have, others may.
std::optional<Refusal> Admission::objection(const Holder& holder, const Address& from) const {
  const std::size_t own = holder.device ? limits_.connections_of_a_device : limits_.connections_of_another;
  if (count(of_name_, holder.name) >= own)
    return Refusal{429, holder.name + " has " + std::to_string(own) + " connections already: close one of them"};
  if (holder.device && count(of_address_, key_of(from)) >= limits_.connections_of_an_address)
    return Refusal{503, "there are " + std::to_string(limits_.connections_of_an_address) +
                            " connections from this address already; try again later"};
  const std::size_t kept = holder.device ? limits_.connections / 8 : 0;
  if (connections_ >= limits_.connections - kept)
    return Refusal{503, "there are as many connections as there may be; try again later"};
  return std::nullopt;
}

Opening::Opening(std::shared_ptr<Admission> admission, const Address& from, Session& session)
    : admission_(std::move(admission)),
      key_(key_of(from)),
      session_(session),
      place_(admission_->openings_.insert(admission_->openings_.end(), this)) {
  ++admission_->openings_of_[key_];
}

void Opening::end() {
  if (std::exchange(ended_, true)) return;
  admission_->openings_.erase(place_);
  uncount(admission_->openings_of_, key_);
}

Place::Place(std::shared_ptr<Admission> admission, const Holder& holder, const Address& from)
    : admission_(std::move(admission)), name_(holder.name), key_(key_of(from)) {
  ++admission_->connections_;
  ++admission_->of_name_[name_];
  ++admission_->of_address_[key_];
}

Place::~Place() {
  --admission_->connections_;
  uncount(admission_->of_name_, name_);
  uncount(admission_->of_address_, key_);
}

}  // namespace sluice::http
