// SPDX-License-Identifier: Apache-2.0
#include "evidence/base64url.hpp"

#include <gtest/gtest.h>

namespace sluice::evidence {
namespace {

std::vector<std::uint8_t> bytes(std::string_view text) { return {text.begin(), text.end()}; }

TEST(Base64url, KnowsTheVectorsWithoutTheirPadding) {
  // RFC 4648, 10; RFC 7515, appendix C.
  const std::pair<std::vector<std::uint8_t>, std::string> vectors[] = {{bytes(""), ""},
                                                                       {bytes("f"), "Zg"},
                                                                       {bytes("fo"), "Zm8"},
                                                                       {bytes("foo"), "Zm9v"},
                                                                       {bytes("foob"), "Zm9vYg"},
                                                                       {bytes("fooba"), "Zm9vYmE"},
                                                                       {bytes("foobar"), "Zm9vYmFy"},
                                                                       {{3, 236, 255, 224, 193}, "A-z_4ME"},
                                                                       {{0xff, 0xff, 0xff}, "____"}};
  for (const auto& [plain, text] : vectors) {
    EXPECT_EQ(to_base64url(plain), text);
    EXPECT_EQ(base64url_length(plain.size()), text.size());
    const auto read = from_base64url(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(*read, plain);
  }
}

TEST(Base64url, EveryByteInEveryPlaceRoundTrips) {
  for (std::size_t size = 1; size <= 4; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (unsigned value = 0; value < 256; ++value) {
        std::vector<std::uint8_t> plain(size, 0xa5);
        plain[at] = static_cast<std::uint8_t>(value);
        const auto read = from_base64url(to_base64url(plain));
        ASSERT_TRUE(read);
        ASSERT_EQ(*read, plain);
      }
    }
  }
}

TEST(Base64url, RefusesWhatItDoesNotWrite) {
  for (std::string_view text : {"Zg==", "Zm8=", "Zg=", "=", "Zm9v\n", "Zm9v ", " Zm9v", "Zm 9v", "A+z/4ME", "Zm9.", "Z",
                                "Zm9vY", "A", "Zm9vA", "AAAAA", "\x80m9v", "Zm9\xff", "\xc3\xa4zz", "Zm9v%"}) {
    const auto read = from_base64url(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(reason_of(read.error()), Reason::malformed);
    for (char c : read.error().message) EXPECT_TRUE(c >= ' ' && c <= '~') << read.error().message;
  }
  EXPECT_FALSE(from_base64url(std::string_view("Zm9\0", 4)));
}

TEST(Base64url, OneTextOnlyStandsForTheSameBytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::size_t of_one = 0, of_two = 0;
  for (char c : alphabet) {
    of_one += from_base64url(std::string("Z") + c).ok();
    of_two += from_base64url(std::string("Zm") + c).ok();
  }
  EXPECT_EQ(of_one, 4U);   // four bits beyond the byte, which must be zero
  EXPECT_EQ(of_two, 16U);  // two
}

TEST(Base64url, AnArrayIsOfItsSize) {
  const std::array<std::uint8_t, 5> plain{3, 236, 255, 224, 193};
  const auto read = array_from_base64url<5>("A-z_4ME");
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, plain);
  EXPECT_FALSE(array_from_base64url<4>("A-z_4ME"));
  EXPECT_FALSE(array_from_base64url<6>("A-z_4ME"));
  EXPECT_FALSE(array_from_base64url<5>("A-z_4M!"));
}

}  // namespace
}  // namespace sluice::evidence
