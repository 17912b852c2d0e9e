// SPDX-License-Identifier: Apache-2.0
#include "agent/bind.hpp"

#include "base/deadline.hpp"

namespace sluice::agent {

Task<Outcome> Bind::attempt(Duration timeout) {
  Deadline deadline(signal_.get_executor(), timeout, [this] { signal_.cancel(); });
  while (!cancelled() && !deadline.late()) {
    co_await datagrams_->wait_until_open(signal_);
    if (datagrams_->is_stopped()) break;
    if (!datagrams_->is_open()) continue;
    bool told = false;
    datagrams_->open(terms_, [this, &told](std::optional<Datagrams::Bound> bound) {
      bound_ = std::move(bound);
      told = true;
      signal_.cancel();
    });
    // It comes for certain, and soon; being late does not make it come earlier.
    while (!told) (void)co_await signal_.async_wait(use_tuple);
    if (!bound_) continue;
    if (cancelled() && bound_->association != 0) datagrams_->release(*bound_);
    co_return bound_->outcome;
  }
  co_return Outcome::failed(terms_.server.address, "no DGRAM session");
}

}  // namespace sluice::agent
