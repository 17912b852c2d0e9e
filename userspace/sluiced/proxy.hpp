// SPDX-License-Identifier: Apache-2.0
//
// Proxy: the transparent listeners to which the module releases accepted SYNs.  The kernel's TCP ends the client's
// connection with the server's address as its own; accept() tells both addresses.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <vector>

#include "base/async.hpp"
#include "base/unique_fd.hpp"

namespace sluice::gateway {

class Proxy {
 public:
  using OnConnection = std::function<void(const Endpoint& client, const Endpoint& destination, UniqueFd socket)>;

  Proxy(asio::io_context& control, OnConnection on_connection)
      : control_(control), on_connection_(std::move(on_connection)) {}

  // Both families on one port: *port*, or any free one if 0.  A host without IPv6 has one listener.
  Result<void> listen(std::uint16_t port);
  void start();
  void close();

  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  Task<void> accept_loop(std::size_t listener);

  asio::io_context& control_;
  OnConnection on_connection_;
  std::vector<tcp::acceptor> listeners_;
  std::uint16_t port_ = 0;
};

}  // namespace sluice::gateway
