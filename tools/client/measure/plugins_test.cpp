// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include "client/measure/measure.hpp"
#include "client/measure/testing.hpp"

namespace sluice::client::measure {
namespace {

using Json = nlohmann::json;

// What is told of plug-ins and why not.
struct Told {
  Json plugins, unmeasured;
  [[nodiscard]] std::string why(const std::string& name) const { return unmeasured.value("plugins." + name, ""); }
};

class Plugins : public ::testing::Test {
 protected:
  Plugins() {
    tree_.folder("plugins");
    tree_.folder("root");
    options_.root = tree_.at("root");
    options_.plugins = tree_.at("plugins");
    // As much as a busy machine may need; only what hangs is to feel it.
    options_.time = std::chrono::seconds(120);
    options_.plugin_time = std::chrono::seconds(60);
  }
  void plugin(const std::string& name, const std::string& body, mode_t mode = 0755) const {
    tree_.program("plugins/" + name, body, mode);
  }
  [[nodiscard]] Told told() const {
    const Json posture = measure(options_);
    return {posture.value("plugins", Json::object()), posture.value("unmeasured", Json::object())};
  }

  Tree tree_;
  Options options_;
};

TEST_F(Plugins, AnObjectComesUnderTheNameOfItsFile) {
  plugin("camera", R"(echo '{"covered": true, "of": [1, 2.5, "é"]}')");
  plugin("printer_2-x", "echo '{}'");
  const Told all = told();
  EXPECT_EQ(all.plugins, Json::parse(R"({"camera": {"covered": true, "of": [1, 2.5, "é"]}, "printer_2-x": {}})"));
}

TEST_F(Plugins, NamesThatRunPartsPassesOverAreNotRun) {
  for (const char* name : {"a.dpkg-old", "b~", ".hidden", "c.sh", "d e"}) plugin(name, "echo '{\"x\": 1}'");
  plugin(std::string(65, 'a'), "echo '{\"x\": 1}'");
  EXPECT_EQ(told().plugins, Json::object());
}

TEST_F(Plugins, OutputThatIsNoGoodIsTold) {
  plugin("twice", R"(echo '{"a": 1, "a": 2}')");
  plugin("deep-twice", R"(echo '{"x": [{"a": 1, "b": {}, "a": 1}]}')");
  plugin("latin1", R"(printf '{"a": "\351"}')");
  plugin("surrogate", R"(printf '{"a": "\\ud800"}')");
  plugin("nothing", ":");
  plugin("blank", "echo; echo");
  plugin("list", "echo '[1]'");
  plugin("number", "echo 1");
  plugin("two", "echo '{} {}'");
  plugin("half", "printf '{\"a\": '");
  plugin("large", "echo '{\"a\": 9007199254740993}'");
  plugin("larger", "echo '{\"a\": 123456789012345678901234567890}'");
  plugin("huge", "echo '{\"a\": 1e999}'");
  plugin("nan", "echo '{\"a\": NaN}'");
  plugin("comment", "echo '{/* no */}'");
  plugin("mark", R"(printf '\357\273\277{}')");
  plugin("deep", "echo '{\"a\":[[[[[[[[[[]]]]]]]]]]}'");
  plugin("nul", R"(printf '{"a": "\000"}')");
  const Told all = told();
  EXPECT_EQ(all.plugins, Json::object());
  for (const auto& [name, why] : std::initializer_list<std::pair<const char*, const char*>>{
           {"twice", "at 'a': this key stands twice"},
           {"deep-twice", "at 'x[0].a': this key stands twice"},
           {"nothing", "not JSON from byte 1 on"},
           {"blank", "not JSON from byte 3 on"},
           {"list", "is no JSON object"},
           {"number", "is no JSON object"},
           {"large", "at 'a': a number beyond 2^53"},
           {"larger", "at 'a': a number beyond 2^53"},
           {"huge", "at 'a': a number beyond 2^53"},
           {"deep", "at 'a[0][0][0][0][0][0][0][0][0]': more than 10 levels"},
           {"mark", "JSON may not begin with a byte-order mark"},
           {"latin1", "at 'a': byte 9 is not UTF-8"},
           {"surrogate", "at 'a': not JSON from byte 14 on"},
           {"two", "not JSON from byte 4 on"},
           {"half", "at 'a': not JSON from byte 7 on"},
           {"nan", "at 'a': not JSON from byte 7 on"},
           {"comment", "not JSON from byte 2 on"},
           {"nul", "not JSON from byte 8 on, which is zero"}})
    EXPECT_EQ(all.why(name), std::string("its output: ") + why) << name;
}

TEST_F(Plugins, WhatGoesWrongIsTold) {
  plugin("fails", "echo '{}'; exit 3");
  plugin("flood", "cat /dev/zero");
  plugin("killed", "kill -9 $$");
  plugin("writes", "echo x > " + tree_.at("written").string() + " || exit 9; echo '{}'");
  tree_.put("plugins/no-interpreter", "#!/nonexistent\n", 0755);
  plugin("good", "echo '{\"good\": 1}'; sleep 1000 &");
  const Told all = told();
  EXPECT_EQ(all.plugins, Json::parse(R"({"good": {"good": 1}})"));
  EXPECT_EQ(all.why("fails"), "exits with 3");
  EXPECT_EQ(all.why("flood"), "wrote more than 4096 bytes");
  EXPECT_EQ(all.why("killed"), "was ended by signal 9");
  EXPECT_NE(all.why("writes"), "");
  EXPECT_EQ(all.why("no-interpreter"), "cannot be executed: No such file or directory");
}

TEST_F(Plugins, WhatHangsIsEnded) {
  options_.plugin_time = std::chrono::milliseconds(200);
  plugin("hangs", "trap '' TERM; while :; do sleep 1000; done");
  EXPECT_EQ(told().why("hangs"), "took longer than 200ms");
}

TEST_F(Plugins, WhatOthersCanHaveChangedIsNotRun) {
  plugin("world", "echo '{}'", 0757);
  plugin("group", "echo '{}'", 0775);
  plugin("text", "echo '{}'", 0644);
  tree_.link("plugins/link", "/bin/true");
  tree_.folder("plugins/folder");
  const Told all = told();
  EXPECT_EQ(all.plugins, Json::object());
  EXPECT_EQ(all.why("world"), "others may write to it; `chmod go-w` mends that");
  EXPECT_EQ(all.why("group"), "others may write to it; `chmod go-w` mends that");
  EXPECT_EQ(all.why("text"), "is not executable");
  EXPECT_EQ(all.why("link"), "is no regular file");
  EXPECT_EQ(all.why("folder"), "is no regular file");
}

TEST_F(Plugins, OfAnotherUserAreNotRun) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  plugin("other", "echo '{}'");
  ASSERT_EQ(::chown(tree_.at("plugins/other").c_str(), 1234, 0), 0);
  EXPECT_EQ(told().why("other"), "belongs to neither root nor this user");
}

TEST_F(Plugins, AFolderThatOthersMayWriteToIsNotLookedAt) {
  plugin("good", "echo '{}'");
  ASSERT_EQ(::chmod(options_.plugins.c_str(), 0777), 0);
  const Told all = told();
  EXPECT_EQ(all.plugins, Json::object());
  EXPECT_NE(all.unmeasured.value("plugins", "").find("others may write to it"), std::string::npos);
}

TEST_F(Plugins, NoFolderIsNothingToTell) {
  options_.plugins = tree_.at("nowhere");
  EXPECT_FALSE(told().unmeasured.contains("plugins"));
}

TEST_F(Plugins, TooMuchOfAllIsLeftOutTheLargestFirst) {
  for (int i = 0; i < 5; ++i)
    plugin("p" + std::to_string(i),
           "printf '{\"a\": \"'; head -c " + std::to_string(3000 + i) + " /dev/zero | tr '\\0' x; echo '\"}'");
  const Json posture = measure(options_);
  EXPECT_LE(posture.dump().size(), options_.most);
  EXPECT_EQ(posture["plugins"].size(), 3U);
  EXPECT_TRUE(posture["plugins"].contains("p0"));
  EXPECT_EQ(posture["unmeasured"]["plugins.p4"], "there is no room for it");
}

TEST_F(Plugins, OsqueryAnswersWhatTheOptionsName) {
  // Writes what it was asked, as osqueryi has it: rows of text.
  tree_.program("root/usr/bin/osqueryi",
                "case \"$*\" in *bad*) exit 1;; *object*) echo '{}'; exit;; esac\n"
                "for last; do :; done; printf '[\\n  {\"sql\":\"%s\",\"first\":\"%s\"}\\n]\\n' \"$last\" \"$1\"");
  options_.osquery = {{"os", "select 1; $(touch x)"}, {"broken", "bad"}, {"odd", "object"}};
  const Told all = told();
  EXPECT_EQ(all.plugins, Json::parse(R"x({"osquery": {"os": [{"sql": "select 1; $(touch x)", "first": "--json"}]}})x"));
  EXPECT_EQ(all.why("osquery.broken"), "osqueryi exits with 1");
  EXPECT_EQ(all.why("osquery.odd"), "its output: is no JSON list");
  std::filesystem::remove(tree_.at("root/usr/bin/osqueryi"));
  EXPECT_EQ(told().why("osquery"), "osqueryi is not here");
}

}  // namespace
}  // namespace sluice::client::measure
