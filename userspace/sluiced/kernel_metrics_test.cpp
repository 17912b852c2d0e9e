// SPDX-License-Identifier: Apache-2.0
#include "sluiced/kernel_metrics.hpp"

#include "metrics/testing.hpp"

namespace sluice::gateway {
namespace {

// As the kernel sends them: every counter of the contract.
netlink::Counters all_of(const auto& names, std::optional<std::uint32_t> network, std::string name) {
  netlink::Counters counters{network, std::move(name), {}};
  for (const netlink::CounterName& counter : names) counters.values.emplace_back(counter.attribute, counter.attribute);
  return counters;
}

TEST(KernelMetrics, EveryCounterIsToldOnceForItsNetwork) {
  metrics::Families families;
  netlink::Network corp;
  corp.name = "corp";
  corp.parked = 3;
  corp.park_max = 65536;
  add_kernel(families,
             {all_of(netlink::network_counters, 5, "corp"), all_of(netlink::network_counters, 6, "lab"),
              all_of(netlink::namespace_counters, {}, "")},
             {corp});
  const auto values = metrics::testing::read(families.to_text());
  const std::size_t gauges = 5;
  EXPECT_EQ(values.size(), 2 * std::size(netlink::network_counters) + std::size(netlink::namespace_counters) + gauges);
  EXPECT_EQ(values.at(R"(sluice_kernel_timed_out_total{network="lab"})"), SLUICE_A_COUNTER_TIMED_OUT);
  EXPECT_EQ(values.at(R"(sluice_kernel_dropped_total{network="corp",reason="park_full"})"),
            SLUICE_A_COUNTER_DROP_PARK_FULL);
  EXPECT_EQ(values.at(R"(sluice_kernel_dropped_total{reason="no_client"})"), SLUICE_A_COUNTER_DROP_NO_CLIENT);
  EXPECT_EQ(values.at(R"(sluice_kernel_dropped_total{reason="esp_spoofed"})"), SLUICE_A_COUNTER_ESP_DROP_SPOOFED);
  EXPECT_EQ(values.at(R"(sluice_kernel_dropped_total{reason="policy_limited"})"), SLUICE_A_COUNTER_POLICY_DROP_LIMITED);
  EXPECT_EQ(values.at("sluice_kernel_esp_sent_total"), SLUICE_A_COUNTER_ESP_SENT);
  EXPECT_EQ(values.at("sluice_kernel_verdict_stale_total"), SLUICE_A_COUNTER_VERDICT_STALE);
  EXPECT_EQ(values.at(R"(sluice_kernel_park_used{network="corp"})"), 3);
  EXPECT_EQ(values.at(R"(sluice_kernel_park_limit{network="corp"})"), 65536);
}

TEST(KernelMetrics, CountersOfANewerKernelAreLeftOut) {
  metrics::Families families;
  add_kernel(families, {{5, "corp", {{60000, 1}}}}, {});
  EXPECT_TRUE(families.all().empty());
}

}  // namespace
}  // namespace sluice::gateway
