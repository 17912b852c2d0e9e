// SPDX-License-Identifier: Apache-2.0
#include "derivation/secret.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>

namespace sluice::derivation {
namespace {

class SecretFile : public ::testing::Test {
 protected:
  SecretFile() {
    char name[] = "/tmp/sluice-secret-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~SecretFile() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST(Secret, IsHexBothWays) {
  auto secret = Secret::from_hex("00ffA5");
  ASSERT_TRUE(secret);
  EXPECT_EQ(secret->size(), 3U);
  EXPECT_EQ(secret->hex().text(), "00ffa5");
  EXPECT_FALSE(Secret::from_hex("0"));
  EXPECT_FALSE(Secret::from_hex("0g"));
  // What was wrong in the text stays out of the error.
  EXPECT_EQ(Secret::from_hex("deadbeefxx").error().message.find("dead"), std::string::npos);
}

TEST(Secret, MovesAndCompares) {
  Secret first = *Secret::from_hex("0102");
  Secret second = std::move(first);
  EXPECT_EQ(first.size(), 0U);
  EXPECT_TRUE(second.equals(*Secret::from_hex("0102")));
  EXPECT_FALSE(second.equals(*Secret::from_hex("0103")));
  EXPECT_FALSE(second.equals(Secret()));
  EXPECT_FALSE(second.all_zero());
  EXPECT_TRUE(Secret(4).all_zero());
  EXPECT_FALSE(Secret::random(32)->equals(*Secret::random(32)));
}

TEST_F(SecretFile, IsTheOwnersAlone) {
  const auto path = folder_ / "key";
  ::umask(0);
  ASSERT_TRUE(write_secret_file(path, "abc", false));
  struct stat about {};
  ASSERT_EQ(::stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777U, 0600U);
  EXPECT_EQ(read_secret_file(path, 3)->text(), "abc");
  EXPECT_EQ(read_secret_file(path, 2).error().number, EFBIG);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  auto open = read_secret_file(path, 3);
  ASSERT_FALSE(open);
  EXPECT_NE(open.error().message.find("0640"), std::string::npos);
  EXPECT_NE(open.error().message.find("chmod 600"), std::string::npos);
}

TEST_F(SecretFile, IsReplacedOnlyWhenAsked) {
  const auto path = folder_ / "key";
  ASSERT_TRUE(write_secret_file(path, "abc", false));
  EXPECT_EQ(write_secret_file(path, "def", false).error().number, EEXIST);
  EXPECT_EQ(read_secret_file(path, 8)->text(), "abc");
  ASSERT_TRUE(write_secret_file(path, "def", true));
  EXPECT_EQ(read_secret_file(path, 8)->text(), "def");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "key.new"));
  EXPECT_FALSE(write_secret_file(folder_ / "no" / "key", "x", false));
  EXPECT_EQ(read_secret_file(folder_ / "none", 8).error().number, ENOENT);
  EXPECT_EQ(read_secret_file(folder_, 8).error().number, EISDIR);
}

}  // namespace
}  // namespace sluice::derivation
