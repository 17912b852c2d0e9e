// SPDX-License-Identifier: Apache-2.0
//
// The system that is measured: everything below one folder, which is / but in tests.  Reads files whole and within
// bounds, and never waits for one (a FIFO in place of a file).
#pragma once

#include <ctime>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "client/measure/measure.hpp"

namespace sluice::client::measure {

/// Reasons, by claim or by claim and part ("plugins.NAME").
using Unmeasured = std::map<std::string, std::string>;

/// The names in a folder, sorted by bytes; at most 4096 of them, and none where there is no such folder.
std::vector<std::string> names_in_folder(const std::filesystem::path& folder);

struct Host {
  const Options& options;
  std::time_t now;  ///< seconds since 1970

  /// An absolute path, below the root.
  [[nodiscard]] std::filesystem::path at(std::string_view path) const;
  [[nodiscard]] bool has(std::string_view path) const;
  /// The file's bytes; an error if there are more than *most*, or if it is no regular file (ENOENT and others by
  /// number).
  [[nodiscard]] Result<std::string> read(std::string_view path, std::size_t most) const;
  /// Its first bytes, *most* of them or fewer.
  [[nodiscard]] Result<std::string> read_start(std::string_view path, std::size_t most) const;
  [[nodiscard]] std::vector<std::string> names_in(std::string_view path) const;
  /// The program of this name in the folders of PATH, below the root, if it can be executed.
  [[nodiscard]] std::optional<std::string> program(std::string_view name) const;
};

}  // namespace sluice::client::measure
