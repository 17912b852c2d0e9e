// SPDX-License-Identifier: Apache-2.0
//
// The CONNECT dialogue with an HTTP proxy (RFC 9110, 9.3.6), on a connection that is already there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/proxy_auth.hpp"
#include "base/async.hpp"
#include "base/result.hpp"

namespace sluice::agent {

struct ProxyReply {
  int status = 0;
  std::string reason;
  std::vector<Challenge> challenges;  ///< of all Proxy-Authenticate fields
};

/// The head of a response, with the empty line that ends it.
Result<ProxyReply> parse_proxy_reply(std::string_view head);

/// Sends CONNECT *target* (host:port) and reads the head of the answer, and not a byte more: what follows
/// a 2xx belongs to TLS.  *authorization* may be empty.
Task<Result<ProxyReply>> http_connect(tcp::socket& socket, const std::string& target, const std::string& authorization);

}  // namespace sluice::agent
