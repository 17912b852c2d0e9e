// SPDX-License-Identifier: Apache-2.0
#include "kds/version.hpp"

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <random>
#include <string>
#include <vector>

extern char** environ;

namespace sluice::kds {
namespace {

std::weak_ordering order_of(const std::string& a, const std::string& b) {
  const auto one = Version::parse(a), other = Version::parse(b);
  EXPECT_TRUE(one) << a;
  EXPECT_TRUE(other) << b;
  return *one <=> *other;
}

TEST(KdsVersion, AreInThisOrder) {
  // Each is earlier than all behind it.
  const std::vector<std::string> table{"0~~",
                                       "0~~a",
                                       "0~",
                                       "0",
                                       "0a",
                                       "0.0",
                                       "0.9",
                                       "1.0~beta1",
                                       "1.0~rc1",
                                       "1.0",
                                       "1.0-1~bpo1",
                                       "1.0-1",
                                       "1.0-1+b1",
                                       "1.0-1.1",
                                       "1.0-2",
                                       "1.0-10",
                                       "1.0a",
                                       "1.0z",
                                       "1.0+dfsg",
                                       "1.0.0",
                                       "1.2",
                                       "1.10",
                                       "6.1.0-9-amd64",
                                       "6.1.0-45-amd64",
                                       "6.1.0-45-cloud-amd64",
                                       "12",
                                       "100000000000000000000000",
                                       "1:0.1~",
                                       "1:0.1",
                                       "2:0:1",
                                       "2147483647:0"};
  for (std::size_t i = 0; i < table.size(); ++i) {
    for (std::size_t j = 0; j < table.size(); ++j) {
      const auto order = order_of(table[i], table[j]);
      EXPECT_EQ(order < 0, i < j) << table[i] << " and " << table[j];
      EXPECT_EQ(order == 0, i == j) << table[i] << " and " << table[j];
    }
  }
}

TEST(KdsVersion, SomeAreEquivalent) {
  EXPECT_TRUE(order_of("1.0", "1.00") == 0);
  EXPECT_TRUE(order_of("1.0", "0:1.0") == 0);
  EXPECT_TRUE(order_of("01", "1") == 0);
  EXPECT_TRUE(order_of("1.0-0", "1.0") == 0);
  EXPECT_TRUE(order_of("1.000000000000000000000000000001", "1.1") == 0);
}

// A trap for who writes a policy, which the settings warn of: the part behind the last hyphen is a revision.
TEST(KdsVersion, AReleaseWithAFlavourIsLaterThanOneWithout) {
  EXPECT_TRUE(order_of("6.1.0-10-amd64", "6.1.0-40") > 0);
  EXPECT_TRUE(order_of("6.1.0-10-amd64", "6.1.0-40-amd64") < 0);
}

TEST(KdsVersion, OthersAreNone) {
  for (const char* text : {"",
                           "-1",
                           "1-",
                           "a",
                           "v1.0",
                           "rolling",
                           "1.0 ",
                           " 1",
                           "1 2",
                           "1,0",
                           "1.0\n",
                           ":1",
                           "a:1",
                           "-1:1",
                           "+1:1",
                           "1:",
                           "1:-1",
                           "2147483648:1",
                           "99999999999999999999:1",
                           "1.0-1:1",
                           "1.0^1",
                           "1/2",
                           "\xc3\xa4",
                           "1\xc3\xa4"}) {
    const auto version = Version::parse(text);
    EXPECT_FALSE(version) << text;
  }
  EXPECT_FALSE(Version::parse(std::string("1\0", 2)));
  EXPECT_TRUE(Version::parse(std::string(version_size_max, '1')));
  EXPECT_FALSE(Version::parse(std::string(version_size_max + 1, '1')));
  EXPECT_TRUE(Version::parse("6.12.9-200.fc41.x86_64"));
  EXPECT_TRUE(Version::parse("1:2:3-4"));
  EXPECT_FALSE(Version::parse("1:2-3:4"));
}

// The exit status of `dpkg --compare-versions`; -1: it could not be run.
int dpkg_says(const std::string& a, const char* relation, const std::string& b) {
  std::array<const char*, 6> arguments{"dpkg", "--compare-versions", a.c_str(), relation, b.c_str(), nullptr};
  pid_t child = -1;
  if (::posix_spawnp(&child, "dpkg", nullptr, nullptr, const_cast<char* const*>(arguments.data()), environ) != 0)
    return -1;
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

class Generator {
 public:
  // Of few characters, so that versions often begin alike.
  std::string version() {
    std::string text = one_of(4) == 0 ? std::to_string(one_of(3)) + ":" : "";
    const bool has_epoch = !text.empty();
    const bool has_revision = one_of(2) == 0;
    text += "01"[one_of(2)];
    text +=
        part(has_revision ? (has_epoch ? "01a~+.-:9Zb" : "01a~+.-9Zb") : (has_epoch ? "01a~+.:9Zb" : "01a~+.9Zb"), 7);
    if (has_revision) text += "-" + std::string(1, "01a~"[one_of(4)]) + part("01a~+.9Zb", 4);
    return text;
  }
  // Often it differs in one place only.
  std::string like(std::string text) {
    if (one_of(3) == 0) return version();
    const std::size_t at = text.size() - 1 - one_of(std::min<std::size_t>(text.size(), 4));
    if (at > 2 && text[at] != ':' && text[at] != '-') text[at] = "01a~+."[one_of(6)];
    return text;
  }

 private:
  std::size_t one_of(std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_); }
  std::string part(std::string_view characters, std::size_t most) {
    std::string text;
    for (std::size_t i = one_of(most + 1); i > 0; --i) text += characters[one_of(characters.size())];
    return text;
  }
  std::mt19937 random_{20240131};  // NOLINT: the same each time
};

TEST(KdsVersion, AreInTheOrderOfDpkg) {
  if (dpkg_says("1", "eq", "1") != 0) GTEST_SKIP() << "there is no dpkg";
  Generator generate;
  int later = 0, earlier = 0, equal = 0;
  for (int i = 0; i < 400; ++i) {
    const std::string a = generate.version(), b = generate.like(a);
    const auto order = order_of(a, b);
    ASSERT_FALSE(HasFailure()) << a << " and " << b;
    (order < 0 ? earlier : order > 0 ? later : equal) += 1;
    const char* relation = order < 0 ? "lt" : order > 0 ? "gt" : "eq";
    ASSERT_EQ(dpkg_says(a, relation, b), 0) << a << " " << relation << " " << b;
  }
  // It is no test if they are all alike.
  EXPECT_GT(later, 50);
  EXPECT_GT(earlier, 50);
  EXPECT_GT(equal, 10);
}

}  // namespace
}  // namespace sluice::kds
