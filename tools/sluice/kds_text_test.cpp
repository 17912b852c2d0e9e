// SPDX-License-Identifier: Apache-2.0
#include "sluice/kds_text.hpp"

#include <gtest/gtest.h>

#include "kds/openapi_testing.hpp"

namespace sluice::cli {
namespace {

using nlohmann::json;
using Row = std::vector<std::string>;

json device(const char* name) {
  return {{"name", name}, {"roles", {"staff", "admin"}}, {"enabled", true}, {"banned", false}, {"health_in", 540U}};
}
json line(unsigned sequence) {
  return {{"sequence", sequence},   {"time", "2027-01-15T08:00:00.000Z"}, {"actor", "operator/ada"},
          {"action", "revoke"},     {"subject", "device/laptop1"},        {"outcome", "revoked"},
          {"detail", {{"keys", 1}}}};
}

TEST(KdsText, Devices) {
  json banned = device("b");
  banned["banned"] = true;
  banned["enabled"] = false;
  banned["health_in"] = 0U;
  banned["roles"] = json::array();
  std::optional<std::string> last;
  const auto rows = device_rows({{"devices", {device("a"), banned}}}, last);
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ((*rows)[0], (Row{"a", "staff, admin", "enabled", "for 9 min", "none"}));
  EXPECT_EQ((*rows)[1], (Row{"b", "none", "disabled, banned", "none", "none"}));
  EXPECT_EQ(last, "b");
}

// Or a server could keep us asking for ever.
TEST(KdsText, Tpm) {
  json answer = device("a");
  answer["keys"] = json::array();
  EXPECT_EQ(read_device(answer)->tpm, "");
  answer["attestation_key"] = "AAAA";
  EXPECT_EQ(read_device(answer)->tpm, "attestation key enrolled, no PCRs seen yet");
  answer["pcrs"] = {{"0", "AAAA"}, {"7\x1b", "AAAA"}};
  const std::string shown = read_device(answer)->tpm;
  EXPECT_EQ(shown.find('\x1b'), std::string::npos);
  EXPECT_EQ(shown.rfind("attestation key enrolled, PCRs 0, 7", 0), 0u) << shown;
}

TEST(KdsText, PagesGoForward) {
  std::optional<std::string> last = "b";
  EXPECT_FALSE(device_rows({{"devices", {device("b")}}}, last));
  std::uint64_t after = 7;
  EXPECT_FALSE(audit_rows({{"audit", {line(7)}}}, after));
  after = 7;
  ASSERT_TRUE(audit_rows({{"audit", {line(8), line(11)}}}, after));
  EXPECT_EQ(after, 11U);
}

TEST(KdsText, AuditLines) {
  std::uint64_t after = 0;
  json odd = line(2);
  odd["detail"] = {{"roles", {"staff"}}, {"reason", "a\nb"}};
  const auto rows = audit_rows({{"audit", {line(1), odd}}}, after);
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ((*rows)[0],
            (Row{"1", "2027-01-15T08:00:00.000Z", "operator/ada", "revoke", "device/laptop1", "revoked", "keys 1"}));
  EXPECT_EQ((*rows)[1].back(), "reason a?b, roles [\"staff\"]");
}

TEST(KdsText, WhatIsNotAsTheApiHasItIsNamed) {
  std::optional<std::string> last;
  json wrong = device("a");
  wrong["roles"] = "staff";
  const auto rows = device_rows({{"devices", {wrong}}}, last);
  ASSERT_FALSE(rows);
  EXPECT_NE(rows.error().message.find("devices[0].roles"), std::string::npos) << rows.error().message;
  EXPECT_FALSE(device_rows(json::object(), last));
  EXPECT_FALSE(gateway_rows({{"gateways", {{{"name", "gw1"}}}}}));
  wrong = device("a\x1b[2J");
  EXPECT_FALSE(device_rows({{"devices", {wrong}}}, last));
}

TEST(KdsText, WhatTheApiPromisesIsRead) {
  std::optional<std::string> last;
  for (const auto& [name, body] : kds::openapi::response_examples("/v1/devices", "get"))
    EXPECT_TRUE(device_rows(body, last)) << name;
  for (const auto& [name, body] : kds::openapi::response_examples("/v1/devices/{name}", "get")) {
    const auto shown = read_device(body);
    ASSERT_TRUE(shown) << name << ": " << shown.error().message;
    EXPECT_EQ(shown->keys, (Rows{{"gw1", "corp", "7", "0x40002200", "good", "9 min"}}));
  }
  for (const auto& [name, body] : kds::openapi::response_examples("/v1/gateways", "get")) {
    const auto rows = gateway_rows(body);
    ASSERT_TRUE(rows) << name << ": " << rows.error().message;
    EXPECT_EQ((*rows)[0], (Row{"gw1", "3.0 s ago", "7 current for 12 min, 8 next for 60 min", "20 of 21 done"}));
    EXPECT_EQ((*rows)[1], (Row{"gw2", "never", "none", ""}));
  }
  std::uint64_t after = 0;
  for (const auto& [name, body] : kds::openapi::response_examples("/v1/audit", "get"))
    EXPECT_TRUE(audit_rows(body, after)) << name;
}

TEST(KdsText, Fingerprints) {
  std::string plain, coloned;
  for (int i = 0; i < 32; ++i) {
    plain += "a0";
    coloned += std::string(i == 0 ? "" : ":") + "A0";
  }
  const auto read = parse_fingerprint(plain);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, "oKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKA");
  EXPECT_EQ(*parse_fingerprint(coloned), *read);
  for (std::string wrong : {plain.substr(1), plain + "a", "g" + plain.substr(1), coloned.substr(1), std::string()})
    EXPECT_FALSE(parse_fingerprint(wrong)) << wrong;
  coloned[2] = '0';
  EXPECT_FALSE(parse_fingerprint(coloned));
  EXPECT_FALSE(fingerprint_of("/nonexistent"));
}

}  // namespace
}  // namespace sluice::cli
