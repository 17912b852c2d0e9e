// SPDX-License-Identifier: GPL-2.0-only
/* Round robin over clients and their sources, see source.h. */

#include <linux/hash.h>
#include <linux/slab.h>
#include <net/ipv6.h>

#include "kunit.h"
#include "park.h"
#include "source.h"

/* Counts more for a client, which is made if it has nothing yet; NULL: no memory. */
static struct sluice_source_client *client_get(struct sluice_park *park, u32 id, u32 weight, u32 associations)
{
	/* The controller chooses the ids, so nobody can aim at a bucket. */
	struct hlist_head *bucket = &park->source_clients[hash_32(id, SLUICE_PARK_CLIENT_BITS)];
	struct sluice_source_client *client;

	hlist_for_each_entry(client, bucket, node) {
		if (client->id == id) {
			client->count += weight;
			client->associations += associations;
			return client;
		}
	}
	client = kmalloc(sizeof(*client), GFP_ATOMIC);
	if (!client)
		return NULL;
	client->id = id;
	client->count = weight;
	client->associations = associations;
	INIT_LIST_HEAD(&client->sources);
	INIT_LIST_HEAD(&client->turn);
	hlist_add_head(&client->node, bucket);
	return client;
}

/* Counts as much less; the last one frees the client. */
static void client_put(struct sluice_source_client *client, u32 weight, u32 associations)
{
	client->count -= weight;
	client->associations -= associations;
	if (client->count || client->associations)
		return;
	hlist_del(&client->node);
	kfree(client);
}

struct sluice_source *sluice_source_get(struct sluice_park *park, u32 client_id, const struct in6_addr *address,
					u32 weight, u32 associations)
{
	struct sluice_source_client *client;
	struct sluice_source *source;
	struct hlist_head *bucket;

	lockdep_assert_held(&park->lock);

	client = client_get(park, client_id, weight, associations);
	if (!client)
		return NULL;
	bucket = &park->sources[siphash(address, sizeof(*address), &park->key) & (SLUICE_PARK_SOURCE_BUCKETS - 1)];
	hlist_for_each_entry(source, bucket, node) {
		if (source->client == client && ipv6_addr_equal(&source->address, address)) {
			source->count += weight;
			source->associations += associations;
			return source;
		}
	}
	source = kmalloc(sizeof(*source), GFP_ATOMIC);
	if (!source) {
		client_put(client, weight, associations);
		return NULL;
	}
	source->address = *address;
	source->client = client;
	source->count = weight;
	source->associations = associations;
	INIT_LIST_HEAD(&source->waiting);
	INIT_LIST_HEAD(&source->turn);
	hlist_add_head(&source->node, bucket);
	return source;
}

void sluice_source_add(struct sluice_park *park, struct sluice_source *source, u32 weight)
{
	lockdep_assert_held(&park->lock);

	source->count += weight;
	source->client->count += weight;
}

void sluice_source_put(struct sluice_park *park, struct sluice_source *source, u32 weight, u32 associations)
{
	lockdep_assert_held(&park->lock);

	client_put(source->client, weight, associations);
	source->count -= weight;
	source->associations -= associations;
	if (source->count || source->associations)
		return;
	hlist_del(&source->node);
	kfree(source);
}

void sluice_source_queue(struct sluice_park *park, struct sluice_parked *entry)
{
	struct sluice_source *source = entry->source;
	struct sluice_source_client *client = source->client;

	lockdep_assert_held(&park->lock);

	if (list_empty(&client->sources))
		list_add_tail(&client->turn, &park->turns);
	if (list_empty(&source->waiting))
		list_add_tail(&source->turn, &client->sources);
	list_add_tail(&entry->queue, &source->waiting);
}

void sluice_source_requeue(struct sluice_park *park, struct sluice_parked *entry)
{
	struct sluice_source *source = entry->source;

	lockdep_assert_held(&park->lock);

	list_move(&source->client->turn, &park->turns);
	list_move(&source->turn, &source->client->sources);
	list_add(&entry->queue, &source->waiting);
}

void sluice_source_unqueue(struct sluice_park *park, struct sluice_parked *entry)
{
	struct sluice_source *source = entry->source;

	lockdep_assert_held(&park->lock);

	list_del_init(&entry->queue);
	if (list_empty(&source->waiting))
		list_del_init(&source->turn);
	if (list_empty(&source->client->sources))
		list_del_init(&source->client->turn);
}

struct sluice_parked *sluice_source_next(struct sluice_park *park)
{
	struct sluice_source_client *client;
	struct sluice_source *source;
	struct sluice_parked *entry;

	lockdep_assert_held(&park->lock);

	client = list_first_entry_or_null(&park->turns, struct sluice_source_client, turn);
	if (!client)
		return NULL;
	source = list_first_entry(&client->sources, struct sluice_source, turn);
	entry = list_first_entry(&source->waiting, struct sluice_parked, queue);
	list_move_tail(&client->turn, &park->turns);
	list_move_tail(&source->turn, &client->sources);
	sluice_source_unqueue(park, entry);
	return entry;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_source_next);
