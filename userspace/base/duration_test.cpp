// SPDX-License-Identifier: Apache-2.0
#include "base/duration.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Duration, RoundTrips) {
  for (std::string_view text : {"250ms", "10s", "5m", "2h", "61s", "1500ms"}) {
    Result<Duration> duration = parse_duration(text);
    ASSERT_TRUE(duration) << text;
    EXPECT_EQ(to_string(*duration), text);
  }
  EXPECT_EQ(parse_duration("1m")->count(), 60000);
  EXPECT_EQ(parse_duration("0s")->count(), 0);
  EXPECT_EQ(to_string(*parse_duration("90d")), "2160h");
}

TEST(Duration, RefusesWhatIsNone) {
  for (std::string_view text : {"", "10", "s", "-1s", "1.5s", "10 s", "10sec", "99999999999s"}) {
    Result<Duration> duration = parse_duration(text);
    ASSERT_FALSE(duration) << text;
    EXPECT_NE(duration.error().message.find("as in 10s"), std::string::npos);
  }
}

}  // namespace
}  // namespace sluice
