// SPDX-License-Identifier: Apache-2.0
#include "agent/settings.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace sluice::agent {
namespace {

Result<Settings> load(const std::string& text) {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("sluice-settings-" + std::to_string(::getpid()));
  std::ofstream(path) << text;
  Result<Settings> settings = Settings::load(path);
  std::filesystem::remove(path);
  return settings;
}

constexpr const char* kMinimal = R"(name = "berlin"
network = "corp"
gateway = "gw.example.net:443"
certificate = "c"
key = "k"
authority = "a"
)";

TEST(Settings, MinimalFileHasTheDocumentedDefaults) {
  Result<Settings> settings = load(kMinimal);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->gateways, (std::vector<HostPort>{{"gw.example.net", "443"}}));
  EXPECT_EQ(settings->pool, 4u);
  EXPECT_EQ(settings->connect_timeout, std::chrono::seconds(60));
  EXPECT_EQ(settings->dead_after, std::chrono::seconds(10));
  EXPECT_EQ(settings->datagram_age, std::chrono::milliseconds(500));
  EXPECT_GE(settings->threads, 1u);
  EXPECT_LE(settings->threads, 16u);
  EXPECT_FALSE(settings->proxy);
  EXPECT_FALSE(settings->identity.revoked);
  EXPECT_FALSE(settings->metrics);
}

TEST(Settings, EveryErrorIsTold) {
  Result<Settings> settings = load(R"(name = "ber lin"
gateway = ["gw:443", "gw"]
certificate = "c"
key = "k"
authority = "a"
pool = 100000
dead_after = "1ms"
proxy = "ftp://user:secret@proxy"
porxy = ""
threads = 17
)");
  ASSERT_FALSE(settings);
  const std::string& text = settings.error().message;
  for (const char* part : {":1: key 'name'", "key 'network': is required", ":2: key 'gateway': 'gw' is not HOST:PORT",
                           ":6: key 'pool'", ":7: key 'dead_after': must be at least 1s", ":8: key 'proxy'",
                           ":9: key 'porxy': is unknown", ":10: key 'threads'"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
  EXPECT_EQ(text.find("secret"), std::string::npos) << "a password must not reach a log";
}

TEST(Settings, ThreadsAreOneToSixteen) {
  EXPECT_EQ(load(std::string(kMinimal) + "threads = 1\n")->threads, 1u);
  EXPECT_EQ(load(std::string(kMinimal) + "threads = 16\n")->threads, 16u);
  EXPECT_FALSE(load(std::string(kMinimal) + "threads = 0\n"));
  EXPECT_FALSE(load(std::string(kMinimal) + "threads = \"two\"\n"));
}

TEST(Settings, TheAgeOfDatagramsIsBounded) {
  EXPECT_EQ(load(std::string(kMinimal) + "datagram_age = \"10ms\"\n")->datagram_age, std::chrono::milliseconds(10));
  EXPECT_EQ(load(std::string(kMinimal) + "datagram_age = \"60s\"\n")->datagram_age, std::chrono::seconds(60));
  EXPECT_FALSE(load(std::string(kMinimal) + "datagram_age = \"9ms\"\n"));
  EXPECT_FALSE(load(std::string(kMinimal) + "datagram_age = \"61s\"\n"));
}

TEST(Settings, MetricsAreServedAtAnAddress) {
  for (const char* text : {"127.0.0.1:9470", "[::1]:9470"}) {
    Result<Settings> settings = load(std::string(kMinimal) + "metrics = \"" + text + "\"\n");
    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(settings->metrics->to_string(), text);
  }
  for (const char* text : {"9470", "127.0.0.1", "localhost:9470", "::1:9470", "127.0.0.1:0"}) {
    Result<Settings> settings = load(std::string(kMinimal) + "metrics = \"" + text + "\"\n");
    ASSERT_FALSE(settings) << text;
    EXPECT_NE(settings.error().message.find(":7: key 'metrics'"), std::string::npos) << settings.error().message;
  }
}

TEST(Settings, AGatewayIsNeeded) {
  EXPECT_FALSE(load("name = \"a\"\nnetwork = \"b\"\ncertificate = \"c\"\nkey = \"k\"\nauthority = \"a\"\n"));
  EXPECT_FALSE(load(std::string(kMinimal).replace(std::string(kMinimal).find("\"gw.example.net:443\""), 20, "[]")));
}

TEST(HostPort, Forms) {
  EXPECT_EQ(*HostPort::parse("[2001:db8::1]:443"), (HostPort{"2001:db8::1", "443"}));
  EXPECT_EQ(HostPort::parse("[2001:db8::1]:443")->to_string(), "[2001:db8::1]:443");
  for (const char* text : {"gw", "gw:", ":443", "gw:0", "gw:65536", "2001:db8::1:443", "[gw]:443", "gw\r\nX: y:443"}) {
    EXPECT_FALSE(HostPort::parse(text)) << text;
  }
}

TEST(ProxySettings, UserAndPasswordMayBePercentEncoded) {
  Result<ProxySettings> proxy = ProxySettings::parse("http://us%40er:p%3Aa:s%2Fs@proxy:3128/");
  ASSERT_TRUE(proxy) << proxy.error().message;
  EXPECT_EQ(proxy->user, "us@er");
  EXPECT_EQ(proxy->password, "p:a:s/s");
  EXPECT_EQ(proxy->server, (HostPort{"proxy", "3128"}));
  EXPECT_TRUE(ProxySettings::parse("http://proxy:3128")->user.empty());
  for (const char* text : {"proxy:3128", "https://proxy:3128", "http://u@proxy:1", "http://u:%4@p:1", "http://u:p@p"}) {
    EXPECT_FALSE(ProxySettings::parse(text)) << text;
  }
}

}  // namespace
}  // namespace sluice::agent
