// SPDX-License-Identifier: Apache-2.0
//
// Server: HTTP/1.1 over mutual TLS 1.3 for a handler that knows nothing of sockets.  Assumes hostile peers: whatever
// they can make grow or last has a limit.
//
// All of it lives on one executor that runs one handler at a time.  The io_context must have ended, or stopped() have
// returned, before what the handler refers to goes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/async.hpp"
#include "base/duration.hpp"
#include "base/result.hpp"
#include "http/connection.hpp"
#include "http/message.hpp"
#include "tls/context.hpp"

namespace sluice::http {

/// Answers one request; of a connection's requests one at a time, in their order.
///
/// When the peer goes away, its certificate is revoked or expires, the server stops, or *handling* is over, what the
/// handler waits for ends with operation_aborted, and what it waits for after that throws it, which ends the handler
/// (both as Asio has it: cancellation_type::terminal).  So what must not be left half done stands in a destructor, or
/// between two co_awaits.  Any other exception is answered with 500.
///
/// A peer that ended its TLS session (close_notify) still waits for its answer; one that ended the TCP connection too
/// is gone.
using Handler = std::function<Task<Response>(const Request&, Connection&)>;

struct Limits {
  std::size_t connections = 20000;  ///< besides handshakes; an eighth of them is not for devices
  /// Or of an IPv6 address' /64; at it no other device gets one from there.
  std::size_t connections_of_an_address = 256;
  std::size_t connections_of_a_device = 16;
  std::size_t connections_of_another = 64;    ///< of one gateway or operator
  std::size_t handshakes = 1024;              ///< at a time; then the oldest ends
  std::size_t handshakes_of_an_address = 32;  ///< at a time; of an IPv6 address' /64; then its oldest ends
  std::size_t header = 8192;                  ///< bytes, the request line included
  std::size_t body = 65536;                   ///< bytes
  Duration first_byte{4000};  ///< of the handshake: longer than it takes to send a lost ClientHello twice more; and of
                              ///< the request of who is to be refused
  Duration handshake{10000};
  Duration request_header{10000};  ///< from the first byte to the empty line
  Duration request_body{20000};
  Duration handling{60000};  ///< of the handler, long polls included; then it is 503
  Duration sending{20000};
  Duration idle{120000};  ///< between requests, and before the first
};

struct ServerOptions {
  /// Who has no name in this realm (KDS, gateway, device, operator) gets 403 and no handler.  Empty: all are let in, as
  /// devices are.
  std::string realm;
  Limits limits;
  /// How often the revocation list's file is looked at, and expired certificates are looked for.
  Duration recheck{1000};
};

/// Since the server was made, but for *connections*: now.
struct ServerCounters {
  std::size_t connections = 0;
  std::uint64_t accepted = 0;
  std::uint64_t crowded_out = 0;        ///< closed in the handshake or refused after it, by a limit
  std::uint64_t handshakes_failed = 0;  ///< but for those crowded out
  std::uint64_t sessions_full = 0, sessions_resumed = 0;
  std::uint64_t requests = 0;           ///< given to the handler
  std::uint64_t refused = 0;            ///< answered without it: bad HTTP, another realm
  std::uint64_t cancelled = 0;          ///< handlers that were, peers gone included
  std::uint64_t no_longer_trusted = 0;  ///< sessions closed for their certificate
};

struct Core;

class Server {
 public:
  /// *context*: of a server, with tls13_only; sessions below TLS 1.3 are refused in any case.
  Server(const asio::any_io_executor& executor, tls::Context context, Handler handler, ServerOptions options = {});
  /// As stop().
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Port 0: any free one.  Returns where it listens; may be called several times.
  Result<Endpoint> listen(const Endpoint& endpoint);

  /// Looks at the revocation list now, and closes the sessions of those whose certificate is no longer good.
  Task<void> recheck();

  /// Accepts nobody, closes all connections and cancels their handlers.
  void stop();
  /// Until the last of them has ended.
  Task<void> stopped();

  [[nodiscard]] ServerCounters counters() const;

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace sluice::http
