// SPDX-License-Identifier: Apache-2.0
#include "agent/quota.hpp"

#include <algorithm>

namespace sluice::agent {
namespace {

Address source_of(const Address& client) {
  if (client.is_v4()) return client;
  Address::Bytes bytes = client.raw();
  std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
  return Address(bytes);
}

}  // namespace

std::optional<std::uint32_t> Quota::victim(const Address& client) const {
  if (by_count_.empty()) return std::nullopt;
  const auto& [most, address] = *by_count_.rbegin();
  const Client& heaviest = clients_.at(address);
  if (!heaviest.silent.empty()) return heaviest.silent.front();
  const auto own = clients_.find(source_of(client));
  if (own != clients_.end() && own->second.count() >= most) return std::nullopt;
  return heaviest.answered.front();
}

void Quota::add(std::uint32_t association, const Address& client) {
  const Address source = source_of(client);
  Client& one = clients_[source];
  const std::size_t before = one.count();
  places_.emplace(association, Place{source, false, one.silent.insert(one.silent.end(), association)});
  recount(source, before);
}

void Quota::answered(std::uint32_t association) {
  const auto found = places_.find(association);
  if (found == places_.end() || found->second.answered) return;
  Client& one = clients_.at(found->second.client);
  one.answered.splice(one.answered.end(), one.silent, found->second.at);
  found->second.answered = true;
}

void Quota::remove(std::uint32_t association) {
  const auto found = places_.find(association);
  if (found == places_.end()) return;
  const auto& [source, answered, at] = found->second;
  Client& one = clients_.at(source);
  const std::size_t before = one.count();
  (answered ? one.answered : one.silent).erase(at);
  recount(source, before);
  places_.erase(found);
}

void Quota::recount(const Address& client, std::size_t before) {
  by_count_.erase({before, client});
  const std::size_t now = clients_.at(client).count();
  if (now == 0) {
    clients_.erase(client);
  } else {
    by_count_.emplace(now, client);
  }
}

}  // namespace sluice::agent
