// SPDX-License-Identifier: GPL-2.0-only
/* Associations of datagrams, see association.h. */

#include <linux/jiffies.h>
#include <linux/rculist.h>
#include <net/ipv6.h>

#include "association.h"
#include "kunit.h"
#include "net.h"
#include "network.h"

/* For the error that may come of it: who sent it must find its socket by what is quoted (RFC 1122, 4.1.3.3). */
static void note_datagram(struct sluice_parked *entry, const struct sluice_packet *packet, const struct sk_buff *skb)
{
	unsigned int length = packet->transport_offset - packet->network_offset + packet->transport_length;

	WRITE_ONCE(entry->seen_at, jiffies);
	length = min_t(unsigned int, length, sizeof(entry->quote.bytes));
	spin_lock_bh(&entry->quote.lock);
	/* A parsed packet has that many bytes. */
	entry->quote.length = skb_copy_bits(skb, packet->network_offset, entry->quote.bytes, length) ? 0 : length;
	spin_unlock_bh(&entry->quote.lock);
}

enum sluice_park_result sluice_association_receive(struct sluice_park *park, const struct sluice_network *network,
						   const struct sluice_packet *packet, const struct sk_buff *skb,
						   struct sluice_refusal *refusal)
{
	struct sluice_parked *entry = sluice_park_find_rcu(park, packet);

	/* One of another network is ended on the slow way: its client has moved since (N2). */
	if (!entry || READ_ONCE(entry->network) != network)
		return SLUICE_PARK_UNKNOWN;
	/* Pairs with the store of whoever changed the state, after all that goes with it. */
	switch (smp_load_acquire(&entry->state)) {
	case SLUICE_STATE_BOUND:
		note_datagram(entry, packet, skb);
		return SLUICE_PARK_BOUND;
	case SLUICE_STATE_DISCARD:
		*refusal = entry->refusal;
		return SLUICE_PARK_DISCARD;
	default:
		return SLUICE_PARK_UNKNOWN;
	}
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_association_receive);

/* Room for @weight more in the network, its client and its source? */
static enum sluice_park_result room(const struct sluice_parked *entry, u32 weight)
{
	const struct sluice_network *network = entry->network;

	if (network->parked_count + weight > READ_ONCE(network->park_max))
		return SLUICE_PARK_FULL;
	if (entry->source->client->count + weight > READ_ONCE(network->park_client_max))
		return SLUICE_PARK_CLIENT_FULL;
	if (entry->source->count + weight > READ_ONCE(network->park_source_max))
		return SLUICE_PARK_SOURCE_FULL;
	return SLUICE_PARK_KEPT;
}

enum sluice_park_result sluice_association_hold(struct sluice_park *park, struct sluice_parked *entry,
						const struct sluice_packet *packet, struct sk_buff *skb)
{
	u32 weight = sluice_park_weight(skb);
	enum sluice_park_result result;

	lockdep_assert_held(&park->lock);

	/* Another CPU's verdict came since the caller looked without the lock. */
	if (entry->state == SLUICE_STATE_BOUND) {
		note_datagram(entry, packet, skb);
		return SLUICE_PARK_BOUND;
	}
	if (entry->state == SLUICE_STATE_DISCARD)
		return SLUICE_PARK_DISCARD;
	if (entry->held >= SLUICE_ASSOCIATION_HELD_MAX)
		return SLUICE_PARK_HELD_FULL;
	result = room(entry, weight);
	if (result != SLUICE_PARK_KEPT)
		return result;
	skb = sluice_park_hold(skb);
	if (!skb)
		return SLUICE_PARK_NO_MEMORY;
	sluice_count(entry->network, SLUICE_COUNT_HELD);
	entry->newest->next = skb;
	entry->newest = skb;
	entry->held++;
	entry->weight += weight;
	entry->network->parked_count += weight;
	sluice_source_add(park, entry->source, weight);
	return SLUICE_PARK_KEPT;
}

/* The datagram association @id while it waits for a verdict; NULL: there is none. */
static struct sluice_parked *find_waiting(struct sluice_park *park, u32 id)
{
	struct sluice_parked *entry = xa_load(&park->ids, id);

	if (entry && sluice_is_datagram(entry->tuple.protocol) && sluice_parked_waits(entry))
		return entry;
	return NULL;
}

static struct sluice_parked *find_bound(struct sluice_park *park, u32 id)
{
	struct sluice_parked *entry = xa_load(&park->ids, id);

	return entry && entry->state == SLUICE_STATE_BOUND ? entry : NULL;
}

bool sluice_association_peek(struct sluice_park *park, u32 id, u8 *family, u8 *protocol, struct in6_addr *server)
{
	struct sluice_parked *entry;

	spin_lock_bh(&park->lock);
	entry = find_waiting(park, id);
	if (entry) {
		*family = sluice_tuple_family(&entry->tuple);
		*protocol = entry->tuple.protocol;
		*server = entry->tuple.destination;
	}
	spin_unlock_bh(&park->lock);
	return entry;
}

/* The verdict is there: it is an association now and parked no more.  The state is the caller's to set, last. */
static struct sk_buff *settle(struct sluice_park *park, struct sluice_parked *entry, struct list_head *list)
{
	struct sk_buff *held = entry->skb;

	if (entry->state == SLUICE_STATE_WAITING)
		sluice_source_unqueue(park, entry);
	sluice_source_put(park, entry->source, entry->weight, 0);
	entry->network->parked_count -= entry->weight;
	entry->weight = 0;
	entry->held = 0;
	entry->skb = NULL;
	entry->newest = NULL;
	entry->seen_at = jiffies;
	list_move_tail(&entry->age, list);
	return held;
}

struct sk_buff *sluice_association_bind(struct sluice_park *park, u32 id, struct sluice_network **network)
{
	struct sluice_parked *entry;
	struct sk_buff *held = NULL;

	spin_lock_bh(&park->lock);
	entry = find_waiting(park, id);
	if (entry) {
		*network = entry->network;
		spin_lock_init(&entry->quote.lock);
		entry->quote.length = min_t(unsigned int, entry->newest->len, sizeof(entry->quote.bytes));
		if (skb_copy_bits(entry->newest, 0, entry->quote.bytes, entry->quote.length))
			entry->quote.length = 0;
		held = settle(park, entry, &entry->network->bound);
		/* Pairs with sluice_association_receive(). */
		smp_store_release(&entry->state, SLUICE_STATE_BOUND);
	}
	spin_unlock_bh(&park->lock);
	return held;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_association_bind);

struct sk_buff *sluice_association_discard(struct sluice_park *park, u32 id, const struct sluice_refusal *refusal,
					   struct sluice_network **network)
{
	struct sluice_parked *entry;
	struct sk_buff *held = NULL;

	spin_lock_bh(&park->lock);
	entry = find_waiting(park, id);
	if (entry) {
		*network = entry->network;
		held = settle(park, entry, &entry->network->discarded);
		entry->refusal = *refusal;
		/* Pairs with sluice_association_receive(). */
		smp_store_release(&entry->state, SLUICE_STATE_DISCARD);
	}
	spin_unlock_bh(&park->lock);
	return held;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_association_discard);

bool sluice_association_unbind(struct sluice_park *park, u32 id)
{
	struct sluice_parked *entry;

	spin_lock_bh(&park->lock);
	entry = find_bound(park, id);
	if (entry) {
		sluice_count(entry->network, SLUICE_COUNT_UNBOUND);
		sluice_park_unlink(park, entry);
		sluice_parked_free(entry);
	}
	spin_unlock_bh(&park->lock);
	return entry;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_association_unbind);

struct sk_buff *sluice_association_quote(struct sluice_park *park, u32 id, struct sluice_packet *packet,
					 struct sluice_network **network)
{
	struct sk_buff *skb = alloc_skb(SLUICE_ASSOCIATION_QUOTE, GFP_ATOMIC);
	struct sluice_parked *entry;

	if (!skb)
		return NULL;
	memset(packet, 0, sizeof(*packet));
	spin_lock_bh(&park->lock);
	entry = find_bound(park, id);
	if (entry) {
		*network = entry->network;
		packet->family = sluice_tuple_family(&entry->tuple);
		packet->source = entry->tuple.source;
		packet->destination = entry->tuple.destination;
		packet->protocol = entry->tuple.protocol;
		packet->tos = entry->tos;
		spin_lock(&entry->quote.lock);
		packet->transport_length = entry->quote.length;
		skb_put_data(skb, entry->quote.bytes, entry->quote.length);
		spin_unlock(&entry->quote.lock);
	}
	spin_unlock_bh(&park->lock);
	if (!entry) {
		kfree_skb(skb);
		return NULL;
	}
	skb_reset_network_header(skb);
	return skb;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_association_quote);
