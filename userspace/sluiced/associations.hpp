// SPDX-License-Identifier: Apache-2.0
//
// Associations: every association that an agent has accepted, by the kernel's id, and the DGRAM sessions that they may
// be bound to.  An association is bound on the relay first and in the kernel second, for the datagrams that the kernel
// holds come at once.  Control thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "sluiced/datagram_relay.hpp"
#include "sluiced/offers.hpp"
#include "sluiced/record.hpp"

namespace sluice::gateway {

class Associations final : public DatagramRelay::Reports {
 public:
  // DGRAM sessions of one agent; one is enough, and a few outlive each other while one is replaced.
  static constexpr std::size_t sessions_max = 4;
  // An association that works goes to another agent after so many errors in a row; for one of them is a hint, not a
  // proof (RFC 1122, 3.2.2.1), and the server sees another source address then.
  static constexpr unsigned out_of_reach_max = 3;

  class Surroundings {
   public:
    virtual ~Surroundings() = default;
    // The verdict on what was offered; notes it in the record.
    virtual void decide(const std::shared_ptr<Record>& record, const netlink::Answer& answer) = 0;
    // About what is bound.
    virtual void tell_kernel(const netlink::Answer& answer) = 0;
    virtual void changed(const std::shared_ptr<Record>& record) = 0;
    // The agent on *link* cannot reach the destination (any more).  True: another of the route shall have what comes
    // next.
    virtual bool out_of_reach(LinkId link, const Record& record) = 0;
  };

  Associations(asio::io_context& control, Worker& worker, Surroundings& surroundings)
      : surroundings_(surroundings), relay_(control, worker, *this) {}

  // The descriptor that the kernel puts datagrams into.
  Result<int> start() { return relay_.start(); }
  void stop() { relay_.stop(); }

  // A session that the agent on *link* opened; its number must be new and not 0.
  Result<std::shared_ptr<DatagramSession>> open(LinkId link, std::uint64_t session,
                                                const session::Datagrams::Settings& settings);
  // ACCEPT.  An error: there is no such session, or the number is taken; nothing was done.  Else a verdict follows.
  Result<void> bind(const Offer& offer, std::uint64_t session, std::uint32_t number);
  // ACCEPT of what nobody wants any more.
  void discard(LinkId link, std::uint64_t session, std::uint32_t number);
  // False: the id is not one of ours.
  bool withdrawn(const netlink::Withdrawn& withdrawn);
  void link_lost(LinkId link, const std::string& reason);

  struct Entry {
    std::shared_ptr<Record> record;
    std::shared_ptr<DatagramSession> session;
    std::uint32_t number = 0;
    bool bound = false;  // the kernel was told; before that the relay is being
    // Errors that say that its agent has no way, since the server last answered.
    unsigned out_of_reach = 0;
    std::uint64_t answers = 0;  // of the server, at the last of them
  };
  [[nodiscard]] const std::unordered_map<std::uint32_t, Entry>& entries() const { return entries_; }
  struct SessionEntry {
    std::shared_ptr<DatagramSession> session;
    std::unordered_set<std::uint32_t> numbers;  // of its associations
    DatagramSession::Numbers told;              // a second ago, at most
  };
  using Sessions = std::map<std::uint64_t, SessionEntry>;
  [[nodiscard]] const Sessions& sessions(LinkId link) const;
  // Of all sessions that *link* has had; what waits is of those that are open.
  [[nodiscard]] DatagramSession::Numbers totals(LinkId link) const;
  [[nodiscard]] std::uint64_t strays() const { return relay_.strays(); }

 private:
  // DatagramRelay::Reports
  void association_error(std::uint32_t id, const session::DatagramError& error) override;
  void associations_unbound(const std::vector<std::uint32_t>& ids) override;
  void session_ended(const SessionEnd& end) override;
  void session_numbers(LinkId link, std::uint64_t session, const DatagramSession::Numbers& numbers) override;

  void bound(std::uint32_t id, const std::shared_ptr<Record>& record, const Result<void>& done);
  // Takes it out and closes its record.
  Entry finish(std::uint32_t id, const std::string& outcome);
  SessionEntry* find(LinkId link, std::uint64_t session);

  Surroundings& surroundings_;
  DatagramRelay relay_;
  struct Link {
    Sessions sessions;
    DatagramSession::Numbers ended;  // of sessions that are none any more
  };

  std::unordered_map<LinkId, Link> links_;
  std::unordered_map<std::uint32_t, Entry> entries_;  // by the kernel's id
};

}  // namespace sluice::gateway
