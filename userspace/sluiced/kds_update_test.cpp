// SPDX-License-Identifier: Apache-2.0
#include "sluiced/kds_update.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "kds/openapi_testing.hpp"

namespace sluice::gateway {
namespace {

using Json = nlohmann::json;

const std::string key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";  // 00 01 .. 1f

Json good() {
  return {{"updates",
           {{{"sequence", 13},
             {"kind", "generation"},
             {"number", 7},
             {"algorithm", "aes-256-gcm"},
             {"lifetime", 3600},
             {"master_key", key}},
            {{"sequence", 14}, {"kind", "promote"}, {"number", 7}, {"overlap", 600}},
            {{"sequence", 15}, {"kind", "revoke"}, {"number", 7}, {"id", 17}, {"incarnation_min", 1}},
            {{"sequence", 16}, {"kind", "ban"}, {"id", 18}},
            {{"sequence", 17}, {"kind", "unban"}, {"id", 18}},
            {{"sequence", 18}, {"kind", "policy"}, {"blob", "AQI"}}}}};
}

std::string error_of(const std::string& text, std::uint64_t after = 12) {
  auto updates = parse_updates(text, after);
  return updates ? "" : updates.error().message;
}

TEST(KdsUpdate, EachKindIsRead) {
  auto updates = parse_updates(good().dump(), 12);
  ASSERT_TRUE(updates) << updates.error().message;
  ASSERT_EQ(updates->size(), 6u);
  const auto& generation = std::get<netlink::NewGeneration>((*updates)[0].change);
  EXPECT_EQ(generation.number, 7u);
  EXPECT_EQ(generation.algorithm, netlink::Algorithm::aes_256_gcm);
  EXPECT_EQ(generation.lifetime, std::chrono::seconds(3600));
  for (std::size_t i = 0; i < 32; ++i) EXPECT_EQ(generation.master_key.bytes()[i], std::byte(i));
  EXPECT_EQ(std::get<PromoteUpdate>((*updates)[1].change), (PromoteUpdate{7, std::chrono::seconds(600)}));
  EXPECT_EQ(std::get<RevokeUpdate>((*updates)[2].change), (RevokeUpdate{7, 17, 1}));
  EXPECT_EQ(std::get<BanUpdate>((*updates)[3].change), (BanUpdate{18, true}));
  EXPECT_EQ(std::get<BanUpdate>((*updates)[4].change), (BanUpdate{18, false}));
  EXPECT_EQ(std::get<PolicyUpdate>((*updates)[5].change), (PolicyUpdate{{1, 2}}));
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ((*updates)[i].sequence, 13 + i);
    EXPECT_EQ(update_kinds[kind_of((*updates)[i])], good()["updates"][i]["kind"]);
  }
  EXPECT_EQ(name_of((*updates)[4]), "update 17 (unban)");
}

TEST(KdsUpdate, NoneIsNone) {
  auto updates = parse_updates("{\"updates\": []}", 12);
  ASSERT_TRUE(updates);
  EXPECT_TRUE(updates->empty());
}

TEST(KdsUpdate, EachFieldMustBeThereAndOfItsKind) {
  const Json base = good();
  for (std::size_t i = 0; i < base["updates"].size(); ++i) {
    for (const auto& [name, value] : base["updates"][i].items()) {
      const std::string at = "updates[" + std::to_string(i) + "]." + name + ": ";
      Json without = base;
      without["updates"][i].erase(name);
      EXPECT_EQ(error_of(without.dump()), at + "is missing");
      for (const Json& wrong : {Json(nullptr), Json(true), Json(-1), Json(1.5), Json(Json::array()),
                                Json(Json::object()), value.is_string() ? Json(7) : Json("7")}) {
        Json other = base;
        other["updates"][i][name] = wrong;
        EXPECT_TRUE(error_of(other.dump()).starts_with(at + "should be")) << at << wrong << error_of(other.dump());
      }
    }
    Json more = base;
    more["updates"][i]["extra"] = 1;
    EXPECT_EQ(error_of(more.dump()), "updates[" + std::to_string(i) + "]: 'extra' is unknown");
    for (const Json& wrong : {Json(1), Json("x"), Json(nullptr), Json(Json::array())}) {
      Json other = base;
      other["updates"][i] = wrong;
      EXPECT_EQ(error_of(other.dump()), "updates[" + std::to_string(i) + "]: should be an object");
    }
  }
}

TEST(KdsUpdate, ValuesHaveLimits) {
  struct Row {
    std::size_t update;
    const char* field;
    Json value;
    bool is_good;
  };
  const std::string longest(1600, 'A');  // 1200 bytes
  for (const Row& row : std::vector<Row>{{0, "number", 0, false},
                                         {0, "number", 4294967292, true},
                                         {0, "number", 4294967293, false},
                                         {0, "lifetime", 0, false},
                                         {0, "lifetime", 86400, true},
                                         {0, "lifetime", 86401, false},
                                         {0, "algorithm", "aes-128-gcm", true},
                                         {0, "algorithm", "AES-256-GCM", false},
                                         {0, "algorithm", "", false},
                                         {0, "master_key", "", false},
                                         {0, "master_key", key + "=", false},
                                         {0, "master_key", key.substr(1), false},
                                         {0, "master_key", "+" + key.substr(1), false},
                                         {0, "master_key", key.substr(0, 42) + "9", false},
                                         {1, "overlap", 0, false},
                                         {1, "overlap", 601, false},
                                         {1, "number", 0, false},
                                         {2, "number", 0, false},
                                         {2, "id", 0, false},
                                         {2, "id", 1048575, true},
                                         {2, "id", 1048576, false},
                                         {2, "incarnation_min", 0, true},
                                         {2, "incarnation_min", 512, true},
                                         {2, "incarnation_min", 513, false},
                                         {3, "id", 1048576, false},
                                         {4, "id", 0, false},
                                         {4, "kind", "pardon", false},
                                         {5, "blob", "", true},  // none
                                         {5, "blob", longest, true},
                                         {5, "blob", longest + "AA", false},
                                         {5, "blob", "A*", false}}) {
    Json other = good();
    other["updates"][row.update][row.field] = row.value;
    const std::string error = error_of(other.dump());
    EXPECT_EQ(error.empty(), row.is_good) << row.field << " = " << row.value << ": " << error;
    if (row.is_good) continue;
    EXPECT_NE(error.find(std::string(".") + row.field + ":"), std::string::npos) << error;
    if (std::string_view(row.field) == "master_key") {
      EXPECT_EQ(error.find(key.substr(1, 8)), std::string::npos) << "a key in the log";
    }
  }
}

TEST(KdsUpdate, SequencesGoUp) {
  EXPECT_EQ(error_of(good().dump(), 13), "updates[0].sequence: should be greater than 13");
  EXPECT_EQ(error_of(good().dump(), 0), "") << "gaps are of updates that are superfluous";
  Json twice = good();
  twice["updates"][3]["sequence"] = 15;
  EXPECT_EQ(error_of(twice.dump()), "updates[3].sequence: should be greater than 15");
}

TEST(KdsUpdate, TheAnswerItselfHasAShapeAndBounds) {
  EXPECT_EQ(error_of("[]"), "the answer: should be an object");
  EXPECT_EQ(error_of("{}"), "updates: is missing");
  EXPECT_EQ(error_of("{\"updates\": {}}"), "updates: should be an array");
  EXPECT_NE(error_of("{\"updates\": [], \"more\": 1}"), "");
  EXPECT_NE(error_of("{\"updates\": []"), "");
  EXPECT_NE(error_of("{\"updates\": [], \"updates\": []}"), "");
  EXPECT_NE(error_of("{\"updates\": []}" + std::string(kds_answer_max, ' ')), "");
  Json many = {{"updates", Json::array()}};
  for (std::size_t i = 0; i < updates_max; ++i)
    many["updates"].push_back({{"sequence", 13 + i}, {"kind", "ban"}, {"id", 1}});
  EXPECT_EQ(error_of(many.dump()), "");
  many["updates"].push_back({{"sequence", 13 + updates_max}, {"kind", "ban"}, {"id", 1}});
  EXPECT_EQ(error_of(many.dump()), "updates: 1025 of them; at most 1024 are taken");
}

TEST(KdsBoot, IsWrittenAndItsAnswerRead) {
  BootNonce nonce;
  for (std::size_t i = 0; i < 32; ++i) nonce[i] = static_cast<std::uint8_t>(i);
  EXPECT_EQ(Json::parse(boot_json({nonce, 7})), (Json{{"boot_nonce", key}, {"newest", 7}}));
  auto answer = parse_boot(R"({"fresh": true, "acknowledged": 12, "live": [7, 8]})");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(*answer, (BootAnswer{true, 12, {7, 8}}));
  EXPECT_EQ(parse_boot(R"({"fresh": true, "acknowledged": 12, "live": []})")->live.size(), 0u);
  for (const auto& [text, says] : std::vector<std::pair<std::string, std::string>>{
           {R"({"acknowledged": 12})", "fresh: is missing"},
           {R"({"fresh": true})", "acknowledged: is missing"},
           {R"({"fresh": 1, "acknowledged": 12})", "fresh: should be true or false"},
           {R"({"fresh": true, "acknowledged": -1})", "acknowledged: should be a whole number from 0 to "},
           {R"({"fresh": true, "acknowledged": "1"})", "acknowledged: should be a whole number from 0 to "},
           {R"({"fresh": true, "acknowledged": 1})", "live: is missing"},
           {R"({"fresh": true, "acknowledged": 1, "live": [], "x": 1})", "the answer: 'x' is unknown"},
           {R"({"fresh": true, "acknowledged": 1, "live": 7})", "live: should be at most 3 whole numbers from 1 to "},
           {R"({"fresh": true, "acknowledged": 1, "live": [0]})", "live: should be at most 3 whole numbers from 1 to "},
           {R"({"fresh": true, "acknowledged": 1, "live": [1, 2, 3, 4]})", "live: should be at most 3"},
           {"[]", "the answer: should be an object"}}) {
    auto refused = parse_boot(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_TRUE(refused.error().message.starts_with(says)) << refused.error().message;
  }
}

TEST(KdsAnomalies, HaveTheNamesOfTheKds) {
  std::vector<netlink::Anomaly> anomalies;
  for (const auto kind :
       {netlink::AnomalyKind::moved, netlink::AnomalyKind::alternates, netlink::AnomalyKind::fingerprint,
        netlink::AnomalyKind::spoofed, netlink::AnomalyKind::exhausting, static_cast<netlink::AnomalyKind>(99)}) {
    netlink::Anomaly anomaly;
    anomaly.kind = kind;
    anomaly.id = 17;
    anomaly.generation = 7;
    anomaly.incarnation = 3;
    anomaly.address = *Address::parse("192.0.2.1");
    anomalies.push_back(anomaly);
  }
  const Json json = Json::parse(anomalies_json(anomalies));
  ASSERT_EQ(json["anomalies"].size(), 5u) << "what no KDS knows is left out";
  const char* names[] = {"moved", "clone", "fingerprint", "inner-source", "exhausting"};
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_EQ(json["anomalies"][i], (Json{{"kind", names[i]}, {"generation", 7}, {"id", 17}, {"incarnation", 3}}));
}

TEST(KdsProblem, IsToldInPrintableWords) {
  EXPECT_EQ(problem_words(R"({"title": "Forbidden", "detail": "no\ngateway"})"), "Forbidden: no?gateway");
  EXPECT_EQ(problem_words("<html>"), "");
  EXPECT_EQ(problem_words("{\"title\": \"" + std::string(500, 'x') + "\"}").size(), 200u);
}

TEST(KdsUpdate, WhatTheApiPromisesIsRead) {
  for (const auto& [name, body] : kds::openapi::response_examples("/v1/gateway/updates", "get")) {
    const auto updates = parse_updates(body.dump(), 12);
    EXPECT_TRUE(updates) << name << ": " << (updates ? "" : updates.error().message);
  }
  for (const auto& [name, body] : kds::openapi::response_examples("/v1/gateway/boot", "post"))
    EXPECT_TRUE(parse_boot(body.dump())) << name;
  for (const auto& [name, body] : kds::openapi::response_examples("/v1/gateway/updates", "get", "404"))
    EXPECT_NE(problem_words(body.dump()), "") << name;
}

}  // namespace
}  // namespace sluice::gateway
