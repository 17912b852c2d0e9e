// SPDX-License-Identifier: Apache-2.0
//
// What is kept of a device's evidence in the store's audit table.
#include <gtest/gtest.h>

#include "kds/keys.hpp"
#include "kds/testing.hpp"

namespace sluice::kds {
namespace {

using nlohmann::json;
using testing_support::start;
using testing_support::World;

constexpr const char* head = R"(name = "kds1"
realm = "corp"
certificate = "/c"
key = "/k"
authority = "/a"
key_encryption_key = "/kek"
[[posture]]
name = "standard"
)";

// *networks* on each of two gateways, that are open to staff but for one.
Settings settings_with(int networks, int requirements) {
  std::string text = head;
  for (int i = 0; i < requirements; ++i)
    text += "  [[posture.requirement]]\n  claim = \"plugins.p" + std::to_string(i) +
            ".x\"\n  operator = \"equals\"\n  value = 1\n  remedy = \"r\"\n";
  for (int gateway = 1; gateway <= 2; ++gateway) {
    text += "[[gateway]]\nname = \"gw" + std::to_string(gateway) + "\"\naddresses = [\"192.0.2." +
            std::to_string(gateway) + "\"]\n";
    for (int i = 0; i < networks; ++i) {
      const std::string number = std::to_string(i);
      text += "  [[gateway.network]]\n  name = \"n" + number + "\"\n  first = " + std::to_string(i + 1) +
              "\n  last = " + std::to_string(i + 1) + "\n  ipv4 = \"100." + std::to_string(64 + i) +
              ".0.0\"\n  routes = [\"10.0.0.0/8\"]\n  roles = [\"" + (i == 0 ? "admin" : "staff") +
              "\"]\n  posture = \"standard\"\n";
    }
  }
  auto read = parse_settings(text, "kds.toml");
  EXPECT_TRUE(read) << (read ? "" : read.error().message);
  return *std::move(read);
}

// The detail of the line of a device's evidence.
json line_of(const Settings& settings) {
  World world;
  Keys keys(settings, *world.store, world.issuer);
  Device device;
  device.name = "laptop";
  device.roles = {"staff"};
  EXPECT_TRUE(world.devices.enrol(device, "operator/test", start()));
  KeyQuestion question;
  question.device = "laptop";
  question.fingerprint = Bytes(32, 1);
  question.posture = json::object();
  (void)keys.answer({question}, start());
  for (const Audit& line : world.look([](Transaction& t) { return t.audit(0, 100); }))
    if (line.action == "evidence") return json::parse(line.detail);
  return {};
}

TEST(KeysAuditTest, NetworksOfOtherRolesAreNotTold) {
  const json refused = line_of(settings_with(3, 1));
  EXPECT_EQ(refused["refused"].size(), 4U) << refused.dump();
  for (const json& one : refused["refused"]) EXPECT_EQ(one["reason"], "posture") << refused.dump();
  EXPECT_EQ(refused["refused"][0]["claims"], json::array({"plugins.p0.x"}));
  EXPECT_FALSE(refused.contains("refused_left_out"));
  const json granted = line_of(settings_with(3, 0));
  EXPECT_EQ(granted["granted"], json::array({"gw1/n1", "gw1/n2", "gw2/n1", "gw2/n2"}));
  EXPECT_TRUE(granted["refused"].empty()) << granted.dump();
}

TEST(KeysAuditTest, ALineIsBounded) {
  const json granted = line_of(settings_with(41, 0));
  EXPECT_EQ(granted["granted"].size(), 64U);
  EXPECT_EQ(granted["granted_left_out"], 16) << granted.dump();
  const json refused = line_of(settings_with(41, 20));
  EXPECT_EQ(refused["refused"].size(), 64U);
  EXPECT_EQ(refused["refused_left_out"], 16);
  EXPECT_EQ(refused["refused"][0]["claims"].size(), 17U) << "16, and that there are more";
  EXPECT_EQ(refused["refused"][0]["claims"][16], "...");
}

}  // namespace
}  // namespace sluice::kds
