// SPDX-License-Identifier: Apache-2.0
#include "sluiced/datagram_session.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "sluiced/datagram_relay.hpp"
#include "sluiced/spawn.hpp"

namespace sluice::gateway {
namespace {

// The agent and we are routers on the way back, too.
constexpr int hops_of_ours = 2;

std::uint8_t ttl_left(std::uint8_t came) {
  return came == 0 ? 0 : static_cast<std::uint8_t>(std::max(1, came - hops_of_ours));
}

}  // namespace

void DatagramSession::start(tls::Stream stream, session::Envelope reply) {
  // A stream that failed to move is closed: the reply fails, and the end is told as any other.
  (void)stream.move_to(relay_.executor());
  stream_.emplace(std::move(stream));
  asio::co_spawn(relay_.executor(), serve(std::move(reply)), no_exceptions);
}

Task<void> DatagramSession::serve(session::Envelope reply) {
  const auto self = shared_from_this();
  Task<Error> carrying = carry(std::move(reply));
  const Error reason = co_await std::move(carrying);
  const Numbers last = numbers();
  datagrams_.reset();
  stream_.reset();
  relay_.session_ended(self, std::exchange(associations_, {}), last, reason.message);
}

Task<Error> DatagramSession::carry(session::Envelope reply) {
  relay_.session_started(shared_from_this());
  // On this thread, so that whatever an agent with its reply makes the control thread post here comes after create().
  auto written = co_await session::write_frame(*stream_, reply);
  if (!written) co_return written.error();
  if (!reason_.empty()) co_return Error{reason_};
  datagrams_ = session::Datagrams::create(*std::exchange(stream_, std::nullopt), settings_);
  Task<Error> running = datagrams_->run(*this);
  const Error reason = co_await std::move(running);
  co_return reason;
}

void DatagramSession::close(std::string reason) {
  asio::post(relay_.executor(), [self = shared_from_this(), reason = std::move(reason)] { self->end(reason); });
}

void DatagramSession::end(const std::string& reason) {
  if (datagrams_) return datagrams_->close(reason);
  if (reason_.empty()) reason_ = reason;
  if (stream_) stream_->close(true);
}

const SSL* DatagramSession::ssl() { return is_open() ? datagrams_->ssl() : nullptr; }

DatagramSession::Numbers DatagramSession::numbers() const {
  if (!datagrams_) return {};
  return {datagrams_->counters(), datagrams_->waiting(), datagrams_->outstanding(), strays_};
}

bool DatagramSession::add(const std::shared_ptr<Association>& association) {
  return associations_.emplace(association->binding.number, association).second;
}

void DatagramSession::unbind(std::uint32_t association) {
  associations_.erase(association);
  if (is_open()) datagrams_->send_unbind(association);
}

void DatagramSession::on_datagram(const session::Datagram& datagram) {
  const auto found = associations_.find(datagram.association);
  if (found == associations_.end()) {
    ++strays_;
    return;
  }
  const Binding& binding = found->second->binding;
  binding.traffic->touch(Traffic::Clock::now());
  found->second->egress->send(
      {binding.destination, binding.client, ttl_left(datagram.ttl), datagram.tos, datagram.payload}, binding.traffic);
}

void DatagramSession::on_error(std::uint32_t association, const session::DatagramError& error) {
  if (const auto found = associations_.find(association); found != associations_.end())
    relay_.error(found->second, error);
}

void DatagramSession::on_unbind(std::uint32_t association) {
  datagrams_->forget(association);
  const auto node = associations_.extract(association);
  if (node) relay_.unbound(node.mapped());
}

void DatagramSession::on_batch_end() { relay_.flush(); }

}  // namespace sluice::gateway
