// SPDX-License-Identifier: Apache-2.0
//
// Secret: owns bytes that nobody else may see, and wipes them when it ends.  It moves and is not copied, so that there
// is one place to wipe.  And files of secrets: read whole, written for their owner alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.hpp"

namespace sluice::derivation {

class Secret {
 public:
  Secret() = default;
  /// That many zero bytes, to be filled through data().
  explicit Secret(std::size_t size);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  static Secret copy_of(std::span<const std::uint8_t> bytes);
  /// From the system's random generator.
  static Result<Secret> random(std::size_t size);
  /// Digits of either case, two a byte, and nothing else.
  static Result<Secret> from_hex(std::string_view digits);
  /// Its digits, in lower case; as secret as the bytes.
  [[nodiscard]] Secret hex() const;

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::uint8_t* data() { return bytes_.get(); }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return {bytes_.get(), size_}; }
  [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(bytes_.get()), size_}; }
  [[nodiscard]] bool all_zero() const;
  /// Takes the same time wherever they differ.
  [[nodiscard]] bool equals(const Secret& other) const;

 private:
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t size_ = 0;
};

/// The whole file, which may hold *most* bytes.  A regular file that group or others may read is refused, as ssh
/// refuses its keys; a pipe or terminal is read as it is.
Result<Secret> read_secret_file(const std::filesystem::path& path, std::size_t most);

/// All of the text or no file at all, with mode 0600.  What exists is replaced only if *replace* says so (EEXIST).
Result<void> write_secret_file(const std::filesystem::path& path, std::string_view text, bool replace);

}  // namespace sluice::derivation
