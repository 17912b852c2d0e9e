// SPDX-License-Identifier: Apache-2.0
//
// Session keys from a gateway's master key and an SPI: NIST SP 800-108r1, section 4.1, counter mode with AES-256-CMAC.
// The module derives the same (kmod/derive.c).
#pragma once

#include "base/result.hpp"
#include "derivation/secret.hpp"
#include "derivation/spi.hpp"

namespace sluice::derivation {

inline constexpr std::size_t master_size = 32;

/// A master key as people keep it: its 32 bytes, or 64 hexadecimal digits and perhaps an end of line.
Result<Secret> parse_master(const Secret& contents);

/// The key and, behind it, the salt of RFC 4106: keying_size() bytes.
Result<Secret> derive(const Secret& master, std::uint32_t spi, Algorithm algorithm);

}  // namespace sluice::derivation
