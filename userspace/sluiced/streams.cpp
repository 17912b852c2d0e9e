// SPDX-License-Identifier: Apache-2.0
#include "sluiced/streams.hpp"

#include <spdlog/spdlog.h>

namespace sluice::gateway {

Result<void> Streams::add(LinkId link, std::uint64_t number, std::shared_ptr<StreamSession> session) {
  auto& sessions = pool_[link];
  if (number == 0) return Error{"a STREAM session needs a number"};
  if (sessions.size() >= pool_max) return Error{"too many STREAM sessions wait for an Answer"};
  if (!sessions.emplace(number, std::move(session)).second) return Error{"another STREAM session has this number"};
  return {};
}

bool Streams::expect(LinkId link, std::uint64_t number, const std::shared_ptr<Record>& record) {
  const auto sessions = pool_.find(link);
  if (sessions == pool_.end()) return false;
  auto session = sessions->second.extract(number);
  if (!session) return false;
  const Tuple tuple{record->source, record->destination};
  // The client's port came round again before the earlier connection was claimed: that one is dead.
  if (const auto earlier = waiting_.find(tuple); earlier != waiting_.end()) {
    give_up(earlier->second, "the client started anew");
    waiting_.erase(earlier);
  }
  waiting_.emplace(tuple, Waiting{{std::move(session.mapped()), record, link}, Clock::now() + claim_limit});
  return true;
}

void Streams::discard(LinkId link, std::uint64_t number) {
  const auto sessions = pool_.find(link);
  if (sessions == pool_.end()) return;
  if (auto session = sessions->second.extract(number)) session.mapped()->reset("not wanted");
}

void Streams::connected(const Endpoint& client, const Endpoint& destination, UniqueFd socket) {
  const auto found = waiting_.find({client, destination});
  if (found == waiting_.end()) {
    spdlog::debug("proxy: nobody expects {} to {}; reset", client.to_string(), destination.to_string());
    return;
  }
  Active stream = std::move(found->second.stream);
  waiting_.erase(found);
  const std::uint64_t serial = stream.record->serial;
  stream.record->established = Clock::now();
  stream.record->outcome = "established";
  changed_(stream.record);
  auto session = stream.session;
  active_.emplace(serial, std::move(stream));
  session->claim(std::move(socket), [this, serial](const relay::Report& report) {
    post_([this, serial, report] { finish(serial, report); });
  });
}

void Streams::finish(std::uint64_t serial, const relay::Report& report) {
  const auto found = active_.find(serial);
  if (found == active_.end()) return;
  const std::shared_ptr<Record> record = found->second.record;
  active_.erase(found);
  record->ended = Clock::now();
  record->to_server = report.to_tls;
  record->to_client = report.to_tcp;
  switch (report.end) {
    case relay::End::orderly:
      record->outcome = "ended in order";
      break;
    case relay::End::tcp_reset:
      record->outcome = "reset by the client";
      break;
    case relay::End::tls_reset:
      record->outcome = "reset by the server";
      break;
    case relay::End::aborted:
      record->outcome = "reset by the gateway: " + report.detail;
      break;
  }
  changed_(record);
}

void Streams::give_up(Waiting& waiting, const std::string& reason) {
  waiting.stream.session->reset(reason);
  const auto& record = waiting.stream.record;
  record->ended = Clock::now();
  record->outcome = "accepted, never established: " + reason;
  changed_(record);
}

void Streams::link_lost(LinkId link, const std::string& reason) {
  if (auto sessions = pool_.extract(link))
    for (const auto& [number, session] : sessions.mapped()) session->reset(reason);
  for (auto entry = waiting_.begin(); entry != waiting_.end();) {
    if (entry->second.stream.link == link) {
      give_up(entry->second, reason);
      entry = waiting_.erase(entry);
    } else {
      ++entry;
    }
  }
  // finish() takes them out when their relays report.
  for (const auto& [serial, stream] : active_)
    if (stream.link == link) stream.session->reset(reason);
}

void Streams::reset_all(const std::string& reason) {
  for (const auto& [link, sessions] : pool_)
    for (const auto& [number, session] : sessions) session->reset(reason);
  pool_.clear();
  for (auto& [tuple, waiting] : waiting_) give_up(waiting, reason);
  waiting_.clear();
  for (const auto& [serial, stream] : active_) stream.session->reset(reason);
}

void Streams::sweep(Clock::time_point now) {
  for (auto entry = waiting_.begin(); entry != waiting_.end();) {
    if (entry->second.deadline <= now) {
      give_up(entry->second, "the client did not finish its handshake");
      entry = waiting_.erase(entry);
    } else {
      ++entry;
    }
  }
}

std::size_t Streams::pooled(LinkId link) const {
  const auto sessions = pool_.find(link);
  return sessions == pool_.end() ? 0 : sessions->second.size();
}

}  // namespace sluice::gateway
