// SPDX-License-Identifier: GPL-2.0-only
/* The pools of a network namespace, and the arithmetic between ids and inner addresses. */

#include <linux/netlink.h>
#include <linux/slab.h>
#include <net/ipv6.h>

#include "esp.h"
#include "kunit.h"
#include "net.h"
#include "network.h"
#include "packet.h"
#include "pool.h"
#include "spi.h"

/* The last 32 bits carry the sum: a base has room for every id, see sluice_pool_base_ok(). */
bool sluice_pool_address(const struct sluice_pool *pool, unsigned int family, u32 id, struct in6_addr *address)
{
	if (ipv6_addr_any(&pool->base[family]))
		return false;
	*address = pool->base[family];
	address->s6_addr32[3] = htonl(ntohl(address->s6_addr32[3]) + id);
	return true;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_pool_address);

const struct sluice_pool *sluice_pool_find(const struct sluice_pools *pools, u32 id)
{
	unsigned int low = 0, high = pools ? pools->count : 0;

	while (low < high) {
		unsigned int middle = (low + high) / 2;
		const struct sluice_pool *pool = &pools->pool[middle];

		if (id < pool->first)
			high = middle;
		else if (id > pool->last)
			low = middle + 1;
		else
			return pool;
	}
	return NULL;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_pool_find);

u32 sluice_pool_id(const struct sluice_pools *pools, const struct sluice_network *network, const struct in6_addr *address)
{
	unsigned int family = ipv6_addr_v4mapped(address) ? SLUICE_POOL_IPV4 : SLUICE_POOL_IPV6;
	unsigned int i;

	for (i = 0; pools && i < pools->count; i++) {
		const struct sluice_pool *pool = &pools->pool[i];
		const struct in6_addr *base = &pool->base[family];
		u32 id = ntohl(address->s6_addr32[3]) - ntohl(base->s6_addr32[3]);

		if (pool->network == network && id >= pool->first && id <= pool->last && !ipv6_addr_any(base) &&
		    !memcmp(address, base, offsetof(struct in6_addr, s6_addr32[3])))
			return id;
	}
	return 0;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_pool_id);

bool sluice_pool_reaches_host(const struct sluice_pools *pools, const struct sluice_network *network)
{
	unsigned int i;

	for (i = 0; pools && i < pools->count; i++)
		if (pools->pool[i].network == network && pools->pool[i].host)
			return true;
	return false;
}

/* First and last address are those of hosts, and there is room for the id in the last 32 bits. */
bool sluice_pool_base_ok(const struct sluice_pool *pool, unsigned int family)
{
	struct in6_addr first, last;

	if (!sluice_pool_address(pool, family, pool->first, &first))
		return true;
	sluice_pool_address(pool, family, pool->last, &last);
	if (ntohl(last.s6_addr32[3]) < ntohl(first.s6_addr32[3]) ||
	    ntohl(first.s6_addr32[3]) < ntohl(pool->base[family].s6_addr32[3]))
		return false;
	if (family == SLUICE_POOL_IPV4)
		return !ipv4_is_zeronet(first.s6_addr32[3]) && !ipv4_is_multicast(last.s6_addr32[3]) &&
		       !ipv4_is_lbcast(last.s6_addr32[3]) && !ipv4_is_loopback(first.s6_addr32[3]) &&
		       !ipv4_is_loopback(last.s6_addr32[3]) && ntohl(last.s6_addr32[3]) < 0xe0000000;
	return !(ntohl(pool->base[family].s6_addr32[3]) & (SLUICE_SPI_IDS - 1)) &&
	       ipv6_addr_type(&first) & IPV6_ADDR_UNICAST && !(ipv6_addr_type(&first) & IPV6_ADDR_LINKLOCAL);
}

static bool addresses_overlap(const struct sluice_pool *a, const struct sluice_pool *b, unsigned int family)
{
	struct in6_addr a_first, a_last, b_first, b_last;

	if (!sluice_pool_address(a, family, a->first, &a_first) || !sluice_pool_address(b, family, b->first, &b_first))
		return false;
	sluice_pool_address(a, family, a->last, &a_last);
	sluice_pool_address(b, family, b->last, &b_last);
	return memcmp(&a_first, &b_last, sizeof(a_first)) <= 0 && memcmp(&b_first, &a_last, sizeof(a_first)) <= 0;
}

static int pool_check(const struct sluice_pools *pools, const struct sluice_pool *pool, struct netlink_ext_ack *extack)
{
	unsigned int i;

	if (pool->first > pool->last) {
		NL_SET_ERR_MSG(extack, "first is greater than last");
		return -EINVAL;
	}
	if (ipv6_addr_any(&pool->base[SLUICE_POOL_IPV4]) && ipv6_addr_any(&pool->base[SLUICE_POOL_IPV6])) {
		NL_SET_ERR_MSG(extack, "a pool needs base-ipv4 or base-ipv6, or both");
		return -EINVAL;
	}
	for (i = 0; pools && i < pools->count; i++) {
		const struct sluice_pool *other = &pools->pool[i];

		if (pool->first <= other->last && other->first <= pool->last) {
			NL_SET_ERR_MSG(extack, "ids overlap those of another pool");
			return -EEXIST;
		}
		if (addresses_overlap(pool, other, SLUICE_POOL_IPV4) || addresses_overlap(pool, other, SLUICE_POOL_IPV6)) {
			NL_SET_ERR_MSG(extack, "addresses overlap those of another pool");
			return -EEXIST;
		}
	}
	return 0;
}

static struct sluice_pools *pools_locked(struct sluice_net *sn)
{
	return rcu_dereference_protected(sn->esp.pools, lockdep_is_held(&sn->config_lock));
}

int sluice_pool_create(struct sluice_net *sn, const struct sluice_pool *pool, struct netlink_ext_ack *extack)
{
	struct sluice_pools *old = pools_locked(sn), *pools;
	unsigned int count = old ? old->count : 0, before = 0;
	int err;

	lockdep_assert_held(&sn->config_lock);

	err = pool_check(old, pool, extack);
	if (err)
		return err;
	if (count == SLUICE_POOLS_MAX) {
		NL_SET_ERR_MSG(extack, "a network namespace has at most 64 pools");
		return -E2BIG;
	}
	pools = kzalloc(struct_size(pools, pool, count + 1), GFP_KERNEL_ACCOUNT);
	if (!pools)
		return -ENOMEM;
	while (before < count && old->pool[before].first < pool->first)
		before++;
	if (old) {
		memcpy(pools->pool, old->pool, before * sizeof(*pool));
		memcpy(pools->pool + before + 1, old->pool + before, (count - before) * sizeof(*pool));
	}
	pools->pool[before] = *pool;
	pools->count = count + 1;
	rcu_assign_pointer(sn->esp.pools, pools);
	if (old)
		kfree_rcu(old, rcu);
	sn->generation++;
	return 0;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_pool_create);

int sluice_pool_remove(struct sluice_net *sn, u32 first)
{
	struct sluice_pools *old = pools_locked(sn), *pools = NULL;
	unsigned int at = 0;

	lockdep_assert_held(&sn->config_lock);

	while (old && at < old->count && old->pool[at].first != first)
		at++;
	if (!old || at == old->count)
		return -ENOENT;
	if (old->count > 1) {
		/* One page at most; and the end of a device must not fail. */
		pools = kmemdup(old, struct_size(old, pool, old->count), GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
		pools->count--;
		memmove(pools->pool + at, pools->pool + at + 1, (pools->count - at) * sizeof(*pools->pool));
	}
	rcu_assign_pointer(sn->esp.pools, pools);
	kfree_rcu(old, rcu);
	sn->generation++;
	return 0;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_pool_remove);

void sluice_pool_remove_network(struct sluice_net *sn, const struct sluice_network *network)
{
	struct sluice_pools *pools = pools_locked(sn);
	unsigned int i = 0;

	lockdep_assert_held(&sn->config_lock);

	while (pools && i < pools->count) {
		if (pools->pool[i].network != network) {
			i++;
			continue;
		}
		sluice_pool_remove(sn, pools->pool[i].first);
		pools = pools_locked(sn);
	}
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_pool_remove_network);
