// SPDX-License-Identifier: Apache-2.0
#include "kds/text.hpp"

#include <gtest/gtest.h>

namespace sluice::kds {
namespace {

TEST(KdsText, PlainTextStaysAsItIs) {
  EXPECT_EQ(printable("Debian 12, größer als 11 🙂", 100), "Debian 12, größer als 11 🙂");
  EXPECT_EQ(bounded("a\nb", 100), "a\nb");
  EXPECT_EQ(printable("", 10), "");
}

TEST(KdsText, WhatDoesThingsIsEscaped) {
  EXPECT_EQ(printable("a\nb\tc\r\x1b[31m\x7f", 100), "a\\nb\\tc\\r\\x1b[31m\\x7f");
  EXPECT_EQ(printable(std::string_view("\0x", 2), 100), "\\x00x");
  EXPECT_EQ(printable("C1 \xc2\x9b|", 100), "C1 \\x9b|");
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "gpj.exe\xef\xbb\xbf\xe2\x81\xa6",
                      100),
            "\\u{202e}gpj.exe\\u{feff}\\u{2066}");
  EXPECT_EQ(printable(R"(say "\n")", 100), R"(say \"\\n\")");
}

TEST(KdsText, WhatIsNoUtf8IsReplaced) {
  const std::string r = "\xef\xbf\xbd";
  EXPECT_EQ(bounded("a\xff"
                    "b",
                    100),
            "a" + r + "b");
  EXPECT_EQ(bounded("\xc0\xaf", 100), r + r);                  // overlong "/"
  EXPECT_EQ(bounded("\xe0\x80\xaf", 100), r + r + r);          // overlong
  EXPECT_EQ(bounded("\xed\xa0\x80", 100), r + r + r);          // a surrogate
  EXPECT_EQ(bounded("\xf4\x90\x80\x80", 100), r + r + r + r);  // beyond U+10FFFF
  EXPECT_EQ(bounded("\xe2\x82", 100), r + r);                  // cut off
  EXPECT_EQ(bounded("\xe2\x82\xac", 100), "\xe2\x82\xac");
}

TEST(KdsText, IsCutBetweenCharacters) {
  EXPECT_EQ(bounded("abcdef", 6), "abcdef");
  EXPECT_EQ(bounded("abcdefg", 6), "abc...");
  EXPECT_EQ(bounded("ab\xe2\x82\xac"
                    "defg",
                    7),
            "ab...");  // the euro sign and the dots would be 8
  EXPECT_EQ(printable("abc\n\n", 6), "abc...");
  EXPECT_EQ(printable("\x1b\x1b\x1b", 8), "\\x1b...");
  EXPECT_EQ(bounded("abcdef", 2), "..");
  EXPECT_EQ(bounded("abcdef", 0), "");
  for (std::size_t most = 0; most < 40; ++most) {
    EXPECT_LE(printable("ab\x1b\xe2\x80\xae\xff\"\xf0\x9f\x99\x82 and so on, and so on", most).size(), most);
    EXPECT_LE(bounded("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", most).size(), most);
  }
}

}  // namespace
}  // namespace sluice::kds
