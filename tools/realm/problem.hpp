// SPDX-License-Identifier: Apache-2.0
//
// A key server's error (RFC 9457) as those read it who asked: bounded, and its words made fit for a terminal.  Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"
#include "http/problem.hpp"
#include "realm/reader.hpp"

namespace sluice::realm {

struct Problem {
  unsigned status = 0;
  std::string title, detail;
  std::vector<http::Failure> failures;
  std::optional<std::chrono::seconds> retry_after;  ///< RFC 9110, 10.2.3; seconds alone

  /// Lines for a person, each failure with its remedy; no newline at the end.  *advice*: lines of the caller's, each
  /// with a newline before it.
  [[nodiscard]] std::string to_words(std::string_view advice = {}) const;
};

/// Of a response that is no success, of which *most* bytes are read.  One that holds no problem has the status' own
/// words for a title.
Problem parse_problem(const http::Response& response, std::size_t most);

/// The member "failures" of an object; absent: empty.
std::vector<http::Failure> failures(Reader& reader);
/// "  os.version: os.version is ...\n    remedy: Update ...", a newline before each line.
std::string to_words(const std::vector<http::Failure>& failures);

}  // namespace sluice::realm
