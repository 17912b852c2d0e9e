// SPDX-License-Identifier: Apache-2.0
//
// Connect: one attempt to reach one TCP port.
#pragma once

#include "agent/attempt.hpp"

namespace sluice::agent {

class Connect final : public Attempt {
 public:
  /// *hops* is how many routers the SYN may pass from here on, the last one included; 0: as many as usual.
  Connect(const asio::any_io_executor& executor, const Endpoint& destination, std::uint8_t hops = 0)
      : Attempt(destination), socket_(executor), hops_(hops) {}

  /// After ACCEPT: connected, and set up so that it is reset if we drop it.
  [[nodiscard]] tcp::socket take_socket() { return std::move(socket_); }

 private:
  Task<Outcome> attempt(Duration timeout) override;
  void stop() override;

  tcp::socket socket_;
  std::uint8_t hops_;
};

}  // namespace sluice::agent
