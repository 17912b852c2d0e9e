// SPDX-License-Identifier: Apache-2.0
//
// Evidence: claims that are bound to a connection and signed; made by the device, judged by the KDS.
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/sha.h>

#include <algorithm>
#include <memory>

#include "evidence/claims.hpp"
#include "evidence/jws.hpp"
#include "tls/handle.hpp"

namespace sluice::evidence {
namespace {

constexpr std::uint8_t kUeidRandom = 0x01;  // type RAND, RFC 9711, table 1

template <std::size_t Size>
bool same(const std::array<std::uint8_t, Size>& a, const std::array<std::uint8_t, Size>& b) {
  return CRYPTO_memcmp(a.data(), b.data(), Size) == 0;
}

std::string seconds(std::chrono::seconds time) { return std::to_string(time.count()) + " s"; }

Error no_certificate() { return refusal(Reason::internal, "evidence needs the certificate of its connection"); }

}  // namespace

Result<Ueid> ueid_of(const X509* certificate) {
  if (certificate == nullptr) return no_certificate();
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  const std::unique_ptr<unsigned char, decltype([](unsigned char* memory) { OPENSSL_free(memory); })> owner(der);
  Sha256 digest;
  if (size <= 0 ||
      EVP_Digest(der, static_cast<std::size_t>(size), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    ERR_clear_error();
    return refusal(Reason::internal, "the certificate's public key cannot be hashed");
  }
  Ueid ueid;
  ueid[0] = kUeidRandom;
  std::ranges::copy(digest, ueid.begin() + 1);
  return ueid;
}

Result<Sha256> fingerprint_of(const X509* certificate) {
  if (certificate == nullptr) return no_certificate();
  Sha256 digest;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), nullptr) != 1) {
    ERR_clear_error();
    return refusal(Reason::internal, "the certificate cannot be hashed");
  }
  return digest;
}

Result<void> check(const Claims& claims, const Binding& binding) {
  Result<Sha256> fingerprint = fingerprint_of(binding.certificate);
  if (!fingerprint) return fingerprint.error();
  Result<Ueid> ueid = ueid_of(binding.certificate);
  if (!ueid) return ueid.error();
  if (!same(claims.certificate_sha256, *fingerprint)) {
    return refusal(Reason::certificate,
                   "the evidence names another certificate ('cnf') than the one of this connection");
  }
  if (!same(claims.ueid, *ueid)) {
    return refusal(Reason::device, "the evidence names another device ('ueid') than the key of this certificate is");
  }
  if (!same(claims.exporter, binding.exporter)) {
    return refusal(Reason::exporter, "the evidence was made for another TLS connection ('tls_exporter')");
  }
  if (!same(claims.nonce, binding.nonce)) {
    return refusal(Reason::nonce, "the evidence answers another challenge ('eat_nonce') than the last one here");
  }
  if (claims.expires_at <= claims.issued_at) {
    return refusal(Reason::lifetime, "the evidence expires before it was issued");
  }
  const std::chrono::seconds lifetime = claims.expires_at - claims.issued_at;
  if (lifetime > kMostLifetime) {
    return refusal(Reason::lifetime,
                   "the evidence is for " + seconds(lifetime) + "; at most " + seconds(kMostLifetime) + " are taken");
  }
  if (const auto ahead = claims.issued_at - binding.now; ahead > kClockSkew) {
    return refusal(Reason::clock,
                   "the device's clock is " + seconds(ahead) + " ahead; at most " + seconds(kClockSkew) + " are taken");
  }
  // On exp itself it is over (RFC 7519, 4.1.4).
  if (const auto late = binding.now - claims.expires_at; late >= kClockSkew) {
    return refusal(Reason::expired, "the evidence ran out " + seconds(late) +
                                        " ago: the device's clock is behind, or it was kept for long");
  }
  return {};
}

Result<std::string> make_evidence(const EVP_PKEY* key, const Binding& binding, nlohmann::json posture) {
  Result<Sha256> fingerprint = fingerprint_of(binding.certificate);
  if (!fingerprint) return fingerprint.error();
  Result<Ueid> ueid = ueid_of(binding.certificate);
  if (!ueid) return ueid.error();
  const EVP_PKEY* shown = X509_get0_pubkey(binding.certificate);
  if (key == nullptr || shown == nullptr || EVP_PKEY_eq(key, shown) != 1) {
    ERR_clear_error();
    return refusal(Reason::internal, "the key is not that of the certificate");
  }
  Claims claims{.nonce = binding.nonce,
                .issued_at = binding.now,
                .expires_at = binding.now + kMostLifetime,
                .ueid = *ueid,
                .certificate_sha256 = *fingerprint,
                .exporter = binding.exporter,
                .posture = std::move(posture)};
  Result<std::string> payload = serialize(claims);
  if (!payload) return payload.error();
  Result<std::string> compact = sign(key, *payload);
  if (compact && compact->size() > kMostEvidence) {
    return refusal(Reason::malformed, "the posture is too large: evidence of " + std::to_string(compact->size()) +
                                          " bytes, and at most " + std::to_string(kMostEvidence) + " are taken");
  }
  return compact;
}

Result<Claims> verify_evidence(std::string_view compact, const Binding& binding) {
  if (binding.certificate == nullptr) return no_certificate();
  const EVP_PKEY* key = X509_get0_pubkey(binding.certificate);
  if (key == nullptr) {
    ERR_clear_error();
    return refusal(Reason::wrong_algorithm, "the certificate's key is of no kind that is known here");
  }
  Result<std::string> payload = verify(compact, key, kMostEvidence);
  if (!payload) return payload.error();
  Result<Claims> claims = parse_claims(*payload);
  if (!claims) return claims.error();
  if (auto done = check(*claims, binding); !done) return done.error();
  return claims;
}

}  // namespace sluice::evidence
