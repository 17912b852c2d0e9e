// SPDX-License-Identifier: Apache-2.0
#include "config/config.hpp"

#include <gtest/gtest.h>

#include "base/address.hpp"

namespace sluice::config {
namespace {

using namespace std::chrono_literals;

File parse(std::string_view text) {
  Result<File> file = File::parse(text, "test.toml");
  EXPECT_TRUE(file) << (file ? "" : file.error().message);
  return *std::move(file);
}

std::string errors_of(File& file) {
  Result<void> result = file.finish();
  return result ? "" : result.error().message;
}

TEST(Config, ReadsWhatIsThere) {
  File file = parse(R"(
name = "gw1"
listen = "0.0.0.0:443"
dead_after = "3s"
table = 7
[[network]]
name = "corp"
[[network.route]]
prefix = "10.0.0.0/8"
agents = ["a", "b"]
[network.acl]
rules = []
)");
  Table root = file.root();
  EXPECT_EQ(root.string("name"), "gw1");
  EXPECT_EQ(root.strings("listen"), std::vector<std::string>{"0.0.0.0:443"});
  EXPECT_EQ(root.duration("dead_after", 10s), 3s);
  EXPECT_EQ(root.duration("absent", 10s), 10s);
  EXPECT_EQ(root.integer("table", 1, 100, 5), 7);
  EXPECT_FALSE(root.boolean("flag", false));
  std::vector<Table> networks = root.tables("network");
  ASSERT_EQ(networks.size(), 1u);
  EXPECT_EQ(networks[0].string("name"), "corp");
  std::vector<Table> routes = networks[0].tables("route");
  ASSERT_EQ(routes.size(), 1u);
  EXPECT_EQ(routes[0].parsed<Prefix>("prefix", Prefix::parse)->length, 104);
  EXPECT_EQ(routes[0].strings("agents").size(), 2u);
  EXPECT_TRUE(networks[0].table("acl")->strings("rules").empty());
  EXPECT_EQ(errors_of(file), "");
}

TEST(Config, TellsEveryErrorWithItsLine) {
  File file = parse(R"(name = 7
wrong = "x"
table = 999
dead_after = "soon"
[[network]]
addresses = ["10.0.0.1", "nowhere"]
nmae = "typo"
[[network.route]]
prefix = "10.0.0.1/8"
)");
  Table root = file.root();
  root.string("name");
  root.string("key");
  root.integer("table", 1, 100, 5);
  root.duration("dead_after", 10s);
  Table network = root.tables("network").at(0);
  network.all_parsed<Address>("addresses", Address::parse);
  network.tables("route").at(0).parsed<Prefix>("prefix", Prefix::parse);
  EXPECT_EQ(
      errors_of(file),
      "test.toml:1: key 'name': should be a string, not a whole number\n"
      "test.toml:1: key 'key': is required and missing\n"
      "test.toml:2: key 'wrong': is unknown\n"
      "test.toml:3: key 'table': must be from 1 to 100\n"
      "test.toml:4: key 'dead_after': 'soon' is no duration; write a whole number and ms, s, m, h or d, as in 10s\n"
      "test.toml:6: key 'network.addresses': 'nowhere' is no IP address\n"
      "test.toml:7: key 'network.nmae': is unknown\n"
      "test.toml:9: key 'network.route.prefix': '10.0.0.1/8': bits beyond the prefix are set");
}

TEST(Config, TellsTheLineOfASyntaxError) {
  Result<File> file = File::parse("a = 1\nb = = 2\n", "test.toml");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message.find("test.toml:2: "), 0u) << file.error().message;
}

TEST(Config, NamesAFileThatIsNotThere) {
  Result<File> file = File::load("/nonexistent/sluice.toml");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message, "/nonexistent/sluice.toml: No such file or directory");
  file = File::load("/");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message, "/: is a folder, and no file");
}

TEST(Config, WrongKindsOfTables) {
  File file = parse("network = 1\nacl = []\nlist = [1]\n");
  Table root = file.root();
  root.tables("network");
  root.table("acl");
  root.strings("list");
  EXPECT_EQ(errors_of(file),
            "test.toml:1: key 'network': should be an array of tables ([[...]]), not a whole number\n"
            "test.toml:2: key 'acl': should be a table, not an array\n"
            "test.toml:3: key 'list': should be an array of strings, not a whole number");
}

TEST(Config, ReadsScalarsOfAnyKind) {
  File file = parse("one = true\nmany = [\"12\", 12, 1.5]\nodd = [1, inf, {a = 1}, [2]]\ndate = 2024-01-01\n");
  Table root = file.root();
  EXPECT_EQ(root.scalars("one"), (std::vector<Scalar>{true}));
  EXPECT_EQ(root.scalars("many"), (std::vector<Scalar>{std::string("12"), std::int64_t{12}, 1.5}));
  EXPECT_TRUE(root.scalars("absent").empty());
  EXPECT_EQ(root.scalars("odd"), (std::vector<Scalar>{std::int64_t{1}}));
  root.scalars("date");
  EXPECT_EQ(
      errors_of(file),
      "test.toml:3: key 'odd': is no finite number\n"
      "test.toml:3: key 'odd': should be a string, a number, true or false, or an array of them, not a table\n"
      "test.toml:3: key 'odd': should be a string, a number, true or false, or an array of them, not an array\n"
      "test.toml:4: key 'date': should be a string, a number, true or false, or an array of them, not a date or a "
      "time");
}

TEST(Config, WarningsAreNoErrors) {
  File file = parse("[[a]]\nb = 1\n[c]\nd = 2\n");
  Table root = file.root();
  root.table("c")->warn("d", "is odd");
  root.tables("a").at(0).warn("b", "is odd, too");
  root.tables("a").at(0).warn("gone", "is missed");
  EXPECT_EQ(errors_of(file), "");
  EXPECT_EQ(file.warnings(),
            (std::vector<std::string>{"test.toml:1: key 'a.gone': is missed", "test.toml:2: key 'a.b': is odd, too",
                                      "test.toml:4: key 'c.d': is odd"}));
}

}  // namespace
}  // namespace sluice::config
