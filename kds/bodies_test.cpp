// SPDX-License-Identifier: Apache-2.0
#include "kds/bodies.hpp"

#include <gtest/gtest.h>

#include "evidence/base64url.hpp"
#include "kds/testing_bodies.hpp"
#include "kds/testing_settings.hpp"

namespace sluice::kds {
namespace {

TEST(BodiesTest, KeysMayBeAskedForWithNothing) {
  auto body = parse_keys("");
  ASSERT_TRUE(body.ok());
  EXPECT_FALSE(body->evidence.has_value());
  EXPECT_TRUE(parse_keys("{}").ok());
}

TEST(BodiesTest, WhatIsHeldIsRead) {
  auto body = parse_keys(R"({"evidence":"a.b.c","held":[{"gateway":"gw1","network":"corp","spi":4294967295}]})");
  ASSERT_TRUE(body.ok()) << body.error().message;
  EXPECT_EQ(*body->evidence, "a.b.c");
  ASSERT_EQ(body->held.size(), 1U);
  EXPECT_EQ(body->held[0].spi, 4294967295U);
}

struct Wrong {
  const char* text;
  const char* words;
};

TEST(BodiesTest, WhatIsWrongIsNamed) {
  for (const Wrong& wrong : {
           Wrong{"[]", "must be an object"},
           {R"({"evidence":1})", "evidence must be a text"},
           {R"({"other":1})", "other is not known here"},
           {R"({"held":{}})", "held must be a list"},
           {R"({"held":[{"gateway":"g","network":"n","spi":-1}]})", "held[0].spi must be a number"},
           {R"({"held":[{"gateway":"g","network":"n"}]})", "held[0].spi is missing"},
           {R"({"held":[{"gateway":"g","network":"n","spi":1,"x":2}]})", "held[0].x is not known here"},
           {R"({"held":[1]})", "held[0] must be an object"},
           {R"({"held":[],"held":[]})", "held"},
           {R"({"quote":{"attest":"AAAA","signature":"AAAA"}})", "quote is one of evidence, and there is none"},
           {R"({"evidence":"x","quote":[]})", "quote must be an object"},
           {R"({"evidence":"x","quote":{"attest":"AAAA"}})", "quote.signature is missing"},
           {R"({"evidence":"x","quote":{"attest":"A+A=","signature":"AAAA"}})", "quote.attest must be base64url"},
           {R"({"evidence":"x","quote":{"attest":"AAAA","signature":"AAAA","key":1}})", "quote.key is not known here"},
           {R"({"evidence":"x","quote":{"attest":"AAAA","signature":"AAAA","pcrs":{"24":"AAAA"}}})",
            "quote.pcrs must be"},
           {R"({"evidence":"x","quote":{"attest":"AAAA","signature":"AAAA","pcrs":{"0":"AAAA"}}})",
            "quote.pcrs must be"},
           {R"({"evidence":"x","quote":{"attest":"AAAA","signature":"AAAA","pcrs":[]}})", "quote.pcrs must be"},
       }) {
    auto body = parse_keys(wrong.text);
    ASSERT_FALSE(body.ok()) << wrong.text;
    EXPECT_NE(body.error().message.find(wrong.words), std::string::npos) << body.error().message;
  }
}

TEST(BodiesTest, AQuoteIsRead) {
  const std::string value = evidence::to_base64url(Bytes(32, 7));
  auto body = parse_keys(R"({"evidence":"x","quote":{"attest":"AAEC","signature":"AwQ","pcrs":{"0":")" + value +
                         R"(","23":")" + value + R"("}}})");
  ASSERT_TRUE(body.ok()) << body.error().message;
  evidence::Sha256 seven;
  seven.fill(7);
  EXPECT_EQ(*body->quote, (evidence::Quote{{0, 1, 2}, {3, 4}, {{0, seven}, {23, seven}}}));
}

TEST(BodiesTest, KeysStandWithWhatWasRefused) {
  const auto settings = parse_settings(testing_support::one_network, "kds.toml");
  ASSERT_TRUE(settings) << settings.error().message;
  const Bytes key(36, 7);
  for (const std::size_t refusals : {0, 1, 40}) {
    for (const std::size_t keys : {0, 1, 2, 8}) {
      const auto body =
          nlohmann::json::parse(keys_body(testing_support::answer_with(key, keys, refusals), *settings, Time()));
      ASSERT_EQ(body["keys"].size(), keys);
      ASSERT_EQ(body["refused"].size(), refusals);
      for (const auto& one : body["keys"])
        for (const char* way : {"outbound", "inbound"})
          EXPECT_EQ(one[way], (nlohmann::json{{"spi", 4294967295}, {"key", evidence::to_base64url(key)}}));
    }
  }
}

TEST(BodiesTest, ABootNonceHas32Bytes) {
  auto body = [](std::size_t size, const std::string& newest = "0") {
    return parse_boot("{\"boot_nonce\":\"" + evidence::to_base64url(Bytes(size, 7)) + "\",\"newest\":" + newest + "}");
  };
  EXPECT_EQ(body(32)->nonce, Bytes(32, 7));
  EXPECT_EQ(body(32, "4294967292")->newest, 4294967292U);
  EXPECT_FALSE(body(32, "4294967293").ok());
  for (const std::size_t size : {0, 31, 33}) EXPECT_FALSE(body(size).ok()) << size;
  EXPECT_FALSE(parse_boot("{}").ok());
}

TEST(BodiesTest, AnomaliesAreReadWhole) {
  auto reports = parse_anomalies(R"({"anomalies":[{"kind":"inner-source","generation":7,"id":17,"incarnation":511}]})");
  ASSERT_TRUE(reports.ok()) << reports.error().message;
  EXPECT_EQ((*reports)[0].kind, Anomaly::Kind::inner_source);
  EXPECT_EQ((*reports)[0].incarnation, 511U);
  for (const char* wrong : {R"({"anomalies":[{"kind":"worse","generation":7,"id":17,"incarnation":0}]})",
                            R"({"anomalies":[{"kind":"clone","generation":7,"id":1048576,"incarnation":0}]})",
                            R"({"anomalies":[{"kind":"clone","generation":7,"id":17,"incarnation":512}]})", "{}"})
    EXPECT_FALSE(parse_anomalies(wrong).ok()) << wrong;
}

TEST(BodiesTest, UpdatesHaveTheFieldsOfTheirKind) {
  std::vector<Generations::Outgoing> updates(3);
  updates[0].update = {"gw1", 4, Update::Kind::generation, 7, 0, 0, {}};
  updates[0].lifetime = std::chrono::seconds(3600);
  updates[0].master = derivation::Secret::copy_of(Bytes(32, 0xff));
  updates[1].update = {"gw1", 5, Update::Kind::promote, 7, 0, 0, std::chrono::seconds(600)};
  updates[2].update = {"gw1", 6, Update::Kind::revoke, 7, 17, 1, {}};
  const auto body = nlohmann::json::parse(updates_body(updates));
  EXPECT_EQ(body["updates"][0]["master_key"], evidence::to_base64url(Bytes(32, 0xff)));
  EXPECT_EQ(body["updates"][1],
            (nlohmann::json{{"sequence", 5}, {"kind", "promote"}, {"number", 7}, {"overlap", 600}}));
  EXPECT_EQ(body["updates"][2],
            (nlohmann::json{{"sequence", 6}, {"kind", "revoke"}, {"number", 7}, {"id", 17}, {"incarnation_min", 1}}));
}

}  // namespace
}  // namespace sluice::kds
