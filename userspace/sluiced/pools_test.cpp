// SPDX-License-Identifier: Apache-2.0
#include "sluiced/pools.hpp"

#include <gtest/gtest.h>

#include "derivation/inner_address.hpp"

namespace sluice::gateway {
namespace {

netlink::Pool pool(std::uint32_t network, std::uint32_t first, std::uint32_t last, const char* ipv4 = nullptr,
                   const char* ipv6 = nullptr) {
  netlink::Pool made{network, first, last, {}, {}, false};
  if (ipv4) made.ipv4 = *Address::parse(ipv4);
  if (ipv6) made.ipv6 = *Address::parse(ipv6);
  return made;
}

Prefix prefix(std::string_view text) { return *Prefix::parse(text); }

using Ids = std::vector<std::uint32_t>;

Ids added(const PoolChanges& changes) {
  Ids ids;
  for (const netlink::Pool& pool : changes.add) ids.push_back(pool.first);
  return ids;
}

TEST(PoolsTest, AnAddressIsTheBasePlusTheId) {
  EXPECT_EQ(derivation::inner_address(*Address::parse("100.64.0.0"), 1).to_string(), "100.64.0.1");
  EXPECT_EQ(derivation::inner_address(*Address::parse("100.64.0.250"), 10).to_string(), "100.64.1.4");
  EXPECT_EQ(derivation::inner_address(*Address::parse("100.64.0.0"), netlink::esp_id_max).to_string(),
            "100.79.255.255");
  EXPECT_EQ(derivation::inner_address(*Address::parse("fd64::"), 0x12345).to_string(), "fd64::1:2345");
}

using Texts = std::vector<std::string>;

Texts prefixes(const netlink::Pool& of) {
  Texts texts;
  for (const Prefix& each : prefixes_of(of)) texts.push_back(each.to_string());
  return texts;
}

TEST(PoolsTest, ARangeIsTheFewestPrefixes) {
  EXPECT_EQ(prefixes(pool(5, 7, 7, "100.64.0.0", "fd64::")), (Texts{"100.64.0.7/32", "fd64::7/128"}));
  EXPECT_EQ(prefixes(pool(5, 256, 511, "100.64.0.0", "fd64::")), (Texts{"100.64.1.0/24", "fd64::100/120"}));
  EXPECT_EQ(prefixes(pool(5, 0x80000, 0xfffff, "100.64.0.0", "fd64::")), (Texts{"100.72.0.0/13", "fd64::8:0/109"}));
  // Unaligned at the first, at the last, at both.
  EXPECT_EQ(prefixes(pool(5, 5, 7, "100.64.0.0")), (Texts{"100.64.0.5/32", "100.64.0.6/31"}));
  EXPECT_EQ(prefixes(pool(5, 8, 10, nullptr, "fd64::")), (Texts{"fd64::8/127", "fd64::a/128"}));
  EXPECT_EQ(prefixes(pool(5, 5, 18, "100.64.0.0")),
            (Texts{"100.64.0.5/32", "100.64.0.6/31", "100.64.0.8/29", "100.64.0.16/31", "100.64.0.18/32"}));
  // It is the address that has to be aligned, not the id; and the last address that there is ends it.
  EXPECT_EQ(prefixes(pool(5, 1, 16, "10.0.0.255")), Texts{"10.0.1.0/28"});
  EXPECT_EQ(prefixes(pool(5, 1, 3, nullptr, "fd64::ffff:fffc")), (Texts{"fd64::ffff:fffd/128", "fd64::ffff:fffe/127"}));
}

// Every id's address is in one prefix, and there are no others.
TEST(PoolsTest, EveryIdHasAPrefix) {
  const netlink::Pool all = pool(5, 1, netlink::esp_id_max, "100.64.0.0", "fd64::");
  const std::vector<Prefix> found = prefixes_of(all);
  ASSERT_EQ(found.size(), 40u);
  EXPECT_EQ(found[0].to_string(), "100.64.0.1/32");
  EXPECT_EQ(found[1].to_string(), "100.64.0.2/31");
  EXPECT_EQ(found[19].to_string(), "100.72.0.0/13");
  EXPECT_EQ(found[20].to_string(), "fd64::1/128");
  EXPECT_EQ(found[39].to_string(), "fd64::8:0/109");

  for (const auto& [first, last] :
       {std::pair{1u, netlink::esp_id_max}, {1u, 1000u}, {77u, 65537u}, {0x7ffffu, 0x80000u}}) {
    const netlink::Pool some = pool(5, first, last, "10.1.2.3");
    std::uint32_t id = first;
    for (const Prefix& each : prefixes_of(some)) {
      EXPECT_EQ(each.address, derivation::inner_address(*some.ipv4, id));
      EXPECT_TRUE(Prefix::parse(each.to_string())) << each.to_string();  // no bits beyond its length
      EXPECT_TRUE(covers(some, each));
      id += 1u << (128 - each.length);
    }
    EXPECT_EQ(id, last + 1);
  }
}

TEST(PoolsTest, CoveredIsWhatIsWhollyInside) {
  const netlink::Pool some = pool(5, 16, 31, "100.64.0.0", "fd64::");
  for (const char* inside : {"100.64.0.16", "100.64.0.16/28", "100.64.0.24/29", "fd64::1f", "fd64::10/124"})
    EXPECT_TRUE(covers(some, prefix(inside))) << inside;
  for (const char* outside :
       {"100.64.0.15", "100.64.0.0/27", "100.64.0.0/24", "0.0.0.0/0", "fd64::/64", "::/0", "fd65::10"})
    EXPECT_FALSE(covers(some, prefix(outside))) << outside;
  EXPECT_FALSE(covers(pool(5, 16, 31, "100.64.0.0"), prefix("fd64::10")));
}

TEST(PoolsTest, PrefixesAreComparedWithTheRangeOfTheirFamily) {
  const netlink::Pool some = pool(5, 16, 31, "100.64.0.0", "fd64::");
  for (const char* inside :
       {"100.64.0.16", "100.64.0.31", "100.64.0.0/24", "100.64.0.24/29", "fd64::10", "fd64::/64", "::/0"})
    EXPECT_TRUE(overlaps(some, prefix(inside))) << inside;
  for (const char* outside : {"100.64.0.15", "100.64.0.32", "100.64.1.0/24", "fd64::f", "fd64::20/124", "fd65::/64"})
    EXPECT_FALSE(overlaps(some, prefix(outside))) << outside;
  EXPECT_FALSE(overlaps(pool(5, 16, 31, "100.64.0.0"), prefix("fd64::/64")));
}

TEST(PoolsTest, AddressesOverlapWhereTheRangesDo) {
  EXPECT_TRUE(addresses_overlap(pool(5, 1, 100, "10.0.0.0"), pool(6, 101, 200, "9.255.255.200")));
  EXPECT_FALSE(addresses_overlap(pool(5, 1, 100, "10.0.0.0"), pool(6, 101, 200, "10.0.0.0")));
  EXPECT_FALSE(addresses_overlap(pool(5, 1, 100, "10.0.0.0"), pool(6, 101, 200, nullptr, "fd64::")));
  EXPECT_TRUE(ids_overlap(pool(5, 1, 100), pool(6, 100, 200)));
  EXPECT_FALSE(ids_overlap(pool(5, 1, 100), pool(6, 101, 200)));
}

TEST(PoolsTest, WhatIsRightStays) {
  const auto changes = plan_pools({pool(5, 1, 9, "10.0.0.0")}, {pool(5, 1, 9, "10.0.0.0")}, {5});
  EXPECT_TRUE(changes.remove.empty());
  EXPECT_TRUE(changes.add.empty());
}

TEST(PoolsTest, WhatDiffersIsMadeAnew) {
  netlink::Pool host = pool(5, 1, 9, "10.0.0.0");
  host.host = true;
  for (const netlink::Pool& other : {pool(5, 1, 10, "10.0.0.0"), pool(5, 1, 9, "10.1.0.0"), pool(6, 1, 9, "10.0.0.0"),
                                     pool(5, 1, 9, "10.0.0.0", "fd64::"), host}) {
    const auto changes = plan_pools({pool(5, 1, 9, "10.0.0.0")}, {other}, {5, 6});
    EXPECT_EQ(changes.remove, Ids{1});
    EXPECT_EQ(added(changes), Ids{1});
  }
}

TEST(PoolsTest, WhatIsNotWantedGoesOnlyFromNetworksThatAreOurs) {
  const auto changes = plan_pools({pool(5, 1, 9), pool(7, 10, 19), pool(7, 20, 29)}, {pool(5, 15, 16)}, {5});
  EXPECT_EQ(changes.remove, (Ids{1, 10}));  // 10-19 has ids that are wanted here
  EXPECT_EQ(added(changes), Ids{15});
}

}  // namespace
}  // namespace sluice::gateway
