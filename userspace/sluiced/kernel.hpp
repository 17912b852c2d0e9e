// SPDX-License-Identifier: Apache-2.0
//
// Kernel: sluiced as the module's controller, on the control thread.  Reads announcements and withdrawals; gathers
// verdicts and credit and sends them once a turn of the loop, many in a message.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <vector>

#include "base/async.hpp"
#include "netlink/socket.hpp"

namespace sluice::gateway {

class Kernel {
 public:
  using OnEvents = std::function<void(const netlink::Events&)>;

  // Announcements that we are ready to take at once.
  static constexpr std::uint32_t credit = 256;

  // Binds; an EBUSY is tried again for a while, as the socket of an earlier sluiced may still be closing.
  static Result<netlink::ControllerSocket> bind(const netlink::Controller& controller);

  // *lost* is called when the socket is of no more use.
  Kernel(asio::io_context& control, netlink::ControllerSocket socket, OnEvents on_events,
         std::function<void(const Error&)> lost);

  void start();
  void answer(const netlink::Answer& answer);
  void return_credit();
  void close();

 private:
  Task<void> read_loop();
  void schedule_flush();
  void flush();

  asio::io_context& control_;
  netlink::ControllerSocket socket_;
  asio::posix::stream_descriptor descriptor_;
  OnEvents on_events_;
  std::function<void(const Error&)> lost_;
  std::vector<netlink::Answer> answers_;  // bounded by what is announced, and what is bound
  std::uint32_t credit_ = 0;
  bool flush_scheduled_ = false;
};

}  // namespace sluice::gateway
