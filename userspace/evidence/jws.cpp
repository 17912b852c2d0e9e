// SPDX-License-Identifier: Apache-2.0
#include "evidence/jws.hpp"

#include <openssl/err.h>

#include <cstdint>
#include <span>
#include <vector>

#include "evidence/base64url.hpp"
#include "evidence/es256.hpp"
#include "evidence/json.hpp"
#include "evidence/reason.hpp"

namespace sluice::evidence {
namespace {

constexpr std::string_view kHeader = R"({"alg":"ES256","typ":"JWT"})";
constexpr std::size_t kMostHeader = 256;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
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

}  // namespace

Result<std::string> sign(const EVP_PKEY* key, std::string_view payload) {
  ERR_clear_error();
  if (auto done = check_es256_key(key); !done) return done.error();
  std::string text = to_base64url(bytes_of(kHeader)) + "." + to_base64url(bytes_of(payload));
  Result<Es256Signature> signature = es256_sign(key, bytes_of(text));
  if (!signature) return signature.error();
  return text + "." + to_base64url(*signature);
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
  if (auto done = check_es256_key(key); !done) return done.error();
  Result<std::vector<std::uint8_t>> payload = from_base64url(compact.substr(first + 1, second - first - 1));
  if (!payload) return payload.error().in("the JWS's payload");
  Result<Es256Signature> raw = array_from_base64url<sizeof(Es256Signature)>(compact.substr(second + 1));
  if (!raw) return raw.error().in("the JWS's signature");
  Result<bool> good = es256_verify(key, bytes_of(compact.substr(0, second)), *raw);
  if (!good) return good.error();
  if (!*good) return refusal(Reason::bad_signature, "the JWS is not signed by this key, or was changed since");
  return std::string(payload->begin(), payload->end());
}

}  // namespace sluice::evidence
