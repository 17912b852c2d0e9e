// SPDX-License-Identifier: Apache-2.0
//
// ES256: ECDSA by P-256 and SHA-256, with r and s side by side (RFC 7518, 3.4).  What a JWS is signed by, and a TPM's
// quote.
//
// Errors carry a Reason (reason.hpp).
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <span>

#include "base/result.hpp"

namespace sluice::evidence {

inline constexpr std::size_t kEs256Number = 32;  ///< bytes of r and of s
using Es256Signature = std::array<std::uint8_t, 2 * kEs256Number>;

/// Reason::wrong_algorithm for a key of another kind or curve.
Result<void> check_es256_key(const EVP_PKEY* key);
/// The key has passed check_es256_key(), here and below.
Result<Es256Signature> es256_sign(const EVP_PKEY* key, std::span<const std::uint8_t> bytes);
/// Whether it is a signature of these bytes by this key.
Result<bool> es256_verify(const EVP_PKEY* key, std::span<const std::uint8_t> bytes, const Es256Signature& signature);

}  // namespace sluice::evidence
