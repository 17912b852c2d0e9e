// SPDX-License-Identifier: Apache-2.0
#include "sluice/table.hpp"

#include <algorithm>
#include <cstdio>

namespace sluice::cli {

std::string Table::text() const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      line += printable(row[i]);
      line += std::string(widths[i] - row[i].size() + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

void Table::print() const { std::fputs(text().c_str(), stdout); }

std::string printable(std::string text) {
  auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  std::ranges::replace_if(text, is_control, '?');
  return text;
}

std::string human_bytes(unsigned long long bytes) {
  const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(units); ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text;
}

std::string human_duration(double milliseconds) {
  struct Unit {
    double size;  // in ms
    double below;
    const char* format;
  };
  const Unit units[] = {{0.001, 1, "%.0f us"},
                        {1, 1000, "%.1f ms"},
                        {1000, 120000, "%.1f s"},
                        {60000, 7200000, "%.0f min"},
                        {3600000, 172800000, "%.0f h"}};
  char text[32];
  for (const Unit& unit : units) {
    if (milliseconds >= unit.below) continue;
    std::snprintf(text, sizeof text, unit.format, milliseconds / unit.size);
    return text;
  }
  std::snprintf(text, sizeof text, "%.0f d", milliseconds / 86400000);
  return text;
}

}  // namespace sluice::cli
