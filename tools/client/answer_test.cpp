// SPDX-License-Identifier: Apache-2.0
#include "client/answer.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "evidence/base64url.hpp"
#include "kds/openapi_testing.hpp"

namespace sluice::client {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

std::string bytes(std::size_t size, std::uint8_t value) {
  return evidence::to_base64url(std::vector<std::uint8_t>(size, value));
}

Json challenge() {
  return {{"nonce", bytes(32, 7)},
          {"expires_in", 60},
          {"wanted",
           {{"packages", {"openssh-server"}},
            {"plugins", {"backup"}},
            {"osquery", {{"usb", "select 1"}}},
            {"quote", false}}}};
}

// Of the contract (Documentation/kds.rst), with SPIs that agree: generation 7 has slot 1, id 17, incarnation 0.
Json key() {
  return {{"gateway", "gw1"},
          {"addresses", {"192.0.2.1", "2001:db8::1"}},
          {"udp_port", 4500},
          {"native", true},
          {"network", "corp"},
          {"generation", 7},
          {"id", 17},
          {"incarnation", 0},
          {"algorithm", "aes-256-gcm"},
          {"outbound", {{"spi", 0x40002200}, {"key", bytes(36, 1)}}},
          {"inbound", {{"spi", 0x60002200}, {"key", bytes(36, 2)}}},
          {"inner", {"100.80.0.17", "fd80::11"}},
          {"routes", {"10.20.0.0/16", "fd20::/48"}},
          {"refresh_in", 2700},
          {"expires_in", 3500},
          {"lease_in", 600}};
}

Json answer() {
  const Json renewed{{"gateway", "gw4"}, {"network", "corp"},  {"spi", 0x40002200},
                     {"refresh_in", 1},  {"expires_in", 3500}, {"lease_in", 600}};
  const Json failure{{"name", "os.version"}, {"detail", "os.version is \"11\"."}, {"remedy", "Update."}};
  return {{"health_in", 600},
          {"keys", {key()}},
          {"renewed", {renewed}},
          {"refused", {{{"gateway", "gw2"}, {"network", "lab"}, {"reason", "posture"}, {"failures", {failure}}}}},
          {"later", {{{"gateway", "gw3"}, {"network", "corp"}, {"detail", "not yet"}}}}};
}

std::string error_of(const Json& json) {
  const auto parsed = parse_answer(json.dump());
  return parsed ? "" : parsed.error().message;
}

TEST(Challenge, Reads) {
  const auto parsed = parse_challenge(challenge().dump());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->nonce[0], 7);
  EXPECT_EQ(parsed->expires_in, 60s);
  EXPECT_EQ(parsed->wanted, (Wanted{{"openssh-server"}, {"backup"}, {{"usb", "select 1"}}, false}));
}

TEST(Challenge, MayNameTheClaims) {
  Json json = challenge();
  json["wanted"]["claims"] = {"os", "updates"};
  EXPECT_EQ(parse_challenge(json.dump())->wanted.claims, (std::vector<std::string>{"os", "updates"}));
  json["wanted"]["claims"] = Json::array();
  EXPECT_EQ(parse_challenge(json.dump())->wanted.claims, std::vector<std::string>());
}

TEST(Challenge, AQuoteIsWantedOfPcrs) {
  Json json = challenge();
  json["wanted"]["quote"] = true;
  EXPECT_TRUE(parse_challenge(json.dump())->wanted.pcrs.empty());
  json["wanted"]["pcrs"] = Json::array({7, 0});
  const auto parsed = parse_challenge(json.dump());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_TRUE(parsed->wanted.quote);
  EXPECT_EQ(parsed->wanted.pcrs, (std::set<unsigned>{0, 7}));
}

TEST(Challenge, TellsWhatIsWrong) {
  for (const auto& [pointer, value, told] : std::initializer_list<std::tuple<const char*, Json, const char*>>{
           {"/nonce", bytes(31, 7), "'nonce'"},
           {"/nonce", 7, "'nonce' should be text"},
           {"/nonce", std::string(43, '='), "'nonce'"},
           {"/expires_in", 0, "'expires_in'"},
           {"/expires_in", 1.5, "'expires_in'"},
           {"/wanted", Json::array(), "'wanted' should be an object"},
           {"/wanted/packages", "openssh-server", "'wanted.packages' should be a list"},
           {"/wanted/packages/0", 1, "'wanted.packages[0]' should be text"},
           {"/wanted/packages", Json(std::vector<std::string>(257, "a")), "'wanted.packages' has more than"},
           {"/wanted/plugins/0", std::string(257, 'a'), "'wanted.plugins[0]'"},
           {"/wanted/osquery", Json{{"a b", "select"}}, "'wanted.osquery'"},
           {"/wanted/osquery/usb", std::string(4097, 'a'), "'wanted.osquery.usb'"},
           {"/wanted/quote", 1, "'wanted.quote'"},
           {"/wanted/pcrs", 7, "'wanted.pcrs' is no list of PCRs"},
           {"/wanted/pcrs", Json::array({24}), "'wanted.pcrs'"},
           {"/wanted/pcrs", Json::array({-1}), "'wanted.pcrs'"},
           {"/wanted/pcrs", Json::array({7, 7}), "'wanted.pcrs'"}}) {
    Json json = challenge();
    json[Json::json_pointer(pointer)] = value;
    const auto parsed = parse_challenge(json.dump());
    ASSERT_FALSE(parsed) << pointer << value;
    EXPECT_NE(parsed.error().message.find(told), std::string::npos) << parsed.error().message;
    EXPECT_EQ(parsed.error().number, EBADMSG);
  }
  for (const char* text : {"", "[]", "{\"nonce\":1,\"nonce\":1}", "{} {}"}) EXPECT_FALSE(parse_challenge(text)) << text;
}

TEST(Answer, Reads) {
  Json json = answer();
  json["new"] = "in a later version";
  const auto parsed = parse_answer(json.dump());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->health_in, 600s);
  ASSERT_EQ(parsed->keys.size(), 1u);
  const Granted& key = parsed->keys[0];
  EXPECT_EQ(key.gateway + "/" + key.network, "gw1/corp");
  EXPECT_EQ(key.addresses, (std::vector{*Address::parse("192.0.2.1"), *Address::parse("2001:db8::1")}));
  EXPECT_EQ(key.udp_port, 4500);
  EXPECT_TRUE(key.native);
  EXPECT_EQ(key.generation, 7u);
  EXPECT_EQ(key.keys.outbound.spi.value(), 0x40002200u);
  EXPECT_EQ(key.keys.inbound.spi.value(), 0x60002200u);
  EXPECT_EQ(key.keys.outbound.keying.text(), std::string(36, 1));
  EXPECT_EQ(key.keys.inbound.keying.text(), std::string(36, 2));
  EXPECT_EQ(key.keys.inner.size(), 2u);
  EXPECT_EQ(key.keys.routes[0].to_string(), "10.20.0.0/16");
  EXPECT_EQ(key.times, (Times{2700s, 3500s, 600s}));
  EXPECT_EQ(parsed->renewed.at(0).outbound.value(), 0x40002200u);
  EXPECT_EQ(parsed->refused.at(0).reason, "posture");
  EXPECT_EQ(parsed->refused.at(0).failures.at(0).remedy, "Update.");
  EXPECT_EQ(parsed->later.at(0).detail, "not yet");
}

TEST(Answer, EachMemberOfAKeyIsNeeded) {
  for (const char* name : {"gateway", "addresses", "native", "network", "generation", "id", "incarnation", "algorithm",
                           "outbound", "inbound", "inner", "routes", "refresh_in", "expires_in", "lease_in"}) {
    Json json = answer();
    json["keys"][0].erase(name);
    EXPECT_NE(error_of(json).find("'keys[0]." + std::string(name)), std::string::npos)
        << name << ": " << error_of(json);
  }
  Json json = answer();
  json["keys"][0].erase("udp_port");
  EXPECT_EQ(error_of(json), "");
  json["keys"][0]["native"] = false;
  EXPECT_NE(error_of(json).find("'keys[0].native' is false"), std::string::npos);
}

TEST(Answer, TellsWhatIsWrongAndNoKey) {
  const std::string one = bytes(36, 1);
  for (const auto& [pointer, value, told] : std::initializer_list<std::tuple<const char*, Json, const char*>>{
           {"/health_in", -1, "'health_in'"},
           {"/health_in", 604801, "'health_in'"},
           {"/keys", Json::object(), "'keys' should be a list"},
           {"/keys/0", 1, "'keys[0]' should be an object"},
           {"/keys/0/gateway", "a b", "'keys[0].gateway'"},
           {"/keys/0/network", "\x1b[2J", "'keys[0].network'"},
           {"/keys/0/addresses", Json::array(), "'keys[0].addresses' is empty"},
           {"/keys/0/addresses/0", "gw1.example.net", "'keys[0].addresses'"},
           {"/keys/0/addresses/0", "127.0.0.1", "no host can have"},
           {"/keys/0/addresses/0", "::", "no host can have"},
           {"/keys/0/addresses", Json(std::vector<std::string>(9, "192.0.2.1")), "has more than 8"},
           {"/keys/0/udp_port", 0, "'keys[0].udp_port'"},
           {"/keys/0/udp_port", 65536, "'keys[0].udp_port'"},
           {"/keys/0/native", "yes", "'keys[0].native'"},
           {"/keys/0/generation", 8, "'keys[0].generation' is not that of the SPIs"},
           {"/keys/0/generation", -7, "'keys[0].generation'"},
           {"/keys/0/id", 18, "'keys[0].id' is not that of the SPIs"},
           {"/keys/0/id", 0, "'keys[0].id' should be"},
           {"/keys/0/incarnation", 1, "'keys[0].incarnation' is not that of the SPIs"},
           {"/keys/0/incarnation", 512, "'keys[0].incarnation' should be"},
           {"/keys/0/algorithm", "aes-128-cbc", "'keys[0].algorithm'"},
           {"/keys/0/algorithm", "aes-128-gcm", "'keys[0].outbound.key' should be 20 bytes"},
           {"/keys/0/outbound", one, "'keys[0].outbound' should be an object"},
           {"/keys/0/outbound/spi", 0x60002200, "'keys[0].outbound.spi' is one of packets to the client"},
           {"/keys/0/outbound/spi", 0xc0002200, "'keys[0].outbound.spi' is no SPI"},
           {"/keys/0/outbound/spi", 0x100000000, "'keys[0].outbound.spi' should be"},
           {"/keys/0/inbound/spi", 0x40002200, "'keys[0].inbound.spi' is not the other direction"},
           {"/keys/0/inbound/spi", 0x60002201, "'keys[0].inbound.spi' is not the other direction"},
           {"/keys/0/outbound/key", bytes(35, 1), "'keys[0].outbound.key' should be 36 bytes"},
           {"/keys/0/outbound/key", std::string(48, '+'), "'keys[0].outbound.key' is no base64url"},
           {"/keys/0/outbound/key", bytes(36, 0), "'keys[0].outbound.key' is all zero"},
           {"/keys/0/inbound/key", one, "'keys[0].inbound.key' is the same as"},
           {"/keys/0/inner", Json{"100.80.0.17", "100.80.0.18"}, "'keys[0].inner' has two addresses of one family"},
           {"/keys/0/inner", Json{"100.80.0.17"}, "'keys[0].routes' has fd20::/48, and"},
           {"/keys/0/inner/0", "224.0.0.1", "'keys[0].inner' has an address"},
           {"/keys/0/routes", Json::array(), "'keys[0].routes' is empty"},
           {"/keys/0/routes/0", "10.20.0.1/16", "'keys[0].routes'"},
           {"/keys/0/routes", Json{"10.20.0.0/16", "10.20.0.0/16"}, "twice"},
           {"/keys/0/refresh_in", 3501, "'keys[0].refresh_in' is after"},
           {"/keys/0/routes/0", "127.0.0.0/8", "'keys[0].routes' has 127.0.0.0/8, where"},
           {"/keys/0/routes/0", "127.0.0.1/32", "'keys[0].routes' has 127.0.0.1"},
           {"/keys/0/routes/0", "0.0.0.0/8", "'keys[0].routes' has 0.0.0.0/8, where"},
           {"/keys/0/routes/0", "224.0.0.0/4", "'keys[0].routes' has 224.0.0.0/4, where"},
           {"/keys/0/routes/0", "ff00::/8", "'keys[0].routes' has ff00::/8"},
           {"/keys/0/routes/0", "::1/128", "'keys[0].routes' has ::1"},
           {"/keys/0/lease_in", "600", "'keys[0].lease_in'"},
           {"/keys/1", key(), "'keys[1].network' is there twice"},
           {"/renewed/0/spi", 0x60002200, "'renewed[0].spi'"},
           {"/renewed/0/gateway", 1, "'renewed[0].gateway'"},
           {"/renewed/0/gateway", "gw1", "'renewed[0].network' is there twice"},
           {"/refused/0/reason", "a\nb", "'refused[0].reason'"},
           {"/refused/0/failures", 1, "'refused[0].failures'"},
           {"/refused/0/failures/0/detail", 1, "'refused[0].failures[0].detail'"},
           {"/later/0/detail", Json::object(), "'later[0].detail'"}}) {
    Json json = answer();
    json[Json::json_pointer(pointer)] = value;
    const std::string error = error_of(json);
    EXPECT_NE(error.find(told), std::string::npos) << pointer << " " << value << ": " << error;
    EXPECT_EQ(error.find(one), std::string::npos) << error;
  }
  EXPECT_NE(error_of(Json(std::string(answer_most, 'a'))), "");
  EXPECT_NE(error_of(Json::array()), "");
}

http::Response response(unsigned status, const std::string& body) {
  return http::Response::with_body(status, "application/problem+json", body);
}

TEST(Problem, SaysWhatToMend) {
  const http::Problem said{
      403, "Not healthy", "2 of 3", {{"os.version", "is 11", "Update."}, {"firewall", "is off", ""}}};
  const Problem problem = parse_problem(said.to_response());
  EXPECT_TRUE(problem.refused_by_policy());
  EXPECT_EQ(problem.to_words(), "Not healthy: 2 of 3\n  os.version: is 11\n    remedy: Update.\n  firewall: is off");
  EXPECT_NE(parse_problem(response(403, R"({"title":"Banned"})")).to_words().find("ask who runs"), std::string::npos);
}

TEST(Problem, NothingThatAServerSaysBreaksATerminal) {
  const Problem problem = parse_problem(response(400, R"({"title":"a\u001b[2Jb\nc\u009bd\u202ee\u00e9"})"));
  EXPECT_EQ(problem.title, "a?[2Jb?c?d?e\u00e9");
  EXPECT_EQ(parse_problem(response(404, "<html>")).title, "Not Found");
  EXPECT_EQ(parse_problem(response(404, R"({"title":1,"failures":[1]})")).title, "Not Found");
  EXPECT_TRUE(parse_problem(response(404, R"({"failures":[1]})")).failures.empty());
}

TEST(Problem, WhenToComeAgain) {
  http::Response busy = response(429, R"({"title":"Too many"})");
  busy.fields.add("Retry-After", "30");
  EXPECT_EQ(parse_problem(busy).retry_after, 30s);
  EXPECT_NE(parse_problem(busy).to_words().find("try again in 30 s"), std::string::npos);
  busy = response(429, "");
  busy.fields.add("Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT");
  EXPECT_EQ(parse_problem(busy).retry_after, std::nullopt);
  EXPECT_TRUE(parse_problem(response(409, R"({"title":"Challenge used"})")).stale_challenge());
  EXPECT_FALSE(parse_problem(response(409, R"({"title":"Conflict"})")).stale_challenge());
  EXPECT_FALSE(parse_problem(response(400, R"({"title":"challenge"})")).stale_challenge());
}

TEST(Path, FirstAddressWithARouteInUdpUnlessNativeIsLiked) {
  auto parsed = parse_answer(answer().dump());
  ASSERT_TRUE(parsed);
  Granted& key = parsed->keys[0];
  const auto all = [](const Address&) { return true; };
  ASSERT_TRUE(choose_path(key, false, all));
  EXPECT_EQ(key.keys.gateway.to_string(), "192.0.2.1");
  EXPECT_EQ(key.keys.udp_port, 4500);
  ASSERT_TRUE(choose_path(key, true, [](const Address& address) { return !address.is_v4(); }));
  EXPECT_EQ(key.keys.gateway.to_string(), "2001:db8::1");
  EXPECT_EQ(key.keys.udp_port, std::nullopt);
  key.native = false;
  ASSERT_TRUE(choose_path(key, true, all));
  EXPECT_EQ(key.keys.udp_port, 4500);
  key.native = true;
  key.udp_port.reset();
  ASSERT_TRUE(choose_path(key, false, all));
  EXPECT_EQ(key.keys.udp_port, std::nullopt);
  key.keys.routes = {*Prefix::parse("192.0.2.0/24")};
  ASSERT_TRUE(choose_path(key, false, all));
  EXPECT_EQ(key.keys.gateway.to_string(), "2001:db8::1");
  const auto none = choose_path(key, false, [](const Address&) { return false; });
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message,
            "the gateway gw1 cannot be reached: 192.0.2.1 lies in 192.0.2.0/24, which is to go through the tunnel; "
            "there is no route to 2001:db8::1");
}

TEST(Openapi, WhatTheApiPromisesIsRead) {
  for (const auto& [name, body] : kds::openapi::response_examples("/v1/challenge", "get")) {
    const auto read = parse_challenge(body.dump());
    EXPECT_TRUE(read) << name << ": " << (read ? "" : read.error().message);
  }
  for (const auto& [name, body] : kds::openapi::response_examples("/v1/keys", "post")) {
    const auto read = parse_answer(body.dump());
    EXPECT_TRUE(read) << name << ": " << (read ? "" : read.error().message);
  }
  for (const auto& [name, body] : kds::openapi::response_examples("/v1/keys", "post", "403")) {
    const Problem problem = parse_problem(response(403, body.dump()));
    EXPECT_EQ(problem.title, body.at("title")) << name;
    EXPECT_EQ(problem.failures.size(), body.at("failures").size()) << name;
  }
  for (const auto& [name, body] : kds::openapi::response_examples("/v1/keys", "post", "409"))
    EXPECT_TRUE(parse_problem(response(409, body.dump())).stale_challenge()) << name;
}

}  // namespace
}  // namespace sluice::client
