// SPDX-License-Identifier: Apache-2.0
//
// Association: one flow of datagrams between a client and a server, at the agent (U1): a socket of its own, whose
// datagrams and errors go to the DGRAM session under its number.  On the thread of that session.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "agent/os/datagram.hpp"
#include "base/async.hpp"
#include "base/duration.hpp"
#include "session/datagrams.hpp"

namespace sluice::agent {

class Association : public std::enable_shared_from_this<Association> {
 public:
  using Clock = std::chrono::steady_clock;
  /// What an Offer of a datagram asks for.
  struct Terms {
    std::uint8_t protocol = 0;
    Endpoint server;
    Address client;
    Duration idle{30000};
    Duration idle_replied{15 * 60000};  ///< once two replies have come
  };

  /// *batch* is shared by all of the thread; *on_first_reply* is called once.
  Association(const asio::any_io_executor& executor, std::uint32_t number, Terms terms, os::DatagramSocket socket,
              std::shared_ptr<session::Datagrams> session, std::shared_ptr<os::DatagramBatch> batch,
              std::function<void()> on_first_reply);
  ~Association() { close(); }
  Association(const Association&) = delete;
  Association& operator=(const Association&) = delete;

  Result<void> start();
  /// To the server; false: dropped here.
  bool send(const session::Datagram& datagram);
  void close();

  [[nodiscard]] bool is_idle(Clock::time_point now) const;
  [[nodiscard]] const Terms& terms() const { return terms_; }

 private:
  void wait();
  void receive();
  void tell(const os::DatagramSocket::Errors& errors);
  /// Routers before us, which a TTL has to pass; a server that is this host is one router away, not two.
  [[nodiscard]] std::uint8_t hops_before() const { return socket_.source() == terms_.server.address ? 1 : 2; }

  std::uint32_t number_;
  Terms terms_;
  os::DatagramSocket socket_;
  asio::posix::stream_descriptor descriptor_;  // the same socket, to wait for it
  std::shared_ptr<session::Datagrams> session_;
  std::shared_ptr<os::DatagramBatch> batch_;
  std::function<void()> on_first_reply_;
  Clock::time_point last_ = Clock::now();
  unsigned replies_ = 0;
};

}  // namespace sluice::agent
