// SPDX-License-Identifier: Apache-2.0
//
// Who the other end of a session is, by its certificate.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "tls/handle.hpp"

namespace sluice::tls {

/// A URI in a certificate's subject alternative names that says who may be what:
/// sluice://NETWORK/agent/NAME or sluice://NETWORK/gateway.
struct PeerName {
  enum class Role { agent, gateway };
  Role role = Role::agent;
  std::string network;
  std::string name;  ///< agents only

  /// NETWORK and NAME are 1 to 63 of a-z A-Z 0-9 . _ -
  static Result<PeerName> parse(std::string_view uri);
  [[nodiscard]] std::string to_string() const;
  bool operator==(const PeerName&) const = default;
};

/// True for a name that may stand in a PeerName.
bool is_name(std::string_view text);

/// What a peer showed in its handshake: Context::recheck() with it touches no session, so the session may be in use on
/// another thread.
struct PeerCertificates {
  UniqueX509 certificate;
  UniqueChain chain;  ///< null where the peer showed the certificate alone

  static Result<PeerCertificates> of(const SSL* ssl);
};

/// What a certificate says about its holder.
struct Peer {
  std::string subject;          ///< RFC 2253
  std::string serial;           ///< hexadecimal
  std::vector<PeerName> names;  ///< the sluice:// names; others are left out
  std::chrono::system_clock::time_point not_after;

  static Peer from_certificate(const X509* certificate);
  /// The peer of a session whose handshake is complete.
  static Result<Peer> of(const SSL* ssl);

  [[nodiscard]] bool is_agent(std::string_view network, std::string_view name) const;
  [[nodiscard]] bool is_gateway(std::string_view network) const;
};

}  // namespace sluice::tls
