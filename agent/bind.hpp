// SPDX-License-Identifier: Apache-2.0
//
// Bind: one attempt to give an association of datagrams its place: a DGRAM session, which it waits for, and a socket.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>

#include "agent/attempt.hpp"
#include "agent/datagrams.hpp"

namespace sluice::agent {

class Bind final : public Attempt {
 public:
  Bind(const asio::any_io_executor& executor, std::shared_ptr<Datagrams> datagrams, const Association::Terms& terms)
      : Attempt(terms.server),
        datagrams_(std::move(datagrams)),
        terms_(terms),
        signal_(executor, asio::steady_timer::time_point::max()) {}

  /// After ACCEPT: where.
  [[nodiscard]] const Datagrams::Bound& bound() const { return *bound_; }

 private:
  Task<Outcome> attempt(Duration timeout) override;
  void stop() override { signal_.cancel(); }

  std::shared_ptr<Datagrams> datagrams_;
  Association::Terms terms_;
  asio::steady_timer signal_;  ///< cancelled when it is time to look again
  std::optional<Datagrams::Bound> bound_;
};

}  // namespace sluice::agent
