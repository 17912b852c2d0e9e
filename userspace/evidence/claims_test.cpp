// SPDX-License-Identifier: Apache-2.0
#include "evidence/claims.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace sluice::evidence {
namespace {

using Json = nlohmann::json;

Claims example() {
  Claims claims;
  claims.nonce.fill(1);
  claims.issued_at = Seconds(std::chrono::seconds(1'700'000'000));
  claims.expires_at = claims.issued_at + std::chrono::seconds(300);
  claims.ueid.fill(2);
  claims.certificate_sha256.fill(3);
  claims.exporter.fill(4);
  claims.posture = {{"os", {{"id", "debian"}, {"version", "12"}}}, {"updates", {{"security_pending", 0}}}};
  return claims;
}

std::string why(const Json& json) {
  const Result<Claims> claims = parse_claims(json.dump());
  if (claims) return "it was read";
  EXPECT_EQ(reason_of(claims.error()), Reason::malformed);
  return claims.error().message;
}

TEST(Claims, AreWrittenAsTheDocumentSays) {
  const Json json = to_json(example());
  EXPECT_EQ(json["eat_nonce"], "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE");
  EXPECT_EQ(json["iat"], 1'700'000'000);
  EXPECT_EQ(json["exp"], 1'700'000'300);
  EXPECT_EQ(json["ueid"].get<std::string>().size(), 44U);
  EXPECT_EQ(json["cnf"], (Json{{"x5t#S256", "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM"}}));
  EXPECT_EQ(json["tls_exporter"], "BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ");
  EXPECT_EQ(json["posture"]["os"]["id"], "debian");
  EXPECT_EQ(json.size(), 7U);
}

TEST(Claims, RoundTrip) {
  const Result<std::string> text = serialize(example());
  ASSERT_TRUE(text) << text.error().message;
  const Result<Claims> claims = parse_claims(*text);
  ASSERT_TRUE(claims) << claims.error().message;
  EXPECT_EQ(*claims, example());
}

TEST(Claims, EveryOneMustBeThereAndNoOther) {
  const Json good = to_json(example());
  for (const auto& [name, value] : good.items()) {
    Json lacking = good;
    lacking.erase(name);
    EXPECT_EQ(why(lacking), "claim '" + name + "' is missing");
    for (const Json& other : {Json(nullptr), Json(true), Json(-1), Json(1.5), Json(1e3), Json::array({value}), Json(""),
                              Json("x"), Json::array()}) {
      Json wrong = good;
      wrong[name] = other;
      EXPECT_EQ(why(wrong).substr(0, 7 + name.size()), "claim '" + name) << wrong;
    }
  }
  Json unknown = good;
  unknown["sub"] = "x";
  EXPECT_EQ(why(unknown), "unknown claim 'sub'");
  EXPECT_EQ(why(Json::array({good})), "the claims are no JSON object");
  const std::string text = good.dump();
  EXPECT_FALSE(parse_claims(text + text));
  EXPECT_FALSE(parse_claims(text.substr(0, text.size() - 1) + ",\"iat\":1}"));
}

TEST(Claims, BytesHaveTheirSize) {
  for (const char* name : {"eat_nonce", "ueid", "tls_exporter"}) {
    Json json = to_json(example());
    const std::string text = json[name];
    for (const std::string& wrong :
         {text.substr(1), text + "A", text + "=", text.substr(0, text.size() - 1) + "+", text + text, text.substr(4)}) {
      json[name] = wrong;
      EXPECT_NE(why(json).find(name), std::string::npos) << wrong;
    }
  }
  // 32 bytes leave two bits of the last character.
  Json spare = to_json(example());
  spare["eat_nonce"] = std::string(42, 'A') + "B";
  EXPECT_NE(why(spare).find("beyond the last byte"), std::string::npos);
}

TEST(Claims, TheConfirmationNamesOneCertificateAndNothingElse) {
  Json json = to_json(example());
  const std::string thumbprint = json["cnf"]["x5t#S256"];
  for (const Json& wrong :
       {Json::object(), Json{{"jwk", Json::object()}}, Json{{"x5t#S256", thumbprint}, {"kid", "1"}},
        Json{{"x5t#S256", 1}}, Json{{"x5t#S256", thumbprint + "A"}}, Json{{"X5T#S256", thumbprint}}}) {
    json["cnf"] = wrong;
    EXPECT_NE(why(json).find("'cnf"), std::string::npos) << wrong;
  }
}

TEST(Claims, TimesAreWholeSecondsThatFit) {
  Json json = to_json(example());
  for (const char* text : {"-1", "-0", "1.0", "1e9", "9007199254740993", "\"1700000000\""}) {
    const std::string whole = json.dump();
    std::string changed = whole;
    changed.replace(changed.find("1700000000"), 10, text);
    EXPECT_FALSE(parse_claims(changed)) << text;
  }
  json["exp"] = 9007199254740992;
  EXPECT_TRUE(parse_claims(json.dump()));
}

TEST(Claims, APostureThatJsonCannotCarryIsNotWritten) {
  Claims claims = example();
  Json deep = 1;
  for (int i = 0; i < 14; ++i) deep = Json{{"a", deep}};
  for (const Json& good : {Json(0.5), deep, Json("\xc3\xa4\n"), Json(-5), Json(nullptr)}) {
    claims.posture = {{"plugins", good}};
    EXPECT_TRUE(serialize(claims)) << good;
  }
  for (const Json& bad : {Json("\xff"), Json(std::numeric_limits<double>::quiet_NaN()),
                          Json(std::numeric_limits<double>::infinity()), Json(1e300), Json(std::int64_t{1} << 54),
                          Json{{"a", deep}}, Json::binary({1, 2}), Json(std::string(20000, 'x'))}) {
    claims.posture = {{"plugins", bad}};
    const Result<std::string> text = serialize(claims);
    ASSERT_FALSE(text) << *text;
    EXPECT_EQ(reason_of(text.error()), Reason::malformed);
  }
  claims.posture = {{"a\xff", 1}};
  EXPECT_FALSE(serialize(claims));
  claims.posture = Json::array();
  EXPECT_FALSE(serialize(claims));
  claims.posture = Json::object();
  EXPECT_TRUE(serialize(claims));
  claims.issued_at = Seconds(std::chrono::seconds(-1));
  EXPECT_FALSE(serialize(claims));
}

}  // namespace
}  // namespace sluice::evidence
