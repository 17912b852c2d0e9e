// SPDX-License-Identifier: Apache-2.0
#include "evidence/quote.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "evidence/base64url.hpp"
#include "evidence/es256.hpp"
#include "tls/handle.hpp"

namespace sluice::evidence {
namespace {

using Bytes = std::span<const std::uint8_t>;

// TCG TPM 2.0 Library, Part 2: 6.2, 6.3, 6.9.
constexpr std::uint32_t kGenerated = 0xff544347;  // TPM_GENERATED_VALUE: no TPM signs other bytes that begin so
constexpr std::uint16_t kQuoteType = 0x8018;      // TPM_ST_ATTEST_QUOTE
constexpr std::uint16_t kSha256 = 0x000b;         // TPM_ALG_SHA256
constexpr std::uint16_t kEcdsa = 0x0018;          // TPM_ALG_ECDSA
constexpr std::size_t kMostName = 2 + 64;         // TPM2B_NAME: an algorithm and a digest, SHA-512 at most
constexpr std::size_t kMostDigest = 64;
constexpr std::size_t kMostSelect = 4;    // bytes of a TPMS_PCR_SELECTION's bitmap
constexpr std::uint32_t kMostBanks = 16;  // TPML_PCR_SELECTION: HASH_COUNT

constexpr std::size_t kMostKey = 1024;  // characters of a public key of P-256, with room
constexpr std::string_view kPem = "-----BEGIN ";

/// Big-endian fields, front to back; once one is missing, nothing more is there.
class Fields {
 public:
  explicit Fields(Bytes bytes) : rest_(bytes) {}

  template <class Number>
  Number number() {
    Number value = 0;
    for (const std::uint8_t byte : take(sizeof(Number))) value = static_cast<Number>(value << 8 | byte);
    return value;
  }
  Bytes take(std::size_t size) {
    if (size > rest_.size()) fail();
    if (failed_) return {};
    const Bytes taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  /// A TPM2B: its size in 2 bytes, and so many.
  Bytes sized(std::size_t most) {
    const auto size = number<std::uint16_t>();
    if (size > most) fail();
    return take(size);
  }
  void fail() {
    failed_ = true;
    rest_ = {};
  }
  [[nodiscard]] bool whole() const { return !failed_ && rest_.empty(); }

 private:
  Bytes rest_;
  bool failed_ = false;
};

struct Selection {
  std::uint16_t bank = 0;
  std::uint32_t bits = 0;
};

// Of TPMS_ATTEST, 10.12.12.
struct Attest {
  std::uint32_t magic = 0;
  std::uint16_t type = 0;
  Bytes extra;
  std::vector<Selection> selections;
  Bytes digest;
};

Error malformed(const char* what, std::size_t size) {
  return refusal(Reason::malformed, std::string("the quote's ") + what + ", " + std::to_string(size) +
                                        " bytes, is not as a TPM 2.0 makes one: cut off, too long or changed");
}

std::string hex(std::uint32_t value, int digits) {
  constexpr std::string_view all = "0123456789abcdef";
  std::string text = "0x";
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) text += all[value >> shift & 15];
  return text;
}

Result<Attest> parse_attest(Bytes bytes) {
  Attest attest;
  Fields fields(bytes);
  attest.magic = fields.number<std::uint32_t>();
  attest.type = fields.number<std::uint16_t>();
  // What another type of attestation holds is laid out otherwise, and what is no attestation not at all.
  if (bytes.size() >= 6 && attest.magic != kGenerated)
    return refusal(Reason::quote, "what is signed in place of the quote is not of a TPM's own making: it begins with " +
                                      hex(attest.magic, 8) + ", not with TPM_GENERATED_VALUE");
  if (bytes.size() >= 6 && attest.type != kQuoteType)
    return refusal(Reason::quote,
                   "the TPM attests something else (" + hex(attest.type, 4) + "), and no quote: it takes TPM2_Quote");
  (void)fields.sized(kMostName);  // qualifiedSigner: the key is known by what verifies
  attest.extra = fields.sized(kMostName);
  (void)fields.take(8 + 4 + 4);                          // clockInfo: clock, resetCount, restartCount …
  if (fields.number<std::uint8_t>() > 1) fields.fail();  // … safe, TPMI_YES_NO
  (void)fields.take(8);                                  // firmwareVersion
  const auto banks = fields.number<std::uint32_t>();
  if (banks > kMostBanks) fields.fail();
  for (std::uint32_t i = 0; i < std::min(banks, kMostBanks); ++i) {
    Selection selection{fields.number<std::uint16_t>(), 0};
    const auto size = fields.number<std::uint8_t>();
    if (size > kMostSelect) fields.fail();
    int shift = 0;  // bit n of byte i: PCR 8 i + n
    for (const std::uint8_t byte : fields.take(size)) {
      selection.bits |= static_cast<std::uint32_t>(byte) << shift;
      shift += 8;
    }
    attest.selections.push_back(selection);
  }
  attest.digest = fields.sized(kMostDigest);
  if (!fields.whole()) return malformed("TPMS_ATTEST", bytes.size());
  return attest;
}

Result<Es256Signature> parse_signature(Bytes bytes) {
  Fields fields(bytes);
  const auto algorithm = fields.number<std::uint16_t>();
  const auto hash = fields.number<std::uint16_t>();
  if (bytes.size() >= 4 && (algorithm != kEcdsa || hash != kSha256))
    return refusal(Reason::wrong_algorithm, "the quote is signed with algorithm " + hex(algorithm, 4) + " and hash " +
                                                hex(hash, 4) + "; only ECDSA (0x0018) with SHA-256 (0x000b) is taken");
  Es256Signature signature{};
  for (std::size_t i = 0; i < 2; ++i) {
    const Bytes number = fields.sized(kEs256Number);  // a TPM may leave leading zeros out
    std::ranges::copy(number, signature.begin() + static_cast<std::ptrdiff_t>((i + 1) * kEs256Number - number.size()));
  }
  if (!fields.whole()) return malformed("TPMT_SIGNATURE", bytes.size());
  return signature;
}

bool same(Bytes a, Bytes b) { return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0; }

Result<Sha256> sha256(Bytes bytes) {
  Sha256 digest;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr) == 1) return digest;
  ERR_clear_error();
  return refusal(Reason::internal, "SHA-256 has failed");
}

Result<void> check_pcrs(const Attest& attest, const Pcrs& pcrs) {
  std::uint32_t told = 0, quoted = 0;
  for (const auto& [number, value] : pcrs) {
    if (number >= kPcrs) return refusal(Reason::malformed, "the quote names a PCR beyond 23");
    told |= 1U << number;
  }
  for (const Selection& selection : attest.selections) {
    if (selection.bits != 0 && selection.bank != kSha256)
      return refusal(Reason::wrong_algorithm, "the quote is of PCRs of the bank " + hex(selection.bank, 4) +
                                                  "; only those of SHA-256 (0x000b) are taken");
    // A bank that stands twice is hashed twice.
    if (selection.bits != 0 && quoted != 0) return malformed("selection of PCRs", attest.selections.size());
    quoted |= selection.bits;
  }
  Result<Sha256> digest = digest_of(pcrs);
  if (!digest) return digest.error();
  if (told != quoted || !same(attest.digest, *digest))
    return refusal(Reason::quote,
                   "the quote is of other PCRs, or of other values of them, than are told beside it; they may have "
                   "changed meanwhile: try again");
  return {};
}

}  // namespace

Result<Sha256> qualifying_data(const Nonce& nonce, const Exporter& exporter, std::string_view jws) {
  Result<Sha256> evidence = sha256({reinterpret_cast<const std::uint8_t*>(jws.data()), jws.size()});
  if (!evidence) return evidence;
  std::vector<std::uint8_t> all(nonce.begin(), nonce.end());
  all.insert(all.end(), exporter.begin(), exporter.end());
  all.insert(all.end(), evidence->begin(), evidence->end());
  return sha256(all);
}

Result<Sha256> digest_of(const Pcrs& pcrs) {
  std::vector<std::uint8_t> all;
  for (const auto& [number, value] : pcrs) all.insert(all.end(), value.begin(), value.end());
  return sha256(all);
}

Result<void> verify_quote(const Quote& quote, const Sha256& qualifying, Bytes attestation_key) {
  ERR_clear_error();
  const unsigned char* at = attestation_key.data();
  const tls::UniqueKey key(d2i_PUBKEY(nullptr, &at, static_cast<long>(attestation_key.size())));
  if (!key) {
    ERR_clear_error();
    return refusal(Reason::internal, "the attestation key that is enrolled does not read");
  }
  if (auto done = check_es256_key(key.get()); !done) return done;
  if (quote.attest.size() > kMostAttest) return malformed("TPMS_ATTEST", quote.attest.size());
  Result<Attest> attest = parse_attest(quote.attest);
  if (!attest) return attest.error();
  Result<Es256Signature> signature = parse_signature(quote.signature);
  if (!signature) return signature.error();
  Result<bool> good = es256_verify(key.get(), quote.attest, *signature);
  if (!good) return good.error();
  if (!*good)
    return refusal(
        Reason::bad_signature,
        "the quote is not by the attestation key that is enrolled for this device; if its TPM is another one "
        "now, or was cleared, have what `sluice-client tpm enrol` prints enrolled");
  if (!same(attest->extra, qualifying))
    return refusal(
        Reason::quote,
        "the quote was made for other evidence, another challenge or another connection (its qualifying data "
        "are not those of this one): one that was made before is not taken again");
  return check_pcrs(*attest, quote.pcrs);
}

Result<std::vector<std::uint8_t>> read_attestation_key(std::string_view text) {
  ERR_clear_error();
  const auto unread = [](const char* what) {
    ERR_clear_error();
    return refusal(Reason::malformed, std::string("an attestation key is a public key, as `sluice-client tpm enrol` "
                                                  "prints it: PEM (PUBLIC KEY), or its DER as base64url; this ") +
                                          what);
  };
  if (text.size() > kMostKey) return unread("is too long");
  tls::UniqueKey key;
  if (text.starts_with(kPem)) {
    const tls::UniqueBio memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    const auto no_phrase = [](char*, int, int, void*) { return 0; };
    if (memory) key.reset(PEM_read_bio_PUBKEY(memory.get(), nullptr, no_phrase, nullptr));
  } else {
    Result<std::vector<std::uint8_t>> der = from_base64url(text);
    if (!der) return unread("is neither");
    const unsigned char* at = der->data();
    key.reset(d2i_PUBKEY(nullptr, &at, static_cast<long>(der->size())));
    if (key && at != der->data() + der->size()) key.reset();
  }
  if (!key) return unread("does not read");
  if (auto done = check_es256_key(key.get()); !done) return unread("is not one of P-256");
  // However curve and point were written.
  if (EVP_PKEY_set_utf8_string_param(key.get(), OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_GROUP) != 1 ||
      EVP_PKEY_set_utf8_string_param(key.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed") != 1)
    return unread("does not read");
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  const std::unique_ptr<unsigned char, decltype([](unsigned char* memory) { OPENSSL_free(memory); })> owner(der);
  if (size <= 0) return unread("does not read");
  return std::vector<std::uint8_t>(der, der + size);
}

}  // namespace sluice::evidence
