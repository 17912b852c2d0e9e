// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "client/measure/apt.hpp"
#include "client/measure/date.hpp"
#include "client/measure/nftables.hpp"
#include "client/measure/os_release.hpp"

namespace sluice::client::measure {
namespace {

TEST(OsRelease, QuotesAsAShellDoes) {
  const auto values = parse_os_release(
      "# comment\n\n  INDENTED=yes\nID=debian\nPLAIN=a.b_c-d/e:f\nDOUBLE=\"two words\"\nSINGLE='a \"b\" \\n $x `y`'\n"
      "ESCAPED=\"q\\\" d\\$ b\\` s\\\\ n\\n\"\nBARE=a\\ b\nJOINED=a'b c'\"d\"\nEMPTY=\nEMPTY2=\"\"\nTRAILING=x  \t\n"
      "APOSTROPHE=\"it's\"\nCR=crlf\r\nLAST=\"no newline\"");
  const std::map<std::string, std::string> expected = {{"INDENTED", "yes"},
                                                       {"ID", "debian"},
                                                       {"PLAIN", "a.b_c-d/e:f"},
                                                       {"DOUBLE", "two words"},
                                                       {"SINGLE", "a \"b\" \\n $x `y`"},
                                                       {"ESCAPED", "q\" d$ b` s\\ n\\n"},
                                                       {"BARE", "a b"},
                                                       {"JOINED", "ab cd"},
                                                       {"EMPTY", ""},
                                                       {"EMPTY2", ""},
                                                       {"TRAILING", "x"},
                                                       {"APOSTROPHE", "it's"},
                                                       {"CR", "crlf"},
                                                       {"LAST", "no newline"}};
  EXPECT_EQ(values, expected);
}

TEST(OsRelease, WhatAShellWouldNotTakeForOneWordIsLeftOut) {
  for (const char* line : {"A=two words", "A=\"open", "A='open", "A=\"$HOME\"", "A=`id`", "A=$(id)", "A=x;y", "A=x|y",
                           "A=x>y", "A=\\", "A =x", "1A=x", "A-B=x", "=x", "A", "export A=x"})
    EXPECT_TRUE(parse_os_release(line).empty()) << line;
}

TEST(OsRelease, TheLastOneCounts) {
  EXPECT_EQ(parse_os_release("A=1\nA=2\n").at("A"), "2");
  EXPECT_TRUE(parse_os_release("A=1\nA=\"open\n").empty());
}

TEST(Date, OfClamav) {
  // From the header of a real daily.cvd, whose last field was 1587038339.
  EXPECT_EQ(parse_clamav_date("16 Apr 2020 07-58 -0400"), 1587038280);
  EXPECT_EQ(parse_clamav_date("16 Mar 2016 23-17 +0000"), 1458170220);
  EXPECT_EQ(parse_clamav_date("1 Jan 1970 01-30 +0130"), 0);
  for (const char* bad :
       {"", "16 Apr 2020", "16 Apr 2020 07-58", "16 Apr 2020 07:58 +0000", "16 April 2020 07-58 +0000",
        "16 Apr 20 07-58 +0000", "16 apr 2020 07-58 +0000", "31 Feb 2020 00-00 +0000", "32 Jan 2020 00-00 +0000",
        "16 Apr 2020 24-00 +0000", "16 Apr 2020 07-60 +0000", "16 Apr 2020 07-58 0000", "16 Apr 2020 07-58 +0000x",
        "16 Apr 2020 07-58 +000", "-1 Apr 2020 07-58 +0000", "16 Apr 99999 07-58 +0000"})
    EXPECT_FALSE(parse_clamav_date(bad)) << bad;
}

TEST(Date, OfARelease) {
  EXPECT_EQ(parse_release_date("Thu, 16 Apr 2020 11:58:59 UTC"), 1587038339);
  EXPECT_EQ(parse_release_date("Sat,  1 Jan 2000 00:00:00 UTC"), std::nullopt);
  EXPECT_EQ(parse_release_date("Sat, 1 Jan 2000 0:00:00 GMT"), 946684800);
  EXPECT_EQ(parse_release_date("Sat, 01 Jan 2000 00:00:00 +0000"), 946684800);
  for (const char* bad : {"", "Sat, 01 Jan 2000 00:00:00", "Sat, 01 Jan 2000 00:00:00 CET", "Sat, 01 Jan 2000"})
    EXPECT_FALSE(parse_release_date(bad)) << bad;
}

// As apt-get -s upgrade writes it.
TEST(Apt, CountsWhatASecurityArchiveHas) {
  EXPECT_EQ(count_security_updates(
                "Reading package lists...\nThe following packages will be upgraded:\n  bash\n"
                "Inst base-files [12.4+deb12u11] (12.4+deb12u15 Debian:12.15/oldstable [amd64])\n"
                "Inst libgcrypt20 [1.10.1-3] (1.10.1-3+deb12u1 Debian:12.15/oldstable, "
                "Debian-Security:12/oldstable-security [amd64])\n"
                "Inst liblzma-dev [5.4.1-1] (5.4.1-1+deb12u2 Debian-Security:12/oldstable-security [amd64]) []\n"
                "Inst new (1 Ubuntu:22.04/jammy-updates, Ubuntu:22.04/jammy-security [amd64])\n"
                "Inst other [1] (2 Ubuntu:22.04/jammy-updates [amd64])\n"
                "Inst named-security [1] (2-security Example:1/stable [amd64])\n"
                "Conf liblzma-dev (5.4.1-1+deb12u2 Debian-Security:12/oldstable-security [amd64])\n"
                "Remv old-security [1]\nInst broken [1] (Debian-Security:1/x\nInst\n"),
            3U);
  EXPECT_EQ(count_security_updates(""), 0U);
}

TEST(Apt, KnowsTheReleaseFileOfASecurityArchive) {
  const std::string date = "Date: Thu, 16 Apr 2020 11:58:59 UTC\n";
  EXPECT_EQ(date_of_security_release("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\n"
                                     "Label: Debian-Security\nSuite: stable-security\n" +
                                     date + "Valid-Until: Thu, 23 Apr 2020 11:58:59 UTC\nSHA256:\n 00 1 Date: x\n"),
            1587038339);
  EXPECT_EQ(date_of_security_release("Origin: Ubuntu\nLabel: Ubuntu\nSuite: jammy-security\n" + date), 1587038339);
  EXPECT_FALSE(date_of_security_release("Origin: Debian\nLabel: Debian\nSuite: stable\n" + date));
  EXPECT_FALSE(date_of_security_release("Label: Debian-Security\nDate: soon\n"));
  EXPECT_FALSE(date_of_security_release(""));
}

std::string ruleset(const std::string& entries) {
  return R"({"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}})" + entries + "]}";
}
const std::string table = R"(, {"table": {"family": "inet", "name": "f", "handle": 1}})";
std::string chain(const std::string& policy, const std::string& hook = "input", const std::string& family = "inet") {
  return R"(, {"chain": {"family": ")" + family +
         R"(", "table": "f", "name": "i", "handle": 1, "type": "filter", "hook": ")" + hook +
         R"(", "prio": 0, "policy": ")" + policy + "\"}}";
}
std::string rule(const std::string& in) {
  return R"(, {"rule": {"family": "inet", "table": "f", "chain": ")" + in +
         R"(", "handle": 3, "expr": [{"accept": null}]}})";
}

TEST(Nftables, FiltersByPolicyOrRules) {
  EXPECT_TRUE(*filters_input(ruleset(table + chain("drop"))));
  EXPECT_TRUE(*filters_input(ruleset(table + chain("accept") + rule("i"))));
  EXPECT_FALSE(*filters_input(ruleset("")));
  EXPECT_FALSE(*filters_input(ruleset(table + chain("accept"))));
  EXPECT_FALSE(*filters_input(ruleset(table + chain("accept") + rule("other"))));
  EXPECT_FALSE(*filters_input(ruleset(table + chain("drop", "forward") + rule("i"))));
  EXPECT_FALSE(*filters_input(ruleset(table + chain("drop", "input", "bridge"))));
}

TEST(Nftables, ADormantTableFiltersNothing) {
  const auto flagged = [](const std::string& flags) {
    return ruleset(R"(, {"table": {"family": "inet", "name": "f", "handle": 1, "flags": )" + flags + "}}" +
                   chain("drop"));
  };
  EXPECT_FALSE(*filters_input(flagged("\"dormant\"")));
  EXPECT_FALSE(*filters_input(flagged("[\"owner\", \"dormant\"]")));
  EXPECT_TRUE(*filters_input(flagged("[\"owner\", \"persist\"]")));
  // What 1.0.6 writes.
  EXPECT_FALSE(filters_input(flagged("\"f\"")));
}

TEST(Nftables, WhatIsNoRulesetIsAnError) {
  for (const char* text : {"", "Operation not permitted", "{}", "[]", R"({"nftables": {}})"})
    EXPECT_FALSE(filters_input(text)) << text;
  EXPECT_FALSE(*filters_input(R"({"nftables": [1, null, {"chain": 1}, {"chain": {"family": 2}}]})"));
  EXPECT_TRUE(*filters_input(
      ruleset(R"(, {"set": {"family": "ip", "elem": [18446744073709551615]}})" + table + chain("drop"))));
}

}  // namespace
}  // namespace sluice::client::measure
