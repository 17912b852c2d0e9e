// SPDX-License-Identifier: Apache-2.0
//
// For tests: what Prometheus would read, and what it or its linter would complain of.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>

namespace sluice::metrics::testing {

/// Values by series, as it is written: name{label="value"}.  Complaints fail the test.
inline std::map<std::string, double> read(const std::string& text) {
  std::map<std::string, double> values;
  std::map<std::string, std::string> types;
  std::set<std::string> helped;
  std::string family, line;
  for (std::istringstream lines(text); std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, kind, rest;
    if (line.starts_with("# ")) {
      words >> hash >> kind >> family >> rest;
      EXPECT_FALSE(rest.empty()) << line;
      if (kind == "HELP") {
        EXPECT_TRUE(helped.insert(family).second) << family << " comes twice";
        continue;
      }
      EXPECT_EQ(kind, "TYPE") << line;
      EXPECT_TRUE(types.emplace(family, rest).second) << family << " comes twice";
      EXPECT_EQ(family.ends_with("_total"), rest == "counter") << line;
      continue;
    }
    // Labels may have blanks in their values, the number has none.
    const std::size_t end = line.rfind(' ');
    const std::string series = line.substr(0, end), name = series.substr(0, series.find('{'));
    EXPECT_EQ(name, family) << line;
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), name.npos) << line;
    EXPECT_TRUE(name == series || series.ends_with("\"}")) << line;
    std::size_t used = 0;
    const std::string number = end == line.npos ? "" : line.substr(end + 1);
    const double value = number.empty() ? 0 : std::stod(number, &used);
    EXPECT_TRUE(!number.empty() && used == number.size()) << "no line of metrics: " << line;
    EXPECT_TRUE(values.emplace(series, value).second) << line;
  }
  for (const auto& [name, type] : types) {
    EXPECT_TRUE(helped.contains(name)) << name;
    // OpenMetrics calls the family of X_total X.
    EXPECT_FALSE(types.contains(name + "_total")) << name;
  }
  EXPECT_EQ(types.size(), helped.size());
  return values;
}

}  // namespace sluice::metrics::testing
