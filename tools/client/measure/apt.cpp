// SPDX-License-Identifier: Apache-2.0
#include "client/measure/apt.hpp"

#include <algorithm>

#include "client/measure/date.hpp"

namespace sluice::client::measure {
namespace {

std::string_view take_line(std::string_view& text) {
  std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// "Debian-Security:12/oldstable-security", "Ubuntu:22.04/jammy-security".  A label may have spaces in it.
bool is_security_source(std::string_view source) {
  return source.find("Debian-Security:") != std::string_view::npos || source.ends_with("-security");
}

// What is in the parentheses: the version, sources with commas between them, the architecture.
bool from_security(std::string_view text) {
  text.remove_prefix(std::min(text.size(), text.find(' ') + 1));
  text = text.substr(0, text.rfind(" ["));
  while (!text.empty()) {
    const std::string_view source = text.substr(0, text.find(", "));
    if (is_security_source(source)) return true;
    text.remove_prefix(std::min(text.size(), source.size() + 2));
  }
  return false;
}

}  // namespace

std::uint64_t count_security_updates(std::string_view text) {
  std::uint64_t count = 0;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (!line.starts_with("Inst ")) continue;
    const std::size_t begin = line.find(" (");
    if (begin == std::string_view::npos) continue;
    const std::size_t end = line.find(')', begin);
    if (end == std::string_view::npos) continue;
    if (from_security(line.substr(begin + 2, end - begin - 2))) ++count;
  }
  return count;
}

std::optional<std::time_t> date_of_security_release(std::string_view text) {
  bool security = false;
  std::optional<std::time_t> date;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon), value = line.substr(colon + 2);
    if (name == "Label" && value == "Debian-Security") security = true;
    if ((name == "Suite" || name == "Codename") && value.ends_with("-security")) security = true;
    if (name == "Date" && !date) date = parse_release_date(value);
  }
  return security ? date : std::nullopt;
}

}  // namespace sluice::client::measure
