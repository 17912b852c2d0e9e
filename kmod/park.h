/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is parked until the far end has answered: SYNs (T1, T7, T10), echo requests (I1) and the first datagrams of
 * associations (U1, association.h).  "SYN" below means any, but for what only a SYN can be: replaced by its next copy,
 * and RELEASED.
 *
 * An entry is WAITING (parked, the controller not told), ANNOUNCED (told, owes a verdict) or RELEASED
 * (accepted: a short-lived pass for this SYN's way to the proxy); an association is BOUND or in DISCARD after that.
 * Documentation/state-tables.rst has the events.  One spinlock guards all of it: established connections never come
 * here, and datagrams of associations look without it.
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
#include "reply.h"
#include "source.h"

struct sluice_client;
struct sluice_network;

#define SLUICE_PARK_BUCKETS		32768
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
/* Most datagrams that wait for one verdict together: a request in pieces, or a burst before the first answer. */
#define SLUICE_ASSOCIATION_HELD_MAX	16
/* Bytes of a datagram that an error about it quotes: both headers, with options, and 8 or more of what follows. */
#define SLUICE_ASSOCIATION_QUOTE	128
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
 * struct sluice_refusal - what a datagram of an association in discard is answered
 * @answered: @error is sent; else silence
 * @has_source: @source is given; else the gateway address
 * @error: what is sent
 * @source: from whom
 */
struct sluice_refusal {
	bool answered;
	bool has_source;
	struct sluice_icmp_error error;
	struct in6_addr source;
};

/**
 * struct sluice_parked - one parked SYN
 * @node: in sluice_park.tuples, read under RCU
 * @age: in sluice_network.parked, .released, .bound or .discarded; in sluice_park.withdrawn when it is gone
 * @queue: in sluice_source.waiting while WAITING
 * @tuple: the connection
 * @network: its network
 * @source: who it counts against
 * @skb: the newest copy of the SYN, dev cleared; of an association the oldest datagram, others behind it by skb->next;
 *	 NULL when there has been a verdict, or it is gone
 * @newest: the last of those
 * @parked_at: jiffies of the first SYN
 * @seen_at: jiffies of the newest SYN, of the first datagram, or of the release; BOUND: of the newest datagram, written
 *	     without the lock; DISCARD: of the verdict
 * @id: in sluice_park.ids
 * @client: the client's id
 * @access: ifindex it came in on
 * @sequence: the SYN's sequence number
 * @retransmits: copies since the first
 * @index: ACL rule that let it in
 * @scope: that rule's list, enum sluice_scope
 * @state: enum sluice_state; read without the lock where it is an association's
 * @ttl: of the first SYN
 * @tos: likewise
 * @dont_fragment: likewise
 * @length: of an echo request or a first datagram, bytes of its payload
 * @held: datagrams in @skb
 * @weight: what it counts against the caps: one for each SLUICE_PARK_WEIGHT bytes of memory that it pins; 0 after the
 *	    verdict
 * @reason: enum sluice_reason, when it is gone
 * @quote: BOUND: how the newest datagram began, for an error about it
 * @refusal: DISCARD: what datagrams are answered; immutable
 * @rcu: frees it
 */
struct sluice_parked {
	struct hlist_node node;
	struct list_head age;
	struct list_head queue;
	struct sluice_tuple tuple;
	struct sluice_network *network;
	struct sluice_source *source;
	struct sk_buff *skb;
	struct sk_buff *newest;
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
	u16 held;
	u32 weight;
	union {
		struct {
			spinlock_t lock;	/* innermost */
			u8 length;
			u8 bytes[SLUICE_ASSOCIATION_QUOTE];
		} quote;
		struct sluice_refusal refusal;
	};
	struct rcu_head rcu;
};

/* Does it wait for a verdict? */
static inline bool sluice_parked_waits(const struct sluice_parked *entry)
{
	return entry->state == SLUICE_STATE_WAITING || entry->state == SLUICE_STATE_ANNOUNCED;
}

static inline u8 sluice_tuple_family(const struct sluice_tuple *tuple)
{
	return ipv6_addr_v4mapped(&tuple->source) ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

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
	SLUICE_PARK_PASS,		/* has a pass; the skb is still the caller's, as below but for KEPT */
	SLUICE_PARK_BOUND,		/* a datagram for the controller */
	SLUICE_PARK_DISCARD,		/* a datagram that is not wanted */
	SLUICE_PARK_KEPT,		/* the skb is ours now */
	SLUICE_PARK_FULL,		/* the network's cap */
	SLUICE_PARK_CLIENT_FULL,
	SLUICE_PARK_SOURCE_FULL,
	SLUICE_PARK_ASSOCIATION_FULL,	/* the network's cap on associations */
	SLUICE_PARK_CLIENT_ASSOCIATION_FULL,
	SLUICE_PARK_SOURCE_ASSOCIATION_FULL,
	SLUICE_PARK_HELD_FULL,		/* as many wait for the same verdict already */
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
/* Without sluice_park.lock: the entry of a packet's tuple, good until the RCU read lock is dropped; NULL: none. */
struct sluice_parked *sluice_park_find_rcu(struct sluice_park *park, const struct sluice_packet *packet);

/* The verdict's side; RCU read lock held. */
struct sluice_parked *sluice_park_take(struct sluice_park *park, u32 id);
struct sk_buff *sluice_park_release(struct sluice_park *park, u32 id, struct sluice_network **network, int *access);
/* After a grace period; what it holds at once. */
void sluice_parked_free(struct sluice_parked *entry);

/* What a packet counts against the caps, and the packet as it is kept: no device, little more memory than it needs. */
u32 sluice_park_weight(const struct sk_buff *skb);
struct sk_buff *sluice_park_hold(struct sk_buff *skb);

/* The controller's side. */
void sluice_park_reannounce(struct sluice_park *park);
void sluice_park_forget_withdrawn(struct sluice_park *park);

/* park-end.c: removal, each with the reason "removed" to the controller. */
void sluice_park_flush_network(struct sluice_park *park, struct sluice_network *network);
void sluice_park_flush_client(struct sluice_park *park, struct sluice_network *network, u32 client);
void sluice_park_flush_access(struct sluice_park *park, int ifindex);
/* park-end.c: config_lock held.  The controller is gone, or knows nothing: bound associations end (S6). */
void sluice_park_unbind_all(struct sluice_park *park);

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
