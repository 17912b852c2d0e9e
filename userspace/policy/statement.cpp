// SPDX-License-Identifier: Apache-2.0
#include "policy/statement.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "evidence/json.hpp"
#include "evidence/jws.hpp"
#include "evidence/reason.hpp"
#include "tls/error.hpp"

namespace sluice::policy {
namespace {

using evidence::in_quotes;
using evidence::Reason;
using evidence::refusal;
using nlohmann::json;

constexpr std::uint8_t behind_jws = 0;  // base64url has no such byte

Error wrong(const char* claim, const std::string& what) {
  return refusal(Reason::malformed, std::string("claim '") + claim + "' " + what);
}

std::string payload_of(const Statement& statement) {
  json claims{{"realm", statement.realm},
              {"gateway", statement.gateway},
              {"interval", statement.interval.count()},
              {"iat", statement.issued_at.time_since_epoch().count()}};
  if (!statement.domain.empty()) claims["domain"] = statement.domain;
  for (const http::ServerName& server : statement.kds) claims["kds"].push_back(server.to_string());
  for (const Prefix& route : statement.routes) claims["routes"].push_back(route.to_string());
  return claims.dump();
}

// Members that the claims may have; the first error stays.
class Claims {
 public:
  explicit Claims(const json& object) : object_(object) {}

  std::string text(const char* claim, bool needed = true) {
    const json* found = find(claim, needed);
    if (found == nullptr) return {};
    if (found->is_string()) return found->get<std::string>();
    fail(wrong(claim, "should be text"));
    return {};
  }
  std::chrono::seconds seconds(const char* claim) {
    const json* found = find(claim, true);
    if (found == nullptr) return {};
    // parse_json() has refused what no double holds.
    if (found->is_number_unsigned()) return std::chrono::seconds(found->get<std::int64_t>());
    fail(wrong(claim, "should be whole seconds"));
    return {};
  }
  template <class T>
  std::vector<T> list(const char* claim, std::size_t most, Result<T> (*parse)(std::string_view)) {
    std::vector<T> values;
    const json* found = find(claim, false);
    if (found == nullptr) return values;
    if (!found->is_array() || found->size() > most) {
      fail(wrong(claim, "should be a list of " + std::to_string(most) + " at most"));
      return values;
    }
    for (const json& one : *found) {
      Result<T> value = one.is_string() ? parse(one.get_ref<const std::string&>()) : Error{"no text"};
      if (value)
        values.push_back(*std::move(value));
      else
        fail(wrong(claim, "has something else in its list"));
    }
    return values;
  }

  void fail(Error error) {
    if (!error_) error_ = std::move(error);
  }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  const json* find(const char* claim, bool needed) {
    const auto found = object_.find(claim);
    if (found != object_.end()) return &*found;
    if (needed) fail(wrong(claim, "is missing"));
    return nullptr;
  }

  const json& object_;
  std::optional<Error> error_;
};

Result<http::ServerName> parse_server(std::string_view text) { return http::ServerName::parse(text); }

Result<Statement> parse_payload(std::string_view text) {
  Result<json> read = evidence::parse_json(text, blob_most);
  if (!read) return read.error().in("the claims");
  if (!read->is_object()) return refusal(Reason::malformed, "the claims are no JSON object");
  Claims claims(*read);
  Statement statement;
  statement.realm = claims.text("realm");
  statement.gateway = claims.text("gateway");
  if (!claims.error() && !tls::is_name(statement.gateway)) claims.fail(wrong("gateway", "should be a name"));
  statement.kds = claims.list<http::ServerName>("kds", servers_most, parse_server);
  statement.domain = claims.text("domain", false);
  if (!statement.domain.empty() && !parse_domain(statement.domain)) claims.fail(wrong("domain", "is none"));
  statement.routes = claims.list<Prefix>("routes", routes_most, Prefix::parse);
  statement.interval = claims.seconds("interval");
  statement.issued_at = std::chrono::sys_seconds(claims.seconds("iat"));
  if (claims.error()) return *claims.error();
  return statement;
}

// DER says itself where it ends.
Result<std::vector<tls::UniqueX509>> parse_certificates(std::span<const std::uint8_t> bytes) {
  std::vector<tls::UniqueX509> certificates;
  const unsigned char* at = bytes.data();
  const unsigned char* const end = at + bytes.size();
  while (at != end) {
    tls::UniqueX509 one(d2i_X509(nullptr, &at, end - at));
    ERR_clear_error();
    if (!one) return refusal(Reason::malformed, "what stands behind the signature is no certificate");
    if (certificates.size() == certificates_most)
      return refusal(Reason::malformed, "it has more than " + std::to_string(certificates_most) + " certificates");
    certificates.push_back(std::move(one));
  }
  if (certificates.empty()) return refusal(Reason::malformed, "no certificate stands behind the signature");
  return certificates;
}

Result<tls::PeerCertificates> as_shown(std::vector<tls::UniqueX509> certificates) {
  tls::PeerCertificates shown;
  shown.chain.reset(sk_X509_new_null());
  if (!shown.chain) return refusal(Reason::internal, "no memory");
  for (std::size_t i = 1; i < certificates.size(); ++i) {
    if (sk_X509_push(shown.chain.get(), certificates[i].get()) <= 0) return refusal(Reason::internal, "no memory");
    (void)certificates[i].release();
  }
  shown.certificate = std::move(certificates.front());
  return shown;
}

}  // namespace

bool Statement::says_the_same(const Statement& other) const {
  Statement then = other;
  then.issued_at = issued_at;
  return then == *this;
}

Result<std::string> parse_domain(std::string_view text) {
  std::string_view name = text.ends_with('.') ? text.substr(0, text.size() - 1) : text;
  std::string domain(name);
  std::ranges::transform(domain, domain.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  const auto host = http::ServerName::parse(domain, 1);
  if (!host || host->host != domain || domain.starts_with('['))
    return Error{"'" + std::string(text) + "' is no domain"};
  return domain;
}

Result<Signer> Signer::load(const tls::Identity& identity) {
  ERR_clear_error();
  Signer signer;
  tls::UniqueBio file(BIO_new_file(identity.certificate.c_str(), "r"));
  while (file) {
    tls::UniqueX509 one(PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr));
    if (!one) break;
    signer.certificates.push_back(std::move(one));
  }
  if (signer.certificates.empty()) return tls::take_error(identity.certificate.string());
  ERR_clear_error();  // of the end of the file
  file.reset(BIO_new_file(identity.key.c_str(), "r"));
  // A key under a pass phrase is an error, not a question on a terminal.
  const auto no_phrase = [](char*, int, int, void*) { return 0; };
  if (file) signer.key.reset(PEM_read_bio_PrivateKey(file.get(), nullptr, no_phrase, nullptr));
  if (!signer.key) return tls::take_error(identity.key.string());
  return signer;
}

Result<std::vector<std::uint8_t>> sign(const Statement& statement, const Signer& signer) {
  Result<std::string> jws = evidence::sign(signer.key.get(), payload_of(statement));
  if (!jws) return jws.error();
  std::vector<std::uint8_t> blob(jws->begin(), jws->end());
  blob.push_back(behind_jws);
  for (const tls::UniqueX509& certificate : signer.certificates) {
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate.get(), &der);
    if (size <= 0) return tls::take_error("the certificate");
    blob.insert(blob.end(), der, der + size);
    OPENSSL_free(der);
  }
  if (blob.size() > blob_most)
    return Error{"the policy has " + std::to_string(blob.size()) + " bytes, " + std::to_string(jws->size()) +
                     " of them what it says and its signature, the rest certificates; at most " +
                     std::to_string(blob_most) + " are taken",
                 EMSGSIZE};
  return blob;
}

Result<Verified> verify(std::span<const std::uint8_t> blob, const tls::Context& context, std::string_view realm) {
  if (blob.size() > blob_most)
    return refusal(Reason::malformed, "it has more than " + std::to_string(blob_most) + " bytes");
  const auto end = std::ranges::find(blob, behind_jws);
  if (end == blob.end()) return refusal(Reason::malformed, "it is no signed policy");
  const std::string jws(blob.begin(), end);
  auto certificates = parse_certificates(blob.subspan(jws.size() + 1));
  if (!certificates) return certificates.error();
  auto shown = as_shown(*std::move(certificates));
  if (!shown) return shown.error();
  if (auto good = context.recheck(*shown); !good) return refusal(Reason::certificate, good.error().message);
  Verified verified;
  verified.signer = tls::Peer::from_certificate(shown->certificate.get());
  if (!verified.signer.is_kds(realm))
    return refusal(Reason::certificate,
                   "signed by '" + verified.signer.subject + "', who is no key server of " + std::string(realm));
  auto payload = evidence::verify(jws, X509_get0_pubkey(shown->certificate.get()), blob_most);
  if (!payload) return payload.error();
  auto statement = parse_payload(*payload);
  if (!statement) return statement.error();
  // A key server may be one of several realms.
  if (statement->realm != realm)
    return refusal(Reason::malformed,
                   "it is of the realm " + in_quotes(statement->realm) + ", not of " + std::string(realm));
  verified.statement = *std::move(statement);
  return verified;
}

}  // namespace sluice::policy
