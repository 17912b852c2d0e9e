// SPDX-License-Identifier: Apache-2.0
//
// With a real TPM 2.0 in software: swtpm, where it is installed; and without any.
#include "client/tpm.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <vector>

namespace sluice::client {
namespace {

constexpr const char* program = "/usr/bin/swtpm";

// One TPM, with its state in a folder of its own.
class Chip {
 public:
  Chip() {
    std::string name = "/tmp/sluice-tpm-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    const std::string path = folder_ / "socket";
    // The control channel of a socket is beside it: "PATH.ctrl", for tpm2-tss.
    std::vector<std::string> arguments = {program,
                                          "socket",
                                          "--tpm2",
                                          "--tpmstate",
                                          "dir=" + folder_.string(),
                                          "--server",
                                          "type=unixio,path=" + path,
                                          "--ctrl",
                                          "type=unixio,path=" + path + ".ctrl",
                                          "--flags",
                                          "not-need-init,startup-clear",
                                          "--log",
                                          "file=" + (folder_ / "log").string()};
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    EXPECT_EQ(::posix_spawn(&pid_, program, nullptr, nullptr, argv.data(), environ), 0);
    settings_.tcti = "swtpm:path=" + path;
    for (int i = 0; i < 1000 && !std::filesystem::exists(path); ++i) ::usleep(10'000);
  }
  ~Chip() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    std::filesystem::remove_all(folder_);
  }
  Chip(const Chip&) = delete;
  Chip& operator=(const Chip&) = delete;

  [[nodiscard]] const TpmSettings& settings() const { return settings_; }
  std::string enrol() const {
    auto tpm = Tpm::open(settings_);
    EXPECT_TRUE(tpm) << tpm.error().message;
    auto key = tpm ? tpm->enrol() : Result<std::string>(tpm.error());
    EXPECT_TRUE(key) << key.error().message;
    return key ? *key : "";
  }
  Result<evidence::Quote> quote(const evidence::Sha256& qualifying, const std::set<unsigned>& pcrs) const {
    auto tpm = Tpm::open(settings_);
    if (!tpm) return tpm.error();
    return tpm->quote(qualifying, pcrs);
  }

 private:
  std::filesystem::path folder_;
  TpmSettings settings_;
  pid_t pid_ = -1;
};

class TpmTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::access(program, X_OK) != 0) GTEST_SKIP() << "swtpm is not here";
    qualifying_.fill(7);
  }
  evidence::Sha256 qualifying_{};
};

TEST_F(TpmTest, TheKeyIsMadeOnceAndItsQuotesVerify) {
  const Chip chip;
  const auto early = chip.quote(qualifying_, {});
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().number, ENOKEY) << early.error().message;
  EXPECT_NE(early.error().message.find("sluice-client tpm enrol"), std::string::npos);

  const std::string pem = chip.enrol();
  EXPECT_EQ(chip.enrol(), pem);
  const auto key = evidence::read_attestation_key(pem);
  ASSERT_TRUE(key) << key.error().message;
  std::set<unsigned> every;
  for (unsigned i = 0; i < evidence::kPcrs; ++i) every.insert(i);
  for (const std::set<unsigned>& pcrs : {std::set<unsigned>{}, {0, 2, 7}, {23}, every}) {
    const auto quote = chip.quote(qualifying_, pcrs);
    ASSERT_TRUE(quote) << quote.error().message;
    EXPECT_EQ(quote->pcrs.size(), pcrs.size());
    const auto good = evidence::verify_quote(*quote, qualifying_, *key);
    EXPECT_TRUE(good) << good.error().message;
    evidence::Sha256 other = qualifying_;
    other[0] ^= 1;
    EXPECT_FALSE(evidence::verify_quote(*quote, other, *key));
  }
}

TEST_F(TpmTest, AnotherTpmHasAnotherKey) {
  const Chip chip, other;
  const std::string pem = chip.enrol(), others = other.enrol();
  EXPECT_NE(pem, others);
  const auto quote = other.quote(qualifying_, {7});
  ASSERT_TRUE(quote) << quote.error().message;
  const auto good = evidence::verify_quote(*quote, qualifying_, *evidence::read_attestation_key(pem));
  ASSERT_FALSE(good);
  EXPECT_EQ(evidence::reason_of(good.error()), evidence::Reason::bad_signature);
}

TEST(Tpm, WhatThereIsToDoWithoutOne) {
  const auto words = [](std::string tcti, int number) {
    const auto tpm = Tpm::open({std::move(tcti)});
    EXPECT_FALSE(tpm);
    if (tpm) return std::string();
    EXPECT_EQ(tpm.error().number, number);
    return tpm.error().message;
  };
  EXPECT_NE(words("device:/dev/no-tpm", ENOENT).find("no TPM 2.0 at /dev/no-tpm: turn it on"), std::string::npos);
  EXPECT_NE(words("swtpm:path=/nowhere/socket", ENOENT).find("'tcti' in [tpm]"), std::string::npos);
  EXPECT_NE(words("nonsense", ENOENT).find("'nonsense'"), std::string::npos);
  if (::geteuid() == 0) return;  // may open anything
  EXPECT_NE(words("device:/dev/mem", EACCES).find("no permission"), std::string::npos);
}

}  // namespace
}  // namespace sluice::client
