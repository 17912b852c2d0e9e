// SPDX-License-Identifier: Apache-2.0
//
// Agent: keeps a control session with one of the gateways, for ever.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <random>

#include "agent/counts.hpp"
#include "agent/datagrams.hpp"
#include "agent/dial.hpp"
#include "agent/relays.hpp"
#include "agent/session.hpp"
#include "agent/settings.hpp"
#include "base/async.hpp"
#include "metrics/hand_over.hpp"
#include "tls/context.hpp"

namespace sluice::agent {

class Agent {
 public:
  Agent(asio::any_io_executor executor, Settings settings, tls::Context context);

  /// Dials the gateways in turn, and again when a session has ended, with jittered exponential back-off.
  Task<void> run();
  /// Ends the session and run().
  void stop();
  [[nodiscard]] const Relays& relays() const { return relays_; }
  /// *reply* is called soon, on the control thread.
  void measure(metrics::Reply reply) const;

 private:
  Task<Result<void>> serve(const HostPort& gateway);
  Duration back_off(unsigned failures);

  Settings settings_;
  Counts counts_;
  tls::Context context_;
  Relays relays_;
  DatagramThread datagram_thread_;
  Dialer dialer_;
  asio::steady_timer pause_;
  std::shared_ptr<Session> session_;
  std::minstd_rand random_{std::random_device{}()};
  bool stopped_ = false;
};

}  // namespace sluice::agent
