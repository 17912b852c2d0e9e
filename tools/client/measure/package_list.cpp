// SPDX-License-Identifier: Apache-2.0
#include "client/measure/package_list.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>

namespace sluice::client::measure {
namespace {

constexpr std::size_t packages_most = 200'000;

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Field names are compared without regard to case (deb-control(5)).
bool take_field(std::string_view line, std::string_view name, std::string_view& value) {
  if (line.size() <= name.size() || line[name.size()] != ':') return false;
  for (std::size_t i = 0; i < name.size(); ++i)
    if ((line[i] | 0x20) != name[i]) return false;
  value = trim(line.substr(name.size() + 1));
  return true;
}

struct Stanza {
  std::string_view package, status, architecture, version;

  [[nodiscard]] bool installed(bool always) const {
    if (status.empty()) return always;
    const std::string_view state = status.substr(status.rfind(' ') + 1);
    return state == "installed" || state == "triggers-pending" || state == "triggers-awaited";
  }
};

bool one_word(std::string_view text) {
  return !text.empty() && std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) <= ' '; });
}

}  // namespace

Result<void> PackageList::add_dpkg(std::string_view status, bool always) {
  while (!status.empty()) {
    Stanza stanza;
    bool any = false;
    while (!status.empty()) {
      const std::string_view line = take_line(status);
      if (trim(line).empty()) break;
      any = true;
      // Only four fields matter; the first letter sends most lines away: ten megabytes are to be read in no time.
      switch (line.front() | 0x20) {
        case 'p':
          take_field(line, "package", stanza.package);
          break;
        case 's':
          take_field(line, "status", stanza.status);
          break;
        case 'a':
          take_field(line, "architecture", stanza.architecture);
          break;
        case 'v':
          take_field(line, "version", stanza.version);
          break;
        default:
          break;
      }
    }
    if (!any || !stanza.installed(always)) continue;
    if (!one_word(stanza.package) || !one_word(stanza.version))
      return Error{"the list of packages has one without a name or version"};
    if (lines_.size() == packages_most) return Error{"there are more packages than can be listed"};
    std::string line(stanza.package);
    line.append(":").append(stanza.architecture).append(" ").append(stanza.version);
    lines_.push_back(std::move(line));
  }
  return {};
}

Result<void> PackageList::add_rpm(std::string_view lines) {
  while (!lines.empty()) {
    const std::string_view line = take_line(lines);
    if (line.starts_with("gpg-pubkey:")) continue;
    const std::size_t space = line.find(' '), colon = line.find(':');
    if (space == std::string_view::npos || colon == 0 || colon > space || !one_word(line.substr(0, space)) ||
        !one_word(line.substr(space + 1)))
      return Error{"rpm's list of packages has a line that is none"};
    if (lines_.size() == packages_most) return Error{"there are more packages than can be listed"};
    lines_.emplace_back(line);
  }
  return {};
}

Result<std::string> PackageList::digest() {
  std::ranges::sort(lines_);
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  bool good = context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  for (const std::string& line : lines_)
    good = good && EVP_DigestUpdate(context.get(), line.data(), line.size()) == 1 &&
           EVP_DigestUpdate(context.get(), "\n", 1) == 1;
  std::array<unsigned char, 32> hash{};
  if (!good || EVP_DigestFinal_ex(context.get(), hash.data(), nullptr) != 1) return Error{"SHA-256 is not to be had"};
  std::string digits;
  for (const unsigned char byte : hash) {
    digits += "0123456789abcdef"[byte >> 4];
    digits += "0123456789abcdef"[byte & 15];
  }
  return digits;
}

std::vector<std::string> PackageList::versions(std::string_view name) const {
  std::vector<std::string> found;
  // "name:" or "name:architecture " begins each line in question, and sorting has put them beside one another.
  const std::string start = std::string(name) + (name.find(':') == std::string_view::npos ? ":" : " ");
  for (auto line = std::ranges::lower_bound(lines_, start); line != lines_.end() && line->starts_with(start); ++line) {
    std::string version = line->substr(line->find(' ') + 1);
    if (std::ranges::find(found, version) == found.end()) found.push_back(std::move(version));
  }
  return found;
}

}  // namespace sluice::client::measure
