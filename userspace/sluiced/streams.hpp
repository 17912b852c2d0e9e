// SPDX-License-Identifier: Apache-2.0
//
// Streams: every STREAM session, by what it is doing: waiting for an Answer (the pool), for its client's connection,
// or carrying bytes.  When an agent's control session ends, all of that instance are reset.  Control thread only.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/address.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sluiced/offers.hpp"
#include "sluiced/record.hpp"
#include "sluiced/stream_session.hpp"

namespace sluice::gateway {

class Streams {
 public:
  using Clock = std::chrono::steady_clock;
  // Sessions of one agent that no Answer has named yet.
  static constexpr std::size_t pool_max = 1024;
  // An accepted connection whose client has not finished its handshake by then is given up.
  static constexpr std::chrono::seconds claim_limit{10};

  struct Active {
    std::shared_ptr<StreamSession> session;
    std::shared_ptr<Record> record;
    LinkId link = 0;
  };

  // *post* runs a function on the control thread; *changed* is told when a record has changed.
  Streams(std::function<void(std::function<void()>)> post, std::function<void(const std::shared_ptr<Record>&)> changed)
      : post_(std::move(post)), changed_(std::move(changed)) {}

  // A session that the agent on *link* opened; its number must be new and not 0.
  Result<void> add(LinkId link, std::uint64_t number, std::shared_ptr<StreamSession> session);
  // ACCEPT: the session *number* is for the connection of *record*.  False: there is no such session.
  bool expect(LinkId link, std::uint64_t number, const std::shared_ptr<Record>& record);
  // A session in the pool that has ended, or that no connection wants any more.
  void discard(LinkId link, std::uint64_t number);
  // The proxy accepted a connection; one that nobody expects is closed, with RST.
  void connected(const Endpoint& client, const Endpoint& destination, UniqueFd socket);
  void link_lost(LinkId link, const std::string& reason);
  void reset_all(const std::string& reason);
  // Gives up what has waited too long; to be called about once a second.
  void sweep(Clock::time_point now);

  [[nodiscard]] std::size_t pooled(LinkId link) const;
  [[nodiscard]] std::size_t active_count() const { return active_.size(); }
  [[nodiscard]] const std::unordered_map<std::uint64_t, Active>& active() const { return active_; }

 private:
  struct Tuple {
    Endpoint client;
    Endpoint destination;
    auto operator<=>(const Tuple&) const = default;
  };
  struct Waiting {
    Active stream;
    Clock::time_point deadline;
  };

  void give_up(Waiting& waiting, const std::string& reason);
  void finish(std::uint64_t serial, const relay::Report& report);

  std::function<void(std::function<void()>)> post_;
  std::function<void(const std::shared_ptr<Record>&)> changed_;
  std::unordered_map<LinkId, std::unordered_map<std::uint64_t, std::shared_ptr<StreamSession>>> pool_;
  std::map<Tuple, Waiting> waiting_;
  std::unordered_map<std::uint64_t, Active> active_;  // by the record's serial
};

}  // namespace sluice::gateway
