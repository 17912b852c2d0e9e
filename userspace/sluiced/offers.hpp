// SPDX-License-Identifier: Apache-2.0
//
// Offers: every SYN that the kernel has announced and that still needs a verdict.
//
// An offer is *queued* for an agent until the agent's window has room, then *sent* until it is answered or
// withdrawn.  The window counts Offers that the agent has not reported by Progress: when it is full, offers wait here,
// where clients take turns, and not in a socket, where the first flood would be in front of everyone (T10).
//
// Credit: the kernel announces at most as many SYNs as it was granted.  Each announcement's credit goes back when
// an agent reports that it started the offer, or when the offer ends before that; so what waits here for its first
// agent, and what waits unread at the agents, is bounded by the credit.  What an agent could not reach and waits here
// for another has no credit any more: it is bounded as everything is that is parked.
//
// No input or output here: Surroundings does that, and tests put a fake there.  Control thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include "netlink/types.hpp"
#include "session.pb.h"
#include "sluiced/fair_queue.hpp"
#include "sluiced/record.hpp"

namespace sluice::gateway {

using LinkId = std::uint64_t;  // one control session of one agent, never used twice

struct Offer {
  netlink::Parked parked;
  std::shared_ptr<Record> record;
  LinkId link = 0;
  std::uint64_t serial = 0;  // the id in the session protocol; new each time it is offered
  bool sent = false;
  bool holds_credit = true;
  // Agents that were asked and could not do it, the first first, and what they answered.
  struct Failure {
    std::string agent;
    session::v1::Answer answer;
  };
  std::vector<Failure> failures;
  bool all_held = false;  // no agent was known to reach it: the first was asked once more, to be sure, and no other is
};

class Offers {
 public:
  // Most Offers that an agent has not reported by Progress.
  static constexpr std::size_t window = 128;

  enum class Next {
    verdict,  // it is the client's
    another,  // another agent is asked
    wait,     // none is there now that was not asked; one that is away might do better
  };

  class Surroundings {
   public:
    virtual ~Surroundings() = default;
    // Opens a record, with network and rule filled in.
    virtual std::shared_ptr<Record> begin_record(const netlink::Parked& parked) = 0;
    // The control session of the agent that shall have the offer; notes route and agent in the record, and *all_held*.
    virtual std::optional<LinkId> choose(Offer& offer) = 0;
    virtual void send_offer(LinkId link, const Offer& offer) = 0;
    virtual void send_withdraw(LinkId link, std::uint64_t serial) = 0;
    // What follows from an Answer.  One that another agent may better is added to *offer.failures*.
    virtual Next next(Offer& offer, const session::v1::Answer& answer) = 0;
    // The verdict on an offer: tells the kernel and closes the record's waiting part.  With *offer.failures* the
    // answer is the last of them, or not one of them.
    virtual void no_agent(const Offer& offer) = 0;
    virtual void answered(const Offer& offer, const session::v1::Answer& answer) = 0;
    // An Answer that crossed its Withdraw; an ACCEPT has put a STREAM session in place that nobody wants now.
    virtual void answered_late(LinkId link, const session::v1::Answer& answer) = 0;
    virtual void withdrawn(const Offer& offer, netlink::Reason reason) = 0;
    virtual void return_credit() = 0;
  };

  explicit Offers(Surroundings& surroundings) : surroundings_(surroundings) {}

  void announced(const netlink::Parked& parked);
  void withdrawn(const netlink::Withdrawn& withdrawn);

  // False: the agent answered what it was never offered; the session is in error.  Answers that crossed a
  // Withdraw are expected and dropped.
  bool answer(LinkId link, const session::v1::Answer& answer);
  // False: the agent reported more than it was sent.
  bool progress(LinkId link, std::uint32_t count);
  // While held, an offer that no connected agent can take waits for one instead of being answered: after a
  // restart the agents need a moment to come back, and what is parked shall survive that (S6).
  void hold() { holding_ = true; }
  void release_held();
  // An agent has connected; what is held may go to it.
  void link_added();
  // The control session is gone: its offers go to the next agent, or are answered.
  void link_lost(LinkId link);

  [[nodiscard]] std::size_t size() const { return offers_.size(); }
  [[nodiscard]] std::size_t queued(LinkId link) const;
  [[nodiscard]] std::size_t unread(LinkId link) const;

 private:
  struct Unread {
    std::uint64_t serial;
    std::uint32_t id;
    bool holds_credit;
  };
  struct Link {
    std::deque<Unread> unread;       // in order of sending, as the agent reads them
    FairQueue<std::uint32_t> queue;  // kernel ids
  };

  void place(Offer& offer);
  void hold(Offer& offer);
  void send(Link& link, Offer& offer);
  void pump(LinkId id, Link& link);
  void settle_credit(Offer& offer);
  void place_held();

  Surroundings& surroundings_;
  std::unordered_map<std::uint32_t, Offer> offers_;           // by kernel id
  std::unordered_map<std::uint64_t, std::uint32_t> serials_;  // of sent offers
  std::unordered_map<LinkId, Link> links_;
  std::set<std::uint32_t> held_;  // kernel ids; bounded as what is parked
  bool holding_ = false;
  std::uint64_t next_serial_ = 1;
};

}  // namespace sluice::gateway
