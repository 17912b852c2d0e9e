// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of clients.  One hash table of prefixes, probed once for each prefix length in use, the
 * longest first: in practice one or two probes, and a client more costs no probe more.
 */

#include <linux/slab.h>
#include <net/ipv6.h>

#include "client.h"
#include "kunit.h"
#include "net.h"
#include "network.h"
#include "packet.h"

/* Prefixes looked at in one go before others get the CPU. */
#define SLUICE_CLIENT_WALK_BATCH	512

static const struct rhashtable_params prefix_params = {
	.head_offset = offsetof(struct sluice_client_prefix, node),
	.key_offset = offsetof(struct sluice_client_prefix, prefix),
	.key_len = sizeof(struct sluice_prefix),
	.automatic_shrinking = true,
};

int sluice_client_tables_init(struct sluice_net *sn)
{
	BUILD_BUG_ON(sizeof(struct sluice_prefix) != sizeof(struct in6_addr) + sizeof(u32));

	xa_init_flags(&sn->clients, XA_FLAGS_ALLOC1);
	xa_init(&sn->access);
	return rhashtable_init(&sn->client_prefixes, &prefix_params);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_client_tables_init);

/* All networks are gone, and with them all clients. */
void sluice_client_tables_destroy(struct sluice_net *sn)
{
	WARN_ON_ONCE(!xa_empty(&sn->clients));
	rhashtable_destroy(&sn->client_prefixes);
	xa_destroy(&sn->clients);
	xa_destroy(&sn->access);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_client_tables_destroy);

static struct sluice_client_prefix *prefix_lookup(struct sluice_net *sn, const struct in6_addr *address, u32 length)
{
	struct sluice_prefix key = { .address = *address, .length = length };

	sluice_address_mask(&key.address, length);
	return rhashtable_lookup(&sn->client_prefixes, &key, prefix_params);
}

struct sluice_client *sluice_client_lookup(struct sluice_net *sn, const struct in6_addr *address, u32 *length)
{
	unsigned long size = 129;

	for (;;) {
		unsigned long found = find_last_bit(sn->client_prefix_lengths, size);
		struct sluice_client_prefix *entry;

		if (found >= size)
			return NULL;
		entry = prefix_lookup(sn, address, found);
		if (entry) {
			if (length)
				*length = found;
			return entry->client;
		}
		if (!found)
			return NULL;
		size = found;
	}
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_client_lookup);

/* Clients' prefixes never overlap (N1): is there one around @prefix, equal to it, or inside it? */
static bool prefix_overlaps(struct sluice_net *sn, const struct sluice_prefix *prefix)
{
	struct sluice_client_prefix *entry;
	struct rhashtable_iter iter;
	unsigned int seen = 0;
	bool found = false;
	u32 length;

	rcu_read_lock();
	for (length = 0; length <= prefix->length && !found; length++)
		if (test_bit(length, sn->client_prefix_lengths))
			found = prefix_lookup(sn, &prefix->address, length);
	rcu_read_unlock();
	if (found || find_next_bit(sn->client_prefix_lengths, 129, prefix->length + 1) >= 129)
		return found;

	/* Longer ones may lie inside.  Only ranges get here, hosts have the greatest length. */
	rhashtable_walk_enter(&sn->client_prefixes, &iter);
	rhashtable_walk_start(&iter);
	while (!found && (entry = rhashtable_walk_next(&iter))) {
		if (IS_ERR(entry))
			continue;	/* -EAGAIN: the table was resized, the walk starts over */
		found = ipv6_prefix_equal(&entry->prefix.address, &prefix->address, prefix->length);
		if (++seen % SLUICE_CLIENT_WALK_BATCH)
			continue;
		/* Thousands of clients take a while; the walk goes on where it stood. */
		rhashtable_walk_stop(&iter);
		cond_resched();
		rhashtable_walk_start(&iter);
	}
	rhashtable_walk_stop(&iter);
	rhashtable_walk_exit(&iter);
	return found;
}

static void prefix_remove(struct sluice_net *sn, struct sluice_client_prefix *entry)
{
	rhashtable_remove_fast(&sn->client_prefixes, &entry->node, prefix_params);
	if (!--sn->client_prefix_count[entry->prefix.length])
		clear_bit(entry->prefix.length, sn->client_prefix_lengths);
}

static int prefix_insert(struct sluice_net *sn, struct sluice_client_prefix *entry)
{
	int err = rhashtable_insert_fast(&sn->client_prefixes, &entry->node, prefix_params);

	if (err)
		return err;
	if (!sn->client_prefix_count[entry->prefix.length]++)
		set_bit(entry->prefix.length, sn->client_prefix_lengths);
	return 0;
}

static int access_get(struct sluice_net *sn, int ifindex)
{
	void *users = xa_load(&sn->access, ifindex);

	return xa_err(xa_store(&sn->access, ifindex, xa_mk_value(users ? xa_to_value(users) + 1 : 1), GFP_KERNEL));
}

static void access_put(struct sluice_net *sn, int ifindex)
{
	unsigned long users = xa_to_value(xa_load(&sn->access, ifindex));

	/* Neither allocates: the slot exists. */
	if (users > 1)
		xa_store(&sn->access, ifindex, xa_mk_value(users - 1), GFP_KERNEL);
	else
		xa_erase(&sn->access, ifindex);
}

bool sluice_client_access(struct sluice_net *sn, int ifindex)
{
	return xa_load(&sn->access, ifindex);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_client_access);

int sluice_client_create(struct sluice_net *sn, struct sluice_network *network, u32 id, int access,
			 const struct sluice_prefix *prefixes, u32 count, struct netlink_ext_ack *extack)
{
	struct sluice_client *client;
	u32 placed;
	int err;

	lockdep_assert_held(&sn->config_lock);

	client = kzalloc(struct_size(client, prefix, count), GFP_KERNEL_ACCOUNT);
	if (!client)
		return -ENOMEM;
	client->network = network;
	client->id = id;
	client->access = access;
	client->count = count;

	err = xa_insert(&sn->clients, id, client, GFP_KERNEL);
	if (err == -EBUSY) {
		NL_SET_ERR_MSG(extack, "a client with this id exists");
		err = -EEXIST;
	}
	if (err)
		goto err_free;
	err = access_get(sn, access);
	if (err)
		goto err_erase;

	for (placed = 0; placed < count; placed++) {
		struct sluice_client_prefix *entry = &client->prefix[placed];

		entry->prefix = prefixes[placed];
		entry->client = client;
		err = -EEXIST;
		if (prefix_overlaps(sn, &entry->prefix)) {
			NL_SET_ERR_MSG(extack, "prefix overlaps a prefix of a client");
			goto err_prefixes;
		}
		err = prefix_insert(sn, entry);
		if (err)
			goto err_prefixes;
	}
	network->clients++;
	sn->generation++;
	return 0;

err_prefixes:
	while (placed--)
		prefix_remove(sn, &client->prefix[placed]);
	access_put(sn, access);
	xa_erase(&sn->clients, id);
	/* A packet may have found it by the prefixes that were in already. */
	kfree_rcu(client, rcu);
	return err;
err_erase:
	xa_erase(&sn->clients, id);
err_free:
	kfree(client);
	return err;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_client_create);

void sluice_client_remove(struct sluice_net *sn, struct sluice_client *client)
{
	struct sluice_acl *acl = rcu_dereference_protected(client->acl, lockdep_is_held(&sn->config_lock));
	u32 i;

	lockdep_assert_held(&sn->config_lock);

	for (i = 0; i < client->count; i++)
		prefix_remove(sn, &client->prefix[i]);
	access_put(sn, client->access);
	xa_erase(&sn->clients, client->id);
	client->network->clients--;
	sn->generation++;
	if (acl)
		kvfree_rcu(acl, rcu);
	kfree_rcu(client, rcu);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_client_remove);

void sluice_client_remove_network(struct sluice_net *sn, struct sluice_network *network)
{
	struct sluice_client *client;
	unsigned long id;

	lockdep_assert_held(&sn->config_lock);

	if (!network->clients)
		return;
	xa_for_each(&sn->clients, id, client)
		if (client->network == network)
			sluice_client_remove(sn, client);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_client_remove_network);
