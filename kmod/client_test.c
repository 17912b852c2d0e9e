// SPDX-License-Identifier: GPL-2.0-only
/* KUnit suite of client.c: whose address it is, what may not overlap, and what a failure leaves behind. */

#include <linux/prandom.h>

#include "suite.h"

static struct sluice_net *test_sn(struct kunit *test)
{
	struct sluice_test_namespace *ns = test->priv;

	return ns->sn;
}

static int create(struct kunit *test, u32 id, int network, int access, const char * const *prefixes, u32 count)
{
	struct sluice_test_namespace *ns = test->priv;
	struct sluice_prefix prefix[SLUICE_CLIENT_PREFIXES_MAX];
	int err;
	u32 i;

	for (i = 0; i < count; i++)
		prefix[i] = sluice_test_prefix(test, prefixes[i]);
	mutex_lock(&ns->sn->config_lock);
	err = sluice_client_create(ns->sn, ns->network[network], id, access, prefix, count, NULL);
	mutex_unlock(&ns->sn->config_lock);
	return err;
}

static int create_one(struct kunit *test, u32 id, int network, const char *prefix)
{
	return create(test, id, network, 7, &prefix, 1);
}

static void remove_client(struct kunit *test, u32 id)
{
	struct sluice_net *sn = test_sn(test);
	struct sluice_client *client = xa_load(&sn->clients, id);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, client);
	mutex_lock(&sn->config_lock);
	sluice_client_remove(sn, client);
	mutex_unlock(&sn->config_lock);
}

static void remove_all(struct sluice_net *sn)
{
	struct sluice_client *client;
	unsigned long id;

	mutex_lock(&sn->config_lock);
	xa_for_each(&sn->clients, id, client)
		sluice_client_remove(sn, client);
	mutex_unlock(&sn->config_lock);
}

/* The client's id, 0 for nobody's. */
static u32 owner(struct sluice_net *sn, const struct in6_addr *address, u32 *length)
{
	struct sluice_client *client;
	u32 id;

	rcu_read_lock();
	client = sluice_client_lookup(sn, address, length);
	id = client ? client->id : 0;
	rcu_read_unlock();
	return id;
}

static u32 owner_text(struct kunit *test, const char *address)
{
	struct in6_addr parsed = sluice_test_address(test, address);

	return owner(test_sn(test), &parsed, NULL);
}

/* Nobody is in any table. */
static void expect_nothing_left(struct kunit *test)
{
	struct sluice_test_namespace *ns = test->priv;
	int i;

	KUNIT_EXPECT_TRUE(test, xa_empty(&ns->sn->clients));
	KUNIT_EXPECT_TRUE(test, xa_empty(&ns->sn->access));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&ns->sn->client_prefixes.nelems));
	KUNIT_EXPECT_TRUE(test, bitmap_empty(ns->sn->client_prefix_lengths, 129));
	for (i = 0; i < 129; i++)
		KUNIT_EXPECT_EQ(test, 0U, ns->sn->client_prefix_count[i]);
	for (i = 0; i < SLUICE_TEST_NETWORKS; i++)
		KUNIT_EXPECT_EQ(test, 0U, ns->network[i]->clients);
}

/* Clients of the table below: 1 has hosts and ranges of both families, 2 their neighbours, 3 in network 1. */
static const char * const client1[] = { "192.0.2.1", "198.51.100.0/24", "2001:db8:1::/48", "2001:db8:2::1" };
static const char * const client2[] = { "192.0.2.2", "198.51.101.0/25", "2001:db8:2::2" };
static const char * const client3[] = { "10.0.0.0/8", "2001:db8:3::/127", "fd00::/8" };

struct lookup_row {
	const char *desc;
	const char *address;
	u32 id;
	u32 length;
};

static const struct lookup_row lookup_rows[] = {
	{ "IPv4 host", "192.0.2.1", 1, 128 },
	{ "IPv4 host of the next client", "192.0.2.2", 2, 128 },
	{ "IPv4 nobody's", "192.0.2.3" },
	{ "IPv4 range, first", "198.51.100.0", 1, 120 },
	{ "IPv4 range, last", "198.51.100.255", 1, 120 },
	{ "IPv4 next range, first", "198.51.101.0", 2, 121 },
	{ "IPv4 next range, last", "198.51.101.127", 2, 121 },
	{ "IPv4 behind the ranges", "198.51.101.128" },
	{ "IPv4 great range", "10.255.255.255", 3, 104 },
	{ "IPv4 before the great range", "9.255.255.255" },
	{ "IPv6 range, first", "2001:db8:1::", 1, 48 },
	{ "IPv6 range, last", "2001:db8:1:ffff:ffff:ffff:ffff:ffff", 1, 48 },
	{ "IPv6 host", "2001:db8:2::1", 1, 128 },
	{ "IPv6 host of the next client", "2001:db8:2::2", 2, 128 },
	{ "IPv6 nobody's", "2001:db8:2::" },
	{ "IPv6 range of two", "2001:db8:3::1", 3, 127 },
	{ "IPv6 behind the range of two", "2001:db8:3::2" },
	{ "IPv6 great range", "fdff::1", 3, 8 },
	{ "IPv6 zero", "::" },
	{ "IPv4 written without its mapping", "::192.0.2.1" },
};

SLUICE_TEST_ROWS(lookup_row);

static void client_test_lookup(struct kunit *test)
{
	const struct lookup_row *row = test->param_value;
	struct in6_addr address = sluice_test_address(test, row->address);
	u32 length = 0;

	/* Arrange */
	KUNIT_ASSERT_EQ(test, 0, create(test, 1, 0, 7, client1, ARRAY_SIZE(client1)));
	KUNIT_ASSERT_EQ(test, 0, create(test, 2, 0, 7, client2, ARRAY_SIZE(client2)));
	KUNIT_ASSERT_EQ(test, 0, create(test, 3, 1, 8, client3, ARRAY_SIZE(client3)));

	/* Act and assert */
	KUNIT_EXPECT_EQ(test, row->id, owner(test_sn(test), &address, &length));
	KUNIT_EXPECT_EQ(test, row->length, length);

	/* Without clients it is nobody's. */
	remove_all(test_sn(test));
	KUNIT_EXPECT_EQ(test, 0U, owner(test_sn(test), &address, NULL));
	expect_nothing_left(test);
}

/* Two prefixes, the second refused or not, whoever asks for it. */
struct overlap_row {
	const char *desc;
	const char *first;
	const char *second;
	int err;
};

static const struct overlap_row overlap_rows[] = {
	{ "equal hosts", "192.0.2.1", "192.0.2.1", -EEXIST },
	{ "other hosts", "192.0.2.1", "192.0.2.2", 0 },
	{ "equal ranges", "192.0.2.0/24", "192.0.2.0/24", -EEXIST },
	{ "range around a host", "192.0.2.1", "192.0.2.0/24", -EEXIST },
	{ "host inside a range", "192.0.2.0/24", "192.0.2.1", -EEXIST },
	{ "range around a range", "192.0.2.0/25", "192.0.2.0/24", -EEXIST },
	{ "range around a range's end", "192.0.2.128/25", "192.0.2.0/24", -EEXIST },
	{ "range inside a range", "192.0.2.0/24", "192.0.2.128/25", -EEXIST },
	{ "two halves", "192.0.2.0/25", "192.0.2.128/25", 0 },
	{ "host behind a range", "192.0.2.0/24", "192.0.3.0", 0 },
	{ "host before a range", "192.0.2.0/24", "192.0.1.255", 0 },
	{ "range beside a host", "192.0.2.1", "192.0.3.0/24", 0 },
	{ "equal IPv6 hosts", "2001:db8::1", "2001:db8::1", -EEXIST },
	{ "IPv6 host inside a range", "2001:db8::/64", "2001:db8::1", -EEXIST },
	{ "IPv6 range around a host", "2001:db8::1", "2001:db8::/64", -EEXIST },
	{ "IPv6 range inside a range", "2001:db8::/32", "2001:db8:0:0:8000::/65", -EEXIST },
	{ "IPv6 next range", "2001:db8::/64", "2001:db8:0:1::/64", 0 },
	{ "all addresses around IPv4", "192.0.2.1", "::/0", -EEXIST },
	{ "IPv6 inside all addresses", "::/0", "2001:db8::1", -EEXIST },
	{ "all of IPv4 around a host", "192.0.2.1", "0.0.0.0/0", -EEXIST },
	{ "all of IPv4 beside IPv6", "2001:db8::/32", "0.0.0.0/0", 0 },
	{ "IPv6 and IPv4 with like bits", "::c000:201", "192.0.2.1", 0 },
};

SLUICE_TEST_ROWS(overlap_row);

static void client_test_overlap(struct kunit *test)
{
	const struct overlap_row *row = test->param_value;
	const char * const both[] = { row->first, row->second };
	int network;

	/* The same client's. */
	KUNIT_EXPECT_EQ(test, row->err, create(test, 1, 0, 7, both, 2));
	remove_all(test_sn(test));
	expect_nothing_left(test);

	/* Another client's, of the same network and of another one. */
	for (network = 0; network < SLUICE_TEST_NETWORKS; network++) {
		KUNIT_ASSERT_EQ(test, 0, create_one(test, 1, 0, row->first));
		KUNIT_EXPECT_EQ(test, row->err, create_one(test, 2, network, row->second));
		KUNIT_EXPECT_EQ(test, row->err ? 1U : 2U, owner_text(test, row->err ? row->first : row->second) ?: 99);

		/* What was in the way goes, and then there is room. */
		if (row->err) {
			remove_client(test, 1);
			KUNIT_EXPECT_EQ(test, 0, create_one(test, 2, network, row->second));
		}
		remove_all(test_sn(test));
		expect_nothing_left(test);
	}
}

/* The last of many prefixes is refused: nothing of the client stays, nothing of the other one goes. */
static void client_test_rollback(struct kunit *test)
{
	const char * const prefixes[] = { "10.1.0.0/16", "10.2.0.0/16", "2001:db8:5::/48", "192.0.2.1" };
	struct sluice_test_namespace *ns = test->priv;

	KUNIT_ASSERT_EQ(test, 0, create_one(test, 1, 0, "192.0.2.0/24"));

	KUNIT_EXPECT_EQ(test, -EEXIST, create(test, 2, 1, 8, prefixes, ARRAY_SIZE(prefixes)));

	KUNIT_EXPECT_NULL(test, xa_load(&ns->sn->clients, 2));
	KUNIT_EXPECT_EQ(test, 0U, owner_text(test, "10.1.0.1"));
	KUNIT_EXPECT_EQ(test, 0U, owner_text(test, "2001:db8:5::1"));
	KUNIT_EXPECT_EQ(test, 1U, owner_text(test, "192.0.2.1"));
	KUNIT_EXPECT_EQ(test, 1, bitmap_weight(ns->sn->client_prefix_lengths, 129));
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&ns->sn->client_prefixes.nelems));
	KUNIT_EXPECT_FALSE(test, sluice_client_access(ns->sn, 8));
	KUNIT_EXPECT_EQ(test, 1U, ns->network[0]->clients);
	KUNIT_EXPECT_EQ(test, 0U, ns->network[1]->clients);

	/* All but the last are free for the taking, and so is the id. */
	KUNIT_EXPECT_EQ(test, 0, create(test, 2, 1, 8, prefixes, ARRAY_SIZE(prefixes) - 1));
	remove_all(ns->sn);
	expect_nothing_left(test);
}

/* An id is taken in the whole namespace; the refused client leaves the other's tables alone. */
static void client_test_id(struct kunit *test)
{
	const char * const other[] = { "192.0.2.2" };

	KUNIT_ASSERT_EQ(test, 0, create_one(test, 1, 0, "192.0.2.1"));
	KUNIT_EXPECT_EQ(test, -EEXIST, create(test, 1, 1, 9, other, 1));
	KUNIT_EXPECT_EQ(test, 1U, owner_text(test, "192.0.2.1"));
	KUNIT_EXPECT_EQ(test, 0U, owner_text(test, "192.0.2.2"));
	KUNIT_EXPECT_FALSE(test, sluice_client_access(test_sn(test), 9));
	remove_client(test, 1);
	expect_nothing_left(test);
	KUNIT_EXPECT_EQ(test, 0, create(test, U32_MAX, 1, 9, other, 1));
	remove_client(test, U32_MAX);
	expect_nothing_left(test);
}

/* A device is an access device until the last of its clients is gone. */
static void client_test_access(struct kunit *test)
{
	const char * const prefixes[] = { "192.0.2.1", "192.0.2.2", "192.0.2.3" };
	struct sluice_net *sn = test_sn(test);

	KUNIT_EXPECT_FALSE(test, sluice_client_access(sn, 7));
	KUNIT_ASSERT_EQ(test, 0, create(test, 1, 0, 7, &prefixes[0], 1));
	KUNIT_ASSERT_EQ(test, 0, create(test, 2, 1, 7, &prefixes[1], 1));
	KUNIT_ASSERT_EQ(test, 0, create(test, 3, 0, 8, &prefixes[2], 1));
	KUNIT_EXPECT_TRUE(test, sluice_client_access(sn, 7));
	KUNIT_EXPECT_TRUE(test, sluice_client_access(sn, 8));
	KUNIT_EXPECT_FALSE(test, sluice_client_access(sn, 9));

	remove_client(test, 3);
	KUNIT_EXPECT_FALSE(test, sluice_client_access(sn, 8));
	remove_client(test, 1);
	KUNIT_EXPECT_TRUE(test, sluice_client_access(sn, 7));
	remove_client(test, 2);
	KUNIT_EXPECT_FALSE(test, sluice_client_access(sn, 7));
	expect_nothing_left(test);
}

/* A network takes its clients with it, and only its own. */
static void client_test_remove_network(struct kunit *test)
{
	struct sluice_test_namespace *ns = test->priv;
	int round;

	KUNIT_ASSERT_EQ(test, 0, create(test, 1, 0, 7, client1, ARRAY_SIZE(client1)));
	KUNIT_ASSERT_EQ(test, 0, create(test, 2, 0, 7, client2, ARRAY_SIZE(client2)));
	KUNIT_ASSERT_EQ(test, 0, create(test, 3, 1, 8, client3, ARRAY_SIZE(client3)));

	/* The second time there is nothing to do. */
	for (round = 0; round < 2; round++) {
		mutex_lock(&ns->sn->config_lock);
		sluice_client_remove_network(ns->sn, ns->network[0]);
		mutex_unlock(&ns->sn->config_lock);
		KUNIT_EXPECT_EQ(test, 0U, ns->network[0]->clients);
		KUNIT_EXPECT_EQ(test, 1U, ns->network[1]->clients);
		KUNIT_EXPECT_EQ(test, 0U, owner_text(test, "192.0.2.1"));
		KUNIT_EXPECT_EQ(test, 3U, owner_text(test, "10.0.0.1"));
	}
	remove_client(test, 3);
	expect_nothing_left(test);
}

/* The model: for each of a small universe of addresses, who owns it and by a prefix of which length. */
#define UNIVERSE	512	/* the last 8 bits of 10.0.0.0/24 and of 2001:db8::/120 */
#define CLIENTS		40
#define STEPS		3000

struct universe {
	u32 owner[UNIVERSE];
	u32 length[UNIVERSE];
};

static struct in6_addr universe_address(struct kunit *test, unsigned int n)
{
	struct in6_addr address = sluice_test_address(test, n < UNIVERSE / 2 ? "10.0.0.0" : "2001:db8::");

	address.s6_addr[15] = n;
	return address;
}

/* Claims a prefix in the model; false if an address of it is taken. */
static bool universe_claim(struct universe *model, unsigned int first, unsigned int size, u32 id)
{
	unsigned int i;

	for (i = first; i < first + size; i++)
		if (model->owner[i])
			return false;
	for (i = first; i < first + size; i++) {
		model->owner[i] = id;
		model->length[i] = 128 - ilog2(size);
	}
	return true;
}

static void universe_release(struct universe *model, u32 id)
{
	unsigned int i;

	for (i = 0; i < UNIVERSE; i++)
		if (model->owner[i] == id)
			model->owner[i] = 0;
}

static void universe_check(struct kunit *test, const struct universe *model, unsigned int n)
{
	struct in6_addr address = universe_address(test, n);
	u32 length = 0;

	KUNIT_ASSERT_EQ(test, model->owner[n], owner(test_sn(test), &address, &length));
	if (model->owner[n])
		KUNIT_ASSERT_EQ(test, model->length[n], length);
}

static void client_test_random(struct kunit *test)
{
	struct universe *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	struct sluice_test_namespace *ns = test->priv;
	unsigned int step, i, accepted = 0;
	struct rnd_state random;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, model);
	prandom_seed_state(&random, 1);
	for (step = 0; step < STEPS; step++) {
		u32 id = 1 + prandom_u32_state(&random) % CLIENTS;

		if (xa_load(&ns->sn->clients, id)) {
			remove_client(test, id);
			universe_release(model, id);
		} else {
			u32 count = 1 + prandom_u32_state(&random) % 4;
			struct sluice_prefix prefix[4];
			bool good = true;
			int err;

			for (i = 0; i < count; i++) {
				unsigned int size = 1 << prandom_u32_state(&random) % (step % 8 ? 3 : 8);
				unsigned int first = round_down(prandom_u32_state(&random) % UNIVERSE, size);

				prefix[i].address = universe_address(test, first);
				prefix[i].length = 128 - ilog2(size);
				good = good && universe_claim(model, first, size, id);
			}
			if (!good)
				universe_release(model, id);
			mutex_lock(&ns->sn->config_lock);
			err = sluice_client_create(ns->sn, ns->network[id % 2], id, 7, prefix, count, NULL);
			mutex_unlock(&ns->sn->config_lock);
			KUNIT_ASSERT_EQ_MSG(test, good ? 0 : -EEXIST, err, "step %u", step);
			accepted += good;
		}
		for (i = 0; i < 16; i++)
			universe_check(test, model, prandom_u32_state(&random) % UNIVERSE);
	}
	for (i = 0; i < UNIVERSE; i++)
		universe_check(test, model, i);
	KUNIT_EXPECT_GT(test, accepted, STEPS / 10U);
	remove_all(ns->sn);
	expect_nothing_left(test);
}

static void client_exit(struct kunit *test)
{
	struct sluice_test_namespace *ns = test->priv;

	/* A failed test left them. */
	if (ns)
		remove_all(ns->sn);
	sluice_test_namespace_exit(test);
}

static struct kunit_case client_cases[] = {
	KUNIT_CASE_PARAM(client_test_lookup, lookup_row_gen_params),
	KUNIT_CASE_PARAM(client_test_overlap, overlap_row_gen_params),
	KUNIT_CASE(client_test_rollback),
	KUNIT_CASE(client_test_id),
	KUNIT_CASE(client_test_access),
	KUNIT_CASE(client_test_remove_network),
	KUNIT_CASE(client_test_random),
	{}
};

static struct kunit_suite client_suite = {
	.name = "sluice_client",
	.init = sluice_test_namespace_init,
	.exit = client_exit,
	.test_cases = client_cases,
};

kunit_test_suite(client_suite);
