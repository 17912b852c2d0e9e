/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Associations: the flows of UDP and of other IP protocols than TCP and ICMP (U1, U2, U7).
 *
 * An association is a struct sluice_parked.  It waits for its verdict as a SYN does, and holds more datagrams while it
 * does; then it is BOUND, and its datagrams go to the controller, or in DISCARD for a while.  In these two states it
 * has a place of its own in the caps, nothing is parked, and the hook finds it without a lock.
 * Documentation/state-tables.rst has the events.
 */
#ifndef _SLUICE_ASSOCIATION_H
#define _SLUICE_ASSOCIATION_H

#include <linux/in6.h>
#include <linux/skbuff.h>

#include "park.h"

struct sluice_network;

/*
 * The hook's side.  RCU read lock held, no other.
 *
 * What to do with a datagram: SLUICE_PARK_BOUND (to the controller), SLUICE_PARK_DISCARD (@refusal is filled in), or
 * SLUICE_PARK_UNKNOWN (it waits, or there is no such association).  The skb stays the caller's.
 */
enum sluice_park_result sluice_association_receive(struct sluice_park *park, const struct sluice_network *network,
						   const struct sluice_packet *packet, const struct sk_buff *skb,
						   struct sluice_refusal *refusal);

/* sluice_park.lock held.  One more datagram of @entry, which has been looked up: as above, or SLUICE_PARK_KEPT and drops. */
enum sluice_park_result sluice_association_hold(struct sluice_park *park, struct sluice_parked *entry,
						const struct sluice_packet *packet, struct sk_buff *skb);

/*
 * The verdict's side.  RCU read lock held, and kept while *@network is used.  NULL, false: no association with this id
 * is in the state that it takes.
 */
/* Waiting for a verdict: of which kind it is, and whom it is for. */
bool sluice_association_peek(struct sluice_park *park, u32 id, u8 *family, u8 *protocol, struct in6_addr *server);
/* Waiting for a verdict -> BOUND.  Returns what it held, a list by skb->next, the caller's. */
struct sk_buff *sluice_association_bind(struct sluice_park *park, u32 id, struct sluice_network **network);
/* Waiting for a verdict -> DISCARD.  Likewise. */
struct sk_buff *sluice_association_discard(struct sluice_park *park, u32 id, const struct sluice_refusal *refusal,
					   struct sluice_network **network);
/* BOUND -> none. */
bool sluice_association_unbind(struct sluice_park *park, u32 id);
/* BOUND: a packet that begins as its newest datagram did, to be quoted in an error; the caller's. */
struct sk_buff *sluice_association_quote(struct sluice_park *park, u32 id, struct sluice_packet *packet,
					 struct sluice_network **network);

#endif /* _SLUICE_ASSOCIATION_H */
