/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pools: which ESP client ids belong to which network, and their inner addresses, base + id.  A sorted array, replaced as a
 * whole: read under RCU, changed under config_lock.
 */
#ifndef _SLUICE_POOL_H
#define _SLUICE_POOL_H

#include <linux/in6.h>
#include <linux/rcupdate.h>

struct netlink_ext_ack;
struct sluice_net;
struct sluice_network;

#define SLUICE_POOLS_MAX	64

/**
 * struct sluice_pool - a range of ids of one network
 * @network: the network; outlives it
 * @first: first id
 * @last: last id
 * @base: addresses to which the id is added: IPv4-mapped, and IPv6; unspecified: no such address
 * @host: in its network, what is for the gateway host itself goes up its stack without a registered client
 */
struct sluice_pool {
	struct sluice_network *network;
	u32 first;
	u32 last;
	struct in6_addr base[2];
	bool host;
};

enum { SLUICE_POOL_IPV4, SLUICE_POOL_IPV6 };

/**
 * struct sluice_pools - all pools of a network namespace, by @first
 * @rcu: frees it
 * @count: members of @pool
 * @pool: the pools
 */
struct sluice_pools {
	struct rcu_head rcu;
	unsigned int count;
	struct sluice_pool pool[];
};

/* The inner address of @id.  False: this pool has none of the family (SLUICE_POOL_*). */
bool sluice_pool_address(const struct sluice_pool *pool, unsigned int family, u32 id, struct in6_addr *address);

/* The pool of an id; NULL: none.  RCU read lock or config_lock held. */
const struct sluice_pool *sluice_pool_find(const struct sluice_pools *pools, u32 id);

/* The id of an inner address of @network; 0: nobody's.  RCU read lock held. */
u32 sluice_pool_id(const struct sluice_pools *pools, const struct sluice_network *network, const struct in6_addr *address);

/* RCU read lock held.  Has @network a pool whose clients may reach the host itself? */
bool sluice_pool_reaches_host(const struct sluice_pools *pools, const struct sluice_network *network);

/* Are the addresses of this family (SLUICE_POOL_*), if there are any, such as hosts can have? */
bool sluice_pool_base_ok(const struct sluice_pool *pool, unsigned int family);

/* config_lock held; both bases are ok.  -EEXIST: overlaps another; -EINVAL: no range, or no base; extack says which. */
int sluice_pool_create(struct sluice_net *sn, const struct sluice_pool *pool, struct netlink_ext_ack *extack);
/* config_lock held.  -ENOENT. */
int sluice_pool_remove(struct sluice_net *sn, u32 first);
/* config_lock held. */
void sluice_pool_remove_network(struct sluice_net *sn, const struct sluice_network *network);

#endif /* _SLUICE_POOL_H */
