// SPDX-License-Identifier: Apache-2.0
//
// A table in the terminal: columns as wide as their widest cell, two blanks between.
#pragma once

#include <string>
#include <vector>

namespace sluice::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  // Shorter rows end early; none may be longer than the head.
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] std::string text() const;
  // To stdout; without rows only the head, which tells that there is nothing rather than leaving it open.
  void print() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// The text with control bytes replaced by "?": agents choose some of what is shown, and a terminal would obey them.
std::string printable(std::string text);
// "1.5 MiB", "812 B".
std::string human_bytes(unsigned long long bytes);
// "350 us", "12.3 ms", "4.2 s", "3 min", "5 h", "2 d".
std::string human_duration(double milliseconds);

}  // namespace sluice::cli
