// SPDX-License-Identifier: Apache-2.0
#include "sluiced/pools.hpp"

#include <algorithm>
#include <bit>

#include "derivation/inner_address.hpp"

namespace sluice::gateway {
namespace {

using derivation::inner_address;
using derivation::last_32_bits;

// The base of the address's family.
const std::optional<Address>& base_for(const netlink::Pool& pool, bool v4) { return v4 ? pool.ipv4 : pool.ipv6; }

Address last_of(const Prefix& prefix) {
  Address::Bytes bytes = prefix.address.raw();
  for (std::size_t bit = prefix.length; bit < 128; ++bit)
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | 0x80 >> bit % 8);
  return Address(bytes);
}

bool overlaps_in(const netlink::Pool& pool, const Prefix& prefix, bool v4) {
  const auto& base = base_for(pool, v4);
  return base && inner_address(*base, pool.first) <= last_of(prefix) &&
         prefix.address <= inner_address(*base, pool.last);
}

// The largest block that begins at the first address and does not go beyond the last, then the same with what is left.
// There is room for every id above a base (settings.cpp, and the module), so the last 32 bits are never exceeded.
void add_prefixes(std::vector<Prefix>& prefixes, const netlink::Pool& pool, const Address& base) {
  const std::uint64_t zero = last_32_bits(base);
  const std::uint64_t end = zero + pool.last + 1;
  for (std::uint64_t at = zero + pool.first; at < end;) {
    const int bits = std::min(std::countr_zero(at), static_cast<int>(std::bit_width(end - at)) - 1);
    prefixes.push_back(
        {inner_address(base, static_cast<std::uint32_t>(at - zero)), static_cast<std::uint8_t>(128 - bits)});
    at += std::uint64_t{1} << bits;
  }
}

}  // namespace

std::vector<Prefix> prefixes_of(const netlink::Pool& pool) {
  std::vector<Prefix> prefixes;
  for (const auto& base : {pool.ipv4, pool.ipv6})
    if (base) add_prefixes(prefixes, pool, *base);
  return prefixes;
}

bool overlaps(const netlink::Pool& pool, const Prefix& prefix) {
  return overlaps_in(pool, prefix, true) || overlaps_in(pool, prefix, false);
}

bool covers(const netlink::Pool& pool, const Prefix& prefix) {
  const auto& base = base_for(pool, prefix.address.is_v4());
  return base && inner_address(*base, pool.first) <= prefix.address &&
         last_of(prefix) <= inner_address(*base, pool.last);
}

bool ids_overlap(const netlink::Pool& one, const netlink::Pool& other) {
  return one.first <= other.last && other.first <= one.last;
}

bool addresses_overlap(const netlink::Pool& one, const netlink::Pool& other) {
  return std::ranges::any_of(std::initializer_list<bool>{true, false}, [&](bool v4) {
    const auto& a = base_for(one, v4);
    const auto& b = base_for(other, v4);
    return a && b && inner_address(*a, one.first) <= inner_address(*b, other.last) &&
           inner_address(*b, other.first) <= inner_address(*a, one.last);
  });
}

std::string ids_text(const netlink::Pool& pool) { return std::to_string(pool.first) + "-" + std::to_string(pool.last); }

PoolChanges plan_pools(const std::vector<netlink::Pool>& present, const std::vector<netlink::Pool>& wanted,
                       const std::vector<std::uint32_t>& networks) {
  PoolChanges changes;
  for (const netlink::Pool& pool : present) {
    if (std::ranges::find(wanted, pool) != wanted.end()) continue;
    const bool is_ours = std::ranges::find(networks, pool.network) != networks.end();
    const bool is_in_the_way = std::ranges::any_of(wanted, [&](const auto& other) { return ids_overlap(pool, other); });
    if (is_ours || is_in_the_way) changes.remove.push_back(pool.first);
  }
  for (const netlink::Pool& pool : wanted)
    if (std::ranges::find(present, pool) == present.end()) changes.add.push_back(pool);
  return changes;
}

}  // namespace sluice::gateway
