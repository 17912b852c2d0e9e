// SPDX-License-Identifier: Apache-2.0
//
// The layout of an SPI, and the algorithms whose numbers enter the derivation.  Values without secrets.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace sluice::derivation {

enum class Direction : std::uint8_t { to_gateway = 0, to_client = 1 };

/// G(2) | D(1) | ID(20) | INC(9), most significant first.
struct Spi {
  static constexpr std::uint32_t most_id = (1U << 20) - 1;
  static constexpr std::uint32_t most_incarnation = (1U << 9) - 1;
  static constexpr std::uint32_t slots = 3;  ///< G is the generation modulo this; the fourth value is never ours

  std::uint32_t generation = 0;  ///< modulo *slots*
  Direction direction = Direction::to_gateway;
  std::uint32_t id = 1;  ///< 1 to *most_id*; thereby no SPI of ours is among the reserved ones (RFC 4303, 2.1)
  std::uint32_t incarnation = 0;

  /// *number* is the generation's own.
  static Result<Spi> compose(std::uint32_t number, Direction direction, std::uint32_t id, std::uint32_t incarnation);
  /// EINVAL: not one of ours.
  static Result<Spi> parse(std::uint32_t value);

  [[nodiscard]] std::uint32_t value() const;
  /// The same client, generation and incarnation, the other way.
  [[nodiscard]] Spi reverse() const;
  /// "0x00000200".
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const Spi&) const = default;
};

enum class Algorithm : std::uint8_t { aes_128_gcm = 1, aes_256_gcm = 2 };

inline constexpr std::size_t salt_size = 4;  ///< RFC 4106, section 4

Result<Algorithm> parse_algorithm(std::string_view name);
/// "aes-256-gcm".
std::string to_string(Algorithm algorithm);
/// Bytes of key and salt together.
std::size_t keying_size(Algorithm algorithm);

}  // namespace sluice::derivation
