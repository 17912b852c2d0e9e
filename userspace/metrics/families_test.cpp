// SPDX-License-Identifier: Apache-2.0
#include "metrics/families.hpp"

#include "metrics/testing.hpp"

namespace sluice::metrics {
namespace {

TEST(Families, ValuesOfOneNameAreOneFamilyWhateverComesBetween) {
  Families families;
  for (const char* agent : {"berlin", "paris"}) {
    families.counter("test_offers_total", "Offers.", 7, {{"network", "corp"}, {"agent", agent}});
    families.gauge("test_round_trip_seconds", "Round trip.", 0.0125, {{"network", "corp"}, {"agent", agent}});
  }
  EXPECT_EQ(families.all().size(), 2u);
  const auto values = testing::read(families.to_text());
  EXPECT_EQ(values.size(), 4u);
  EXPECT_EQ(values.at(R"(test_offers_total{network="corp",agent="paris"})"), 7);
  EXPECT_EQ(values.at(R"(test_round_trip_seconds{network="corp",agent="berlin"})"), 0.0125);
}

TEST(Families, LargeCountersKeepTheirLastDigit) {
  Families families;
  families.counter("test_bytes_total", "Bytes.", 9007199254740991);
  EXPECT_NE(families.to_text().find("test_bytes_total 9007199254740991\n"), std::string::npos) << families.to_text();
}

TEST(Families, LabelsMayHoldAnything) {
  Families families;
  families.gauge("test_odd", "Odd.", 1, {{"name", "a\"b\\c\nd"}});
  const std::string text = families.to_text();
  EXPECT_NE(text.find(R"(test_odd{name="a\"b\\c\nd"} 1)"), std::string::npos) << text;
}

}  // namespace
}  // namespace sluice::metrics
