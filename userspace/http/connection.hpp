// SPDX-License-Identifier: Apache-2.0
//
// Connection: what a server's handler learns of who asks, and what it keeps from one request of a connection to the
// next.
#pragma once

#include <any>
#include <cstdint>
#include <memory>

#include "base/address.hpp"
#include "base/async.hpp"
#include "tls/peer.hpp"

namespace sluice::http {

class Connection {
 public:
  explicit Connection(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] const tls::Peer& peer() const { return peer_; }
  /// Of the peer; it lives as long as the Connection.
  [[nodiscard]] const X509* certificate() const { return shown_.certificate.get(); }
  [[nodiscard]] const tls::ChannelBinding& channel_binding() const { return binding_; }
  /// The TLS session resumed another: the certificate is that of the first one, checked again.
  [[nodiscard]] bool resumed() const { return resumed_; }
  [[nodiscard]] const Endpoint& remote() const { return remote_; }
  /// Different for each connection of the server.
  [[nodiscard]] std::uint64_t id() const { return id_; }

  /// The handler's own T, made when it is first asked for; it ends with the connection.  One T at a time.
  template <class T>
  T& slot() {
    if (auto* held = std::any_cast<std::shared_ptr<T>>(&slot_)) return **held;
    return **(&slot_.emplace<std::shared_ptr<T>>(std::make_shared<T>()));
  }

  /// The peer is gone, its certificate no longer good, or the server stops: nobody will read an answer.  What the
  /// handler waits for is cancelled when this becomes true.
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] const asio::any_io_executor& executor() const { return executor_; }

 private:
  friend class Session;

  asio::any_io_executor executor_;
  tls::Peer peer_;
  tls::PeerCertificates shown_;
  tls::ChannelBinding binding_{};
  Endpoint remote_;
  std::uint64_t id_ = 0;
  bool resumed_ = false;
  bool closed_ = false;
  std::any slot_;
};

}  // namespace sluice::http
