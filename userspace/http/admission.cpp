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

}  // namespace sluice::http
