// SPDX-License-Identifier: Apache-2.0
#include "client/settings.hpp"

#include <gtest/gtest.h>

namespace sluice::client {
namespace {

using namespace std::chrono_literals;

const std::string kText = R"(realm = "example"
certificate = "/c"
key = "/k"
authority = "/a"
)";

std::string error_of(const std::string& more, const std::string& text = kText) {
  const auto settings = parse_settings(text + more, "f");
  return settings ? "" : settings.error().message;
}

TEST(Settings, TheExampleReads) {
  const auto settings = load_settings(CLIENT_EXAMPLE);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->realm, "example");
  EXPECT_EQ(settings->identity.key, "/etc/sluice/laptop1.key");
  EXPECT_EQ(settings->identity.revoked, std::nullopt);
  EXPECT_TRUE(settings->kds.empty() && settings->domains.empty());
  EXPECT_EQ(settings->interface, std::nullopt);
  EXPECT_FALSE(settings->native);
  EXPECT_EQ(settings->measure, MeasureSettings());
  EXPECT_EQ(settings->tpm, TpmSettings());
  EXPECT_EQ(settings->policy, PolicySettings());
}

TEST(Settings, ReadsAll) {
  const auto settings = parse_settings(kText + R"(revoked = "/r"
kds = ["kds1.example.net", "192.0.2.1:444", "[2001:db8::1]:445", "[2001:db8::2]"]
interface = "lo"
native = true
[measure]
plugins = ""
osquery = false
plugin_time = "1s"
time = "10s"
[tpm]
tcti = "tabrmd"
handle = 0x81000007
)",
                                       "f");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->identity.revoked, "/r");
  EXPECT_EQ(settings->kds,
            (std::vector<http::ServerName>{
                {"kds1.example.net", 8443}, {"192.0.2.1", 444}, {"2001:db8::1", 445}, {"2001:db8::2", 8443}}));
  EXPECT_EQ(settings->interface, "lo");
  EXPECT_TRUE(settings->native);
  EXPECT_EQ(settings->measure, (MeasureSettings{"", false, 1000ms, 10000ms}));
  EXPECT_EQ(settings->tpm, (TpmSettings{"tabrmd", 0x81000007}));
  const auto domains = parse_settings(kText + "domain = [\"Example.net.\", \"b.example\"]\n", "f");
  ASSERT_TRUE(domains) << domains.error().message;
  EXPECT_EQ(domains->domains, (std::vector<std::string>{"example.net", "b.example"}));
}

TEST(Settings, AFileThatNamesKeyServersSaysThatThereIsAPolicy) {
  using Mode = PolicySettings::Mode;
  const auto policy_of = [](const std::string& more) {
    const auto settings = parse_settings(kText + more, "f");
    EXPECT_TRUE(settings) << (settings ? "" : settings.error().message);
    return settings ? settings->policy : PolicySettings{};
  };
  EXPECT_EQ(policy_of("").mode, Mode::optional);
  EXPECT_EQ(policy_of("kds = \"a\"\n").mode, Mode::ignore);
  EXPECT_EQ(policy_of("domain = \"a\"\n").mode, Mode::ignore);
  EXPECT_EQ(policy_of("kds = \"a\"\n[policy]\n").mode, Mode::optional);
  EXPECT_EQ(policy_of("[policy]\nmode = \"required\"\ngateway = [\"192.0.2.1\", \"2001:db8::1\"]\nport = 7\n"),
            (PolicySettings{Mode::required, {*Address::parse("192.0.2.1"), *Address::parse("2001:db8::1")}, 7}));
}

TEST(Settings, TellsWhatIsWrong) {
  EXPECT_NE(error_of("", "realm = \"a b\"\n").find("f:1: key 'realm'"), std::string::npos);
  for (const char* key : {"'certificate'", "'key'", "'authority'"})
    EXPECT_NE(error_of("", "realm = \"e\"\n").find(key), std::string::npos) << key;
  for (const auto& [more, told] : std::initializer_list<std::pair<const char*, const char*>>{
           {"revoked = \"r\"\n", "f:5: key 'revoked': must be an absolute path"},
           {"kds = []\n", "key 'kds': names no server"},
           {"kds = [\"a\", \"a:8443\"]\n", "is there twice"},
           {"kds = \"a\"\ndomain = \"b\"\n", "f:6: key 'domain': is not asked"},
           {"domain = \"a b\"\n", "'a b' is no domain"},
           {"interface = \"0123456789abcdef\"\n", "key 'interface'"},
           {"native = 1\n", "key 'native'"},
           {"nativ = true\n", "key 'nativ'"},
           {"[tpm]\ntcti = \"\"\n", "key 'tpm.tcti': must not be empty"},
           {"[tpm]\nhandle = 0x81800000\n", "key 'tpm.handle'"},
           {"[policy]\nmode = \"no\"\n", "key 'policy.mode': must be \"optional\""},
           {"[policy]\ngateway = \"gw\"\n", "key 'policy.gateway'"},
           {"[policy]\nport = 0\n", "key 'policy.port'"},
           {"[measure]\nplugins = \"p\"\n", "key 'measure.plugins': must be an absolute path"},
           {"[measure]\ntime = \"31s\"\n", "key 'measure.time': must be 100ms to 30s"},
           {"[measure]\nplugin_time = \"0s\"\n", "key 'measure.plugin_time'"}})
    EXPECT_NE(error_of(more).find(told), std::string::npos) << more << error_of(more);
}

}  // namespace
}  // namespace sluice::client
