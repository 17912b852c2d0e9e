// SPDX-License-Identifier: Apache-2.0
#include "evidence/es256.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>

#include <string>
#include <vector>

#include "evidence/reason.hpp"
#include "tls/handle.hpp"

namespace sluice::evidence {
namespace {

using UniqueContext = tls::Handle<EVP_MD_CTX, EVP_MD_CTX_free>;
using UniqueSignature = tls::Handle<ECDSA_SIG, ECDSA_SIG_free>;
using UniqueBignum = tls::Handle<BIGNUM, BN_free>;

constexpr int kNumber = kEs256Number;

Error internal(const char* what) {
  std::array<char, 160> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return refusal(Reason::internal, std::string(what) + ": " + text.data());
}

/// From ECDSA-Sig-Value in DER (RFC 3279, 2.2.3), OpenSSL's, to r and s side by side, and back.
Result<Es256Signature> from_der(std::span<const std::uint8_t> der) {
  const unsigned char* at = der.data();
  const UniqueSignature pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  Es256Signature raw;
  if (!pair || BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), raw.data(), kNumber) != kNumber ||
      BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), raw.data() + kNumber, kNumber) != kNumber) {
    return internal("a signature");
  }
  return raw;
}

Result<std::vector<std::uint8_t>> to_der(const Es256Signature& raw) {
  UniqueSignature pair(ECDSA_SIG_new());
  UniqueBignum r(BN_bin2bn(raw.data(), kNumber, nullptr)), s(BN_bin2bn(raw.data() + kNumber, kNumber, nullptr));
  if (!pair || !r || !s || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return internal("a signature");
  (void)r.release();  // they are the pair's now
  (void)s.release();
  const int size = i2d_ECDSA_SIG(pair.get(), nullptr);
  if (size <= 0) return internal("a signature");
  std::vector<std::uint8_t> der(static_cast<std::size_t>(size));
  unsigned char* at = der.data();
  if (i2d_ECDSA_SIG(pair.get(), &at) != size) return internal("a signature");
  return der;
}

}  // namespace

Result<void> check_es256_key(const EVP_PKEY* key) {
  if (key == nullptr) return refusal(Reason::internal, "ES256 needs a key");
  std::array<char, 64> group{};
  // By its name, which OpenSSL gives to exactly these parameters and base point, however a key spells them.
  if (EVP_PKEY_is_a(key, "EC") != 1 ||
      EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(), nullptr) != 1 ||
      OBJ_txt2nid(group.data()) != NID_X9_62_prime256v1) {
    ERR_clear_error();
    return refusal(Reason::wrong_algorithm, "ES256 needs a key of the curve P-256, and this is none");
  }
  return {};
}

Result<Es256Signature> es256_sign(const EVP_PKEY* key, std::span<const std::uint8_t> bytes) {
  const UniqueContext context(EVP_MD_CTX_new());
  std::size_t size = 0;
  // OpenSSL takes the key as one that could be changed, and does not change it.
  if (!context || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, const_cast<EVP_PKEY*>(key)) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes.data(), bytes.size()) != 1) {
    return internal("signing");
  }
  std::vector<std::uint8_t> der(size);
  if (EVP_DigestSign(context.get(), der.data(), &size, bytes.data(), bytes.size()) != 1) return internal("signing");
  return from_der(std::span(der).first(size));
}

Result<bool> es256_verify(const EVP_PKEY* key, std::span<const std::uint8_t> bytes, const Es256Signature& signature) {
  Result<std::vector<std::uint8_t>> der = to_der(signature);
  if (!der) return der.error();
  const UniqueContext context(EVP_MD_CTX_new());
  if (!context ||
      EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, const_cast<EVP_PKEY*>(key)) != 1) {
    return internal("verifying");
  }
  // 1 is good; 0 is not, and nor is less, which is an error (EVP_DigestVerifyInit(3)).
  const int verdict = EVP_DigestVerify(context.get(), der->data(), der->size(), bytes.data(), bytes.size());
  ERR_clear_error();
  return verdict == 1;
}

}  // namespace sluice::evidence
