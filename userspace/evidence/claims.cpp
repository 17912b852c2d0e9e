// SPDX-License-Identifier: Apache-2.0
//
// The shape of the claims: JSON to values and back.
#include "evidence/claims.hpp"

#include <algorithm>

#include "evidence/base64url.hpp"
#include "evidence/json.hpp"

namespace sluice::evidence {
namespace {

using Json = nlohmann::json;

constexpr const char* kNonce = "eat_nonce";
constexpr const char* kIssuedAt = "iat";
constexpr const char* kExpiresAt = "exp";
constexpr const char* kUeid = "ueid";
constexpr const char* kConfirmation = "cnf";
constexpr const char* kThumbprint = "x5t#S256";
constexpr const char* kExporter = "tls_exporter";
constexpr const char* kPosture = "posture";
constexpr std::array kNames{kNonce, kIssuedAt, kExpiresAt, kUeid, kConfirmation, kExporter, kPosture};

Error wrong(const std::string& claim, const std::string& what) {
  return refusal(Reason::malformed, "claim '" + claim + "' " + what);
}

template <std::size_t Size>
Result<void> read_bytes(const Json& value, const std::string& claim, std::array<std::uint8_t, Size>& bytes) {
  if (!value.is_string()) return wrong(claim, "should be text");
  Result<std::array<std::uint8_t, Size>> read = array_from_base64url<Size>(value.get_ref<const std::string&>());
  if (!read) return wrong(claim, read.error().message);
  bytes = *read;
  return {};
}

Result<void> read_time(const Json& value, const std::string& claim, Seconds& time) {
  // What is not negative is read as unsigned; a fraction is a float, whatever its value.
  if (!value.is_number_unsigned()) return wrong(claim, "should be whole seconds since 1970");
  time = Seconds(std::chrono::seconds(value.get<std::int64_t>()));
  return {};
}

Result<Claims> read_claims(const Json& json) {
  if (!json.is_object()) return refusal(Reason::malformed, "the claims are no JSON object");
  for (const auto& [name, value] : json.items()) {
    if (std::ranges::find(kNames, name) == kNames.end()) {
      return refusal(Reason::malformed, "unknown claim " + in_quotes(name));
    }
  }
  for (const char* name : kNames) {
    if (!json.contains(name)) return wrong(name, "is missing");
  }
  Claims claims;
  if (auto done = read_bytes(json[kNonce], kNonce, claims.nonce); !done) return done.error();
  if (auto done = read_time(json[kIssuedAt], kIssuedAt, claims.issued_at); !done) return done.error();
  if (auto done = read_time(json[kExpiresAt], kExpiresAt, claims.expires_at); !done) return done.error();
  if (auto done = read_bytes(json[kUeid], kUeid, claims.ueid); !done) return done.error();
  const Json& confirmation = json[kConfirmation];
  if (!confirmation.is_object() || confirmation.size() != 1 || !confirmation.contains(kThumbprint)) {
    return wrong(kConfirmation, "should be an object of 'x5t#S256' and nothing else");
  }
  if (auto done = read_bytes(confirmation[kThumbprint], "cnf.x5t#S256", claims.certificate_sha256); !done) {
    return done.error();
  }
  if (auto done = read_bytes(json[kExporter], kExporter, claims.exporter); !done) return done.error();
  if (!json[kPosture].is_object()) return wrong(kPosture, "should be an object");
  claims.posture = json[kPosture];
  return claims;
}

}  // namespace

nlohmann::json to_json(const Claims& claims) {
  return {{kNonce, to_base64url(claims.nonce)},
          {kIssuedAt, claims.issued_at.time_since_epoch().count()},
          {kExpiresAt, claims.expires_at.time_since_epoch().count()},
          {kUeid, to_base64url(claims.ueid)},
          {kConfirmation, {{kThumbprint, to_base64url(claims.certificate_sha256)}}},
          {kExporter, to_base64url(claims.exporter)},
          {kPosture, claims.posture}};
}

Result<std::string> serialize(const Claims& claims) {
  // Replaced, not thrown at: what the text then lacks, the comparison sees.
  std::string text = to_json(claims).dump(-1, ' ', false, Json::error_handler_t::replace);
  Result<Claims> again = parse_claims(text);
  if (!again) return again.error().in("these claims could not be read again");
  if (*again != claims) {
    return refusal(Reason::malformed,
                   "the posture holds what JSON cannot: text that is not UTF-8, or a number that is none");
  }
  return text;
}

Result<Claims> parse_claims(std::string_view text) {
  Result<Json> json = parse_json(text, kMostEvidence);
  if (!json) return json.error().in("the claims");
  return read_claims(*json);
}

}  // namespace sluice::evidence
