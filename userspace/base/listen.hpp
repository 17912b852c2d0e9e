// SPDX-License-Identifier: Apache-2.0
//
// A listening TCP socket, as all our servers want theirs: its address taken again at once after a restart, and IPv6
// alone where it is IPv6, so that both families can have the same port.
#pragma once

#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/socket_base.hpp>

#include "base/async.hpp"
#include "base/result.hpp"

namespace sluice {

/// Opens *acceptor*.  Port 0: any free one; returns where it listens.  The error names the endpoint.
inline Result<Endpoint> listen_on(tcp::acceptor& acceptor, const Endpoint& endpoint,
                                  int backlog = asio::socket_base::max_listen_connections) {
  const tcp::endpoint local = to_asio(endpoint);
  tcp::endpoint bound;
  boost::system::error_code failure;
  auto step = [&](auto action) {
    if (!failure) action();
  };
  step([&] { acceptor.open(local.protocol(), failure); });
  step([&] { acceptor.set_option(tcp::acceptor::reuse_address(true), failure); });
  if (!endpoint.address.is_v4()) step([&] { acceptor.set_option(asio::ip::v6_only(true), failure); });
  step([&] { acceptor.bind(local, failure); });
  step([&] { acceptor.listen(backlog, failure); });
  step([&] { bound = acceptor.local_endpoint(failure); });
  if (failure) return Error{"cannot listen on " + endpoint.to_string() + ": " + failure.message(), failure.value()};
  return from_asio(bound);
}

}  // namespace sluice
