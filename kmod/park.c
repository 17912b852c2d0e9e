// SPDX-License-Identifier: GPL-2.0-only
/* The table of parked SYNs and of associations, see park.h. */

#include <linux/icmp.h>
#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <net/ipv6.h>

#include "association.h"
#include "client.h"
#include "kunit.h"
#include "net.h"
#include "network.h"
#include "park.h"
#include "trace.h"
#include "verdict.h"

static struct kmem_cache *parked_cache;

int sluice_park_cache_create(void)
{
	parked_cache = KMEM_CACHE(sluice_parked, 0);
	return parked_cache ? 0 : -ENOMEM;
}

void sluice_park_cache_destroy(void)
{
	/* Entries are freed after a grace period. */
	rcu_barrier();
	kmem_cache_destroy(parked_cache);
}

void sluice_park_init(struct sluice_park *park)
{
	BUILD_BUG_ON(sizeof(struct sluice_tuple) != 2 * sizeof(struct in6_addr) + 8);

	spin_lock_init(&park->lock);
	get_random_bytes(&park->key, sizeof(park->key));
	xa_init_flags(&park->ids, XA_FLAGS_ALLOC1 | XA_FLAGS_LOCK_BH);
	INIT_LIST_HEAD(&park->turns);
	INIT_LIST_HEAD(&park->withdrawn);
	INIT_DELAYED_WORK(&park->scan, sluice_park_scan);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_park_init);

void sluice_park_destroy(struct sluice_park *park)
{
	WARN_ON_ONCE(!xa_empty(&park->ids));
	xa_destroy(&park->ids);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_park_destroy);

/* The first network: get the tables.  No hook runs yet. */
int sluice_park_open(struct sluice_park *park)
{
	park->tuples = kvcalloc(SLUICE_PARK_BUCKETS, sizeof(*park->tuples), GFP_KERNEL_ACCOUNT);
	park->sources = kvcalloc(SLUICE_PARK_SOURCE_BUCKETS, sizeof(*park->sources), GFP_KERNEL_ACCOUNT);
	park->source_clients = kvcalloc(1 << SLUICE_PARK_CLIENT_BITS, sizeof(*park->source_clients), GFP_KERNEL_ACCOUNT);
	if (park->tuples && park->sources && park->source_clients)
		return 0;
	sluice_park_close(park);
	return -ENOMEM;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_park_open);

/* The last network is gone: no hook runs any more, and nothing is parked. */
void sluice_park_close(struct sluice_park *park)
{
	WARN_ON_ONCE(park->active);
	cancel_delayed_work_sync(&park->scan);
	kvfree(park->tuples);
	kvfree(park->sources);
	kvfree(park->source_clients);
	park->tuples = NULL;
	park->sources = NULL;
	park->source_clients = NULL;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_park_close);

static void tuple_of(const struct sluice_packet *packet, struct sluice_tuple *tuple)
{
	tuple->source = packet->source;
	tuple->destination = packet->destination;
	tuple->source_port = packet->source_port;
	tuple->destination_port = packet->destination_port;
	tuple->protocol = packet->protocol;
}

static struct hlist_head *tuple_bucket(struct sluice_park *park, const struct sluice_tuple *tuple)
{
	return &park->tuples[siphash(tuple, sizeof(*tuple), &park->key) & (SLUICE_PARK_BUCKETS - 1)];
}

static struct sluice_parked *park_find(struct sluice_park *park, const struct sluice_tuple *tuple)
{
	struct sluice_parked *entry;

	lockdep_assert_held(&park->lock);
	hlist_for_each_entry(entry, tuple_bucket(park, tuple), node)
		if (!memcmp(&entry->tuple, tuple, sizeof(*tuple)))
			return entry;
	return NULL;
}

struct sluice_parked *sluice_park_find_rcu(struct sluice_park *park, const struct sluice_packet *packet)
{
	struct sluice_parked *entry;
	struct sluice_tuple tuple;

	tuple_of(packet, &tuple);
	hlist_for_each_entry_rcu(entry, tuple_bucket(park, &tuple), node)
		if (!memcmp(&entry->tuple, &tuple, sizeof(tuple)))
			return entry;
	return NULL;
}

/* Out of every table; what to do with the entry and its skb is the caller's. */
void sluice_park_unlink(struct sluice_park *park, struct sluice_parked *entry)
{
	u32 associations = sluice_is_datagram(entry->tuple.protocol);

	lockdep_assert_held(&park->lock);

	hlist_del_rcu(&entry->node);
	list_del_init(&entry->age);
	if (entry->state == SLUICE_STATE_WAITING)
		sluice_source_unqueue(park, entry);
	if (entry->source)
		sluice_source_put(park, entry->source, entry->weight, associations);
	entry->source = NULL;
	entry->network->parked_count -= entry->weight;
	entry->network->association_count -= associations;
	xa_erase_bh(&park->ids, entry->id);
	park->active--;
}

static void parked_free_rcu(struct rcu_head *rcu)
{
	kmem_cache_free(parked_cache, container_of(rcu, struct sluice_parked, rcu));
}

void sluice_parked_free(struct sluice_parked *entry)
{
	kfree_skb_list(entry->skb);
	call_rcu(&entry->rcu, parked_free_rcu);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_parked_free);

/*
 * Ends an entry whose verdict nobody waits for any more.  The controller, if it knows of it, is told; the
 * memory of that message is the entry itself, so telling cannot fail.
 */
void sluice_park_withdraw(struct sluice_park *park, struct sluice_parked *entry, enum sluice_reason reason,
			  enum sluice_network_counter counter)
{
	bool told = entry->state == SLUICE_STATE_ANNOUNCED || entry->state == SLUICE_STATE_BOUND;

	trace_sluice_withdraw(entry, reason);
	if (entry->state != SLUICE_STATE_RELEASED)
		sluice_count(entry->network, counter);
	sluice_park_unlink(park, entry);
	if (!told) {
		sluice_parked_free(entry);
		return;
	}
	kfree_skb_list(entry->skb);
	entry->skb = NULL;
	WRITE_ONCE(entry->network, NULL);
	entry->reason = reason;
	list_add_tail(&entry->age, &park->withdrawn);
	sluice_controller_wake(&sluice_park_net(park)->controller);
}

/* Whether a copy pins less: it is as large as the packet, whatever its buffer was.  A longer one would take too much at once. */
static bool park_copies(const struct sk_buff *skb)
{
	return skb->truesize > SLUICE_PARK_TRUESIZE_MAX && skb->len <= SLUICE_PARK_TRUESIZE_MAX;
}

u32 sluice_park_weight(const struct sk_buff *skb)
{
	return park_copies(skb) ? 1 : DIV_ROUND_UP(skb->truesize, SLUICE_PARK_WEIGHT);
}

struct sk_buff *sluice_park_hold(struct sk_buff *skb)
{
	if (park_copies(skb)) {
		struct sk_buff *copy = skb_copy_expand(skb, LL_MAX_HEADER, 0, GFP_ATOMIC);

		if (!copy)
			return NULL;
		consume_skb(skb);
		skb = copy;
	}
	skb_orphan(skb);
	skb_dst_drop(skb);
	skb->dev = NULL;
	skb_mark_not_on_list(skb);
	return skb;
}

/* The entry of a connection; one of another network is ended: its client has moved since (N2). */
static struct sluice_parked *park_find_own(struct sluice_park *park, const struct sluice_tuple *tuple,
					   const struct sluice_network *network)
{
	struct sluice_parked *entry = park_find(park, tuple);

	if (!entry || entry->network == network)
		return entry;
	sluice_park_withdraw(park, entry, SLUICE_REASON_REMOVED, SLUICE_COUNT_REMOVED);
	return NULL;
}

/**
 * sluice_park_again() - a SYN came: is its connection parked already?
 * @park: the park
 * @network: the client's network
 * @packet: the SYN
 * @skb: the SYN; taken with SLUICE_PARK_KEPT
 *
 * A copy replaces the parked one and is not offered again (T1); so does a new attempt on the same
 * tuple, since the far end's answer will serve it as well.  A pass is good for the SYN that
 * earned it only: another sequence number is another connection, and needs its own verdict.
 *
 * A SYN with more TTL than the parked one's, where that was a traceroute's probe, is the next probe: the
 * parked one is given up, and this one is to be offered (I3).
 *
 * A copy of an echo request is dropped: the first one's answer serves both, and a larger one in its
 * place would not have been weighed.  Another datagram of an association waits with the first.
 */
enum sluice_park_result sluice_park_again(struct sluice_park *park, const struct sluice_network *network,
					  const struct sluice_packet *packet, struct sk_buff *skb)
{
	enum sluice_park_result result = SLUICE_PARK_UNKNOWN;
	struct sluice_parked *entry, *orphan = NULL;
	struct sk_buff *old = NULL;
	struct sluice_tuple tuple;

	tuple_of(packet, &tuple);
	spin_lock_bh(&park->lock);
	entry = park_find_own(park, &tuple, network);
	if (!entry)
		goto out;
	if (entry->state == SLUICE_STATE_RELEASED) {
		if (entry->sequence == packet->sequence) {
			result = SLUICE_PARK_PASS;
		} else {
			sluice_park_unlink(park, entry);
			sluice_parked_free(entry);
		}
		goto out;
	}

	if (sluice_is_datagram(packet->protocol)) {
		result = sluice_association_hold(park, entry, packet, skb);
		goto out;
	}
	if (packet->protocol != IPPROTO_TCP) {
		entry->retransmits++;
		sluice_count(entry->network, SLUICE_COUNT_RETRANSMITTED);
		old = skb;
		result = SLUICE_PARK_KEPT;
		goto out;
	}
	if (packet->ttl > entry->ttl && entry->ttl < SLUICE_PARK_PROBE_TTL) {
		sluice_park_withdraw(park, entry, SLUICE_REASON_RESET, SLUICE_COUNT_WITHDRAWN);
		goto out;
	}
	skb = sluice_park_hold(skb);
	if (!skb) {
		result = SLUICE_PARK_NO_MEMORY;
		goto out;
	}
	old = entry->skb;
	entry->skb = skb;
	entry->sequence = packet->sequence;
	entry->seen_at = jiffies;
	entry->retransmits++;
	list_move_tail(&entry->age, &entry->network->parked);
	sluice_count(entry->network, SLUICE_COUNT_RETRANSMITTED);
	result = SLUICE_PARK_KEPT;
	if (sluice_controller_absent(&sluice_park_net(park)->controller, entry->parked_at)) {
		orphan = entry;
		sluice_park_unlink(park, orphan);
	}
out:
	spin_unlock_bh(&park->lock);
	kfree_skb(old);
	if (orphan)
		sluice_verdict_unanswered(sluice_park_net(park), orphan);
	return result;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_park_again);

/**
 * sluice_park_new() - park a SYN that sluice_park_again() did not know
 * @park: the park
 * @client: whose SYN it is
 * @prefix_length: of the client's prefix that matched
 * @decision: what let it in
 * @packet: the SYN
 * @skb: the SYN; taken with SLUICE_PARK_KEPT
 */
enum sluice_park_result sluice_park_new(struct sluice_park *park, const struct sluice_client *client,
					u32 prefix_length, const struct sluice_decision *decision,
					const struct sluice_packet *packet, struct sk_buff *skb)
{
	u32 associations = sluice_is_datagram(packet->protocol);
	struct sluice_network *network = client->network;
	enum sluice_park_result result;
	struct sluice_parked *entry;
	struct in6_addr address;

	entry = kmem_cache_zalloc(parked_cache, GFP_ATOMIC);
	if (!entry)
		return SLUICE_PARK_NO_MEMORY;
	tuple_of(packet, &entry->tuple);
	entry->network = network;
	entry->parked_at = jiffies;
	entry->seen_at = jiffies;
	entry->client = client->id;
	entry->access = client->access;
	entry->sequence = packet->sequence;
	entry->index = decision->index;
	entry->scope = decision->scope;
	entry->state = SLUICE_STATE_WAITING;
	entry->ttl = packet->ttl;
	entry->tos = packet->tos;
	entry->dont_fragment = packet->dont_fragment;
	if (sluice_packet_is_echo(packet))
		entry->length = packet->transport_length - sizeof(struct icmphdr);
	else if (packet->protocol == IPPROTO_UDP)
		entry->length = packet->transport_length - sizeof(struct udphdr);
	else
		entry->length = packet->transport_length;
	entry->held = associations;
	entry->weight = sluice_park_weight(skb);
	address = packet->source;
	if (!sluice_is_ipv4(packet))
		sluice_address_mask(&address, max(prefix_length, 64U));

	spin_lock_bh(&park->lock);
	/* Another CPU may have parked the same SYN since the caller asked. */
	if (park_find(park, &entry->tuple)) {
		spin_unlock_bh(&park->lock);
		kmem_cache_free(parked_cache, entry);
		return sluice_park_again(park, network, packet, skb);
	}
	result = SLUICE_PARK_FULL;
	if (network->parked_count + entry->weight > READ_ONCE(network->park_max))
		goto err_free;
	result = SLUICE_PARK_ASSOCIATION_FULL;
	if (network->association_count + associations > READ_ONCE(network->association_max))
		goto err_free;
	result = SLUICE_PARK_NO_MEMORY;
	entry->source = sluice_source_get(park, client->id, &address, entry->weight, associations);
	if (!entry->source)
		goto err_free;
	result = SLUICE_PARK_CLIENT_FULL;
	if (entry->source->client->count > READ_ONCE(network->park_client_max))
		goto err_source;
	result = SLUICE_PARK_SOURCE_FULL;
	if (entry->source->count > READ_ONCE(network->park_source_max))
		goto err_source;
	if (associations) {
		result = SLUICE_PARK_CLIENT_ASSOCIATION_FULL;
		if (entry->source->client->associations > READ_ONCE(network->association_client_max))
			goto err_source;
		result = SLUICE_PARK_SOURCE_ASSOCIATION_FULL;
		if (entry->source->associations > READ_ONCE(network->association_source_max))
			goto err_source;
	}
	result = SLUICE_PARK_NO_MEMORY;
	if (xa_alloc_cyclic_bh(&park->ids, &entry->id, entry, SLUICE_PARK_IDS, &park->next_id, GFP_ATOMIC) < 0)
		goto err_source;
	entry->skb = sluice_park_hold(skb);
	if (!entry->skb)
		goto err_id;
	entry->newest = entry->skb;

	hlist_add_head_rcu(&entry->node, tuple_bucket(park, &entry->tuple));
	list_add_tail(&entry->age, &network->parked);
	sluice_source_queue(park, entry);
	network->parked_count += entry->weight;
	network->association_count += associations;
	if (!park->active++)
		queue_delayed_work(system_wq, &park->scan, SLUICE_PARK_SCAN_INTERVAL);
	trace_sluice_park(entry);
	sluice_count(network, SLUICE_COUNT_PARKED);
	if (park->credit)
		sluice_controller_wake(&sluice_park_net(park)->controller);
	spin_unlock_bh(&park->lock);
	return SLUICE_PARK_KEPT;

err_id:
	xa_erase_bh(&park->ids, entry->id);
err_source:
	sluice_source_put(park, entry->source, entry->weight, associations);
err_free:
	spin_unlock_bh(&park->lock);
	kmem_cache_free(parked_cache, entry);
	return result;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_park_new);

/**
 * sluice_park_reset() - the client sent RST: does it give up a parked connection? (T7)
 * @park: the park
 * @packet: the RST
 *
 * It must lie in the window that its SYN opened, so that nobody else can guess it away (RFC 5961, 3).
 *
 * Return: true if it did; giving up a pass counts as nothing, the far end has been told already.
 */
bool sluice_park_reset(struct sluice_park *park, const struct sluice_packet *packet)
{
	struct sluice_parked *entry;
	struct sluice_tuple tuple;
	bool given_up;

	tuple_of(packet, &tuple);
	spin_lock_bh(&park->lock);
	entry = park_find(park, &tuple);
	given_up = entry && (packet->sequence == entry->sequence || packet->sequence == entry->sequence + 1);
	if (given_up) {
		given_up = entry->state != SLUICE_STATE_RELEASED;
		sluice_park_withdraw(park, entry, SLUICE_REASON_RESET, SLUICE_COUNT_WITHDRAWN);
	}
	spin_unlock_bh(&park->lock);
	return given_up;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_park_reset);

/* The ACK of a SYN cookie finds no socket, but its SYN had a pass. */
bool sluice_park_has_pass(struct sluice_park *park, const struct sluice_network *network,
			  const struct sluice_packet *packet)
{
	struct sluice_parked *entry;
	struct sluice_tuple tuple;
	bool pass;

	tuple_of(packet, &tuple);
	spin_lock_bh(&park->lock);
	entry = park_find_own(park, &tuple, network);
	pass = entry && entry->state == SLUICE_STATE_RELEASED && packet->sequence == entry->sequence + 1;
	spin_unlock_bh(&park->lock);
	return pass;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_park_has_pass);

/**
 * sluice_park_take() - take a parked SYN out, to answer it
 * @park: the park
 * @id: which
 *
 * Context: RCU read lock held, and kept while the entry's network is used.
 * Return: the entry, the caller's to free with sluice_parked_free(); NULL: not parked any more.
 */
struct sluice_parked *sluice_park_take(struct sluice_park *park, u32 id)
{
	struct sluice_parked *entry;

	spin_lock_bh(&park->lock);
	entry = xa_load(&park->ids, id);
	if (entry && !sluice_parked_waits(entry))
		entry = NULL;
	if (entry)
		sluice_park_unlink(park, entry);
	spin_unlock_bh(&park->lock);
	return entry;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_park_take);

/**
 * sluice_park_release() - give a parked SYN a pass, to put it back on its way
 * @park: the park
 * @id: which
 * @network: receives its network, good under the caller's RCU read lock
 * @access: receives the ifindex it came in on
 *
 * Return: the SYN, the caller's; NULL: not parked any more, or no SYN.
 */
struct sk_buff *sluice_park_release(struct sluice_park *park, u32 id, struct sluice_network **network, int *access)
{
	struct sluice_parked *entry;
	struct sk_buff *skb = NULL;

	spin_lock_bh(&park->lock);
	entry = xa_load(&park->ids, id);
	if (entry && entry->state != SLUICE_STATE_RELEASED && entry->tuple.protocol == IPPROTO_TCP) {
		if (entry->state == SLUICE_STATE_WAITING)
			sluice_source_unqueue(park, entry);
		/* The caps are for SYNs that wait for the far end. */
		sluice_source_put(park, entry->source, entry->weight, 0);
		entry->source = NULL;
		entry->network->parked_count -= entry->weight;
		entry->weight = 0;
		WRITE_ONCE(entry->state, SLUICE_STATE_RELEASED);
		entry->seen_at = jiffies;
		list_move_tail(&entry->age, &entry->network->released);
		*network = entry->network;
		*access = entry->access;
		skb = entry->skb;
		entry->skb = NULL;
	}
	spin_unlock_bh(&park->lock);
	return skb;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_park_release);

/* A new controller knows nothing: what its predecessor was told is announced again (S6). */
void sluice_park_reannounce(struct sluice_park *park)
{
	struct sluice_parked *entry;
	unsigned long id;

	spin_lock_bh(&park->lock);
	xa_for_each(&park->ids, id, entry) {
		if (entry->state != SLUICE_STATE_ANNOUNCED)
			continue;
		WRITE_ONCE(entry->state, SLUICE_STATE_WAITING);
		sluice_source_queue(park, entry);
	}
	spin_unlock_bh(&park->lock);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_park_reannounce);

void sluice_park_forget_withdrawn(struct sluice_park *park)
{
	struct sluice_parked *entry, *next;
	LIST_HEAD(gone);

	spin_lock_bh(&park->lock);
	list_splice_init(&park->withdrawn, &gone);
	spin_unlock_bh(&park->lock);
	list_for_each_entry_safe(entry, next, &gone, age)
		sluice_parked_free(entry);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_park_forget_withdrawn);

int sluice_parked_fill(struct sk_buff *msg, const struct sluice_parked *entry)
{
	if (nla_put_u32(msg, SLUICE_A_PARKED_ID, entry->id) ||
	    nla_put_u32(msg, SLUICE_A_PARKED_NETWORK, entry->network->dev->ifindex) ||
	    nla_put_u32(msg, SLUICE_A_PARKED_CLIENT, entry->client) ||
	    nla_put_u8(msg, SLUICE_A_PARKED_PROTOCOL, entry->tuple.protocol) ||
	    nla_put(msg, SLUICE_A_PARKED_SOURCE, sizeof(struct in6_addr), &entry->tuple.source) ||
	    nla_put(msg, SLUICE_A_PARKED_DESTINATION, sizeof(struct in6_addr), &entry->tuple.destination) ||
	    nla_put_u16(msg, SLUICE_A_PARKED_SOURCE_PORT, entry->tuple.source_port) ||
	    nla_put_u16(msg, SLUICE_A_PARKED_DESTINATION_PORT, entry->tuple.destination_port) ||
	    nla_put_u8(msg, SLUICE_A_PARKED_TTL, entry->ttl) ||
	    nla_put_u8(msg, SLUICE_A_PARKED_TOS, entry->tos) ||
	    nla_put_u8(msg, SLUICE_A_PARKED_DONT_FRAGMENT, entry->dont_fragment) ||
	    nla_put_u8(msg, SLUICE_A_PARKED_STATE, entry->state) ||
	    nla_put_u32(msg, SLUICE_A_PARKED_AGE, jiffies_to_msecs(jiffies - entry->parked_at)) ||
	    nla_put_u32(msg, SLUICE_A_PARKED_RETRANSMITS, entry->retransmits) ||
	    nla_put_u8(msg, SLUICE_A_PARKED_SCOPE, entry->scope))
		return -EMSGSIZE;
	if (entry->tuple.protocol != IPPROTO_TCP && nla_put_u32(msg, SLUICE_A_PARKED_LENGTH, entry->length))
		return -EMSGSIZE;
	if (sluice_is_datagram(entry->tuple.protocol) && nla_put_u32(msg, SLUICE_A_PARKED_HELD, entry->held))
		return -EMSGSIZE;
	if (entry->state == SLUICE_STATE_BOUND) {
		unsigned long seen_at = READ_ONCE(entry->seen_at), now = jiffies;

		/* The hook may have written it later than we have looked at the time. */
		if (nla_put_u32(msg, SLUICE_A_PARKED_IDLE, time_after(now, seen_at) ? jiffies_to_msecs(now - seen_at) : 0))
			return -EMSGSIZE;
	}
	if (entry->scope != SLUICE_SCOPE_DEFAULT && nla_put_u32(msg, SLUICE_A_PARKED_INDEX, entry->index))
		return -EMSGSIZE;
	return 0;
}
