// SPDX-License-Identifier: Apache-2.0
#include "agent/relays.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace sluice::agent {

CarriedStream::CarriedStream(asio::any_io_executor control, asio::any_io_executor worker,
                             std::shared_ptr<std::size_t> load, tcp::socket server, tls::Stream session)
    : control_(std::move(control)),
      worker_(std::move(worker)),
      load_(std::move(load)),
      server_(std::move(server)),
      session_(std::move(session)) {}

void CarriedStream::start(Done done) {
  done_ = std::move(done);
  ++*load_;
  asio::post(worker_, [self = shared_from_this()] {
    self->relay_ = relay::Relay::create(std::move(*self->server_), std::move(*self->session_));
    self->server_.reset();
    self->session_.reset();
    self->relay_->start([self](const relay::Report& report) {
      self->relay_.reset();
      asio::post(self->control_, [self, report] { self->finish(report); });
    });
  });
}

void CarriedStream::finish(const relay::Report& report) {
  --*load_;
  std::exchange(done_, nullptr)(report);
}

void CarriedStream::abort(std::string reason) {
  asio::post(worker_, [self = shared_from_this(), reason = std::move(reason)] {
    if (self->relay_) self->relay_->abort(reason);
  });
}

Relays::Relays(asio::any_io_executor control, unsigned threads) : control_(std::move(control)) {
  for (unsigned i = 0; i < threads; ++i) workers_.push_back(std::make_unique<Worker>());
  for (const auto& worker : workers_) worker->loop.start("agent-relay");
}

Result<std::shared_ptr<CarriedStream>> Relays::take(tcp::socket server, tls::Stream session) {
  Worker& worker = **std::min_element(workers_.begin(), workers_.end(),
                                      [](const auto& one, const auto& other) { return *one->load < *other->load; });
  const asio::any_io_executor executor = worker.loop.context().get_executor();
  Result<tcp::socket> moved = move_to(executor, std::move(server));
  if (!moved) return moved.error();
  if (auto done = session.move_to(executor); !done) return done.error();
  return std::make_shared<CarriedStream>(control_, executor, worker.load, *std::move(moved), std::move(session));
}

std::vector<std::size_t> Relays::loads() const {
  std::vector<std::size_t> loads;
  for (const auto& worker : workers_) loads.push_back(*worker->load);
  return loads;
}

}  // namespace sluice::agent
