/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sources and their clients: who has how many SYNs parked and how many associations, and whose turn it is to be announced.
 *
 * A source is one IPv4 address or one IPv6 /64 of a client.  Clients take turns, and in a client's turn its
 * sources do: however many sources a client has, it gets one turn where a client of one source gets one.
 * Both exist while they have something parked or associated, so there are never more of them than of that.
 * Everything here needs sluice_park.lock.
 */
#ifndef _SLUICE_SOURCE_H
#define _SLUICE_SOURCE_H

#include <linux/in6.h>
#include <linux/list.h>

struct sluice_park;
struct sluice_parked;

/**
 * struct sluice_source_client - a client, as far as it has something parked or associated
 * @node: in sluice_park.source_clients
 * @id: its id
 * @count: weight of what is parked, of all its sources
 * @associations: associations of all its sources
 * @sources: struct sluice_source with something to announce, the next one first
 * @turn: in sluice_park.turns while @sources is not empty
 */
struct sluice_source_client {
	struct hlist_node node;
	u32 id;
	u32 count;
	u32 associations;
	struct list_head sources;
	struct list_head turn;
};

/**
 * struct sluice_source - one source
 * @node: in sluice_park.sources
 * @address: bits beyond the source's length are zero
 * @client: whose it is
 * @count: weight of what is parked
 * @associations: associations, whatever their state
 * @waiting: struct sluice_parked not yet announced, oldest first
 * @turn: in sluice_source_client.sources while @waiting is not empty
 */
struct sluice_source {
	struct hlist_node node;
	struct in6_addr address;
	struct sluice_source_client *client;
	u32 count;
	u32 associations;
	struct list_head waiting;
	struct list_head turn;
};

/*
 * Finds or makes the source and its client, and counts @weight and @associations (not both 0) more for both; NULL:
 * no memory.
 */
struct sluice_source *sluice_source_get(struct sluice_park *park, u32 client, const struct in6_addr *address,
					u32 weight, u32 associations);
/* One more packet for a source that exists. */
void sluice_source_add(struct sluice_park *park, struct sluice_source *source, u32 weight);
/* Counts as much less for both; who has nothing left is freed. */
void sluice_source_put(struct sluice_park *park, struct sluice_source *source, u32 weight, u32 associations);

/* Appends to the source's queue; who had nothing to announce gets the last turn. */
void sluice_source_queue(struct sluice_park *park, struct sluice_parked *entry);
/* Undoes sluice_source_next(): back to the head of the queue, and to the first turn of source and client. */
void sluice_source_requeue(struct sluice_park *park, struct sluice_parked *entry);
/* Takes an entry off its source's queue, wherever it stands; who has nothing left has no turn. */
void sluice_source_unqueue(struct sluice_park *park, struct sluice_parked *entry);

/* Takes the oldest entry of the source whose turn it is, of the client whose turn it is; NULL: nobody waits. */
struct sluice_parked *sluice_source_next(struct sluice_park *park);

#endif /* _SLUICE_SOURCE_H */
