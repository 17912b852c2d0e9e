// SPDX-License-Identifier: Apache-2.0
#include "sluice/table.hpp"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

TEST(TableTest, ColumnsAreAsWideAsTheirWidestCell) {
  Table table({"ID", "NAME"});
  table.add({"1", "a"});
  table.add({"1000", "bcd"});
  EXPECT_EQ(table.text(), "ID    NAME\n1     a\n1000  bcd\n");
}

TEST(TableTest, ControlBytesNeverReachTheTerminal) {
  Table table({"NAME"});
  table.add({"a\x1b[2J\nb"});
  EXPECT_EQ(table.text(), "NAME\na?[2J?b\n");
}

TEST(TableTest, Durations) {
  EXPECT_EQ(human_duration(0.35), "350 us");
  EXPECT_EQ(human_duration(12.34), "12.3 ms");
  EXPECT_EQ(human_duration(4200), "4.2 s");
  EXPECT_EQ(human_duration(180000), "3 min");
  EXPECT_EQ(human_duration(5 * 3600000.0), "5 h");
  EXPECT_EQ(human_duration(3 * 86400000.0), "3 d");
}

TEST(TableTest, Bytes) {
  EXPECT_EQ(human_bytes(812), "812 B");
  EXPECT_EQ(human_bytes(1536 * 1024), "1.5 MiB");
}

}  // namespace
}  // namespace sluice::cli
