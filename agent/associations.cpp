// SPDX-License-Identifier: Apache-2.0
#include "agent/associations.hpp"

#include <netinet/in.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <vector>

namespace sluice::agent {
namespace {

constexpr Duration kSweep{500};  // how exactly idle times are kept

}  // namespace

Associations::Associations(std::shared_ptr<session::Datagrams> session, std::shared_ptr<os::DatagramBatch> batch,
                           std::size_t most)
    : session_(std::move(session)),
      batch_(std::move(batch)),
      executor_(session_->get_executor()),
      sweep_timer_(executor_),
      quota_(most) {}

Task<Error> Associations::run() {
  std::shared_ptr<Associations> self = shared_from_this();
  asio::co_spawn(
      executor_, [self]() -> Task<void> { co_await self->sweep(); }, asio::detached);
  Error reason = co_await session_->run(*this);
  sweep_timer_.cancel();
  for (auto& [number, association] : associations_) association->close();
  associations_.clear();
  co_return reason;
}

std::optional<Associations::Opened> Associations::open(const Association::Terms& terms) {
  if (!session_->is_open()) return std::nullopt;
  const Address& server = terms.server.address;
  std::string why;
  if (!make_room(terms, why)) return Opened{Outcome::busy(std::move(why)), 0};
  os::DatagramSocket::Opened opened = os::DatagramSocket::open(terms.protocol, terms.server);
  if (!opened.socket) return Opened{std::move(opened.outcome), 0};
  const std::uint32_t number = new_number();
  auto association = std::make_shared<Association>(executor_, number, terms, *std::move(opened.socket), session_,
                                                   batch_, [this, number] { quota_.answered(number); });
  if (auto started = association->start(); !started) {
    return Opened{Outcome::failed(server, started.error().message), 0};
  }
  associations_.emplace(number, std::move(association));
  quota_.add(number, terms.client);
  if (terms.protocol != IPPROTO_UDP) raw_[{terms.protocol, server}] = number;
  return Opened{Outcome::accepted(), number};
}

/// Ends associations that are in the way of one of *terms*.
bool Associations::make_room(const Association::Terms& terms, std::string& why) {
  if (terms.protocol != IPPROTO_UDP) {
    const auto found = raw_.find({terms.protocol, terms.server.address});
    if (found != raw_.end() && associations_.at(found->second)->terms().client != terms.client) {
      why = "another client has this protocol and server";
      return false;
    }
    if (found != raw_.end()) unbind(found->second);
  }
  if (!quota_.is_full()) return true;
  const std::optional<std::uint32_t> victim = quota_.victim(terms.client);
  if (victim) unbind(*victim);
  why = "as many associations as the agent carries";
  return victim.has_value();
}

void Associations::release(std::uint32_t association) { erase(association); }

std::uint32_t Associations::new_number() {
  do {
    ++last_number_;
  } while (last_number_ == 0 || associations_.contains(last_number_));
  return last_number_;
}

void Associations::unbind(std::uint32_t association) {
  session_->send_unbind(association);
  erase(association);
}

void Associations::erase(std::uint32_t association) {
  const auto found = associations_.find(association);
  if (found == associations_.end()) return;
  const Association::Terms& terms = found->second->terms();
  if (terms.protocol != IPPROTO_UDP) raw_.erase({terms.protocol, terms.server.address});
  found->second->close();
  associations_.erase(found);
  quota_.remove(association);
}

void Associations::on_datagram(const session::Datagram& datagram) {
  const auto found = associations_.find(datagram.association);
  if (found == associations_.end()) {
    ++unknown_;  // crossed our unbind
  } else if (!found->second->send(datagram)) {
    ++dropped_;
  }
}

void Associations::on_error(std::uint32_t, const session::DatagramError&) {
  session_->close("the gateway sent a frame that is not a gateway's");
}

void Associations::on_unbind(std::uint32_t association) {
  session_->forget(association);
  erase(association);
}

Task<void> Associations::sweep() {
  std::vector<std::uint32_t> idle;
  while (session_->is_open()) {
    sweep_timer_.expires_after(kSweep);
    (void)co_await sweep_timer_.async_wait(use_tuple);
    const auto now = Association::Clock::now();
    for (const auto& [number, association] : associations_) {
      if (association->is_idle(now)) idle.push_back(number);
    }
    for (const std::uint32_t number : idle) unbind(number);
    idle.clear();
  }
}

Associations::Numbers& Associations::Numbers::operator+=(const Numbers& more) {
  counters += more.counters;
  waiting += more.waiting;
  outstanding += more.outstanding;
  associations += more.associations;
  not_taken += more.not_taken;
  unknown += more.unknown;
  return *this;
}

Associations::Numbers Associations::numbers() const {
  Numbers numbers{session_->counters(), 0, 0, associations_.size(), dropped_, unknown_};
  if (!session_->is_open()) return numbers;
  numbers.waiting = session_->waiting();
  numbers.outstanding = session_->outstanding();
  return numbers;
}

std::string Associations::account() const {
  const session::Datagrams::Counters& counters = session_->counters();
  auto part = [](const char* what, std::uint64_t count) { return std::string(what) + std::to_string(count); };
  return part("to the gateway: sent ", counters.sent) + part(", queue full ", counters.dropped_full) +
         part(", too late ", counters.dropped_late) + part(", gone ", counters.dropped_gone) +
         part(", lost ", counters.lost) + part("; to servers: received ", counters.received) +
         part(", not taken ", dropped_) + part(", of no association ", unknown_);
}

}  // namespace sluice::agent
