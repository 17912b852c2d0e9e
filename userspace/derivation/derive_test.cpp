// SPDX-License-Identifier: Apache-2.0
#include "derivation/derive.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <random>
#include <string>

namespace sluice::derivation {
namespace {

constexpr const char* counting = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

std::string derived(const Secret& master, std::uint32_t spi, Algorithm algorithm) {
  auto keying = derive(master, spi, algorithm);
  return keying ? std::string(keying->hex().text()) : keying.error().message;
}

/// The same by the command openssl, one block after the other.
std::string by_command(const Secret& master, std::uint32_t spi, Algorithm algorithm) {
  const std::string key(master.hex().text());
  const unsigned bits = static_cast<unsigned>(8 * keying_size(algorithm));
  std::string all;
  for (unsigned i = 1; all.size() < bits / 4; ++i) {
    char input[64];
    std::snprintf(input, sizeof input, "%08x534b%02x00%08x%08x", i, 0x30U + static_cast<unsigned>(algorithm), spi,
                  bits);
    std::string escaped;
    for (std::size_t at = 0; input[at] != '\0'; at += 2) escaped += "\\x" + std::string(input + at, 2);
    const std::string command =
        "bash -c \"printf '" + escaped + "'\" | openssl mac -cipher AES-256-CBC -macopt hexkey:" + key + " CMAC";
    std::FILE* pipe = ::popen(command.c_str(), "r");
    char line[64] = "";
    const bool got = pipe != nullptr && std::fgets(line, sizeof line, pipe) != nullptr;
    if (pipe != nullptr) ::pclose(pipe);
    if (!got) return "the command failed";
    for (const char* c = line; *c != '\0' && *c != '\n'; ++c)
      all += static_cast<char>(*c >= 'A' && *c <= 'F' ? *c - 'A' + 'a' : *c);
  }
  return all.substr(0, bits / 4);
}

TEST(Derive, GivesTheVectorsOfTheDesign) {
  const Secret master = *Secret::from_hex(counting);
  EXPECT_EQ(derived(master, 0x00000200, Algorithm::aes_256_gcm),
            "7c1461b4b772651831831c58b141bfe5fa78af392a225c49bf185593ecedbf39"
            "b4d0b55c");
  EXPECT_EQ(derived(master, 0x20000200, Algorithm::aes_256_gcm),
            "89edf12ff05cd1749d826078a3b88c173f064812e3f49bb70ca79ed1c9b7f528"
            "53eefedb");
  EXPECT_EQ(derived(master, 0x5579bc03, Algorithm::aes_128_gcm),
            "0f7a7145f381615aeb68011c967112fe"
            "76dd2005");
  EXPECT_EQ(derived(master, 0xbfffffff, Algorithm::aes_128_gcm),
            "3675980a08d4226fcd0d0bc1a130ce08"
            "b012b394");
}

TEST(Derive, AgreesWithTheOpensslCommand) {
  if (std::system("openssl mac -help >/dev/null 2>&1") != 0) GTEST_SKIP() << "no openssl command that knows mac";
  std::random_device device;
  for (int round = 0; round < 6; ++round) {
    const Secret master = *Secret::random(master_size);
    const std::uint32_t spi = device();
    const Algorithm algorithm = round % 2 == 0 ? Algorithm::aes_256_gcm : Algorithm::aes_128_gcm;
    EXPECT_EQ(derived(master, spi, algorithm), by_command(master, spi, algorithm)) << std::hex << spi;
  }
}

TEST(Derive, RefusesAMasterOfAnotherLength) {
  EXPECT_FALSE(derive(Secret(16), 0x200, Algorithm::aes_256_gcm));
  EXPECT_FALSE(derive(Secret(), 0x200, Algorithm::aes_256_gcm));
}

TEST(ParseMaster, TakesBytesOrDigits) {
  const Secret bytes = *Secret::from_hex(counting);
  EXPECT_TRUE(parse_master(bytes)->equals(bytes));
  EXPECT_TRUE(parse_master(bytes.hex())->equals(bytes));
  const auto with_end = [&](const std::string& end) {
    const std::string text = counting + end;
    return Secret::copy_of({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  EXPECT_TRUE(parse_master(with_end("\n"))->equals(bytes));
  EXPECT_TRUE(parse_master(with_end("\r\n"))->equals(bytes));
  EXPECT_FALSE(parse_master(with_end("0")));
  EXPECT_FALSE(parse_master(Secret()));
  EXPECT_FALSE(parse_master(Secret(31)));
  EXPECT_FALSE(parse_master(Secret(32)));  // all zero
  EXPECT_FALSE(parse_master(Secret(32).hex()));
}

}  // namespace
}  // namespace sluice::derivation
