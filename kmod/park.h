/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is parked until the far end has answered: SYNs (T1, T7, T10) and echo requests (I1).  "SYN" below
 * means either, but for what only a SYN can be: replaced by its next copy, and RELEASED.
 *
 * An entry is WAITING (parked, the controller not told), ANNOUNCED (told, owes a verdict) or RELEASED
 * (accepted: a short-lived pass for this SYN's way to the proxy).  Documentation/state-tables.rst
 * has the events.  One spinlock guards all of it: established connections never come here.
 */
#ifndef _SLUICE_PARK_H
#define _SLUICE_PARK_H

#include <linux/in6.h>
#include <linux/list.h>
#include <linux/siphash.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "acl.h"
#include "netlink-gen.h"
#include "packet.h"
#include "source.h"

struct sluice_client;
struct sluice_network;

#define SLUICE_PARK_BUCKETS		16384
#define SLUICE_PARK_SOURCE_BUCKETS	4096
#define SLUICE_PARK_CLIENT_BITS		12
/* A pass outlives the proxy's SYN-ACK time-outs of the first retransmissions (1, 2, 4 s). */
#define SLUICE_PARK_PASS_TIME		(10 * HZ)
/* With no controller, a SYN is answered after this long. */
#define SLUICE_PARK_ORPHAN_TIME		(5 * HZ)
#define SLUICE_PARK_SCAN_INTERVAL	(HZ / 4)
/* A received packet that pins more memory than this is copied before it is kept. */
#define SLUICE_PARK_TRUESIZE_MAX	2048
/* What is longer is kept as it came, and weighs as much more as it pins. */
#define SLUICE_PARK_WEIGHT		4096
/* Who sends SYNs with less TTL than this counts routers; no host starts as low. */
#define SLUICE_PARK_PROBE_TTL		32
/* A longer SYN carries more data than any client sends with one, and would pin that much. */
#define SLUICE_PARK_LENGTH_MAX		2048
/* Weight of the entries ended in one go before others get the lock. */
#define SLUICE_PARK_SCAN_BATCH		512
/* Ids fit a dump's cursor on 32-bit machines, too. */
#define SLUICE_PARK_IDS			XA_LIMIT(1, INT_MAX)

/**
 * struct sluice_tuple - identity of a connection, hashed as bytes
 * @source: the client
 * @destination: the server
 * @source_port: host byte order
 * @destination_port: host byte order
 * @protocol: IP protocol number
 */
struct sluice_tuple {
	struct in6_addr source;
	struct in6_addr destination;
	u16 source_port;
	u16 destination_port;
	u32 protocol;
};

/**
 * struct sluice_parked - one parked SYN
 * @node: in sluice_park.tuples
 * @age: in sluice_network.parked or .released; in sluice_park.withdrawn when it is gone
 * @queue: in sluice_source.waiting while WAITING
 * @tuple: the connection
 * @network: its network
 * @source: who it counts against
 * @skb: the newest copy of the SYN, dev cleared; NULL when RELEASED or gone
 * @parked_at: jiffies of the first SYN
 * @seen_at: jiffies of the newest SYN, or of the release
 * @id: in sluice_park.ids
 * @client: the client's id
 * @access: ifindex it came in on
 * @sequence: the SYN's sequence number
 * @retransmits: copies since the first
 * @index: ACL rule that let it in
 * @scope: that rule's list, enum sluice_scope
 * @state: enum sluice_state
 * @ttl: of the first SYN
 * @tos: likewise
 * @dont_fragment: likewise
 * @length: of an echo request, bytes of its payload
 * @weight: what it counts against the caps: one for each SLUICE_PARK_WEIGHT bytes of memory that it pins
 * @reason: enum sluice_reason, when it is gone
 */
struct sluice_parked {
	struct hlist_node node;
	struct list_head age;
	struct list_head queue;
	struct sluice_tuple tuple;
	struct sluice_network *network;
	struct sluice_source *source;
	struct sk_buff *skb;
	unsigned long parked_at;
	unsigned long seen_at;
	u32 id;
	u32 client;
	int access;
	u32 sequence;
	u32 retransmits;
	u32 index;
	u8 scope;
	u8 state;
	u8 ttl;
	u8 reason;
	u8 tos;
	bool dont_fragment;
	u16 length;
	u32 weight;
};

/**
 * struct sluice_park - all parked SYNs of a network namespace
 * @lock: guards everything here and in the entries
 * @tuples: entries by tuple; NULL while there is no network
 * @sources: struct sluice_source by address; likewise
 * @source_clients: struct sluice_source_client by id; likewise
 * @key: of the hashes of addresses
 * @ids: entries by id
 * @next_id: where the search for a free id starts
 * @turns: struct sluice_source_client with something to announce, the next one first
 * @credit: announcements that the controller will take
 * @withdrawn: entries that the controller was told of and that are gone
 * @active: number of entries in @tuples
 * @scan: expiry
 */
struct sluice_park {
	spinlock_t lock;	/* see DOC: Locking in net.h */
	struct hlist_head *tuples;
	struct hlist_head *sources;
	struct hlist_head *source_clients;
	siphash_key_t key;
	struct xarray ids;
	u32 next_id;
	struct list_head turns;
	u32 credit;
	struct list_head withdrawn;
	u32 active;
	struct delayed_work scan;
};

enum sluice_park_result {
	SLUICE_PARK_UNKNOWN,		/* not parked; the skb is still the caller's */
	SLUICE_PARK_PASS,		/* has a pass; the skb is still the caller's */
	SLUICE_PARK_KEPT,		/* the skb is ours now */
	SLUICE_PARK_FULL,		/* the network's cap; the skb is still the caller's, as below */
	SLUICE_PARK_CLIENT_FULL,
	SLUICE_PARK_SOURCE_FULL,
	SLUICE_PARK_NO_MEMORY,
};

int sluice_park_cache_create(void);
void sluice_park_cache_destroy(void);

void sluice_park_init(struct sluice_park *park);
void sluice_park_destroy(struct sluice_park *park);
int sluice_park_open(struct sluice_park *park);
void sluice_park_close(struct sluice_park *park);

/* The hook's side; RCU read lock held. */
enum sluice_park_result sluice_park_again(struct sluice_park *park, const struct sluice_network *network,
					  const struct sluice_packet *packet, struct sk_buff *skb);
enum sluice_park_result sluice_park_new(struct sluice_park *park, const struct sluice_client *client,
					u32 prefix_length, const struct sluice_decision *decision,
					const struct sluice_packet *packet, struct sk_buff *skb);
bool sluice_park_reset(struct sluice_park *park, const struct sluice_packet *packet);
bool sluice_park_has_pass(struct sluice_park *park, const struct sluice_network *network,
			  const struct sluice_packet *packet);

/* The verdict's side; RCU read lock held. */
struct sluice_parked *sluice_park_take(struct sluice_park *park, u32 id);
struct sk_buff *sluice_park_release(struct sluice_park *park, u32 id, struct sluice_network **network, int *access);
void sluice_parked_free(struct sluice_parked *entry);

/* The controller's side. */
void sluice_park_reannounce(struct sluice_park *park);
void sluice_park_forget_withdrawn(struct sluice_park *park);

/* park-end.c: removal, each with the reason "removed" to the controller. */
void sluice_park_flush_network(struct sluice_park *park, struct sluice_network *network);
void sluice_park_flush_client(struct sluice_park *park, struct sluice_network *network, u32 client);
void sluice_park_flush_access(struct sluice_park *park, int ifindex);

/* park-end.c: the work that ends what has waited too long. */
void sluice_park_scan(struct work_struct *work);

/* park.lock held.  Out of every table; what to do with the entry and its skb is the caller's. */
void sluice_park_unlink(struct sluice_park *park, struct sluice_parked *entry);
/* park.lock held.  Ends and frees an entry whose verdict nobody waits for any more. */
void sluice_park_withdraw(struct sluice_park *park, struct sluice_parked *entry, enum sluice_reason reason,
			  enum sluice_network_counter counter);

/* park.lock held: one entry as attributes of set parked.  -EMSGSIZE. */
int sluice_parked_fill(struct sk_buff *msg, const struct sluice_parked *entry);

#endif /* _SLUICE_PARK_H */
