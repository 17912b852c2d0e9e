// SPDX-License-Identifier: Apache-2.0
#include "sluiced/datagram_relay.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "sluiced/spawn.hpp"

namespace sluice::gateway {

std::size_t DatagramRelay::TupleHash::operator()(const Tuple& tuple) const {
  // Odd factors, as a client's datagrams to itself by one port must not cancel out.
  return std::hash<Endpoint>()(tuple.client) * 31 + std::hash<Endpoint>()(tuple.destination) * 17 + tuple.protocol;
}

Result<int> DatagramRelay::start() {
  auto ingress = Ingress::open(worker_.context());
  if (!ingress) return ingress.error();
  ingress_ = *std::move(ingress);
  asio::co_spawn(worker_.context(), ingress_->run([this](const IpPacket& packet) { on_packet(packet); }),
                 no_exceptions);
  asio::post(worker_.context(), [this] { tick(); });
  return ingress_->fd();
}

void DatagramRelay::stop() {
  asio::post(worker_.context(), [this] {
    timer_.cancel();
    if (ingress_) ingress_->close();
    for (const auto& session : sessions_) session->revoke("sluiced is ending");
  });
}

void DatagramRelay::report(std::function<void()> action) { asio::post(control_, std::move(action)); }

void DatagramRelay::tick() {
  for (const auto& session : sessions_)
    report([this, session, numbers = session->numbers()] {
      reports_.session_numbers(session->link, session->number, numbers);
    });
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](boost::system::error_code failure) {
    if (!failure) tick();
  });
}

void DatagramRelay::bind(Binding binding, std::shared_ptr<DatagramSession> session, Bound bound) {
  asio::post(worker_.context(),
             [this, binding = std::move(binding), session = std::move(session), bound = std::move(bound)]() mutable {
               Result<void> done = bind_here(std::move(binding), session);
               report([bound = std::move(bound), done = std::move(done)] { bound(done); });
             });
}

Result<void> DatagramRelay::bind_here(Binding binding, const std::shared_ptr<DatagramSession>& session) {
  if (!session->is_open()) return Error{"the DGRAM session has ended"};
  auto egress = egress_.socket(binding.client.address.is_v4(), binding.protocol);
  if (!egress) return egress.error();
  const Tuple tuple{binding.protocol, binding.client, binding.destination};
  const std::uint32_t id = binding.id;
  auto association = std::make_shared<Association>(Association{std::move(binding), session.get(), *egress});
  // The kernel has forgotten the one before; that it told us so is still on its way.
  if (const auto earlier = by_tuple_.find(tuple); earlier != by_tuple_.end()) {
    const auto old = earlier->second;
    forget(*old);
    old->session->unbind(old->binding.number);
  }
  if (!session->add(association)) return Error{"the association's number is in use"};
  by_tuple_.emplace(tuple, association);
  by_id_.insert_or_assign(id, association);
  return {};
}

void DatagramRelay::unbind(std::uint32_t id, std::shared_ptr<DatagramSession> session, std::uint32_t number) {
  asio::post(worker_.context(), [this, id, session = std::move(session), number] {
    if (const auto found = by_id_.find(id); found != by_id_.end()) {
      const auto association = found->second;
      forget(*association);
    }
    session->unbind(number);
  });
}

void DatagramRelay::forget(const Association& association) {
  const Binding& binding = association.binding;
  by_id_.erase(binding.id);
  const auto found = by_tuple_.find({binding.protocol, binding.client, binding.destination});
  if (found != by_tuple_.end() && found->second.get() == &association) by_tuple_.erase(found);
}

void DatagramRelay::on_packet(const IpPacket& packet) {
  const auto found = by_tuple_.find({packet.protocol, packet.source, packet.destination});
  if (found == by_tuple_.end()) return strays_.add(1);
  const Association& association = *found->second;
  Traffic& traffic = *association.binding.traffic;
  traffic.touch(Traffic::Clock::now());
  const session::Datagram datagram{association.binding.number, packet.ttl, packet.tos, packet.dont_fragment,
                                   packet.payload};
  if (!association.session->send(datagram)) return traffic.to_server.dropped.add(1);
  traffic.to_server.datagrams.add(1);
  traffic.to_server.bytes.add(packet.payload.size());
}

void DatagramRelay::session_started(std::shared_ptr<DatagramSession> session) {
  worker_.enrol(session);
  sessions_.insert(std::move(session));
}

void DatagramRelay::session_ended(const std::shared_ptr<DatagramSession>& session,
                                  const std::unordered_map<std::uint32_t, std::shared_ptr<Association>>& associations,
                                  const DatagramSession::Numbers& numbers, const std::string& reason) {
  sessions_.erase(session);
  SessionEnd end{session->link, session->number, {}, numbers, reason};
  for (const auto& [number, association] : associations) {
    end.ids.push_back(association->binding.id);
    forget(*association);
  }
  flush();
  report([this, end = std::move(end)] { reports_.session_ended(end); });
}

void DatagramRelay::error(const std::shared_ptr<Association>& association, const session::DatagramError& error) {
  if (association->errors_pending == errors_pending_max) return;
  ++association->errors_pending;
  errors_.push_back({association, error});
}

void DatagramRelay::unbound(const std::shared_ptr<Association>& association) {
  forget(*association);
  unbound_.push_back(association->binding.id);
}

void DatagramRelay::flush() {
  egress_.flush();
  if (!errors_.empty())
    report([this, errors = std::exchange(errors_, {})]() mutable {
      for (const PendingError& pending : errors)
        reports_.association_error(pending.association->binding.id, pending.error);
      asio::post(worker_.context(), [errors = std::move(errors)] {
        for (const PendingError& pending : errors) --pending.association->errors_pending;
      });
    });
  if (!unbound_.empty()) report([this, ids = std::exchange(unbound_, {})] { reports_.associations_unbound(ids); });
}

}  // namespace sluice::gateway
