/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clients on access networks: prefixes bound to a device.  Looked up by the source address of every
 * packet, under RCU; changed under config_lock.
 */
#ifndef _SLUICE_CLIENT_H
#define _SLUICE_CLIENT_H

#include <linux/in6.h>
#include <linux/netlink.h>
#include <linux/rhashtable.h>

#include "acl.h"
#include "relay.h"

struct sluice_net;
struct sluice_network;
struct sluice_client;

#define SLUICE_CLIENT_PREFIXES_MAX	16

/**
 * struct sluice_prefix - a range of addresses, the key of the table; no padding, it is hashed as bytes
 * @address: bits beyond @length are zero
 * @length: 0 to 128
 */
struct sluice_prefix {
	struct in6_addr address;
	u32 length;
};

/**
 * struct sluice_client_prefix - a client's prefix in the table
 * @node: in sluice_net.client_prefixes
 * @prefix: the key
 * @client: whose it is
 */
struct sluice_client_prefix {
	struct rhash_head node;
	struct sluice_prefix prefix;
	struct sluice_client *client;
};

/**
 * struct sluice_client - a client, or a range of clients that share a rule list
 * @rcu: frees it
 * @network: its network; outlives it
 * @acl: its own access list; NULL is an empty one
 * @id: chosen by the controller
 * @access: ifindex of the device it comes in on
 * @relay_share: its part of the controller's queue
 * @count: number of prefixes
 * @prefix: its prefixes
 */
struct sluice_client {
	struct rcu_head rcu;
	struct sluice_network *network;
	struct sluice_acl __rcu *acl;
	u32 id;
	int access;
	struct sluice_relay_share relay_share;
	u32 count;
	struct sluice_client_prefix prefix[];
};

int sluice_client_tables_init(struct sluice_net *sn);
void sluice_client_tables_destroy(struct sluice_net *sn);

/**
 * sluice_client_lookup() - whose address is this?
 * @sn: the network namespace
 * @address: source address of a packet
 * @length: if not NULL, receives the length of the prefix that matched
 *
 * Context: RCU read lock held.
 * Return: the client, valid under that lock; NULL if it is nobody's.
 */
struct sluice_client *sluice_client_lookup(struct sluice_net *sn, const struct in6_addr *address, u32 *length);

/* config_lock held.  -EEXIST: id taken, or a prefix overlaps another; extack says which. */
int sluice_client_create(struct sluice_net *sn, struct sluice_network *network, u32 id, int access,
			 const struct sluice_prefix *prefixes, u32 count, struct netlink_ext_ack *extack);
/* What the client parked is for the caller to flush. */
void sluice_client_remove(struct sluice_net *sn, struct sluice_client *client);
void sluice_client_remove_network(struct sluice_net *sn, struct sluice_network *network);

/* Any context.  Do clients come in on this device? */
bool sluice_client_access(struct sluice_net *sn, int ifindex);

#endif /* _SLUICE_CLIENT_H */
