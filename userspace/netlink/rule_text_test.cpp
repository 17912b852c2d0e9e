// SPDX-License-Identifier: Apache-2.0
#include "netlink/rule_text.hpp"

#include <gtest/gtest.h>

namespace sluice::netlink {
namespace {

struct Good {
  const char* text;
  const char* shortest;
};

class GoodRules : public testing::TestWithParam<Good> {};

TEST_P(GoodRules, AreReadAndWrittenBack) {
  auto rule = parse_rule(GetParam().text);
  ASSERT_TRUE(rule) << rule.error().message;
  EXPECT_EQ(to_string(*rule), GetParam().shortest);
  auto again = parse_rule(to_string(*rule));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, *rule);
}

INSTANTIATE_TEST_SUITE_P(RuleText, GoodRules,
                         testing::Values(Good{"refuse tcp 10.20.0.10 22", "refuse tcp 10.20.0.10 22"},
                                         Good{"prohibit tcp 10.20.0.0/16 25", "prohibit tcp 10.20.0.0/16 25"},
                                         Good{"drop tcp any 135-139", "drop tcp any 135-139"},
                                         Good{"offer any", "offer any"}, Good{"offer any any", "offer any"},
                                         Good{"  drop\t17  fd00::/8 ", "drop udp fd00::/8"},
                                         Good{"refuse 47 192.0.2.1", "refuse 47 192.0.2.1"},
                                         Good{"offer tcp any 80-80", "offer tcp any 80"},
                                         Good{"drop tcp any 1-65535", "drop tcp any 1-65535"}));

struct Bad {
  const char* text;
  const char* says;
};

class BadRules : public testing::TestWithParam<Bad> {};

TEST_P(BadRules, AreRefusedWithAReason) {
  auto rule = parse_rule(GetParam().text);
  ASSERT_FALSE(rule);
  EXPECT_NE(rule.error().message.find(GetParam().says), std::string::npos) << rule.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    RuleText, BadRules,
    testing::Values(Bad{"", "a rule is"}, Bad{"offer", "a rule is"}, Bad{"offer tcp any 1 2", "a rule is"},
                    Bad{"accept tcp", "the action must be"}, Bad{"offer tpc", "the protocol must be"},
                    Bad{"offer 0", "the protocol must be"}, Bad{"offer 256", "the protocol must be"},
                    Bad{"drop any any 80", "need a protocol"}, Bad{"drop tcp any 0", "a port must be"},
                    Bad{"drop tcp any 65536", "a port must be"}, Bad{"drop tcp any 80x", "a port must be"},
                    Bad{"drop tcp any -5", "a port must be"}, Bad{"drop tcp any 9-5", "ends before it starts"},
                    Bad{"drop tcp 10.0.0.1/8 80", "10.0.0.1/8"}, Bad{"drop tcp ten", "ten"}));

}  // namespace
}  // namespace sluice::netlink
