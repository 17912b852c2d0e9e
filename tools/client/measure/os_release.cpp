// SPDX-License-Identifier: Apache-2.0
//
// Which operating system: os-release(5), whose values are quoted as a shell's are.
#include "client/measure/os_release.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "client/measure/measurements.hpp"

namespace sluice::client::measure {
namespace {

constexpr std::size_t file_most = 64 * 1024;
constexpr std::size_t value_most = 256;

bool is_key(std::string_view text) {
  if (text.empty() || (text.front() >= '0' && text.front() <= '9')) return false;
  for (const char c : text)
    if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return false;
  return true;
}

// What a shell would make of the text behind '=', on one line.  Nothing where it would be more than one word, run or
// expand something, or does not end: os-release(5) has none of these.
std::optional<std::string> unquote(std::string_view text) {
  std::string value;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == '\'') {
      if (c == '\'')
        quote = 0;
      else
        value += c;
    } else if (c == '\\') {
      if (++i == text.size()) return std::nullopt;
      // Within double quotes a backslash is one, but before these (POSIX shell, 2.2.3).
      if (quote == '"' && std::string_view("$`\"\\").find(text[i]) == std::string_view::npos) value += '\\';
      value += text[i];
    } else if (c == '"' || (c == '\'' && quote == 0)) {
      quote = quote == 0 ? c : '\0';
    } else if (c == '$' || c == '`') {
      return std::nullopt;
    } else if (quote == 0 && std::string_view(" \t;&|<>()").find(c) != std::string_view::npos) {
      // Blanks at the end are none of the value.
      if (text.find_first_not_of(" \t", i) != std::string_view::npos) return std::nullopt;
      break;
    } else {
      value += c;
    }
  }
  if (quote != 0) return std::nullopt;
  return value;
}

}  // namespace

std::map<std::string, std::string> parse_os_release(std::string_view text) {
  std::map<std::string, std::string> values;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t")));
    const std::size_t equals = line.find('=');
    if (line.starts_with('#') || equals == std::string_view::npos || !is_key(line.substr(0, equals))) continue;
    const std::string key(line.substr(0, equals));
    // The last one counts, as where a shell reads the file; and that it cannot be read is not mended by an earlier one.
    values.erase(key);
    if (auto value = unquote(line.substr(equals + 1))) values.emplace(key, *std::move(value));
  }
  return values;
}

Result<Json> measure_os(const Host& host) {
  auto text = host.read("/etc/os-release", file_most);
  if (!text && text.error().number == ENOENT) text = host.read("/usr/lib/os-release", file_most);
  if (!text) return text.error();
  const auto values = parse_os_release(*text);
  Json os = Json::object();
  const std::pair<const char*, const char*> claims[] = {
      {"id", "ID"}, {"version", "VERSION_ID"}, {"name", "PRETTY_NAME"}};
  for (const auto& [claim, key] : claims)
    if (const auto found = values.find(key); found != values.end() && found->second.size() <= value_most)
      os[claim] = found->second;
  // os-release(5): "linux" stands for an ID that is not set.  We would rather say nothing.
  if (os.empty()) return Error{"os-release names neither ID, VERSION_ID nor PRETTY_NAME"};
  return os;
}

}  // namespace sluice::client::measure
