// SPDX-License-Identifier: Apache-2.0
//
// Ping: one echo request to one host, from a socket of its own, and what came of it (I1).
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include "agent/attempt.hpp"
#include "agent/os/os.hpp"

namespace sluice::agent {

class Ping final : public Attempt {
 public:
  Ping(const asio::any_io_executor& executor, const os::Echo& echo)
      : Attempt(Endpoint{echo.destination, 0}), echo_(echo), socket_(executor) {}

 private:
  Task<Outcome> attempt(Duration timeout) override;
  void stop() override;

  os::Echo echo_;
  asio::posix::stream_descriptor socket_;
};

}  // namespace sluice::agent
