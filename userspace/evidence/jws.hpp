// SPDX-License-Identifier: Apache-2.0
//
// JSON Web Signature in compact form (RFC 7515, 3.1) by ES256 (RFC 7518, 3.4), and no other algorithm: header, payload
// and signature in base64url, with dots between.
//
// Who holds a JWS can make another of the same payload, as (r, n - s) is a signature wherever (r, s) is one: that two
// JWS differ says nothing about who made them.
#pragma once

#include <openssl/evp.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace sluice::evidence {

/// *key* is a private one of P-256.  Header: {"alg":"ES256","typ":"JWT"}.
Result<std::string> sign(const EVP_PKEY* key, std::string_view payload);

/// The payload of *compact*, if *key*, of P-256, has signed it.  Refused as malformed: more than *most_bytes*, other
/// than three parts, text that is not canonical base64url, header keys other than "alg" and "typ" ("crit" and "jwk"
/// among them), a "typ" other than "JWT", a signature of other than 64 bytes.  Another "alg" or another kind of key is
/// wrong_algorithm; all else bad_signature.  The payload is judged by nobody before the signature was good.
Result<std::string> verify(std::string_view compact, const EVP_PKEY* key, std::size_t most_bytes);

}  // namespace sluice::evidence
