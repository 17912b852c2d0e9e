// SPDX-License-Identifier: Apache-2.0
//
// The claims of health evidence (Documentation/kds.rst, "Evidence"), and evidence itself: the JWS in which a device
// says them for one challenge on one TLS connection.  Knows no sockets: who asks hands over what the connection showed.
//
// Errors carry a Reason (reason.hpp).
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "evidence/reason.hpp"

namespace sluice::evidence {

using Nonce = std::array<std::uint8_t, 32>;     ///< of GET /v1/challenge
using Exporter = std::array<std::uint8_t, 32>;  ///< EXPORTER-Channel-Binding of the connection (RFC 9266)
using Sha256 = std::array<std::uint8_t, 32>;
using Ueid = std::array<std::uint8_t, 33>;  ///< RFC 9711, 4.2.1
using Seconds = std::chrono::sys_seconds;   ///< compared as seconds: a stranger's would not fit nanoseconds

inline constexpr std::size_t kMostEvidence = 16384;        ///< bytes of the JWS
inline constexpr std::chrono::seconds kMostLifetime{300};  ///< from iat to exp
inline constexpr std::chrono::seconds kClockSkew{60};      ///< that the device's clock may differ by

struct Claims {
  Nonce nonce{};                ///< eat_nonce
  Seconds issued_at{};          ///< iat
  Seconds expires_at{};         ///< exp
  Ueid ueid{};                  ///< ueid
  Sha256 certificate_sha256{};  ///< cnf, x5t#S256
  Exporter exporter{};          ///< tls_exporter
  nlohmann::json posture = nlohmann::json::object();

  bool operator==(const Claims&) const = default;
};

[[nodiscard]] nlohmann::json to_json(const Claims& claims);

/// JSON that parse_claims() reads as the same claims; an error where the posture holds what it could not: text that is
/// not UTF-8, numbers beyond 2^53, too many levels or bytes.
Result<std::string> serialize(const Claims& claims);

/// Every claim must be there and of its shape, and no other may; what they say is check()'s to judge.
Result<Claims> parse_claims(std::string_view text);

/// 0x01 and SHA-256 of the certificate's SubjectPublicKeyInfo in DER.
Result<Ueid> ueid_of(const X509* certificate);
/// SHA-256 of the certificate in DER.
Result<Sha256> fingerprint_of(const X509* certificate);

/// What evidence is bound to: the connection, the challenge that was sent on it, the time now.
struct Binding {
  Nonce nonce{};
  Exporter exporter{};
  const X509* certificate = nullptr;  ///< the device's, as shown in TLS; not owned
  Seconds now{};
};

/// Whether the claims are this connection's, this challenge's and of now; the first thing that is wrong is told, what
/// another connection or device would show before what a clock does.
Result<void> check(const Claims& claims, const Binding& binding);

/// For the device: evidence in compact form, signed by *key*, which is that of the binding's certificate.  It holds for
/// kMostLifetime from the binding's *now*, the device's own clock.
Result<std::string> make_evidence(const EVP_PKEY* key, const Binding& binding, nlohmann::json posture);

/// For the KDS: *compact* is a stranger's.  The signature must be of the binding's certificate's key, and check() pass.
Result<Claims> verify_evidence(std::string_view compact, const Binding& binding);

}  // namespace sluice::evidence
