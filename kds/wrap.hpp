// SPDX-License-Identifier: Apache-2.0
//
// Kek: wraps the master keys of generations, so that who takes the disk has none.  AES-256-GCM (NIST SP 800-38D) under
// the key-encrypting key, a random nonce of 96 bits, and gateway and generation number as associated data: a wrapped
// key that is put beside another gateway's name or another number does not unwrap.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "derivation/secret.hpp"
#include "kds/records.hpp"

namespace sluice::kds {

class Kek {
 public:
  /// Format 1, nonce 12, ciphertext 32, tag 16 bytes.
  static constexpr std::size_t wrapped_size = 1 + 12 + 32 + 16;

  /// At most so many files make one.
  static constexpr std::size_t most_parts = 16;

  /// From files that their owner alone may read: 32 bytes each, or 64 hexadecimal digits and perhaps an end of line.
  /// One holds the key itself.  Several hold parts, for custodians who have one each: all of them are needed, in any
  /// order, and who lacks one knows nothing.  EINVAL: a part is none, or is there twice.
  static Result<Kek> load(const std::vector<std::filesystem::path>& files);
  /// Its 32 bytes.
  static Result<Kek> from(derivation::Secret key);

  /// *master*: 32 bytes.  SP 800-38D, 8.3, allows 2^32 calls under one key with random nonces.
  [[nodiscard]] Result<Bytes> wrap(const derivation::Secret& master, std::string_view gateway,
                                   std::uint32_t number) const;
  /// EBADMSG: another KEK, gateway or number, or bytes that were changed.
  [[nodiscard]] Result<derivation::Secret> unwrap(std::span<const std::uint8_t> wrapped, std::string_view gateway,
                                                  std::uint32_t number) const;

 private:
  explicit Kek(derivation::Secret key) : key_(std::move(key)) {}
  derivation::Secret key_;
};

/// The same master key, wrapped by *to*; for a change of the KEK.
Result<Bytes> rewrap(const Kek& from, const Kek& to, std::span<const std::uint8_t> wrapped, std::string_view gateway,
                     std::uint32_t number);

}  // namespace sluice::kds
