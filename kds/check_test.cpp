// SPDX-License-Identifier: Apache-2.0
#include "kds/check.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "kds/testing.hpp"
#include "tls/testing.hpp"

namespace sluice::kds {
namespace {

using namespace testing_support;
using Role = tls::PeerName::Role;

class CheckTest : public ::testing::Test {
 protected:
  CheckTest() {
    settings_.realm = "corp";
    settings_.identity = pki_.kds();
    settings_.key_encryption_key = {write("kds.kek", std::string(64, 'a') + "\n")};
    settings_.database = folder_ / "kds.sqlite";
    settings_.audit = folder_ / "audit.jsonl";
  }
  std::filesystem::path write(const char* name, const std::string& text) {
    const auto path = folder_ / name;
    std::ofstream(path) << text;
    EXPECT_EQ(::chmod(path.c_str(), 0600), 0);
    return path;
  }
  std::string error_with(const tls::Identity& identity) {
    Settings settings = settings_;
    settings.identity = identity;
    return said(check_files(settings));
  }
  template <class T>
  static std::string said(const Result<T>& result) {
    return result ? "" : result.error().message;
  }
  static bool has(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

  Folder folder_;
  tls::testing::Pki pki_;
  Settings settings_;
};

TEST_F(CheckTest, TakesWhatAKeyServerHas) {
  const auto notes = check_files(settings_);
  ASSERT_TRUE(notes) << notes.error().message;
  EXPECT_TRUE(notes->empty());
}

TEST_F(CheckTest, TakesNoCertificateButAKeyServersOfTheRealm) {
  for (const auto& [identity, words] : std::vector<std::pair<tls::Identity, std::string>>{
           {pki_.holder(Role::realm_gateway, "gw1"),
            "is for no key server of realm 'corp', but for sluice://corp/gateway/gw1"},
           {pki_.holder(Role::device, "laptop"),
            "is for no key server of realm 'corp', but for sluice://corp/device/laptop"},
           {pki_.kds("other"), "is for no key server of realm 'corp', but for sluice://other/kds"},
           {pki_.kds("corp", std::chrono::hours(-1)), "certificate has expired"}}) {
    const std::string error = error_with(identity);
    EXPECT_TRUE(has(error, words)) << error;
    EXPECT_TRUE(has(error, identity.certificate.string())) << error;
  }
}

TEST_F(CheckTest, TakesNoCertificateThatNobodyBelieves) {
  const tls::testing::Pki stranger;
  tls::Identity identity = settings_.identity;
  identity.authority = stranger.directory() / "ca.crt";
  identity.revoked.reset();
  const std::string unknown = error_with(identity);
  EXPECT_TRUE(has(unknown, "would be believed by nobody who trusts " + identity.authority.string())) << unknown;
  pki_.revoke(settings_.identity);
  EXPECT_TRUE(has(error_with(settings_.identity), "certificate revoked")) << error_with(settings_.identity);
  identity = settings_.identity;
  identity.key = pki_.holder(Role::device, "laptop").key;
  EXPECT_TRUE(has(error_with(identity), identity.key.string())) << error_with(identity);
  identity.key = folder_ / "none";
  EXPECT_TRUE(has(error_with(identity), identity.key.string())) << error_with(identity);
}

TEST_F(CheckTest, LooksAtTheKeyEncryptingKey) {
  write("kds.kek", "short");
  EXPECT_TRUE(has(said(check_files(settings_)), "kds.kek: a key-encrypting key is 32 bytes"));
  std::filesystem::remove(settings_.key_encryption_key.front());
  EXPECT_TRUE(has(said(check_files(settings_)), "kds.kek: No such file"));
}

// Which a unit makes; what is in their place is no matter of waiting.
TEST_F(CheckTest, NotesFoldersThatAreNotThereYet) {
  settings_.audit = folder_ / "none" / "audit.jsonl";
  const auto notes = check_files(settings_);
  ASSERT_TRUE(notes) << notes.error().message;
  ASSERT_EQ(notes->size(), 1U);
  EXPECT_TRUE(has(notes->front(), "audit: " + settings_.audit.string() + ": its folder ")) << notes->front();
  EXPECT_EQ(check_writable(settings_.audit).error().number, ENOENT);
  settings_.audit = settings_.key_encryption_key.front() / "audit.jsonl";
  EXPECT_FALSE(check_files(settings_));
}

TEST_F(CheckTest, WantsTheKeyThatTheStoreWasWrittenWith) {
  World world;
  ASSERT_TRUE(world.ready(start()));
  EXPECT_TRUE(check_master_keys(*world.store, world.kek, settings_, start()));
  const Kek other = *Kek::from(*derivation::Secret::from_hex(std::string(64, 'b')));
  const std::string error = said(check_master_keys(*world.store, other, settings_, start()));
  EXPECT_TRUE(has(error, settings_.key_encryption_key.front().string())) << error;
  EXPECT_TRUE(has(error, settings_.database.string())) << error;
  EXPECT_TRUE(check_master_keys(*world.store, other, settings_, start() + 25h)) << "nothing is left to unwrap";
  // One that is broken stops no other.
  Generations second(*world.store, other, GenerationOptions{});
  ASSERT_TRUE(second.boot("gw2", nonce(1), start()));
  const auto notes = check_master_keys(*world.store, world.kek, settings_, start());
  ASSERT_TRUE(notes) << notes.error().message;
  EXPECT_EQ(notes->size(), 1U);
}

TEST_F(CheckTest, TellsOfANewStore) {
  EXPECT_TRUE(has(about_store(settings_.database), "there is no store yet"));
  write("kds.sqlite", "");
  EXPECT_TRUE(has(about_store(settings_.database), "is empty"));
  write("kds.sqlite", "x");
  EXPECT_EQ(about_store(settings_.database), "");
}

}  // namespace
}  // namespace sluice::kds
