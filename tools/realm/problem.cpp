// SPDX-License-Identifier: Apache-2.0
#include "realm/problem.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace sluice::realm {
namespace {

using std::chrono::seconds;

constexpr std::size_t failures_most = 256;
constexpr std::size_t words_most = 16384;  // a requirement may name 64 values of 200 bytes
constexpr seconds retry_most{7 * 24 * 3600};

std::optional<seconds> parse_retry_after(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::min(seconds(value), retry_most);
}

}  // namespace

std::vector<http::Failure> failures(Reader& reader) {
  std::vector<http::Failure> failures;
  for (Reader& one : reader.list("failures", failures_most)) {
    failures.push_back({printable(one.text("name", words_most), 256), printable(one.text("detail", words_most)), {}});
    if (one.has("remedy")) failures.back().remedy = printable(one.text("remedy", words_most));
  }
  return failures;
}

std::string to_words(const std::vector<http::Failure>& failures) {
  std::string words;
  for (const http::Failure& failure : failures) {
    words += "\n  " + failure.name + ": " + failure.detail;
    if (!failure.remedy.empty()) words += "\n    remedy: " + failure.remedy;
  }
  return words;
}

std::string Problem::to_words(std::string_view advice) const {
  std::string words = title;
  if (!detail.empty() && detail != title) words += ": " + detail;
  words += advice;
  if (retry_after) words += "\n  try again in " + std::to_string(retry_after->count()) + " s";
  return words + realm::to_words(failures);
}

Problem parse_problem(const http::Response& response, std::size_t most) {
  Problem problem;
  problem.status = response.status;
  problem.retry_after = parse_retry_after(response.fields.get("Retry-After"));
  const auto json = parse_object(response.text(), most);
  if (json) {
    // A member of the wrong type is passed over (RFC 9457, 3.1).
    std::optional<Error> ignored;
    Reader root(*json, "", ignored);
    problem.title = printable(root.text("title", words_most));
    problem.detail = printable(root.text("detail", words_most));
    ignored.reset();
    problem.failures = failures(root);
    if (ignored) problem.failures.clear();
  }
  if (problem.title.empty()) {
    problem.title = std::string(http::reason_phrase(response.status));
    if (problem.title.empty()) problem.title = "the key server answered " + std::to_string(response.status);
  }
  return problem;
}

}  // namespace sluice::realm
