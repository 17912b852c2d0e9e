// SPDX-License-Identifier: Apache-2.0
#include "kds/wrap.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

namespace sluice::kds {
namespace {

using derivation::Secret;

Kek random_kek() { return *Kek::from(*Secret::random(32)); }

TEST(Kek, UnwrapsWhatItWrapped) {
  const Kek kek = random_kek();
  const Secret master = *Secret::random(32);
  const Bytes wrapped = *kek.wrap(master, "gw1", 7);
  EXPECT_EQ(wrapped.size(), Kek::wrapped_size);
  EXPECT_TRUE(kek.unwrap(wrapped, "gw1", 7)->equals(master));
  // Another nonce each time.
  EXPECT_NE(*kek.wrap(master, "gw1", 7), wrapped);
  // The key itself is not in there.
  const auto bytes = master.bytes();
  EXPECT_EQ(std::search(wrapped.begin(), wrapped.end(), bytes.begin(), bytes.begin() + 8), wrapped.end());
}

TEST(Kek, RefusesAnotherKeyGatewayOrNumber) {
  const Kek kek = random_kek();
  const Bytes wrapped = *kek.wrap(*Secret::random(32), "gw1", 7);
  for (const Result<Secret>& result :
       {random_kek().unwrap(wrapped, "gw1", 7), kek.unwrap(wrapped, "gw2", 7), kek.unwrap(wrapped, "gw1", 8)}) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().number, EBADMSG);
    EXPECT_NE(result.error().message.find("another key-encrypting key"), std::string::npos) << result.error().message;
  }
}

TEST(Kek, RefusesEveryChangedByte) {
  const Kek kek = random_kek();
  const Bytes wrapped = *kek.wrap(*Secret::random(32), "gw1", 7);
  for (std::size_t i = 0; i < wrapped.size(); ++i) {
    Bytes changed = wrapped;
    changed[i] ^= 1;
    EXPECT_FALSE(kek.unwrap(changed, "gw1", 7)) << i;
  }
  EXPECT_FALSE(kek.unwrap(std::span(wrapped).first(wrapped.size() - 1), "gw1", 7));
  const Result<Secret> wiped = kek.unwrap(Bytes(Kek::wrapped_size), "gw1", 7);
  ASSERT_FALSE(wiped);
  EXPECT_NE(wiped.error().message.find("wiped"), std::string::npos);
}

TEST(Kek, IsChangedByRewrapping) {
  const Kek before = random_kek(), after = random_kek();
  const Secret master = *Secret::random(32);
  const Bytes wrapped = *before.wrap(master, "gw1", 7);
  const Bytes again = *rewrap(before, after, wrapped, "gw1", 7);
  EXPECT_TRUE(after.unwrap(again, "gw1", 7)->equals(master));
  EXPECT_FALSE(before.unwrap(again, "gw1", 7));
  EXPECT_FALSE(rewrap(after, before, wrapped, "gw1", 7));
}

TEST(Kek, ComesFromAFileOfItsOwner) {
  char name[] = "/tmp/sluice-kek-XXXXXX";
  const std::filesystem::path folder = ::mkdtemp(name);
  const Secret key = *Secret::random(32);
  const auto write = [&](std::string_view text) { return derivation::write_secret_file(folder / "kek", text, true); };
  const Bytes wrapped = *Kek::from(Secret::copy_of(key.bytes()))->wrap(key, "gw1", 1);
  ASSERT_TRUE(write(key.text()));
  EXPECT_TRUE(Kek::load({folder / "kek"})->unwrap(wrapped, "gw1", 1));
  ASSERT_TRUE(write(std::string(key.hex().text()) + "\n"));
  EXPECT_TRUE(Kek::load({folder / "kek"})->unwrap(wrapped, "gw1", 1));
  ASSERT_TRUE(write("0123"));
  EXPECT_FALSE(Kek::load({folder / "kek"}));
  ASSERT_TRUE(write(std::string(64, '0')));
  EXPECT_FALSE(Kek::load({folder / "kek"}));
  ASSERT_TRUE(write(key.text()));
  ASSERT_EQ(::chmod((folder / "kek").c_str(), 0644), 0);
  const Result<Kek> open = Kek::load({folder / "kek"});
  ASSERT_FALSE(open);
  EXPECT_NE(open.error().message.find("chmod 600"), std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST(Kek, ComesFromPartsThatAreAllNeeded) {
  char name[] = "/tmp/sluice-kek-XXXXXX";
  const std::filesystem::path folder = ::mkdtemp(name);
  const auto part = [&](const char* file, char digit) {
    EXPECT_TRUE(derivation::write_secret_file(folder / file, std::string(64, digit) + "\n", true));
    return folder / file;
  };
  // Named against the order of what is in them.
  const auto a = part("z", 'a'), b = part("y", 'b'), c = part("x", 'c');
  const Secret master = *Secret::random(32);
  const Bytes wrapped = *Kek::load({a, b, c})->wrap(master, "gw1", 7);
  const auto opens = [&](const std::vector<std::filesystem::path>& files) {
    const auto kek = Kek::load(files);
    return kek && kek->unwrap(wrapped, "gw1", 7);
  };
  EXPECT_TRUE(opens({a, b, c}));
  EXPECT_TRUE(opens({c, a, b})) << "in any order";
  for (const auto& files : std::vector<std::vector<std::filesystem::path>>{{a}, {b}, {c}, {a, b}, {b, c}, {a, c}})
    EXPECT_FALSE(opens(files));
  // sha256sum of 00000001, aa.., bb.., cc.. and the label: a store has to open after the next release as well.
  EXPECT_TRUE(Kek::from(*Secret::from_hex("67097c5bda62ff7306cde2d8742e7146067527b89c7537ecb032b297134c04fb"))
                  ->unwrap(wrapped, "gw1", 7));
  const auto error = [&](const std::vector<std::filesystem::path>& files) {
    const auto kek = Kek::load(files);
    return kek ? std::string() : kek.error().message;
  };
  EXPECT_NE(error({a, part("d", 'a')}).find("d: the same part as in another file"), std::string::npos);
  EXPECT_TRUE(derivation::write_secret_file(folder / "raw", std::string(32, '\xaa'), true));
  EXPECT_NE(error({a, folder / "raw"}).find("raw: the same part"), std::string::npos) << "however it is written";
  EXPECT_NE(error({a, part("e", '0')}).find("e: it is all zero"), std::string::npos);
  EXPECT_NE(error({a, folder / "none"}).find("none: No such file"), std::string::npos);
  EXPECT_NE(error({}).find("1 to 16 files"), std::string::npos);
  EXPECT_NE(error(std::vector(17, a)).find("1 to 16 files"), std::string::npos);
  EXPECT_NE(error(std::vector(16, a)).find("the same part"), std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST(Kek, RefusesKeysOfAnotherLength) {
  EXPECT_FALSE(Kek::from(Secret(16)));
  EXPECT_FALSE(Kek::from(Secret(32)));  // all zero
  EXPECT_FALSE(random_kek().wrap(Secret(16), "gw1", 1));
  EXPECT_FALSE(random_kek().wrap(Secret(32), "", 1));
}

}  // namespace
}  // namespace sluice::kds
