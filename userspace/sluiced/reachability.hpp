// SPDX-License-Identifier: Apache-2.0
//
// Reachability: which agents could not reach which addresses lately, so that the next connection asks another agent of
// its route first (N5).  Control thread only.
//
// What is known is of one control session: an agent that connects anew starts clean.  A failure is held against the
// agent for that address and service; when a second service fails there, for the whole address, since a firewall may
// speak of one port in the words that a router has for a host.  A failure that comes again when the hold has ended is
// held for twice as long: who asks rarely would else find the agent ready, and failing, every time.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <unordered_map>

#include "base/address.hpp"
#include "base/duration.hpp"
#include "sluiced/offers.hpp"
#include "sluiced/router.hpp"

namespace sluice::gateway {

class Reachability {
 public:
  using Clock = std::chrono::steady_clock;
  // Of one agent, so that a scan of a dead subnet does it to its own network alone: the oldest give way, and what is
  // forgotten is asked once more.
  static constexpr std::size_t capacity = 1024;

  void failed(LinkId link, const Flow& flow, Clock::time_point now, Duration hold);
  void reached(LinkId link, const Address& destination);
  void link_lost(LinkId link) { agents_.erase(link); }
  [[nodiscard]] bool is_held(LinkId link, const Flow& flow, Clock::time_point now) const;
  // How many addresses of *prefix* are held against the agent.
  [[nodiscard]] std::size_t held(LinkId link, const Prefix& prefix, Clock::time_point now) const;

 private:
  struct Entry {
    Clock::time_point until;
    Duration hold{};
    std::uint8_t protocol = 0;
    std::uint16_t port = 0;
    bool is_of_all_services = false;
    std::list<Address>::iterator place;
  };
  struct Agent {
    std::map<Address, Entry> entries;
    std::list<Address> order;  // of their last failures, the oldest first
  };

  std::unordered_map<LinkId, Agent> agents_;
};

}  // namespace sluice::gateway
