// SPDX-License-Identifier: Apache-2.0
//
// A client's inner address is its pool's base plus its id (Documentation/esp.rst), as the module adds them.
#pragma once

#include <cstdint>

#include "base/address.hpp"

namespace sluice::derivation {

/// Of either family, as a number.
std::uint32_t last_32_bits(const Address& address);

/// The sum in the last 32 bits; that there is room above the base is the caller's to see to.
Address inner_address(const Address& base, std::uint32_t id);

}  // namespace sluice::derivation
