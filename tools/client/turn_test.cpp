// SPDX-License-Identifier: Apache-2.0
#include "client/turn.hpp"

#include <gtest/gtest.h>

namespace sluice::client {
namespace {

using namespace std::chrono_literals;

TEST(TurnTest, WhatItTellsComesBackWhole) {
  for (const Turned& turned : {Turned{Outcome::granted, Times{2700s, 3500s, 600s}, {}, "kds1.lab:8443", "up: ..."},
                               Turned{Outcome::renewed, Times{1s, 2s, 3s}, {}, "kds1.lab:8443", ""},
                               Turned{Outcome::refused, {}, {}, "kds1.lab:8443", "two\nlines"},
                               Turned{Outcome::unreachable, {}, 30s, "", "nobody"},
                               Turned{Outcome::no_policy, {}, {}, "", "no answer"}, Turned{}}) {
    auto back = turned_from_text(to_text(turned));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, turned);
  }
}

TEST(TurnTest, WhatWasCutIsAnError) {
  const std::string text = to_text({Outcome::granted, Times{1s, 2s, 3s}, {}, "s", "w"});
  for (const std::string& wrong : {std::string(), text.substr(0, text.size() / 2), std::string("[]"),
                                   std::string(R"({"outcome": "fine", "server": "", "words": ""})"),
                                   std::string(R"({"outcome": "granted", "server": "", "words": "", "times": [1]})")})
    EXPECT_FALSE(turned_from_text(wrong)) << wrong;
}

}  // namespace
}  // namespace sluice::client
