// SPDX-License-Identifier: Apache-2.0
#include "sluice/kds_settings.hpp"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

constexpr const char* whole = R"(realm = "corp"
certificate = "/c"
key = "/k"
authority = "/a"
kds = ["kds1.example.net", "[2001:db8::1]:9443"]
)";

std::string error_of(const Result<realm::Settings>& settings) { return settings ? "" : settings.error().message; }

TEST(KdsSettings, TheExampleIsGood) {
  KdsOptions options;
  options.config = OPERATOR_EXAMPLE;
  const auto settings = read_kds_settings(options);
  ASSERT_TRUE(settings) << error_of(settings);
  EXPECT_EQ(settings->realm, "example");
  EXPECT_EQ(settings->identity.certificate, "/etc/sluice/ada.crt");
  EXPECT_TRUE(settings->kds.empty());
}

TEST(KdsSettings, OptionsTakeThePlaceOfKeys) {
  KdsOptions options;
  options.realm = "lab";
  options.kds = {"192.0.2.1", "kds9:1"};
  options.key = "mine.key";
  const auto settings = parse_kds_settings(whole, "test.toml", options);
  ASSERT_TRUE(settings) << error_of(settings);
  EXPECT_EQ(settings->realm, "lab");
  EXPECT_EQ(settings->identity.key, "mine.key");
  EXPECT_EQ(settings->identity.certificate, "/c");
  ASSERT_EQ(settings->kds.size(), 2U);
  EXPECT_EQ(settings->kds[0].to_string(), "192.0.2.1:8443");
  EXPECT_EQ(settings->kds[1].to_string(), "kds9:1");
}

TEST(KdsSettings, OptionsAloneAreEnough) {
  KdsOptions options;
  options.realm = "lab";
  options.authority = "a";
  options.certificate = "c";
  options.key = "k";
  EXPECT_TRUE(parse_kds_settings("", "test.toml", options));
}

TEST(KdsSettings, WhatIsMissingIsNamedAtOnce) {
  const std::string error = error_of(parse_kds_settings("realm = \"corp\"\nkey = \"/k\"\n", "test.toml", {}));
  EXPECT_TRUE(error.starts_with("authority, certificate: not in test.toml")) << error;
}

TEST(KdsSettings, WhatIsWrongIsNamed) {
  EXPECT_NE(
      error_of(parse_kds_settings(std::string(whole) + "interface = \"lo\"\n", "test.toml", {})).find("interface"),
      std::string::npos);
  EXPECT_NE(error_of(parse_kds_settings("realm = \"a/b\"\n", "test.toml", {})).find("test.toml:1: key 'realm'"),
            std::string::npos);
  KdsOptions options;
  options.realm = "a b";
  EXPECT_TRUE(error_of(parse_kds_settings(whole, "test.toml", options)).starts_with("--realm: ")) << "option";
  options = {};
  options.kds = {"a:0"};
  EXPECT_TRUE(error_of(parse_kds_settings(whole, "test.toml", options)).starts_with("--kds: ")) << "option";
  options = {};
  options.config = "/nonexistent/operator.toml";
  EXPECT_NE(error_of(read_kds_settings(options)).find("/nonexistent/operator.toml"), std::string::npos);
}

}  // namespace
}  // namespace sluice::cli
