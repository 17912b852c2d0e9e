// SPDX-License-Identifier: GPL-2.0-only
/* KUnit suite of park.c: what is parked, and every way in which it ends. */

#include <linux/netfilter.h>
#include <net/tcp.h>

#include "park_test.h"

static void park_test_new(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	struct sluice_test_segment syn = park_syn(row->family, 1, 40000);
	struct sluice_test_namespace *ns = test->priv;
	struct sk_buff *skb = sluice_test_skb(test, &syn);
	struct sluice_parked *entry;

	skb->dev = ns->network[0]->dev;
	KUNIT_ASSERT_EQ(test, (int)SLUICE_PARK_KEPT, (int)park_arrive_skb(test, ns->client[0], 32, skb));

	entry = park_newest(test, 0);
	KUNIT_EXPECT_TRUE(test, ipv6_addr_equal(&entry->tuple.source, &syn.source));
	KUNIT_EXPECT_TRUE(test, ipv6_addr_equal(&entry->tuple.destination, &syn.destination));
	KUNIT_EXPECT_EQ(test, 40000, (int)entry->tuple.source_port);
	KUNIT_EXPECT_EQ(test, 443, (int)entry->tuple.destination_port);
	KUNIT_EXPECT_EQ(test, (u32)IPPROTO_TCP, entry->tuple.protocol);
	KUNIT_EXPECT_PTR_EQ(test, ns->network[0], entry->network);
	KUNIT_EXPECT_PTR_EQ(test, skb, entry->skb);
	KUNIT_EXPECT_PTR_EQ(test, (struct net_device *)NULL, skb->dev);
	KUNIT_EXPECT_EQ(test, 1U, entry->client);
	KUNIT_EXPECT_EQ(test, 101, entry->access);
	KUNIT_EXPECT_EQ(test, 1000U, entry->sequence);
	KUNIT_EXPECT_EQ(test, 5U, entry->index);
	KUNIT_EXPECT_EQ(test, (int)SLUICE_SCOPE_CLIENT, (int)entry->scope);
	KUNIT_EXPECT_EQ(test, (int)SLUICE_STATE_WAITING, (int)entry->state);
	KUNIT_EXPECT_EQ(test, 61, (int)entry->ttl);
	KUNIT_EXPECT_EQ(test, 0U, entry->retransmits);
	KUNIT_EXPECT_EQ(test, 1ULL, park_counted(test, SLUICE_COUNT_PARKED));
	park_expect(test, 1, 1);
	park_expect_announced(test, row->family, 1, 40000);
	KUNIT_EXPECT_NULL(test, park_announce(test));
}

/* A SYN in a great buffer is copied, so that a flood pins no more memory than its bytes. */
static void park_test_copy(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	struct sluice_test_segment syn = park_syn(row->family, 1, 40000);
	struct sk_buff *linear = sluice_test_skb(test, &syn);
	struct sk_buff *paged = sluice_test_paged(test, linear, 40);
	struct sluice_test_namespace *ns = test->priv;
	struct sluice_parked *entry;

	KUNIT_ASSERT_GT(test, paged->truesize, (unsigned int)SLUICE_PARK_TRUESIZE_MAX);
	KUNIT_ASSERT_EQ(test, (int)SLUICE_PARK_KEPT, (int)park_arrive_skb(test, ns->client[0], 32, paged));

	entry = park_newest(test, 0);
	KUNIT_EXPECT_LE(test, entry->skb->truesize, (unsigned int)SLUICE_PARK_TRUESIZE_MAX);
	KUNIT_ASSERT_EQ(test, linear->len, entry->skb->len);
	KUNIT_EXPECT_EQ(test, 0, memcmp(linear->data, entry->skb->data, linear->len));
	kfree_skb(linear);
}

/* A copy, or a new attempt on the same tuple, takes the place of the parked SYN. */
struct again_row {
	const char *desc;
	enum sluice_state state;
	u32 sequence;
};

static const struct again_row again_rows[] = {
	{ "copy of a waiting SYN", SLUICE_STATE_WAITING, 1000 },
	{ "copy of an announced SYN", SLUICE_STATE_ANNOUNCED, 1000 },
	{ "new attempt instead of a waiting SYN", SLUICE_STATE_WAITING, 77777 },
	{ "new attempt instead of an announced SYN", SLUICE_STATE_ANNOUNCED, 77777 },
};

SLUICE_TEST_ROWS(again_row);

static const u8 families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };

static void park_test_again(struct kunit *test)
{
	const struct again_row *row = test->param_value;
	struct sluice_test_namespace *ns = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		struct sluice_test_segment syn = park_syn(families[i], 1, 40000);
		u32 id = park_in_state(test, families[i], 40000, row->state);
		struct sluice_parked *entry;
		struct sk_buff *skb;

		/* Act: another one of the network comes between, so that the order of age shows. */
		park_arrive(test, families[i], 2, 1);
		park_make_older(test, id, 1000, 1000);
		syn.sequence = row->sequence;
		skb = sluice_test_skb(test, &syn);
		KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_KEPT, (int)park_arrive_skb(test, ns->client[0], 32, skb));

		/* Assert */
		entry = park_newest(test, 0);
		KUNIT_EXPECT_EQ(test, id, entry->id);
		KUNIT_EXPECT_PTR_EQ(test, skb, entry->skb);
		KUNIT_EXPECT_EQ(test, row->sequence, entry->sequence);
		KUNIT_EXPECT_EQ(test, (int)row->state, (int)entry->state);
		KUNIT_EXPECT_EQ(test, 1U, entry->retransmits);
		KUNIT_EXPECT_TRUE(test, time_after(entry->seen_at, entry->parked_at + HZ / 2));
		KUNIT_EXPECT_EQ(test, 1 + i, (int)park_counted(test, SLUICE_COUNT_RETRANSMITTED));
		park_expect(test, 2, 2);
		if (row->state == SLUICE_STATE_WAITING)
			park_expect_announced(test, families[i], 1, 40000);
		park_expect_announced(test, families[i], 2, 1);
		KUNIT_EXPECT_NULL(test, park_announce(test));
		sluice_park_flush_network(park_of(test), ns->network[0]);
		park_expect(test, 0, 0);
	}
}

/* A pass is good for its SYN, its copies and the ACK behind it; a new connection ends it. */
static void park_test_pass(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	struct sluice_test_segment syn = park_syn(row->family, 1, 40000);
	struct sluice_test_segment other = park_syn(row->family, 1, 40001);
	u32 id = park_in_state(test, row->family, 40000, SLUICE_STATE_ANNOUNCED);

	KUNIT_EXPECT_FALSE(test, park_follow(test, &syn, TCPHDR_ACK, 1));
	KUNIT_ASSERT_TRUE(test, park_accept(test, id));

	park_expect(test, 0, 1);
	KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_PASS, (int)park_arrive_segment(test, &syn));
	KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_PASS, (int)park_arrive_segment(test, &syn));
	KUNIT_EXPECT_TRUE(test, park_follow(test, &syn, TCPHDR_ACK, 1));
	KUNIT_EXPECT_FALSE(test, park_follow(test, &syn, TCPHDR_ACK, 0));
	KUNIT_EXPECT_FALSE(test, park_follow(test, &syn, TCPHDR_ACK, 2));
	KUNIT_EXPECT_FALSE(test, park_follow(test, &other, TCPHDR_ACK, 1));
	KUNIT_EXPECT_EQ(test, 0ULL, park_counted(test, SLUICE_COUNT_RETRANSMITTED));

	/* Another sequence number: parked and announced anew. */
	syn.sequence++;
	KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_KEPT, (int)park_arrive_segment(test, &syn));
	KUNIT_EXPECT_NE(test, id, park_newest(test, 0)->id);
	KUNIT_EXPECT_FALSE(test, park_follow(test, &syn, TCPHDR_ACK, 1));
	park_expect(test, 1, 1);
	park_expect_announced(test, row->family, 1, 40000);
}

/* RST: in the window that the SYN opened, or not. */
struct reset_row {
	const char *desc;
	enum sluice_state state;
	u32 offset;
	bool ended;
};

static const struct reset_row reset_rows[] = {
	{ "waiting, the SYN's number", SLUICE_STATE_WAITING, 0, true },
	{ "waiting, the next number", SLUICE_STATE_WAITING, 1, true },
	{ "waiting, before", SLUICE_STATE_WAITING, -1, false },
	{ "waiting, behind", SLUICE_STATE_WAITING, 2, false },
	{ "waiting, far", SLUICE_STATE_WAITING, 0x80000000, false },
	{ "announced, the SYN's number", SLUICE_STATE_ANNOUNCED, 0, true },
	{ "announced, the next number", SLUICE_STATE_ANNOUNCED, 1, true },
	{ "announced, behind", SLUICE_STATE_ANNOUNCED, 2, false },
	{ "released, the next number", SLUICE_STATE_RELEASED, 1, true },
	{ "released, behind", SLUICE_STATE_RELEASED, 2, false },
};

SLUICE_TEST_ROWS(reset_row);

static void park_test_reset(struct kunit *test)
{
	const struct reset_row *row = test->param_value;
	bool told = row->ended && row->state == SLUICE_STATE_ANNOUNCED;
	bool released = row->state == SLUICE_STATE_RELEASED;
	int i;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		struct sluice_test_segment syn = park_syn(families[i], 1, 40000), other = syn;
		u32 id = park_in_state(test, families[i], 40000, row->state);

		/* An RST of another connection does nothing. */
		other.destination_port++;
		KUNIT_EXPECT_FALSE(test, park_follow(test, &other, TCPHDR_RST, 0));
		/* A pass ends, but nobody is given up: the far end has answered. */
		KUNIT_EXPECT_EQ(test, row->ended && !released, park_follow(test, &syn, TCPHDR_RST, row->offset));

		park_expect(test, row->ended || released ? 0 : 1, row->ended ? 0 : 1);
		KUNIT_EXPECT_EQ(test, told ? (int)SLUICE_REASON_RESET : -1, park_withdrawn_reason(test, id));
		KUNIT_EXPECT_EQ(test, row->ended && !released ? 1 + i : 0,
				(int)park_counted(test, SLUICE_COUNT_WITHDRAWN));
		KUNIT_EXPECT_EQ(test, !row->ended && !released, park_answer(test, id));
		/* The second time there is nothing left to give up. */
		KUNIT_EXPECT_FALSE(test, park_follow(test, &syn, TCPHDR_RST, 1));
		park_expect(test, 0, 0);
	}
}

/* One verdict for each SYN, whatever the first one was, announced or not. */
static void park_test_verdict(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	static const enum sluice_state states[] = { SLUICE_STATE_WAITING, SLUICE_STATE_ANNOUNCED };
	struct sluice_test_namespace *ns = test->priv;
	struct sluice_network *network;
	struct sluice_parked *entry;
	struct sk_buff *skb;
	int access, i;
	u32 id;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		/* Taken: the entry is whole, and nothing is left. */
		id = park_in_state(test, row->family, 1, states[i]);
		rcu_read_lock();
		entry = sluice_park_take(park_of(test), id);
		rcu_read_unlock();
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, entry);
		KUNIT_EXPECT_NOT_ERR_OR_NULL(test, entry->skb);
		KUNIT_EXPECT_PTR_EQ(test, ns->network[0], entry->network);
		sluice_parked_free(entry);
		park_expect(test, 0, 0);
		KUNIT_EXPECT_FALSE(test, park_answer(test, id));
		KUNIT_EXPECT_FALSE(test, park_accept(test, id));

		/* Released: the SYN and where it came in; the pass stays. */
		id = park_in_state(test, row->family, 2, states[i]);
		entry = park_newest(test, 0);
		rcu_read_lock();
		skb = sluice_park_release(park_of(test), id, &network, &access);
		rcu_read_unlock();
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, skb);
		KUNIT_EXPECT_PTR_EQ(test, ns->network[0], network);
		KUNIT_EXPECT_EQ(test, 101, access);
		KUNIT_EXPECT_EQ(test, (int)SLUICE_STATE_RELEASED, (int)entry->state);
		KUNIT_EXPECT_PTR_EQ(test, (struct sk_buff *)NULL, entry->skb);
		kfree_skb(skb);
		park_expect(test, 0, 1);
		KUNIT_EXPECT_FALSE(test, park_accept(test, id));
		KUNIT_EXPECT_FALSE(test, park_answer(test, id));
		KUNIT_EXPECT_NULL(test, park_announce(test));
		sluice_park_flush_network(park_of(test), ns->network[0]);
		park_expect(test, 0, 0);
	}
	/* Ids that never were. */
	KUNIT_EXPECT_FALSE(test, park_answer(test, 0));
	KUNIT_EXPECT_FALSE(test, park_accept(test, U32_MAX));
}

/* Ids are never 0, unique, and not given again soon. */
static void park_test_ids(struct kunit *test)
{
	enum { COUNT = 512 };
	unsigned long *given = kunit_kzalloc(test, BITS_TO_LONGS(4 * COUNT) * sizeof(long), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, given);
	for (i = 0; i < 2 * COUNT; i++) {
		u32 id;

		KUNIT_ASSERT_EQ(test, (int)SLUICE_PARK_KEPT, (int)park_arrive(test, families[i % 2], 1, i));
		id = park_newest(test, 0)->id;
		KUNIT_ASSERT_NE(test, 0U, id);
		KUNIT_ASSERT_LT(test, id, 4U * COUNT);
		KUNIT_ASSERT_FALSE(test, test_and_set_bit(id, given));
		if (i % 3)
			KUNIT_ASSERT_TRUE(test, park_answer(test, id));
	}
}

enum flush { FLUSH_NETWORK, FLUSH_CLIENT, FLUSH_ACCESS };

struct flush_row {
	const char *desc;
	enum flush flush;
};

static const struct flush_row flush_rows[] = {
	{ "network", FLUSH_NETWORK },
	{ "client", FLUSH_CLIENT },
	{ "access device", FLUSH_ACCESS },
};

SLUICE_TEST_ROWS(flush_row);

/* Everything of the one goes, waiting, announced or with a pass, and nothing of the others. */
static void park_test_flush(struct kunit *test)
{
	const struct flush_row *row = test->param_value;
	struct sluice_test_segment same_network = park_syn(NFPROTO_IPV4, 1, 11);
	struct sluice_test_segment other_network = park_syn(NFPROTO_IPV6, 1, 12);
	struct sluice_test_namespace *ns = test->priv;
	u32 waiting, announced, released;

	/* Arrange */
	announced = park_in_state(test, NFPROTO_IPV6, 1, SLUICE_STATE_ANNOUNCED);
	released = park_in_state(test, NFPROTO_IPV4, 2, SLUICE_STATE_RELEASED);
	waiting = park_in_state(test, NFPROTO_IPV4, 3, SLUICE_STATE_WAITING);
	park_arrive_skb(test, ns->client[1], 32, sluice_test_skb(test, &same_network));
	park_arrive_skb(test, ns->client[2], 32, sluice_test_skb(test, &other_network));
	park_expect(test, 3, 5);

	/* Act */
	if (row->flush == FLUSH_NETWORK)
		sluice_park_flush_network(park_of(test), ns->network[0]);
	else if (row->flush == FLUSH_CLIENT)
		sluice_park_flush_client(park_of(test), ns->network[0], ns->client[0]->id);
	else
		sluice_park_flush_access(park_of(test), ns->client[0]->access);

	/* Assert */
	if (row->flush == FLUSH_NETWORK)
		park_expect(test, 0, 1);
	else
		park_expect(test, 1, 2);
	KUNIT_EXPECT_EQ(test, row->flush == FLUSH_NETWORK ? 3 : 2, (int)park_counted(test, SLUICE_COUNT_REMOVED));
	KUNIT_EXPECT_FALSE(test, park_answer(test, waiting));
	KUNIT_EXPECT_FALSE(test, park_answer(test, announced));
	KUNIT_EXPECT_EQ(test, (int)SLUICE_REASON_REMOVED, park_withdrawn_reason(test, announced));
	KUNIT_EXPECT_EQ(test, -1, park_withdrawn_reason(test, waiting));
	KUNIT_EXPECT_EQ(test, -1, park_withdrawn_reason(test, released));
	KUNIT_EXPECT_EQ(test, 1U, ns->network[1]->parked_count);
	KUNIT_EXPECT_EQ(test, 3U, park_newest(test, 1)->client);

	/* What the next controller need not know is forgotten. */
	sluice_park_forget_withdrawn(park_of(test));
	KUNIT_EXPECT_EQ(test, -1, park_withdrawn_reason(test, announced));
}

/* A SYN of so long ago, in milliseconds; the controller is there or was lost so long ago. */
enum fate { STAYS, EXPIRES, UNANSWERED };

struct expiry_row {
	const char *desc;
	enum sluice_state state;
	unsigned int parked;
	unsigned int seen;
	bool controller;
	unsigned int lost;
	enum fate fate;
};

static const struct expiry_row expiry_rows[] = {
	{ "new", SLUICE_STATE_WAITING, 0, 0, true, 0, STAYS },
	{ "19 s", SLUICE_STATE_WAITING, 19000, 19000, true, 0, STAYS },
	{ "20 s", SLUICE_STATE_WAITING, 20000, 20000, true, 0, EXPIRES },
	{ "announced, 19 s", SLUICE_STATE_ANNOUNCED, 19000, 19000, true, 0, STAYS },
	{ "announced, 20 s", SLUICE_STATE_ANNOUNCED, 20000, 20000, true, 0, EXPIRES },
	{ "long ago, seen again", SLUICE_STATE_ANNOUNCED, 120000, 15000, true, 0, STAYS },
	{ "released, 9 s", SLUICE_STATE_RELEASED, 9000, 9000, true, 0, STAYS },
	{ "released, 10 s", SLUICE_STATE_RELEASED, 10000, 10000, true, 0, EXPIRES },
	{ "no controller, 4 s", SLUICE_STATE_WAITING, 4000, 4000, false, 60000, STAYS },
	{ "no controller, 5 s", SLUICE_STATE_WAITING, 5000, 5000, false, 60000, UNANSWERED },
	{ "controller lost 4 s ago", SLUICE_STATE_ANNOUNCED, 15000, 15000, false, 4000, STAYS },
	{ "controller lost 5 s ago", SLUICE_STATE_ANNOUNCED, 15000, 15000, false, 5000, UNANSWERED },
	{ "controller just lost, 20 s", SLUICE_STATE_ANNOUNCED, 20000, 20000, false, 0, EXPIRES },
	{ "no controller, released", SLUICE_STATE_RELEASED, 6000, 6000, false, 60000, STAYS },
};

SLUICE_TEST_ROWS(expiry_row);

static void park_test_expiry(struct kunit *test)
{
	const struct expiry_row *row = test->param_value;
	bool stays = row->fate == STAYS, released = row->state == SLUICE_STATE_RELEASED;
	struct sluice_test_namespace *ns = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		u32 id = park_in_state(test, families[i], 1, row->state);

		park_make_older(test, id, row->parked, row->seen);
		park_set_controller(test, row->controller, row->lost);
		park_scan_now(test);
		park_set_controller(test, false, 0);

		park_expect(test, stays && !released ? 1 : 0, stays ? 1 : 0);
		KUNIT_EXPECT_EQ(test, row->fate == EXPIRES && !released ? 1 + i : 0,
				(int)park_counted(test, SLUICE_COUNT_EXPIRED));
		KUNIT_EXPECT_EQ(test, row->fate == UNANSWERED ? 1 + i : 0,
				(int)park_counted(test, SLUICE_COUNT_UNANSWERED));
		/* The network's device has no address to report it from. */
		KUNIT_EXPECT_EQ(test, park_counted(test, SLUICE_COUNT_UNANSWERED),
				park_counted(test, SLUICE_COUNT_REPLY_FAILED));
		if (row->fate == EXPIRES && row->state == SLUICE_STATE_ANNOUNCED && !row->controller)
			KUNIT_EXPECT_EQ(test, (int)SLUICE_REASON_EXPIRED, park_withdrawn_reason(test, id));
		if (row->fate == UNANSWERED)
			KUNIT_EXPECT_EQ(test, -1, park_withdrawn_reason(test, id));
		KUNIT_EXPECT_EQ(test, stays && !released, park_answer(test, id));
		sluice_park_flush_network(park_of(test), ns->network[0]);
	}
}

/* The park time is the network's, and only what is due goes. */
static void park_test_expiry_order(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	struct sluice_test_namespace *ns = test->priv;
	u32 id[4];
	u16 port;

	ns->network[0]->park_timeout = 2000;
	for (port = 0; port < 4; port++) {
		id[port] = park_in_state(test, row->family, port, SLUICE_STATE_ANNOUNCED);
		park_make_older(test, id[port], 10000, 2500);
	}
	/* The first one is seen again, and is the newest now. */
	park_arrive(test, row->family, 1, 0);
	park_make_older(test, id[3], 10000, 1000);

	park_scan_now(test);

	park_expect(test, 2, 2);
	KUNIT_EXPECT_EQ(test, -1, park_withdrawn_reason(test, id[0]));
	KUNIT_EXPECT_EQ(test, (int)SLUICE_REASON_EXPIRED, park_withdrawn_reason(test, id[1]));
	KUNIT_EXPECT_EQ(test, (int)SLUICE_REASON_EXPIRED, park_withdrawn_reason(test, id[2]));
	KUNIT_EXPECT_EQ(test, -1, park_withdrawn_reason(test, id[3]));
}

/* A client that retransmits to nobody is told at its first copy after 5 s. */
static void park_test_unanswered_copy(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	u32 id = park_in_state(test, row->family, 1, SLUICE_STATE_WAITING);

	park_set_controller(test, false, 60000);
	park_make_older(test, id, 4000, 1000);
	KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_KEPT, (int)park_arrive(test, row->family, 1, 1));
	park_expect(test, 1, 1);

	park_make_older(test, id, 6000, 1000);
	KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_KEPT, (int)park_arrive(test, row->family, 1, 1));
	park_expect(test, 0, 0);
	KUNIT_EXPECT_EQ(test, 1ULL, park_counted(test, SLUICE_COUNT_UNANSWERED));
	KUNIT_EXPECT_NULL(test, park_announce(test));
}

/* The address belongs to a client of another network now: neither the old offer nor the old pass is its own (N2). */
static void park_test_moved(struct kunit *test)
{
	struct sluice_test_segment parked = park_syn(NFPROTO_IPV4, 1, 21);
	struct sluice_test_segment passed = park_syn(NFPROTO_IPV4, 1, 22);
	struct sluice_test_namespace *ns = test->priv;
	u32 announced, released;

	/* Arrange */
	announced = park_in_state(test, NFPROTO_IPV4, 21, SLUICE_STATE_ANNOUNCED);
	released = park_in_state(test, NFPROTO_IPV4, 22, SLUICE_STATE_RELEASED);

	/* Act */
	park_arrive_skb(test, ns->client[2], 128, sluice_test_skb(test, &parked));
	park_arrive_skb(test, ns->client[2], 128, sluice_test_skb(test, &passed));

	/* Assert */
	park_expect(test, 0, 2);
	KUNIT_EXPECT_EQ(test, 2U, ns->network[1]->parked_count);
	KUNIT_EXPECT_FALSE(test, park_answer(test, announced));
	KUNIT_EXPECT_FALSE(test, park_answer(test, released));
	KUNIT_EXPECT_EQ(test, (int)SLUICE_REASON_REMOVED, park_withdrawn_reason(test, announced));
	sluice_park_forget_withdrawn(park_of(test));
}

static struct kunit_case park_cases[] = {
	KUNIT_CASE_PARAM(park_test_new, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(park_test_copy, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(park_test_again, again_row_gen_params),
	KUNIT_CASE_PARAM(park_test_pass, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(park_test_reset, reset_row_gen_params),
	KUNIT_CASE_PARAM(park_test_verdict, sluice_test_family_gen_params),
	KUNIT_CASE(park_test_ids),
	KUNIT_CASE_PARAM(park_test_flush, flush_row_gen_params),
	KUNIT_CASE(park_test_moved),
	KUNIT_CASE_PARAM(park_test_expiry, expiry_row_gen_params),
	KUNIT_CASE_PARAM(park_test_expiry_order, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(park_test_unanswered_copy, sluice_test_family_gen_params),
	{}
};

static struct kunit_suite park_suite = {
	.name = "sluice_park",
	.init = sluice_test_namespace_init,
	.exit = sluice_test_namespace_exit,
	.test_cases = park_cases,
};

kunit_test_suite(park_suite);
