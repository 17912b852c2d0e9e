// SPDX-License-Identifier: Apache-2.0
#include "client/discover/domains.hpp"

#include <algorithm>
#include <fstream>

namespace sluice::client::discover {
namespace {

constexpr std::size_t file_most = 64 * 1024;
constexpr std::size_t domains_most = 8;

// As resolv.conf(5) separates words.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t\r")));
    if (line.empty()) return words;
    words.push_back(line.substr(0, line.find_first_of(" \t\r")));
    line.remove_prefix(words.back().size());
  }
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

std::string read_file(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return {};
  std::ifstream file(path, std::ios::binary);
  std::string text(file_most, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  return text;
}

}  // namespace

bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      continue;
    }
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') || ++label > 63) return false;
  }
  return label != 0;
}

std::vector<std::string> parse_search(std::string_view text) {
  std::vector<std::string> domains;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    // The keyword begins the line (resolv.conf(5)); comments begin with ';' or '#' there.
    const auto words = words_of(line);
    if (words.empty() || line.front() == ' ' || line.front() == '\t') continue;
    if (words[0] != "search" && words[0] != "domain") continue;
    domains.clear();
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (words[0] == "domain" && i > 1) break;
      std::string name = lower_case(words[i]);
      if (name.ends_with('.')) name.pop_back();
      if (is_host_name(name) && std::ranges::find(domains, name) == domains.end()) domains.push_back(std::move(name));
    }
  }
  return domains;
}

std::vector<std::string> search_domains(const std::filesystem::path& root) {
  std::vector<std::string> domains;
  for (const char* file : {"etc/resolv.conf", "run/systemd/resolve/resolv.conf"})
    for (std::string& name : parse_search(read_file(root / file)))
      if (domains.size() < domains_most && std::ranges::find(domains, name) == domains.end())
        domains.push_back(std::move(name));
  return domains;
}

}  // namespace sluice::client::discover
