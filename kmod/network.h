/* SPDX-License-Identifier: GPL-2.0-only */
/* A virtual network: its device, limits, access list and parked SYNs. */
#ifndef _SLUICE_NETWORK_H
#define _SLUICE_NETWORK_H

#include <linux/list.h>
#include <linux/netdevice.h>
#include <net/gro_cells.h>

#include "acl.h"
#include "packet.h"
#include "stats.h"

struct sluice_net;

#define SLUICE_PARK_TIMEOUT_DEFAULT	20000	/* ms, see Documentation/architecture.rst */
#define SLUICE_PARK_MAX_DEFAULT		65536
#define SLUICE_PARK_CLIENT_MAX_DEFAULT	16384
#define SLUICE_PARK_SOURCE_MAX_DEFAULT	8192
#define SLUICE_ASSOCIATION_MAX_DEFAULT		65536
#define SLUICE_ASSOCIATION_CLIENT_MAX_DEFAULT	16384
#define SLUICE_ASSOCIATION_SOURCE_MAX_DEFAULT	4096
#define SLUICE_DISCARD_TIME_DEFAULT	10000	/* ms */

/**
 * struct sluice_network - private part of a network's device
 * @dev: the device; its lifetime is ours
 * @sn: the network namespace
 * @list: in sluice_net.networks
 * @acl: the network's access list; NULL is an empty one
 * @stats: counters
 * @gro_cells: where decrypted packets come in
 * @clients: number of clients, by config_lock
 * @park_timeout: milliseconds since the last SYN; written under config_lock, read anywhere
 * @park_max: most SYNs parked; likewise
 * @park_client_max: most SYNs parked for one client; likewise
 * @park_source_max: most SYNs parked for one source; likewise
 * @association_max: most associations; likewise
 * @association_client_max: most associations of one client; likewise
 * @association_source_max: most associations of one source; likewise
 * @discard_time: milliseconds that an association stays in discard; likewise
 * @parked_count: weight of what is in @parked, by sluice_park.lock
 * @parked: struct sluice_parked without a verdict, the one longest without a SYN first; by sluice_park.lock
 * @released: struct sluice_parked with a pass, the oldest first; by sluice_park.lock
 * @association_count: associations in whatever state, by sluice_park.lock
 * @bound: struct sluice_parked that are bound associations, in no order; by sluice_park.lock
 * @discarded: struct sluice_parked in discard, the oldest first; by sluice_park.lock
 */
struct sluice_network {
	struct net_device *dev;
	struct sluice_net *sn;
	struct list_head list;
	struct sluice_acl __rcu *acl;
	struct sluice_stats __percpu *stats;
	struct gro_cells gro_cells;
	u32 clients;
	u32 park_timeout;
	u32 park_max;
	u32 park_client_max;
	u32 park_source_max;
	u32 association_max;
	u32 association_client_max;
	u32 association_source_max;
	u32 discard_time;
	u32 parked_count;
	struct list_head parked;
	struct list_head released;
	u32 association_count;
	struct list_head bound;
	struct list_head discarded;
};

/* Limits and lists as a new network has them. */
void sluice_network_init(struct sluice_network *network);

/* device.c: is @dev a network's device? */
bool sluice_dev_is_network(const struct net_device *dev);

/* config_lock held; NULL if there is none. */
struct sluice_network *sluice_network_find(struct sluice_net *sn, u32 ifindex);
struct sluice_network *sluice_network_find_name(struct sluice_net *sn, const char *name);

/* RTNL and config_lock held. */
int sluice_network_add(struct sluice_net *sn, struct sluice_network *network);
void sluice_network_kill(struct sluice_network *network);

/* RTNL held, after synchronize_net(). */
void sluice_network_flush(struct sluice_network *network);

/* The gateway address of the packet's family.  RCU read lock held.  False: the network has none. */
bool sluice_network_gateway(const struct sluice_network *network, u8 family, struct in6_addr *address);

/* Is @address one of the network's own?  RCU read lock held. */
bool sluice_network_is_gateway(const struct sluice_network *network, u8 family, const struct in6_addr *address);

#endif /* _SLUICE_NETWORK_H */
