// SPDX-License-Identifier: Apache-2.0
//
// Who the other end of a session is, by its certificate.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "tls/handle.hpp"

namespace sluice::tls {

/// A URI in a certificate's subject alternative names that says who may be what.  In a network, as agents and their
/// gateways know each other: sluice://NETWORK/agent/NAME, sluice://NETWORK/gateway.  In a realm, as those know each
/// other who deal in keys (Documentation/kds.rst): sluice://REALM/kds, sluice://REALM/gateway/NAME,
/// sluice://REALM/device/NAME, sluice://REALM/operator/NAME.
struct PeerName {
  /// *realm_gateway* is a gateway towards the KDS.  It is a role of its own, so that it never passes for the *gateway*
  /// of a network that has the realm's name, nor the other way round.
  enum class Role { agent, gateway, kds, realm_gateway, device, operator_ };
  Role role = Role::agent;
  std::string network;  ///< or the realm
  std::string name;     ///< empty for *gateway* and *kds*

  /// NETWORK, REALM and NAME are 1 to 63 of a-z A-Z 0-9 . _ -, and not dots alone
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

  [[nodiscard]] bool is_kds(std::string_view realm) const;
  /// The name of the one device of *realm* that the certificate is for.  Nothing if it is for none, and nothing if it
  /// is for several: whose keys would it get?
  [[nodiscard]] std::optional<std::string> device_of(std::string_view realm) const;
  [[nodiscard]] std::optional<std::string> gateway_of(std::string_view realm) const;
  [[nodiscard]] std::optional<std::string> operator_of(std::string_view realm) const;

 private:
  [[nodiscard]] bool holds(PeerName::Role role, std::string_view network, std::string_view name) const;
  [[nodiscard]] std::optional<std::string> only_name(PeerName::Role role, std::string_view realm) const;
};

using ChannelBinding = std::array<std::uint8_t, 32>;

/// tls-exporter of RFC 9266: what both ends of this session know and no other session has, a resumed one included.  An
/// error before the handshake is done, and below TLS 1.3, where it takes more for sessions to be told apart (RFC
/// 9266, 4.2).
Result<ChannelBinding> channel_binding(const SSL* ssl);

/// The certificate that the peer showed, in a resumed session that of the first one.
Result<UniqueX509> peer_certificate(const SSL* ssl);

}  // namespace sluice::tls
