// SPDX-License-Identifier: Apache-2.0
#include "kds/posture.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <set>

namespace sluice::kds {
namespace {

using Json = nlohmann::json;

const Json kObject = Json::parse(R"json({
  "os": {"id": "debian", "version": "12", "name": "Debian GNU/Linux 12 (bookworm)"},
  "kernel": {"release": "6.1.0-45-amd64"},
  "packages": {"manager": "dpkg", "count": 412,
               "versions": {"openssh-server": "1:9.2p1-2", "python3.11": "3.11.2-6", "base-files": "12.4~rc1"}},
  "malware_scanner": {"name": "clamav", "database_age": 3600},
  "firewall": {"active": true},
  "disk_encryption": {"root": false},
  "updates": {"security_pending": 0, "load": 0.5, "nothing": null},
  "plugins": {"backup": {"ages": [1, 2], "last": {"ok": true}}},
  "unmeasured": {"secure_boot": "no EFI variables", "packages.versions.libc6.1": "two of them", "plugins.odd": 7}
})json");

Requirement requirement(std::string_view claim, Operator op, std::vector<Value> values = {}) {
  auto path = ClaimPath::parse(claim);
  EXPECT_TRUE(path) << claim;
  return {path ? *path : ClaimPath{}, op, std::move(values), "Mend it."};
}

// What is said when it is not met; "": it is.
std::string message(const Requirement& one, const Json& object = kObject) {
  const auto failures = judge({.name = "p", .requirements = {one}}, object, {});
  if (failures.empty()) return "";
  EXPECT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].claim, one.claim.to_string());
  EXPECT_EQ(failures[0].remedy, "Mend it.");
  EXPECT_EQ(failures[0].message,
            failures[0].claim + " is " + failures[0].found + ", but must be " + failures[0].wanted + ".");
  EXPECT_LE(failures[0].found.size(), found_size_max);
  return failures[0].message;
}

Value text(const char* value) { return std::string(value); }
Value number(std::int64_t value) { return value; }

TEST(Posture, Equals) {
  const auto is = [](std::string_view claim, Value value) {
    return message(requirement(claim, Operator::equals, {std::move(value)}));
  };
  EXPECT_EQ(is("os.id", text("debian")), "");
  EXPECT_EQ(is("os.id", text("Debian")), R"(os.id is "debian", but must be "Debian".)");
  EXPECT_EQ(is("os.version", text("12.0")), R"(os.version is "12", but must be "12.0".)");
  EXPECT_EQ(is("os.version", number(12)), R"(os.version is "12" (text), but must be 12 (a number).)");
  EXPECT_EQ(is("packages.count", number(412)), "");
  EXPECT_EQ(is("packages.count", 412.0), "");
  EXPECT_EQ(is("packages.count", number(411)), "packages.count is 412, but must be 411.");
  EXPECT_EQ(is("packages.count", text("412")), R"(packages.count is 412 (a number), but must be "412" (text).)");
  EXPECT_EQ(is("updates.load", 0.5), "");
  EXPECT_EQ(is("updates.load", 0.25), "updates.load is 0.5, but must be 0.25.");
  EXPECT_EQ(is("firewall.active", true), "");
  EXPECT_EQ(is("disk_encryption.root", true), "disk_encryption.root is false, but must be true.");
  EXPECT_EQ(is("firewall.active", number(1)), "firewall.active is true, but must be 1 (a number).");
  EXPECT_EQ(is("updates.security_pending", false), "updates.security_pending is 0 (a number), but must be false.");
  EXPECT_EQ(is("os", text("debian")), R"(os is an object, but must be "debian" (text).)");
  EXPECT_EQ(is("plugins.backup.ages", number(1)), "plugins.backup.ages is a list, but must be 1 (a number).");
  EXPECT_EQ(is("updates.nothing", number(0)), "updates.nothing is null, but must be 0.");
  EXPECT_EQ(is("os.codename", text("bookworm")), R"(os.codename is missing, but must be "bookworm".)");
  EXPECT_EQ(is("tpm.version", number(2)), "tpm.version is unknown (tpm is missing), but must be 2.");
  EXPECT_EQ(is("os.id.like", text("x")),
            R"(os.id.like is unknown (os.id is "debian", not an object), but must be "x".)");
  EXPECT_EQ(is("plugins.backup.ages.first", number(1)),
            "plugins.backup.ages.first is unknown (plugins.backup.ages is a list, not an object), but must be 1.");
  EXPECT_EQ(is("secure_boot.enabled", true),
            "secure_boot.enabled is not measured (no EFI variables), but must be true.");
}

TEST(Posture, OneOf) {
  const auto is = [](std::string_view claim, std::vector<Value> values) {
    return message(requirement(claim, Operator::one_of, std::move(values)));
  };
  EXPECT_EQ(is("os.id", {text("ubuntu"), text("debian")}), "");
  EXPECT_EQ(is("os.id", {text("arch")}), R"(os.id is "debian", but must be "arch".)");
  EXPECT_EQ(is("os.id", {text("ubuntu"), text("arch")}), R"(os.id is "debian", but must be one of "ubuntu", "arch".)");
  // Kinds may be mixed: each is compared with its own.
  EXPECT_EQ(is("os.version", {number(12), text("11")}), R"(os.version is "12", but must be one of 12, "11".)");
  EXPECT_EQ(is("os.version", {number(12), text("12")}), "");
  EXPECT_EQ(is("os.version", {number(11), number(12)}),
            R"(os.version is "12" (text), but must be one of 11, 12 (a number).)");
  EXPECT_EQ(is("os.codename", {text("a"), text("b")}), R"(os.codename is missing, but must be one of "a", "b".)");
  EXPECT_EQ(is("secure_boot.enabled", {true, number(1)}),
            "secure_boot.enabled is not measured (no EFI variables), but must be one of true, 1.");
}

TEST(Posture, AtLeastAndAtMostOfNumbers) {
  const auto least = [](std::string_view claim, Value value) {
    return message(requirement(claim, Operator::at_least, {std::move(value)}));
  };
  const auto most = [](std::string_view claim, Value value) {
    return message(requirement(claim, Operator::at_most, {std::move(value)}));
  };
  EXPECT_EQ(least("malware_scanner.database_age", number(3599)), "");
  EXPECT_EQ(least("malware_scanner.database_age", number(3600)), "");
  EXPECT_EQ(least("malware_scanner.database_age", number(3601)),
            "malware_scanner.database_age is 3600, but must be at least 3601.");
  EXPECT_EQ(most("malware_scanner.database_age", number(3601)), "");
  EXPECT_EQ(most("malware_scanner.database_age", number(3600)), "");
  EXPECT_EQ(most("malware_scanner.database_age", number(3599)),
            "malware_scanner.database_age is 3600, but must be at most 3599.");
  EXPECT_EQ(most("malware_scanner.database_age", 3599.5),
            "malware_scanner.database_age is 3600, but must be at most 3599.5.");
  EXPECT_EQ(least("updates.load", number(0)), "");
  EXPECT_EQ(most("updates.load", number(0)), "updates.load is 0.5, but must be at most 0.");
  // As numbers: as text, 9 would be more than 412.
  EXPECT_EQ(least("packages.count", number(9)), "");
  EXPECT_EQ(most("os.version", number(12)), R"(os.version is "12" (text), but must be at most 12 (a number).)");
  EXPECT_EQ(most("firewall.active", number(12)), "firewall.active is true, but must be at most 12 (a number).");
  EXPECT_EQ(most("updates.age", number(1)), "updates.age is missing, but must be at most 1.");
  EXPECT_EQ(most("secure_boot.level", number(1)),
            "secure_boot.level is not measured (no EFI variables), but must be at most 1.");
}

TEST(Posture, NumbersBeyondAnIntegerAreCompared) {
  constexpr std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const Requirement most = requirement("n", Operator::at_most, {number(std::numeric_limits<std::int64_t>::max())});
  const Requirement least = requirement("n", Operator::at_least, {number(std::numeric_limits<std::int64_t>::min())});
  EXPECT_EQ(message(most, {{"n", huge}}), "n is 18446744073709551615, but must be at most 9223372036854775807.");
  EXPECT_EQ(message(most, {{"n", std::numeric_limits<std::int64_t>::max()}}), "");
  EXPECT_EQ(message(least, {{"n", huge}}), "");
  EXPECT_EQ(message(requirement("n", Operator::equals, {number(-1)}), {{"n", huge}}),
            "n is 18446744073709551615, but must be -1.");
  EXPECT_EQ(message(least, {{"n", nan}}), "n is nan, but must be at least -9223372036854775808.");
  EXPECT_EQ(message(most, {{"n", nan}}), "n is nan, but must be at most 9223372036854775807.");
  EXPECT_EQ(message(requirement("n", Operator::at_most, {number(0)}), {{"n", -3}}), "");
}

TEST(Posture, AtLeastAndAtMostOfVersions) {
  const auto least = [](std::string_view claim, const char* value) {
    return message(requirement(claim, Operator::at_least, {text(value)}));
  };
  const auto most = [](std::string_view claim, const char* value) {
    return message(requirement(claim, Operator::at_most, {text(value)}));
  };
  EXPECT_EQ(least("os.version", "12"), "");
  EXPECT_EQ(least("os.version", "9"), "");  // as text, it would be later
  EXPECT_EQ(least("os.version", "12.1"), R"(os.version is "12", but must be at least "12.1".)");
  EXPECT_EQ(most("os.version", "12"), "");
  EXPECT_EQ(most("os.version", "11.9"), R"(os.version is "12", but must be at most "11.9".)");
  EXPECT_EQ(least("packages.versions.openssh-server", "9.9"), "");  // an epoch
  EXPECT_EQ(least("packages.versions.openssh-server", "1:9.2p1-3"),
            R"(packages.versions.openssh-server is "1:9.2p1-2", but must be at least "1:9.2p1-3".)");
  EXPECT_EQ(least("packages.versions.base-files", "12.4"),
            R"(packages.versions.base-files is "12.4~rc1", but must be at least "12.4".)");
  EXPECT_EQ(least("packages.versions.\"python3.11\"", "3.11.2"), "");
  EXPECT_EQ(least("packages.versions.\"python3.11\"", "3.12"),
            R"(packages.versions."python3.11" is "3.11.2-6", but must be at least "3.12".)");
  EXPECT_EQ(least("os.id", "1"), R"(os.id is "debian" (no version), but must be at least "1".)");
  EXPECT_EQ(most("os.name", "13"),
            R"words(os.name is "Debian GNU/Linux 12 (bookworm)" (no version), but must be at most "13".)words");
  EXPECT_EQ(least("packages.count", "12"), R"(packages.count is 412 (a number), but must be at least "12" (text).)");
  EXPECT_EQ(least("packages.versions.sudo", "1"), R"(packages.versions.sudo is missing, but must be at least "1".)");
  EXPECT_EQ(least("packages.versions.\"libc6.1\"", "1"),
            R"(packages.versions."libc6.1" is not measured (two of them), but must be at least "1".)");
  EXPECT_EQ(least("plugins.odd.version", "1"), R"(plugins.odd.version is not measured, but must be at least "1".)");
}

TEST(Posture, Present) {
  const auto is = [](std::string_view claim) { return message(requirement(claim, Operator::present)); };
  EXPECT_EQ(is("os.id"), "");
  EXPECT_EQ(is("disk_encryption.root"), "");  // false is something
  EXPECT_EQ(is("plugins.backup"), "");
  EXPECT_EQ(is("os.codename"), "os.codename is missing, but must be present.");
  EXPECT_EQ(is("updates.nothing"), "updates.nothing is null, but must be present.");
  EXPECT_EQ(is("tpm"), "tpm is missing, but must be present.");
  EXPECT_EQ(is("secure_boot"), "secure_boot is not measured (no EFI variables), but must be present.");
}

TEST(Posture, AbsenceMustBeShown) {
  const auto is = [](std::string_view claim) { return message(requirement(claim, Operator::absent)); };
  EXPECT_EQ(is("packages.versions.telnetd"), "");
  EXPECT_EQ(is("tpm"), "");
  EXPECT_EQ(is("os.id"), R"(os.id is "debian", but must be absent.)");
  EXPECT_EQ(is("disk_encryption.root"), "disk_encryption.root is false, but must be absent.");
  EXPECT_EQ(is("updates.nothing"), "updates.nothing is null, but must be absent.");
  EXPECT_EQ(is("os"), "os is an object, but must be absent.");
  // Nobody looked.
  EXPECT_EQ(is("plugins.rootkit.found"),
            "plugins.rootkit.found is unknown (plugins.rootkit is missing), but must be absent.");
  EXPECT_EQ(is("secure_boot"), "secure_boot is not measured (no EFI variables), but must be absent.");
  EXPECT_EQ(is("packages.versions.\"libc6.1\""),
            R"(packages.versions."libc6.1" is not measured (two of them), but must be absent.)");
  EXPECT_EQ(is("plugins.odd"), "plugins.odd is not measured, but must be absent.");
  EXPECT_EQ(is("os.id.like"), R"(os.id.like is unknown (os.id is "debian", not an object), but must be absent.)");
  EXPECT_EQ(message(requirement("packages.versions.telnetd", Operator::absent), Json::object()),
            "packages.versions.telnetd is unknown (packages is missing), but must be absent.");
}

TEST(Posture, WhatIsNoPostureMeetsNothing) {
  const Requirement present = requirement("os.id", Operator::present), absent = requirement("os", Operator::absent);
  for (const Json& object : {Json(), Json(7), Json("os"), Json::array({1}), Json(true)}) {
    EXPECT_NE(message(present, object), "");
    EXPECT_NE(message(absent, object), "");
  }
  EXPECT_EQ(message(absent, Json::array()),
            "os is unknown (the posture is a list, not an object), but must be absent.");
  EXPECT_EQ(message(present, Json("x\ny")),
            R"(os.id is unknown (the posture is "x\ny", not an object), but must be present.)");
  EXPECT_EQ(message(absent, Json(Json::value_t::discarded)),
            "os is unknown (the posture is null, not an object), but must be absent.");
  EXPECT_EQ(message(absent, Json::binary({1, 2})),
            "os is unknown (the posture is null, not an object), but must be absent.");
  EXPECT_EQ(message(present, {{"unmeasured", "all"}}), "os.id is unknown (os is missing), but must be present.");
  // Settings allow no such requirements; they are not met, and nothing breaks.
  EXPECT_NE(message({{}, Operator::absent, {}, "Mend it."}, Json::object()), "");
  EXPECT_NE(message(requirement("os.id", Operator::equals)), "");
  EXPECT_NE(message(requirement("os.id", Operator::at_least)), "");
  EXPECT_NE(message(requirement("firewall.active", Operator::at_least, {true})), "");
}

TEST(Posture, WhatWasFoundIsBoundedAndEscaped) {
  const auto is = [](const Json& value) {
    return message(requirement("os.id", Operator::at_least, {text("1")}), {{"os", {{"id", value}}}});
  };
  EXPECT_EQ(is("\x1b[2J\n\"\xff"),
            "os.id is \"\\x1b[2J\\n\\\"\xef\xbf\xbd\" (no version), but must be at least \"1\".");
  const std::string cut = is(std::string(5000, 'a'));
  EXPECT_EQ(cut, "os.id is \"" + std::string(182, 'a') + "...\" (no version), but must be at least \"1\".");
  const Json told = Json::object({{"unmeasured", {{"os", std::string(5000, '\x01')}}}});
  const std::string unmeasured = message(requirement("os.id", Operator::present), told);
  EXPECT_TRUE(unmeasured.starts_with("os.id is not measured (\\x01\\x01")) << unmeasured;
  EXPECT_LT(unmeasured.size(), 200u);
  // Fit for JSON, which throws of what is no UTF-8.
  EXPECT_NO_THROW((void)Json(is(std::string(100, '\xff'))).dump());
}

TEST(Posture, AllRequirementsAreLookedAtInTheirOrder) {
  Posture posture{.name = "p", .quote = true};
  posture.requirements = {requirement("os.id", Operator::equals, {text("arch")}),
                          requirement("os.id", Operator::present),
                          requirement("updates.security_pending", Operator::at_least, {number(1)})};
  const auto failures = judge(posture, kObject, {});
  ASSERT_EQ(failures.size(), 3u);
  EXPECT_EQ(failures[0], (Failure{"quote", "missing", "present", "quote is missing, but must be present.",
                                  "Evidence must come with a quote by this device's TPM 2.0, whose attestation key is "
                                  "enrolled."}));
  EXPECT_EQ(failures[1],
            (Failure{"os.id", "\"debian\"", "\"arch\"", R"(os.id is "debian", but must be "arch".)", "Mend it."}));
  EXPECT_EQ(failures[2].claim, "updates.security_pending");
  EXPECT_EQ(judge(posture, kObject, {.quote = QuoteState::verified}).size(), 2u);
  posture.quote = false;
  EXPECT_EQ(judge(posture, kObject, {}).size(), 2u);
}

TEST(Posture, PcrsAreWhatTheyWereEnrolledAs) {
  const Posture posture{.name = "p", .quote = true, .pcrs = {0, 7}};
  Pcrs pcrs;
  pcrs[0].fill(0x1a);
  pcrs[7].fill(0xf0);
  const auto judged = [&](Pcrs quoted, Pcrs enrolled) {
    return judge(posture, kObject, {QuoteState::verified, std::move(quoted), std::move(enrolled)});
  };
  EXPECT_TRUE(judged(pcrs, pcrs).empty());
  EXPECT_TRUE(judged(pcrs, {}).empty());
  EXPECT_TRUE(judged(pcrs, {{7, pcrs[7]}, {9, pcrs[7]}}).empty());
  Pcrs other = pcrs;
  other[7][31] = 0;
  const auto failures = judged(other, pcrs);
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].claim, "quote.pcr7");
  std::string same;
  for (int i = 0; i < 31; ++i) same += "f0";
  EXPECT_EQ(failures[0].message, "quote.pcr7 is " + same + "00, but must be " + same + "f0.");
  const auto missing = judged({{7, pcrs[7]}}, {});
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_EQ(missing[0].message, "quote.pcr0 is missing, but must be quoted.");
  // Without a quote there is one thing to mend.
  EXPECT_EQ(judge(posture, kObject, {}).size(), 1u);
  EXPECT_EQ(judge(posture, kObject, {QuoteState::unknown}).at(0).message,
            "quote is by a key that is unknown, but must be by this device's enrolled attestation key.");
}

TEST(ClaimPath, IsParsedAndToldAgain) {
  for (const char* text : {"os", "os.version", "packages.versions.openssh-server", "packages.versions.\"python3.11\"",
                           "\"a.b\".c", "packages.versions.libstdc++6", "a.b.c.d.e.f.g.h"}) {
    auto path = ClaimPath::parse(text);
    ASSERT_TRUE(path) << text;
    EXPECT_EQ(path->to_string(), text);
  }
  EXPECT_EQ(ClaimPath::parse("a.\"b\".c")->to_string(), "a.b.c");
  EXPECT_EQ(ClaimPath::parse("packages.versions.\"python3.11\"")->elements,
            (std::vector<std::string>{"packages", "versions", "python3.11"}));
  EXPECT_EQ(ClaimPath::parse("a.b.c")->to_string(2), "a.b");
  const std::string words =
      "is no claim: names parted by dots, such as os.version, and in quotes where a name has dots itself: "
      "packages.versions.\"python3.11\"";
  for (const char* text :
       {"", ".", "a.", ".a", "a..b", "\"a", "a.\"b", "\"\"", "\"a\"b", "a\"b", "a\nb", "a\\b", "\xc3\xa4"}) {
    auto path = ClaimPath::parse(text);
    ASSERT_FALSE(path) << text;
    EXPECT_EQ(path.error().message, words);
  }
  EXPECT_EQ(ClaimPath::parse("a.b.c.d.e.f.g.h.i").error().message, "is no claim: more than 8 names");
  EXPECT_TRUE(ClaimPath::parse(std::string(128, 'a')));
  EXPECT_FALSE(ClaimPath::parse(std::string(129, 'a')));
}

TEST(Posture, OperatorsHaveNames) {
  for (const Operator op :
       {Operator::equals, Operator::one_of, Operator::at_least, Operator::at_most, Operator::present, Operator::absent})
    EXPECT_EQ(*parse_operator(to_string(op)), op);
  EXPECT_EQ(to_string(Operator::at_most), "at-most");
  EXPECT_EQ(parse_operator("exists").error().message, "must be equals, one-of, at-least, at-most, present or absent");
}

TEST(Posture, ClientsMeasureWhatAllPosturesAskFor) {
  Posture one{
      .name = "one", .packages = {"sudo", "openssh-server"}, .plugins = {"backup"}, .queries = {{"usb", "SELECT 1"}}};
  one.requirements = {requirement("packages.versions.telnetd", Operator::absent),
                      requirement("packages.count", Operator::present),
                      requirement("plugins.rootkit.found", Operator::equals, {false}),
                      requirement("plugins.osquery.usb", Operator::present)};
  const Posture two{.name = "two",
                    .quote = true,
                    .pcrs = {7, 2},
                    .packages = {"sudo", "bash"},
                    .queries = {{"users", "SELECT 2"}, {"usb", "SELECT 1"}}};
  EXPECT_EQ(wanted({one, two}),
            Json::parse(R"({"claims": ["packages"], "packages": ["bash", "openssh-server", "sudo", "telnetd"],
    "plugins": ["backup", "rootkit"], "osquery": {"usb": "SELECT 1", "users": "SELECT 2"}, "quote": true, "pcrs": [2, 7]})"));
  EXPECT_EQ(wanted({one})["quote"], false);
  const Posture three{.name = "three",
                      .requirements = {requirement("updates.security_pending", Operator::present),
                                       requirement("os.id", Operator::present)}};
  EXPECT_EQ(wanted({three})["claims"], Json::parse(R"(["os", "updates"])"));
  EXPECT_EQ(wanted({}),
            Json::parse(R"({"claims": [], "packages": [], "plugins": [], "osquery": {}, "quote": false, "pcrs": []})"));
}

TEST(Posture, HasAMarkOfAllThatItAsksFor) {
  Posture posture;
  posture.name = "standard";
  posture.requirements.push_back({*ClaimPath::parse("os.version"), Operator::at_least, {std::string("12")}, "Update."});
  std::set<std::string> marks{mark(posture)};
  Posture same = posture;
  same.requirements[0].remedy = "Other words.";
  EXPECT_EQ(mark(same), mark(posture));
  const auto differs = [&](const std::function<void(Posture&)>& change) {
    Posture other = posture;
    change(other);
    EXPECT_TRUE(marks.insert(mark(other)).second) << mark(other);
  };
  differs([](Posture& p) { p.name = "strict"; });
  differs([](Posture& p) { p.interval = std::chrono::minutes(1); });
  differs([](Posture& p) { p.quote = true; });
  differs([](Posture& p) { p.pcrs = {7}; });
  differs([](Posture& p) { p.packages = {"bash"}; });
  differs([](Posture& p) { p.plugins = {"bash"}; });
  differs([](Posture& p) { p.queries = {{"a", "SELECT 1"}}; });
  differs([](Posture& p) { p.requirements[0].op = Operator::at_most; });
  differs([](Posture& p) { p.requirements[0].values = {std::string("13")}; });
  differs([](Posture& p) { p.requirements[0].values = {std::int64_t(12)}; });
  differs([](Posture& p) { p.requirements[0].claim = *ClaimPath::parse("os.id"); });
  differs([](Posture& p) { p.requirements.clear(); });
}

}  // namespace
}  // namespace sluice::kds
