// SPDX-License-Identifier: GPL-2.0-only
/* KUnit suite of source.c: who shares a cap, and whose turn it is. */

#include <linux/netfilter.h>
#include <net/tcp.h>

#include "park_test.h"

/* @sources hosts of one client send @each SYNs, one host after the other. */
struct caps_row {
	const char *desc;
	u32 park_max;
	u32 client_max;
	u32 source_max;
	u16 sources;
	u16 each;
	int kept;
	int full;
	int client_full;
	int source_full;
};

static const struct caps_row caps_rows[] = {
	{ "below all", 9, 9, 5, 2, 4, 8, 0, 0, 0 },
	{ "up to all", 8, 8, 4, 2, 4, 8, 0, 0, 0 },
	{ "above the network's", 5, 8, 4, 2, 4, 5, 3, 0, 0 },
	{ "above the client's", 100, 5, 4, 2, 4, 5, 0, 3, 0 },
	{ "above the source's", 100, 100, 3, 2, 4, 6, 0, 0, 2 },
	{ "the network's before the client's", 5, 5, 4, 2, 4, 5, 3, 0, 0 },
	{ "the client's before the source's", 100, 3, 3, 1, 4, 3, 0, 1, 0 },
	{ "above all", 5, 5, 3, 2, 4, 5, 2, 0, 1 },
	{ "nothing in the network", 0, 8, 4, 2, 4, 0, 8, 0, 0 },
	{ "nothing for a client", 8, 0, 4, 2, 4, 0, 0, 8, 0 },
	{ "nothing for a source", 8, 8, 0, 2, 4, 0, 0, 0, 8 },
	{ "many sources", 300, 1000, 1, 300, 2, 300, 1, 0, 299 },
	{ "more sources than a client may have", 1000, 200, 1, 300, 2, 200, 0, 201, 199 },
};

SLUICE_TEST_ROWS(caps_row);

static void source_test_caps(struct kunit *test)
{
	const struct caps_row *row = test->param_value;
	static const u8 families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };
	struct sluice_test_namespace *ns = test->priv;
	int i, host, port;

	ns->network[0]->park_max = row->park_max;
	ns->network[0]->park_client_max = row->client_max;
	ns->network[0]->park_source_max = row->source_max;
	for (i = 0; i < ARRAY_SIZE(families); i++) {
		struct sluice_test_segment other = park_syn(families[i], 1, 50000);
		int results[SLUICE_PARK_NO_MEMORY + 1] = {};

		for (host = 1; host <= row->sources; host++)
			for (port = 1; port <= row->each; port++)
				results[park_arrive(test, families[i], host, port)]++;
		KUNIT_EXPECT_EQ(test, row->kept, results[SLUICE_PARK_KEPT]);
		KUNIT_EXPECT_EQ(test, row->full, results[SLUICE_PARK_FULL]);
		KUNIT_EXPECT_EQ(test, row->client_full, results[SLUICE_PARK_CLIENT_FULL]);
		KUNIT_EXPECT_EQ(test, row->source_full, results[SLUICE_PARK_SOURCE_FULL]);
		park_expect(test, row->kept, row->kept);
		if (row->kept) {
			/* A copy is none more, and what is answered makes room. */
			KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_KEPT, (int)park_arrive(test, families[i], 1, 1));
			KUNIT_EXPECT_TRUE(test, i ? park_answer(test, park_newest(test, 0)->id) :
						    park_accept(test, park_newest(test, 0)->id));
			KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_KEPT, (int)park_arrive(test, families[i], 1, 2000));
		}
		/* Another network has caps of its own, and another client is another source. */
		KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_KEPT,
				(int)park_arrive_skb(test, ns->client[2], 32, sluice_test_skb(test, &other)));
		sluice_park_flush_network(park_of(test), ns->network[0]);
		sluice_park_flush_network(park_of(test), ns->network[1]);
		park_expect(test, 0, 0);
	}
}

/* A SYN of any client. */
static enum sluice_park_result arrive_of(struct kunit *test, int client, u8 family, u16 host, u16 port)
{
	struct sluice_test_segment syn = park_syn(family, host, port);
	struct sluice_test_namespace *ns = test->priv;

	return park_arrive_skb(test, ns->client[client], 32, sluice_test_skb(test, &syn));
}

/* A client at its cap is in nobody's way: not of another client, not in another network. */
static void source_test_client_cap(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	struct sluice_test_namespace *ns = test->priv;
	u8 family = row->family;
	u16 host;

	ns->network[0]->park_client_max = 3;
	for (host = 1; host <= 3; host++)
		KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_KEPT, (int)arrive_of(test, 0, family, host, 1));
	KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_CLIENT_FULL, (int)arrive_of(test, 0, family, 4, 1));
	KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_CLIENT_FULL, (int)arrive_of(test, 0, family, 1, 2));
	KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_KEPT, (int)arrive_of(test, 1, family, 101, 1));
	KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_KEPT, (int)arrive_of(test, 2, family, 201, 1));
	park_expect(test, 4, 5);
	/* What was turned away left nothing: three sources, and one each of the others. */
	KUNIT_EXPECT_EQ(test, 5U, sluice_test_sources(park_of(test)));
	KUNIT_EXPECT_EQ(test, 3U, sluice_test_source_clients(park_of(test)));
}

/* A source ends with its last SYN, a client with its last source; a pass counts for neither. */
static void source_test_last(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	u8 family = row->family;
	u32 id[4];
	u16 port;

	for (port = 1; port <= 2; port++) {
		park_arrive(test, family, 1, port);
		id[port] = park_newest(test, 0)->id;
	}
	park_arrive(test, family, 2, 3);
	id[3] = park_newest(test, 0)->id;
	KUNIT_EXPECT_EQ(test, 2U, sluice_test_sources(park_of(test)));
	KUNIT_EXPECT_EQ(test, 1U, sluice_test_source_clients(park_of(test)));

	KUNIT_EXPECT_TRUE(test, park_accept(test, id[1]));
	KUNIT_EXPECT_EQ(test, 2U, sluice_test_sources(park_of(test)));
	KUNIT_EXPECT_TRUE(test, park_answer(test, id[2]));
	KUNIT_EXPECT_EQ(test, 1U, sluice_test_sources(park_of(test)));
	KUNIT_EXPECT_EQ(test, 1U, sluice_test_source_clients(park_of(test)));
	KUNIT_EXPECT_TRUE(test, park_accept(test, id[3]));
	KUNIT_EXPECT_EQ(test, 0U, sluice_test_sources(park_of(test)));
	KUNIT_EXPECT_EQ(test, 0U, sluice_test_source_clients(park_of(test)));
	park_expect(test, 0, 2);
}

/* Are two addresses one source? */
struct source_row {
	const char *desc;
	const char *first;
	const char *second;
	u32 prefix_length;
	u8 client;	/* of the second, from 0 */
	bool same;
};

static const struct source_row source_rows[] = {
	{ "an IPv4 address", "192.0.2.1", "192.0.2.1", 120, 0, true },
	{ "IPv4 neighbours in a client's range", "192.0.2.0", "192.0.2.1", 120, 0, false },
	{ "IPv4 neighbours in a great range", "192.0.2.0", "192.0.2.1", 96, 0, false },
	{ "an IPv4 address, another client", "192.0.2.1", "192.0.2.1", 120, 1, false },
	{ "an IPv6 /64", "2001:db8::1", "2001:db8::ffff:0:0:1", 64, 0, true },
	{ "two IPv6 /64", "2001:db8::1", "2001:db8:0:1::1", 64, 0, false },
	{ "an IPv6 /64 in a client's /48", "2001:db8::1", "2001:db8::ffff:0:0:1", 48, 0, true },
	{ "two IPv6 /64 in a client's /48", "2001:db8::1", "2001:db8:0:1::1", 48, 0, false },
	{ "an IPv6 /64 of all", "2001:db8::1", "2001:db8::ffff:0:0:1", 0, 0, true },
	{ "an IPv6 /64, another client", "2001:db8::1", "2001:db8::2", 64, 1, false },
	{ "a client's /96", "2001:db8::1", "2001:db8::ffff:1", 96, 0, true },
	{ "two /96", "2001:db8::1", "2001:db8::1:0:1", 96, 0, false },
	{ "IPv6 hosts", "2001:db8::1", "2001:db8::2", 128, 0, false },
};

SLUICE_TEST_ROWS(source_row);

static void source_test_same(struct kunit *test)
{
	const struct source_row *row = test->param_value;
	struct sluice_test_namespace *ns = test->priv;
	struct sluice_test_segment syn = park_syn(NFPROTO_IPV4, 1, 1);

	ns->network[0]->park_source_max = 1;
	syn.source = sluice_test_address(test, row->first);
	syn.destination = syn.source;
	KUNIT_ASSERT_EQ(test, (int)SLUICE_PARK_KEPT,
			(int)park_arrive_skb(test, ns->client[0], row->prefix_length, sluice_test_skb(test, &syn)));
	syn.source = sluice_test_address(test, row->second);
	syn.source_port++;
	KUNIT_EXPECT_EQ(test, row->same ? (int)SLUICE_PARK_SOURCE_FULL : (int)SLUICE_PARK_KEPT,
			(int)park_arrive_skb(test, ns->client[row->client], row->prefix_length,
					sluice_test_skb(test, &syn)));
}

/* A source's SYNs in their order, a client's sources in turns. */
static void source_test_round_robin(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	u8 family = row->family;
	u16 port;

	/* Host 1 floods; 2 and 3 want little. */
	for (port = 1; port <= 5; port++)
		park_arrive(test, family, 1, port);
	park_arrive(test, family, 2, 1);
	park_arrive(test, family, 2, 2);
	park_arrive(test, family, 3, 1);

	park_expect_announced(test, family, 1, 1);
	park_expect_announced(test, family, 2, 1);
	park_expect_announced(test, family, 3, 1);
	park_expect_announced(test, family, 1, 2);
	/* A newcomer waits for nobody twice. */
	park_arrive(test, family, 4, 1);
	park_expect_announced(test, family, 2, 2);
	park_expect_announced(test, family, 1, 3);
	park_expect_announced(test, family, 4, 1);
	/* A copy does not lose its place, nor does it get another one. */
	park_arrive(test, family, 1, 4);
	park_arrive(test, family, 2, 1);
	park_expect_announced(test, family, 1, 4);
	park_expect_announced(test, family, 1, 5);
	KUNIT_EXPECT_NULL(test, park_announce(test));
	/* A source that waits again starts again. */
	park_arrive(test, family, 3, 2);
	park_expect_announced(test, family, 3, 2);
	KUNIT_EXPECT_NULL(test, park_announce(test));
}

/* Clients in turns, however many sources they have. */
static void source_test_clients(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	u8 family = row->family;
	u16 host, port;

	/* Client 0 floods from three sources; 1, and 2 in another network, want little. */
	for (host = 1; host <= 3; host++)
		for (port = 1; port <= 2; port++)
			arrive_of(test, 0, family, host, port);
	arrive_of(test, 1, family, 101, 1);
	arrive_of(test, 1, family, 101, 2);
	arrive_of(test, 2, family, 201, 1);

	park_expect_announced(test, family, 1, 1);
	park_expect_announced(test, family, 101, 1);
	park_expect_announced(test, family, 201, 1);
	park_expect_announced(test, family, 2, 1);
	park_expect_announced(test, family, 101, 2);
	park_expect_announced(test, family, 3, 1);
	/* A newcomer waits for one turn of each, not of each source. */
	arrive_of(test, 1, family, 102, 1);
	park_expect_announced(test, family, 1, 2);
	park_expect_announced(test, family, 102, 1);
	park_expect_announced(test, family, 2, 2);
	park_expect_announced(test, family, 3, 2);
	KUNIT_EXPECT_NULL(test, park_announce(test));
}

/* What leaves the queue is not announced, be it a source's first, a middle one or its last. */
static void source_test_leave_queue(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	u8 family = row->family;
	u32 id[4];
	u16 port;

	for (port = 1; port <= 3; port++) {
		park_arrive(test, family, 1, port);
		id[port] = park_newest(test, 0)->id;
	}
	park_arrive(test, family, 2, 1);
	KUNIT_EXPECT_TRUE(test, park_accept(test, id[1]));
	KUNIT_EXPECT_TRUE(test, park_answer(test, id[2]));
	park_expect_announced(test, family, 1, 3);
	KUNIT_EXPECT_TRUE(test, park_answer(test, park_newest(test, 0)->id));
	KUNIT_EXPECT_NULL(test, park_announce(test));
	KUNIT_EXPECT_TRUE(test, list_empty(&park_of(test)->turns));
}

/* A new controller is told of all that wait for a verdict, and of nothing else. */
static void source_test_reannounce(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	u8 family = row->family;
	struct sluice_parked *entry;
	u32 seen = 0, passed;
	u16 port;

	/* Arrange: 1 has a pass, 2 and 3 are announced, 4 waits. */
	passed = park_in_state(test, family, 1, SLUICE_STATE_RELEASED);
	park_in_state(test, family, 2, SLUICE_STATE_ANNOUNCED);
	park_in_state(test, family, 3, SLUICE_STATE_ANNOUNCED);
	park_arrive(test, family, 1, 4);

	/* Act */
	sluice_park_reannounce(park_of(test));

	/* Assert */
	while ((entry = park_announce(test))) {
		KUNIT_ASSERT_NE(test, passed, entry->id);
		KUNIT_ASSERT_FALSE(test, seen & BIT(entry->tuple.source_port));
		seen |= BIT(entry->tuple.source_port);
	}
	KUNIT_EXPECT_EQ(test, (u32)(BIT(2) | BIT(3) | BIT(4)), seen);
	for (port = 1; port <= 4; port++)
		KUNIT_EXPECT_EQ(test, (int)(port == 1 ? SLUICE_PARK_PASS : SLUICE_PARK_KEPT),
				(int)park_arrive(test, family, 1, port));
	KUNIT_EXPECT_NULL(test, park_announce(test));
}

/* The message could not be sent: its entries wait again, in their old order, and the credit is back. */
static void source_test_unsent(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	struct sluice_test_namespace *ns = test->priv;
	u8 family = row->family;

	/* Arrange: two sources of client 0, and client 1 between them. */
	arrive_of(test, 0, family, 1, 1);
	arrive_of(test, 0, family, 1, 2);
	arrive_of(test, 0, family, 2, 1);
	arrive_of(test, 1, family, 101, 1);
	park_of(test)->credit = 3;

	/* Act */
	park_set_controller(test, true, 0);
	mod_delayed_work(system_highpri_wq, &ns->sn->controller.work, 0);
	flush_delayed_work(&ns->sn->controller.work);
	sluice_controller_stop(&ns->sn->controller);

	/* Assert */
	KUNIT_EXPECT_EQ(test, 3U, park_of(test)->credit);
	KUNIT_EXPECT_EQ(test, 0ULL, park_counted(test, SLUICE_COUNT_ANNOUNCED));
	KUNIT_EXPECT_GE(test, sluice_ns_count_read(ns->sn, SLUICE_NS_COUNT_EVENTS_DEFERRED), 1ULL);
	KUNIT_EXPECT_EQ(test, 0ULL, sluice_ns_count_read(ns->sn, SLUICE_NS_COUNT_EVENTS));
	park_expect_announced(test, family, 1, 1);
	park_expect_announced(test, family, 101, 1);
	park_expect_announced(test, family, 2, 1);
	park_expect_announced(test, family, 1, 2);
	KUNIT_EXPECT_NULL(test, park_announce(test));
}

static struct kunit_case source_cases[] = {
	KUNIT_CASE_PARAM(source_test_caps, caps_row_gen_params),
	KUNIT_CASE_PARAM(source_test_client_cap, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(source_test_last, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(source_test_same, source_row_gen_params),
	KUNIT_CASE_PARAM(source_test_round_robin, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(source_test_clients, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(source_test_leave_queue, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(source_test_reannounce, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(source_test_unsent, sluice_test_family_gen_params),
	{}
};

static struct kunit_suite source_suite = {
	.name = "sluice_source",
	.init = sluice_test_namespace_init,
	.exit = sluice_test_namespace_exit,
	.test_cases = source_cases,
};

kunit_test_suite(source_suite);
