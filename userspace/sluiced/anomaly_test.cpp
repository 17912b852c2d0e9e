// SPDX-License-Identifier: Apache-2.0
#include "sluiced/anomaly.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sluice::gateway {
namespace {

netlink::Anomaly anomaly(netlink::AnomalyKind kind) {
  return {7, 4, 1, kind, *Address::parse("192.0.2.9"), 4500, *Address::parse("2001:db8::1"), 0};
}

TEST(AnomalyTest, OnlyARoamingClientIsNoWarning) {
  using Kind = netlink::AnomalyKind;
  EXPECT_FALSE(is_worth_a_warning(anomaly(Kind::moved)));
  for (const Kind kind : {Kind::alternates, Kind::fingerprint, Kind::spoofed, Kind::exhausting})
    EXPECT_TRUE(is_worth_a_warning(anomaly(kind)));
}

TEST(AnomalyTest, TheLogTellsWhoAndWhere) {
  EXPECT_EQ(to_log_line(anomaly(netlink::AnomalyKind::moved), "corp"),
            "ESP client 7 of network corp has moved (moved, at 192.0.2.9:4500, before at 2001:db8::1, generation 4, "
            "incarnation 1)");
}

TEST(AnomalyTest, MonitorsGetItAsAnEvent) {
  const nlohmann::json json = to_json(anomaly(netlink::AnomalyKind::alternates), "corp");
  EXPECT_EQ(json, (nlohmann::json{{"event", "anomaly"},
                                  {"anomaly", "alternates"},
                                  {"id", 7},
                                  {"network", "corp"},
                                  {"generation", 4},
                                  {"incarnation", 1},
                                  {"outer", "192.0.2.9:4500"},
                                  {"old_outer", "2001:db8::1"}}));
}

// The kernel sends the unspecified address where it has none.
TEST(AnomalyTest, WhatIsNotKnownIsLeftOut) {
  netlink::Anomaly spoofed = anomaly(netlink::AnomalyKind::spoofed);
  spoofed.old_address = Address{};
  const nlohmann::json json = to_json(spoofed, "");
  EXPECT_FALSE(json.contains("network"));
  EXPECT_FALSE(json.contains("old_outer"));
  EXPECT_EQ(to_log_line(spoofed, "").find("before"), std::string::npos);
}

}  // namespace
}  // namespace sluice::gateway
