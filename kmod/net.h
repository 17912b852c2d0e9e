/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of one network namespace, and the order of its locks.
 *
 * DOC: Locking
 *
 *	RTNL
 *	  sluice_net.config_lock	networks, clients, access lists, who is the controller
 *	    sluice_park.lock		(spinlock, BH) parked SYNs, associations, sources, credit
 *	      sluice_park.ids		(its own lock, BH)
 *	      sluice_parked.quote.lock	(spinlock, BH) the newest datagram of a bound association
 *	    sluice_records.lock[]	(spinlock, BH) one ESP client under one generation
 *	    sluice_anomalies.lock	(spinlock, BH) anomalies to be told, after a record's lock is dropped
 *	    flush_lock			(mutex of cipher.c) keys of all namespaces are wiped, of one after the other
 *	  ciphers_lock			(mutex of cipher.c) the caches of all namespaces are made, before config_lock is taken
 *	    engine_lock			(mutex of aead.c) what encrypts is chosen
 *
 * The hook runs under the RCU read lock and takes nothing but sluice_park.lock, for a datagram of a bound
 * association nothing but its quote.lock, and in a flood of ESP, before any of these, a record's lock.  It reaches networks through clients, clients through the prefix table, and
 * associations through the table of tuples; all of them are freed after a grace period.
 *
 * ESP is received and sent under the RCU read lock with BH off, which is what guards a CPU's keyed ciphers.  It reaches
 * generations, pools and the bitmap of bans by pointers; a generation is ended by taking its pointers away, synchronize_net(),
 * wiping every CPU's ciphers, and freeing.
 *
 * A network goes in two steps.  sluice_network_kill(), under RTNL and config_lock, takes it and its clients
 * out of the tables, so that after the synchronize_net() of unregister_netdevice() no hook can still
 * park anything for it; then sluice_network_flush() empties its lists.  Who takes an entry out of
 * the park (verdict, expiry) and goes on with its network after dropping sluice_park.lock holds the RCU
 * read lock from before; the second synchronize_net() of unregister_netdevice() waits for him.
 */
#ifndef _SLUICE_NET_H
#define _SLUICE_NET_H

#include <linux/mutex.h>
#include <linux/rhashtable.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>

#include "controller.h"
#include "esp.h"
#include "park.h"
#include "policy.h"
#include "stats.h"
#include "steer.h"

/**
 * struct sluice_net - a network namespace
 * @net: the network namespace itself; outlives us
 * @config_lock: guards everything here that no other lock does
 * @networks: struct sluice_network; changed under @config_lock and sluice_park.lock, read under either
 * @network_count: members of @networks; the park is open while there is one
 * @network_alive: those not yet killed; hooks are registered while there is one
 * @generation: changes with @networks, @clients and access lists, so that a dump can tell; never 0
 * @clients: struct sluice_client by id
 * @client_prefixes: struct sluice_client_prefix by prefix, read under RCU
 * @client_prefix_count: how many prefixes of each length are in @client_prefixes
 * @client_prefix_lengths: lengths of which there is one, read without a lock
 * @access: devices that clients come in on, by ifindex, as the number of their clients
 * @park: parked SYNs
 * @controller: who answers offers
 * @steer: how the proxy is reached; NULL until a controller first said so, then kept
 * @relay: the controller's datagram socket, with a reference; changed under @config_lock, NULL: none
 * @relay_epoch: changes as its queue fills and empties, see relay.c; read and written by any CPU
 * @esp: clients that come in by ESP
 * @policy: what answers questions for the policy
 * @stats: counters that belong to no network
 */
struct sluice_net {
	struct net *net;
	struct mutex config_lock;	/* see DOC: Locking */
	struct list_head networks;
	unsigned int network_count;
	unsigned int network_alive;
	u32 generation;
	struct xarray clients;
	struct rhashtable client_prefixes;
	u32 client_prefix_count[129];
	DECLARE_BITMAP(client_prefix_lengths, 129);
	struct xarray access;
	struct sluice_park park;
	struct sluice_controller controller;
	struct sluice_steer __rcu *steer;
	struct sock __rcu *relay;
	u32 relay_epoch;
	struct sluice_esp esp;
	struct sluice_policy policy;
	struct sluice_ns_stats __percpu *stats;
};

struct sluice_net *sluice_net(const struct net *net);

/* The network namespace that a park is part of. */
static inline struct sluice_net *sluice_park_net(struct sluice_park *park)
{
	return container_of(park, struct sluice_net, park);
}

/* hook.c: under config_lock; both families at once, with the defragmentation they rely on. */
int sluice_hooks_register(struct net *net);
void sluice_hooks_unregister(struct net *net);

#endif /* _SLUICE_NET_H */
