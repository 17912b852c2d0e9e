// SPDX-License-Identifier: Apache-2.0
#include "kds/version.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>

namespace sluice::kds {
namespace {

// Not those of <cctype>, which ask the locale.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_made_of(std::string_view text, std::string_view others) {
  return std::ranges::all_of(text,
                             [&](char c) { return is_digit(c) || is_letter(c) || others.find(c) != others.npos; });
}

// A tilde comes before the end of a part, and that before letters, and those before all else.
int weight(char c) {
  if (c == '~') return -1;
  return is_letter(c) ? c : c + 256;
}

std::string_view take(std::string_view& text, bool digits) {
  const auto end = std::ranges::find_if(text, [&](char c) { return is_digit(c) != digits; });
  const std::string_view taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(taken.size());
  return taken;
}

std::weak_ordering compare_words(std::string_view a, std::string_view b) {
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const int of_a = i < a.size() ? weight(a[i]) : 0;
    const int of_b = i < b.size() ? weight(b[i]) : 0;
    if (of_a != of_b) return of_a <=> of_b;
  }
  return std::weak_ordering::equivalent;
}

// Of any length, so not as numbers: without leading zeros the longer one is greater.
std::weak_ordering compare_numbers(std::string_view a, std::string_view b) {
  a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
  b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
  if (a.size() != b.size()) return a.size() <=> b.size();
  return a <=> b;
}

std::weak_ordering compare_parts(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    // Named, for the order in which they are taken.
    const std::string_view word_a = take(a, false), word_b = take(b, false);
    if (const auto order = compare_words(word_a, word_b); order != 0) return order;
    const std::string_view number_a = take(a, true), number_b = take(b, true);
    if (const auto order = compare_numbers(number_a, number_b); order != 0) return order;
  }
  return std::weak_ordering::equivalent;
}

}  // namespace

Result<Version> Version::parse(std::string_view text) {
  const Error error{"is no version as of deb-version(7)"};
  if (text.empty() || text.size() > version_size_max) return error;
  Version version;
  const std::size_t colon = text.find(':');
  if (colon != text.npos) {
    const char* end = text.data() + colon;
    const auto [stop, failure] = std::from_chars(text.data(), end, version.epoch);
    // dpkg's epochs are of type int.
    if (failure != std::errc{} || stop != end || version.epoch > std::uint32_t{std::numeric_limits<int>::max()})
      return error;
    text.remove_prefix(colon + 1);
  }
  version.upstream = text.substr(0, text.rfind('-'));
  if (const std::size_t hyphen = text.rfind('-'); hyphen != text.npos) {
    version.revision = text.substr(hyphen + 1);
    if (version.revision.empty()) return error;
  }
  if (version.upstream.empty() || !is_digit(version.upstream[0])) return error;
  // A colon that is left stands behind that of an epoch.
  if (!is_made_of(version.upstream, ".+-:~_") || !is_made_of(version.revision, ".+~_")) return error;
  return version;
}

std::weak_ordering Version::operator<=>(const Version& other) const {
  if (epoch != other.epoch) return epoch <=> other.epoch;
  if (const auto order = compare_parts(upstream, other.upstream); order != 0) return order;
  return compare_parts(revision, other.revision);
}

}  // namespace sluice::kds
