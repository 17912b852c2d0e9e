// SPDX-License-Identifier: Apache-2.0
//
// Reason: why evidence was refused, as a value, so that an audit log and metrics can count what an Error tells in
// words.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace sluice::evidence {

enum class Reason {
  internal,         ///< not the evidence's fault: memory, OpenSSL, or an Error that is not of this library
  malformed,        ///< no JWS, no JSON, or claims that are missing, unknown or of the wrong shape
  wrong_algorithm,  ///< the header asks for something other than ES256, or the key is not one of P-256
  bad_signature,    ///< not signed by this key, or changed since
  certificate,      ///< the claims name another certificate than the one shown in TLS
  device,           ///< the claims name another device than the certificate's
  exporter,         ///< made for another TLS connection
  nonce,            ///< the answer to another challenge
  lifetime,         ///< asks to be believed for longer than evidence may be
  clock,            ///< issued in the future
  expired,
  quote,  ///< what the attestation key has signed is no quote of a TPM, or one of other evidence or other PCRs
};

/// For a metric's label and an audit record: "bad-signature".
[[nodiscard]] const char* name_of(Reason reason);

/// An Error of this library: its number is the reason's, above every errno.
[[nodiscard]] Error refusal(Reason reason, std::string message);
/// The reason in an Error of this library (and of what Error::in() made of one); internal for any other.
[[nodiscard]] Reason reason_of(const Error& error);

/// Untrusted text for a message: in quotes, at most 32 characters, and '?' for what is not printable ASCII.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace sluice::evidence
