// SPDX-License-Identifier: Apache-2.0
//
// JSON of programs that we do not trust to write it well: no key twice, UTF-8, so deep and no deeper, numbers that
// every reader takes for the same.  The one place where this library parses JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/result.hpp"

namespace sluice::client::measure {

struct Strictness {
  std::size_t most = 4096;  ///< bytes of text
  std::size_t depth = 8;    ///< objects and lists within one another, the outermost counted
  bool object = true;       ///< the outermost is an object; else a list
  bool exact = true;        ///< numbers beyond 2^53 are refused: not every reader has them exactly
};

/// One value and nothing but blanks around it.
Result<nlohmann::json> parse_strict(std::string_view text, const Strictness& strictness);

}  // namespace sluice::client::measure
