// SPDX-License-Identifier: Apache-2.0
#include "derivation/inner_address.hpp"

namespace sluice::derivation {

std::uint32_t last_32_bits(const Address& address) {
  const auto& raw = address.raw();
  return std::uint32_t{raw[12]} << 24 | std::uint32_t{raw[13]} << 16 | std::uint32_t{raw[14]} << 8 | raw[15];
}

Address inner_address(const Address& base, std::uint32_t id) {
  Address::Bytes bytes = base.raw();
  for (std::size_t i = 16; i-- > 12; id >>= 8) {
    id += bytes[i];
    bytes[i] = static_cast<std::uint8_t>(id);
  }
  return Address(bytes);
}

}  // namespace sluice::derivation
