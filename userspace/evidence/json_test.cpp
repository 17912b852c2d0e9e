// SPDX-License-Identifier: Apache-2.0
#include "evidence/json.hpp"

#include <gtest/gtest.h>

#include "evidence/reason.hpp"

namespace sluice::evidence {
namespace {

constexpr std::size_t kMost = 4096;

std::string why(std::string_view text) {
  const Result<nlohmann::json> json = parse_json(text, kMost);
  if (json) return "it was read: " + json->dump();
  EXPECT_EQ(reason_of(json.error()), Reason::malformed);
  for (char c : json.error().message) EXPECT_TRUE(c >= ' ' && c <= '~') << json.error().message;
  return json.error().message;
}

std::string nested(std::size_t levels, bool arrays) {
  std::string text;
  for (std::size_t i = 0; i < levels; ++i) text += arrays ? "[" : R"({"a":)";
  text += "1";
  for (std::size_t i = 0; i < levels; ++i) text += arrays ? "]" : "}";
  return text;
}

TEST(Json, ReadsAllKindsOfValues) {
  const std::string text =
      R"( {"a":[1,-2,0.5,true,false,null,"x",[],{}],"b":{"a":"\u00e4\ud83d\ude00\"\\\/\n","c":[{"d":[[3]]},{"d":4}]}} )";
  const Result<nlohmann::json> json = parse_json(text, kMost);
  ASSERT_TRUE(json) << json.error().message;
  EXPECT_EQ(*json, nlohmann::json::parse(text));
  EXPECT_EQ((*json)["b"]["a"], "\xc3\xa4\xf0\x9f\x98\x80\"\\/\n");
  for (std::string_view scalar : {"1", "\"x\"", "null", "true", " [ ] "})
    EXPECT_TRUE(parse_json(scalar, kMost)) << scalar;
}

TEST(Json, RefusesAKeyThatStandsTwice) {
  EXPECT_EQ(why(R"({"a":1,"a":1})"), "at 'a': this key stands twice");
  EXPECT_EQ(why(R"({"a":1,"b":{},"\u0061":2})"), "at 'a': this key stands twice");
  EXPECT_EQ(why(R"({"x":{"y":[0,{"a":1,"b":[{"a":2}],"a":3}]}})"), "at 'x.y[1].a': this key stands twice");
  EXPECT_EQ(why(R"([[],[{"":1,"":2}]])"), "at '[1][0]': this key stands twice");
  // Not in one object.
  EXPECT_TRUE(parse_json(R"({"a":{"a":{"a":[{"a":1},{"a":1}]}}})", kMost));
}

TEST(Json, RefusesMoreThanSixteenLevels) {
  for (bool arrays : {true, false}) {
    EXPECT_TRUE(parse_json(nested(16, arrays), kMost));
    EXPECT_NE(why(nested(17, arrays)).find("more than 16 levels"), std::string::npos);
    EXPECT_NE(why(nested(400, arrays)).find("more than 16 levels"), std::string::npos);
  }
  // Side by side is no depth.
  std::string wide = "[";
  for (int i = 0; i < 200; ++i) wide += "[[]],";
  EXPECT_TRUE(parse_json(wide + "[]]", kMost));
  // Told before what is never closed is missed.
  EXPECT_NE(why(std::string(4000, '[')).find("more than 16 levels"), std::string::npos);
}

TEST(Json, RefusesNumbersThatReadersDisagreeAbout) {
  for (std::string_view good : {"9007199254740992", "-9007199254740992", "0", "-0", "0.1", "-1e-7", "1e15",
                                "4503599627370497.5", "9007199254740991.0", "1e-400"}) {
    EXPECT_TRUE(parse_json(good, kMost)) << good;
  }
  for (std::string_view bad :
       {"9007199254740993", "-9007199254740993", "9223372036854775807", "-9223372036854775808", "18446744073709551615",
        "18446744073709551616", "-9223372036854775809", "9007199254740993.0", "9007199254740992.0", "1e16", "-1e300",
        "1e308", "1e309", "-1e999", "123456789012345678901234567890"}) {
    EXPECT_EQ(why(bad), "a number beyond 2^53") << bad;
    EXPECT_EQ(why(R"({"a":{"n":[0,)" + std::string(bad) + "]}}"), "at 'a.n[1]': a number beyond 2^53");
  }
  for (std::string_view bad : {"NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "1e", "0x10", "-", "1_000"}) {
    EXPECT_NE(why(bad).find("not JSON"), std::string::npos) << bad;
  }
}

TEST(Json, RefusesWhatIsNotUtf8) {
  for (std::string_view bad :
       {"\x80", "\xff", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xed\xbf\xbf",
        "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xf0\x9f\x98"}) {
    const std::string text(bad);
    EXPECT_NE(why("[\"" + text + "\"]").find("is not UTF-8"), std::string::npos) << why("[\"" + text + "\"]");
    EXPECT_NE(why("{\"" + text + "\":1}").find("is not UTF-8"), std::string::npos);
    EXPECT_NE(why("[" + text + "]").find("not JSON"), std::string::npos);
  }
  EXPECT_EQ(why("{\"os\":{\"name\":\"\xff\"}}"), "at 'os.name': byte 16 is not UTF-8");
  for (std::string_view lone : {R"("\ud800")", R"("\ude00")", R"("\ud800\u0041")", R"("\ud800x")"}) {
    EXPECT_NE(why(lone).find("not JSON"), std::string::npos) << lone;
  }
}

TEST(Json, RefusesWhatIsBehindTheValueAndWhatIsNoJson) {
  for (std::string_view bad :
       {"",    " ",   "{", "[1", "[1,]",   "{\"a\":1,}", "{\"a\"}", "{a:1}", "{'a':1}", "[1 2]",  "1 2",    "{}{}",
        "{}x", "{},", "]", "\"", "\"\n\"", "tru",        "nul",     "True",  "// x\n1", "1 // x", "/* */1", "{1:2}"}) {
    EXPECT_NE(why(bad).find("not JSON"), std::string::npos) << bad;
  }
  EXPECT_EQ(why("\xef\xbb\xbf{}"), "JSON may not begin with a byte-order mark");
  // A zero byte ends what nlohmann reads, and not what is there.
  EXPECT_EQ(why(std::string_view("{}\0", 3)), "not JSON from byte 3 on, which is zero");
  EXPECT_EQ(why(std::string_view("{}\0{\"alg\":\"none\"}", 17)), "not JSON from byte 3 on, which is zero");
  EXPECT_EQ(why(std::string_view("\0{}", 3)), "not JSON from byte 1 on, which is zero");
}

TEST(Json, RefusesMoreBytesThanAreAllowed) {
  EXPECT_TRUE(parse_json("[1,2]", 5));
  const auto refused = parse_json("[1,2]", 4);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "5 bytes of JSON; at most 4 are read");
  EXPECT_FALSE(parse_json("", 0));
}

TEST(Json, AnErrorNeverRepeatsAStrangersBytes) {
  const std::string key(300, 'k');
  const std::string long_key = why("{\"" + key + "\":{\"" + key + "\":x}}");
  EXPECT_LT(long_key.size(), 150U);
  EXPECT_NE(long_key.find("kkkkkkkk..."), std::string::npos);
  // why() looks at each character.
  EXPECT_EQ(why("{\"a\\nb\\u001b[31m\xc3\xa4\":x}").substr(0, 18),
            "at 'a?b?[31m?"
            "?': n");
}

}  // namespace
}  // namespace sluice::evidence
