// SPDX-License-Identifier: Apache-2.0
//
// A TPM's quote beside the evidence (Documentation/kds.rst, "Evidence"): what it has to be of, and whether it is. Takes
// the TPM's structures apart itself (TCG TPM 2.0 Library, Part 2): a verifier needs no TPM and no library of one.
//
// Errors carry a Reason (reason.hpp).
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "evidence/claims.hpp"

namespace sluice::evidence {

inline constexpr std::size_t kMostAttest = 512;     ///< bytes of a TPMS_ATTEST that is a quote; what is longer is none
inline constexpr std::size_t kMostSignature = 128;  ///< bytes of a TPMT_SIGNATURE by P-256
inline constexpr unsigned kPcrs = 24;               ///< that each TPM of a PC has: 0 to 23

/// Values of PCRs, of the SHA-256 bank, by their numbers.
using Pcrs = std::map<unsigned, Sha256>;

struct Quote {
  std::vector<std::uint8_t> attest;     ///< TPMS_ATTEST, as the TPM made it
  std::vector<std::uint8_t> signature;  ///< TPMT_SIGNATURE
  Pcrs pcrs;                            ///< what the quote is to be of; the TPM signs no more than a digest of them

  bool operator==(const Quote&) const = default;
};

/// What the quote for *jws* has in its extraData: SHA-256(nonce | exporter | SHA-256(JWS)).
Result<Sha256> qualifying_data(const Nonce& nonce, const Exporter& exporter, std::string_view jws);

/// The digest that a TPM signs for these: SHA-256 of the values in the order of their numbers.
Result<Sha256> digest_of(const Pcrs& pcrs);

/// For the KDS: the bytes are a stranger's.  A TPM's quote (TPM_GENERATED_VALUE, TPM_ST_ATTEST_QUOTE) of these
/// qualifying data and of exactly these PCRs, signed with ECDSA and SHA-256 by *attestation_key*, as
/// read_attestation_key() gives it.  Reason::malformed: bytes missing, too many or out of range; wrong_algorithm;
/// bad_signature: of another key; quote: signed by it, and not a quote of this.
Result<void> verify_quote(const Quote& quote, const Sha256& qualifying, std::span<const std::uint8_t> attestation_key);

/// A public key of P-256, as PEM ("PUBLIC KEY") or as SubjectPublicKeyInfo (DER) in base64url: its SubjectPublicKeyInfo
/// in DER, the same bytes for the same key however it was written.
Result<std::vector<std::uint8_t>> read_attestation_key(std::string_view text);

}  // namespace sluice::evidence
