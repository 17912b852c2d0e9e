// SPDX-License-Identifier: Apache-2.0
#include "sluice/esp_text.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/unique_fd.hpp"
#include "sluice/command.hpp"

namespace sluice::cli {
namespace {

using std::chrono::seconds;

TEST(EspTextTest, AMasterKeyComesFromAFileOfItsOwnersAlone) {
  constexpr std::string_view digits = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F\n";
  char path[] = "/tmp/sluice-key-XXXXXX";
  UniqueFd file(::mkstemp(path));
  ASSERT_TRUE(file);
  ASSERT_EQ(::write(file.get(), digits.data(), digits.size()), static_cast<ssize_t>(digits.size()));
  auto key = read_master_key(path);
  ASSERT_TRUE(key) << key.error().message;
  for (std::size_t i = 0; i < netlink::MasterKey::size; ++i) EXPECT_EQ(key->bytes()[i], static_cast<std::byte>(i));
  ASSERT_EQ(::fchmod(file.get(), 0644), 0);
  EXPECT_FALSE(read_master_key(path));
  ASSERT_EQ(::fchmod(file.get(), 0600), 0);
  ASSERT_EQ(::ftruncate(file.get(), 63), 0);
  key = read_master_key(path);
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().message.find(path), 0u) << key.error().message;
  EXPECT_NE(key.error().message.find("64 hexadecimal digits"), std::string::npos) << key.error().message;
  ::unlink(path);
  EXPECT_FALSE(read_master_key(path));
}

TEST(EspTextTest, SecondsAreAPlainNumberOrADuration) {
  EXPECT_EQ(*parse_seconds("3600"), seconds(3600));
  EXPECT_EQ(*parse_seconds("1h"), seconds(3600));
  EXPECT_EQ(*parse_seconds("1d"), seconds(86400));
  EXPECT_EQ(*parse_seconds("90s"), seconds(90));
  EXPECT_EQ(*parse_seconds("2000ms"), seconds(2));
  for (const char* wrong : {"", "1500ms", "-1", "1w", "5 s", "4294967296", "2000000h"})
    EXPECT_FALSE(parse_seconds(wrong)) << wrong;
}

TEST(EspTextTest, TimeLeftIsAClock) {
  EXPECT_EQ(clock_text(seconds(0)), "0s");
  EXPECT_EQ(clock_text(seconds(59)), "59s");
  EXPECT_EQ(clock_text(seconds(309)), "5m 09s");
  EXPECT_EQ(clock_text(seconds(7509)), "2h 05m 09s");
  EXPECT_EQ(clock_text(seconds(86400)), "24h 00m 00s");
}

TEST(EspTextTest, GenerationsTellTheirSlot) {
  const netlink::Generation generation{
      11, netlink::Algorithm::aes_256_gcm, netlink::GenerationState::current, seconds(3599), 4, 8192};
  const nlohmann::json json = to_json(generation);
  EXPECT_EQ(json["slot"], 2);
  EXPECT_EQ(json["state"], "current");
  EXPECT_EQ(json["algorithm"], "aes-256-gcm");
  EXPECT_EQ(json["remaining_s"], 3599);
}

TEST(EspTextTest, EspTellsItsNonceInHexAndNoUnspecifiedSource) {
  netlink::Esp esp;
  esp.source_ipv4 = *Address::parse("0.0.0.0");
  esp.source_ipv6 = *Address::parse("2001:db8::1");
  esp.boot_nonce[0] = 0xa1;
  const nlohmann::json json = to_json(esp);
  EXPECT_EQ(json["boot_nonce"], "a1" + std::string(62, '0'));
  EXPECT_TRUE(json["source_ipv4"].is_null());
  EXPECT_EQ(json["source_ipv6"], "2001:db8::1");
  EXPECT_TRUE(json["fallback"].is_null());
}

TEST(EspTextTest, ClientsTellWhereTheyAreAndHowTheyStand) {
  netlink::EspClient client;
  client.id = 7;
  nlohmann::json json = to_json(client, "corp");
  EXPECT_FALSE(json.contains("outer"));
  EXPECT_FALSE(json.contains("generation"));
  EXPECT_EQ(standing(client), "");
  client.incarnation = std::uint16_t{2};
  client.incarnation_min = 2;
  client.address = *Address::parse("198.51.100.7");
  EXPECT_EQ(to_json(client, "corp")["outer"], "198.51.100.7");
  EXPECT_EQ(standing(client), "");
  client.port = 4500;
  client.encapsulation = netlink::Encapsulation::udp;
  client.incarnation_min = 3;
  json = to_json(client, "corp");
  EXPECT_EQ(json["outer"], "198.51.100.7:4500");
  EXPECT_EQ(json["encapsulation"], "udp");
  EXPECT_EQ(standing(client), "revoked below 3");
  client.incarnation_min = 512;
  EXPECT_EQ(standing(client), "revoked");
  client.banned = true;
  EXPECT_EQ(standing(client), "banned");
}

// The syntax alone: what the line would do is left in the action, and not done.
bool is_understood(std::vector<std::string> words) {
  CLI::App app;
  app.fallthrough();
  app.require_subcommand(1);
  Context context;
  Action action;
  app.add_flag("--json", context.json);
  for (auto* add : {add_pool, add_generation, add_esp, add_esp_client}) add(app, context, action);
  std::ranges::reverse(words);
  try {
    app.parse(words);
  } catch (const CLI::ParseError&) {
    return false;
  }
  return static_cast<bool>(action);
}

using Words = std::vector<std::string>;

TEST(EspCommands, AreUnderstoodAsTheManPageHasThem) {
  for (const Words& line : std::initializer_list<Words>{
           {"generation", "new", "--number", "4", "--master-key-file", "-"},
           {"generation", "new", "--number", "4", "--master-key-file", "k", "--algorithm", "aes-128-gcm", "--lifetime",
            "3600"},
           {"generation", "promote", "--number", "4"},
           {"generation", "promote", "--number", "4", "--overlap", "60"},
           {"generation", "del", "--number", "4"},
           {"generation", "list", "--json"},
           {"esp", "show", "--json"},
           {"esp", "set", "--udp-port", "4500"},
           {"esp", "set", "--udp-port", "0"},
           {"esp", "set", "--source", "192.0.2.1", "2001:db8::1", "--unknown-rate", "100"},
           {"pool", "new", "--network", "corp", "--first", "1", "--last", "9", "--base4", "100.64.0.0"},
           {"pool", "new", "--network", "corp", "--first", "1", "--last", "9", "--base6", "fd64::", "--host"},
           {"pool", "del", "--first", "1"},
           {"pool", "list"},
           {"esp-client", "list"},
           {"esp-client", "list", "--id", "7", "--json"},
           {"esp-client", "ban", "--id", "7"},
           {"esp-client", "unban", "--id", "7"},
           {"esp-client", "revoke", "--id", "7", "--below", "512"},
           {"esp-client", "revoke", "--id", "7", "--below", "3", "--generation", "4"}})
    EXPECT_TRUE(is_understood(line)) << testing::PrintToString(line);
}

TEST(EspCommands, WrongOnesAreRefusedBeforeTheKernelIsAsked) {
  for (const Words& line : std::initializer_list<Words>{
           {"generation"},
           {"generation", "new", "--number", "4"},
           {"generation", "new", "--master-key-file", "-"},
           {"generation", "new", "--number", "0", "--master-key-file", "-"},
           {"generation", "new", "--number", "4", "--master-key-file", "-", "--algorithm", "unspecified"},
           {"generation", "promote"},
           {"esp", "set"},
           {"esp", "set", "--udp-port", "65536"},
           {"esp", "set", "--unknown-rate", "0"},
           {"esp", "set", "--source", "a", "b", "c"},
           {"pool", "new", "--network", "corp", "--first", "0", "--last", "9"},
           {"pool", "new", "--network", "corp", "--first", "1", "--last", "1048576"},
           {"pool", "new", "--first", "1", "--last", "9"},
           {"pool", "del"},
           {"esp-client", "ban"},
           {"esp-client", "ban", "--id", "1048576"},
           {"esp-client", "revoke", "--id", "7"},
           {"esp-client", "revoke", "--id", "7", "--below", "513"}})
    EXPECT_FALSE(is_understood(line)) << testing::PrintToString(line);
}

}  // namespace
}  // namespace sluice::cli
