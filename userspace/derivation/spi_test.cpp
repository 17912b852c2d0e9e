// SPDX-License-Identifier: Apache-2.0
#include "derivation/spi.hpp"

#include <gtest/gtest.h>

namespace sluice::derivation {
namespace {

TEST(Spi, HasItsFieldsWhereTheDesignPutsThem) {
  EXPECT_EQ(Spi::compose(0, Direction::to_gateway, 1, 0)->value(), 0x00000200U);
  EXPECT_EQ(Spi::compose(3, Direction::to_client, 1, 0)->value(), 0x20000200U);
  EXPECT_EQ(Spi::compose(5, Direction::to_client, Spi::most_id, Spi::most_incarnation)->value(), 0xbfffffffU);
  EXPECT_EQ(Spi::compose(0xffffffff, Direction::to_gateway, 1, 0)->generation, 0U);
  EXPECT_EQ(Spi::compose(0, Direction::to_gateway, 1, 0)->to_string(), "0x00000200");
}

TEST(Spi, ParsesWhatItComposed) {
  for (const std::uint32_t value : {0x00000200U, 0x20000200U, 0x5579bc03U, 0xbfffffffU}) {
    auto spi = Spi::parse(value);
    ASSERT_TRUE(spi);
    EXPECT_EQ(spi->value(), value);
    EXPECT_EQ(spi->reverse().value(), value ^ 0x20000000U);
    EXPECT_EQ(spi->reverse().reverse(), *spi);
  }
  EXPECT_EQ(Spi::parse(0x5579bc03)->id, 0xabcdeU);
  EXPECT_EQ(Spi::parse(0x5579bc03)->incarnation, 3U);
}

TEST(Spi, RefusesWhatIsNotOurs) {
  EXPECT_FALSE(Spi::parse(0));
  EXPECT_FALSE(Spi::parse(0x1ff));       // client 0
  EXPECT_FALSE(Spi::parse(0xc0000200));  // the fourth generation
  EXPECT_FALSE(Spi::compose(1, Direction::to_gateway, 0, 0));
  EXPECT_FALSE(Spi::compose(1, Direction::to_gateway, Spi::most_id + 1, 0));
  EXPECT_FALSE(Spi::compose(1, Direction::to_gateway, 1, Spi::most_incarnation + 1));
}

TEST(Algorithm, HasNames) {
  for (const Algorithm algorithm : {Algorithm::aes_128_gcm, Algorithm::aes_256_gcm})
    EXPECT_EQ(*parse_algorithm(to_string(algorithm)), algorithm);
  EXPECT_FALSE(parse_algorithm("aes-192-gcm"));
  EXPECT_EQ(keying_size(Algorithm::aes_128_gcm), 20U);
  EXPECT_EQ(keying_size(Algorithm::aes_256_gcm), 36U);
}

}  // namespace
}  // namespace sluice::derivation
