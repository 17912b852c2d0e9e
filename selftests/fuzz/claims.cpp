// SPDX-License-Identifier: Apache-2.0
//
// Claims: what is read is the same when written and read again; and of those that are this connection's, check() takes
// exactly the ones of now.
//
// Input: 8 bytes of the time now, and the claims.
#include "evidence/claims.hpp"

#include "evidence/jws.hpp"
#include "key.hpp"

using sluice::fuzz::require;
namespace evidence = sluice::evidence;

namespace {

/// What check() asks of a certificate is its key and its bytes, so this has nothing else.
const X509* certificate() {
  static const sluice::tls::UniqueX509 made = [] {
    sluice::tls::UniqueX509 certificate(X509_new());
    EVP_PKEY* key = const_cast<EVP_PKEY*>(sluice::fuzz::rfc_key());
    require(X509_set_pubkey(certificate.get(), key) == 1 &&
                X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0) &&
                X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600) &&
                X509_sign(certificate.get(), key, EVP_sha256()) > 0,
            "a certificate can be made");
    return certificate;
  }();
  return made.get();
}

bool is_of_now(const evidence::Claims& claims, evidence::Seconds now) {
  const std::int64_t issued = claims.issued_at.time_since_epoch().count();
  const std::int64_t expires = claims.expires_at.time_since_epoch().count(), at = now.time_since_epoch().count();
  return expires > issued && expires <= issued + 300 && issued <= at + 60 && at < expires + 60;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::fuzz::Input input(data, size);
  // Any that a clock could show; the JSON's limit is the same.
  const evidence::Seconds now{std::chrono::seconds(input.number<std::uint64_t>() % (std::uint64_t{1} << 53))};
  const sluice::Result<evidence::Claims> claims = evidence::parse_claims(input.text());
  evidence::Binding binding;
  binding.certificate = certificate();
  binding.now = now;
  if (!claims) {
    sluice::fuzz::require_printable(claims.error().message);
    require(evidence::reason_of(claims.error()) == evidence::Reason::malformed, "what cannot be read is malformed");
    const sluice::Result<std::string> compact = evidence::sign(sluice::fuzz::rfc_key(), input.text());
    require(compact.ok() && !evidence::verify_evidence(*compact, binding), "signing it makes it no better");
    return 0;
  }
  const sluice::Result<std::string> text = evidence::serialize(*claims);
  // In other escapes and with all digits it may be longer.
  require(text.ok() || size > evidence::kMostEvidence / 8, "what was read can be written");
  if (text) {
    const sluice::Result<evidence::Claims> again = evidence::parse_claims(*text);
    require(again.ok() && *again == *claims, "what was written is read as the same");
  }

  require(!evidence::check(*claims, binding), "a stranger's claims are not this connection's");
  evidence::Claims own = *claims;
  own.certificate_sha256 = *evidence::fingerprint_of(certificate());
  own.ueid = *evidence::ueid_of(certificate());
  binding.nonce = own.nonce;
  binding.exporter = own.exporter;
  const sluice::Result<void> verdict = evidence::check(own, binding);
  require(verdict.ok() == is_of_now(own, now), "claims of this connection hold while their time is");
  if (!verdict) sluice::fuzz::require_printable(verdict.error().message);
  return 0;
}
