// SPDX-License-Identifier: Apache-2.0
#include "evidence/jws.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "evidence/base64url.hpp"
#include "evidence/json.hpp"
#include "evidence/reason.hpp"
#include "tls/handle.hpp"

namespace sluice::evidence {
namespace {

using UniqueContext = tls::Handle<EVP_MD_CTX, EVP_MD_CTX_free>;
using UniqueSignature = tls::Handle<ECDSA_SIG, ECDSA_SIG_free>;
using UniqueBignum = tls::Handle<BIGNUM, BN_free>;

constexpr std::string_view kHeader = R"({"alg":"ES256","typ":"JWT"})";
constexpr std::size_t kMostHeader = 256;
constexpr int kNumber = 32;  // bytes of r and of s, RFC 7518, 3.4
constexpr std::size_t kSignature = 2 * kNumber;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Error internal(const char* what) {
  std::array<char, 160> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return refusal(Reason::internal, std::string(what) + ": " + text.data());
}

Result<void> check_key(const EVP_PKEY* key) {
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

Result<void> check_header(std::string_view encoded) {
  Result<std::vector<std::uint8_t>> bytes = from_base64url(encoded);
  if (!bytes) return bytes.error().in("the JWS's header");
  Result<nlohmann::json> header =
      parse_json({reinterpret_cast<const char*>(bytes->data()), bytes->size()}, kMostHeader);
  if (!header) return header.error().in("the JWS's header");
  if (!header->is_object()) return refusal(Reason::malformed, "the JWS's header is no JSON object");
  for (const auto& [name, value] : header->items()) {
    if (name != "alg" && name != "typ") {
      return refusal(Reason::malformed, "the JWS's header has " + in_quotes(name) + "; only 'alg' and 'typ' are taken");
    }
    if (!value.is_string()) return refusal(Reason::malformed, "the JWS's header: '" + name + "' should be text");
  }
  const auto algorithm = header->find("alg");
  if (algorithm == header->end()) return refusal(Reason::malformed, "the JWS's header has no 'alg'");
  const std::string& asked = algorithm->get_ref<const std::string&>();
  if (asked != "ES256") {
    return refusal(Reason::wrong_algorithm, "the JWS's algorithm is " + in_quotes(asked) + "; only ES256 is taken");
  }
  const auto type = header->find("typ");
  if (type != header->end() && *type != "JWT") {
    return refusal(Reason::malformed, "the JWS's type is " + in_quotes(type->get_ref<const std::string&>()) +
                                          "; it may be 'JWT', or absent");
  }
  return {};
}

/// From ECDSA-Sig-Value in DER (RFC 3279, 2.2.3), OpenSSL's, to r and s side by side, and back.
Result<std::array<std::uint8_t, kSignature>> from_der(std::span<const std::uint8_t> der) {
  const unsigned char* at = der.data();
  const UniqueSignature pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  std::array<std::uint8_t, kSignature> raw;
  if (!pair || BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), raw.data(), kNumber) != kNumber ||
      BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), raw.data() + kNumber, kNumber) != kNumber) {
    return internal("a signature");
  }
  return raw;
}

Result<std::vector<std::uint8_t>> to_der(std::span<const std::uint8_t, kSignature> raw) {
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

Result<std::string> sign(const EVP_PKEY* key, std::string_view payload) {
  ERR_clear_error();
  if (auto done = check_key(key); !done) return done.error();
  std::string text = to_base64url(bytes_of(kHeader)) + "." + to_base64url(bytes_of(payload));
  const UniqueContext context(EVP_MD_CTX_new());
  std::size_t size = 0;
  const std::span<const std::uint8_t> signed_bytes = bytes_of(text);
  // OpenSSL takes the key as one that could be changed, and does not change it.
  if (!context || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, const_cast<EVP_PKEY*>(key)) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, signed_bytes.data(), signed_bytes.size()) != 1) {
    return internal("signing");
  }
  std::vector<std::uint8_t> der(size);
  if (EVP_DigestSign(context.get(), der.data(), &size, signed_bytes.data(), signed_bytes.size()) != 1) {
    return internal("signing");
  }
  Result<std::array<std::uint8_t, kSignature>> raw = from_der(std::span(der).first(size));
  if (!raw) return raw.error();
  return text + "." + to_base64url(*raw);
}

Result<std::string> verify(std::string_view compact, const EVP_PKEY* key, std::size_t most_bytes) {
  ERR_clear_error();
  if (compact.size() > most_bytes) {
    return refusal(Reason::malformed, "a JWS of " + std::to_string(compact.size()) + " bytes; at most " +
                                          std::to_string(most_bytes) + " are taken");
  }
  const std::size_t first = compact.find('.');
  const std::size_t second = first == std::string_view::npos ? first : compact.find('.', first + 1);
  if (second == std::string_view::npos || compact.find('.', second + 1) != std::string_view::npos) {
    return refusal(Reason::malformed, "a JWS in compact form has three parts with dots between; this has not");
  }
  // The header first: what is not signed at all (alg none) is told as such.
  if (auto done = check_header(compact.substr(0, first)); !done) return done.error();
  if (auto done = check_key(key); !done) return done.error();
  Result<std::vector<std::uint8_t>> payload = from_base64url(compact.substr(first + 1, second - first - 1));
  if (!payload) return payload.error().in("the JWS's payload");
  Result<std::array<std::uint8_t, kSignature>> raw = array_from_base64url<kSignature>(compact.substr(second + 1));
  if (!raw) return raw.error().in("the JWS's signature");
  Result<std::vector<std::uint8_t>> der = to_der(*raw);
  if (!der) return der.error();

  const UniqueContext context(EVP_MD_CTX_new());
  if (!context ||
      EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, const_cast<EVP_PKEY*>(key)) != 1) {
    return internal("verifying");
  }
  const std::span<const std::uint8_t> signed_bytes = bytes_of(compact.substr(0, second));
  // 1 is good; 0 is not, and nor is less, which is an error (EVP_DigestVerifyInit(3)).
  const int verdict =
      EVP_DigestVerify(context.get(), der->data(), der->size(), signed_bytes.data(), signed_bytes.size());
  ERR_clear_error();
  if (verdict != 1) return refusal(Reason::bad_signature, "the JWS is not signed by this key, or was changed since");
  return std::string(payload->begin(), payload->end());
}

}  // namespace sluice::evidence
