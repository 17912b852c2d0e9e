// SPDX-License-Identifier: Apache-2.0
//
// Quota: who has how many associations, and whose gives way when there are as many as the agent carries.  Pure.
//
// Who has the most gives way to who has fewer, so that a flood starves only itself: of his, the oldest that no server
// has answered, else the oldest.  Clients are counted as the gateway counts sources: one IPv4 address or one IPv6 /64.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/address.hpp"

namespace sluice::agent {

class Quota {
 public:
  explicit Quota(std::size_t most) : most_(most) {}

  [[nodiscard]] bool is_full() const { return places_.size() >= most_; }
  /// Whose association is to end so that *client* may have one; nothing: *client* has as many as anybody, all answered.
  [[nodiscard]] std::optional<std::uint32_t> victim(const Address& client) const;

  void add(std::uint32_t association, const Address& client);
  /// A server has answered.
  void answered(std::uint32_t association);
  void remove(std::uint32_t association);

 private:
  struct Client {
    std::list<std::uint32_t> silent, answered;  // the oldest first
    [[nodiscard]] std::size_t count() const { return silent.size() + answered.size(); }
  };
  struct Place {
    Address client;
    bool answered;
    std::list<std::uint32_t>::iterator at;
  };
  void recount(const Address& client, std::size_t before);

  std::size_t most_;
  std::unordered_map<Address, Client> clients_;
  std::unordered_map<std::uint32_t, Place> places_;
  std::set<std::pair<std::size_t, Address>> by_count_;
};

}  // namespace sluice::agent
