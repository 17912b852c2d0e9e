// SPDX-License-Identifier: Apache-2.0
//
// Dialer: opens sessions with a gateway, directly or by a proxy, up to the HelloReply.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "agent/proxy_auth.hpp"
#include "agent/settings.hpp"
#include "base/async.hpp"
#include "base/result.hpp"
#include "session.pb.h"
#include "tls/context.hpp"
#include "tls/stream.hpp"

namespace sluice::agent {

/// An open session.
struct Link {
  tls::Stream stream;
  session::v1::HelloReply reply;
  std::string gateway;  ///< for people: name and address
  std::chrono::system_clock::time_point not_after;
};

/// Where one gateway was found.  STREAM sessions must go where their control session went, though the name
/// may stand for several machines.
struct Target {
  HostPort gateway;
  std::optional<tcp::endpoint> address;  ///< set by the first dial without proxy, kept by those after it
};

class Dialer {
 public:
  Dialer(asio::any_io_executor executor, const Settings& settings, const tls::Context& context);

  /// TCP, proxy, TLS, the gateway's certificate, Hello and HelloReply, each within its time.
  Task<Result<Link>> dial(Target& target, session::v1::Hello hello);
  /// For the next STREAM or DGRAM session.
  std::uint64_t new_number() { return next_number_++; }

 private:
  Task<Result<Link>> open(Target& target, session::v1::Hello hello);
  Task<Result<tcp::socket>> connect(const HostPort& server, std::optional<tcp::endpoint>& address);
  Task<Result<tcp::socket>> connect_by_proxy(const HostPort& gateway);

  asio::any_io_executor executor_;
  const Settings& settings_;
  const tls::Context& context_;
  std::optional<ProxyAuthenticator> authenticator_;
  std::uint64_t next_number_ = 1;
};

}  // namespace sluice::agent
