// SPDX-License-Identifier: Apache-2.0
#include "derivation/spi.hpp"

#include <cerrno>
#include <cstdio>

namespace sluice::derivation {
namespace {

constexpr unsigned slot_shift = 30;
constexpr unsigned direction_shift = 29;
constexpr unsigned id_shift = 9;

}  // namespace

Result<Spi> Spi::compose(std::uint32_t number, Direction direction, std::uint32_t id, std::uint32_t incarnation) {
  if (id < 1 || id > most_id) return Error{"a client's id is 1 to " + std::to_string(most_id), EINVAL};
  if (incarnation > most_incarnation)
    return Error{"an incarnation is 0 to " + std::to_string(most_incarnation), EINVAL};
  return Spi{number % slots, direction, id, incarnation};
}

Result<Spi> Spi::parse(std::uint32_t value) {
  const Spi spi{value >> slot_shift, static_cast<Direction>(value >> direction_shift & 1), value >> id_shift & most_id,
                value & most_incarnation};
  if (spi.generation >= slots) return Error{"it begins with 3 for a generation, which is 0 to 2", EINVAL};
  if (spi.id == 0) return Error{"it names client 0, and clients begin at 1", EINVAL};
  return spi;
}

std::uint32_t Spi::value() const {
  return generation << slot_shift | static_cast<std::uint32_t>(direction) << direction_shift | id << id_shift |
         incarnation;
}

Spi Spi::reverse() const {
  Spi other = *this;
  other.direction = direction == Direction::to_gateway ? Direction::to_client : Direction::to_gateway;
  return other;
}

std::string Spi::to_string() const {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", value());
  return text;
}

Result<Algorithm> parse_algorithm(std::string_view name) {
  if (name == "aes-128-gcm") return Algorithm::aes_128_gcm;
  if (name == "aes-256-gcm") return Algorithm::aes_256_gcm;
  return Error{"'" + std::string(name) + "' is neither aes-256-gcm nor aes-128-gcm", EINVAL};
}

std::string to_string(Algorithm algorithm) {
  return algorithm == Algorithm::aes_128_gcm ? "aes-128-gcm" : "aes-256-gcm";
}

std::size_t keying_size(Algorithm algorithm) { return (algorithm == Algorithm::aes_128_gcm ? 16 : 32) + salt_size; }

}  // namespace sluice::derivation
