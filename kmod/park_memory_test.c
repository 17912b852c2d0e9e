// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of park.c: every allocation on the way of a SYN fails once.  Some of them the kernel can do without
 * (its own bookkeeping, first attempts), so a failure need not be seen.  A page that a slab needs counts as one of them, now and
 * then: it moves the others by one, so that one of them is left out.  Then it is all done again.
 */

#include <linux/sched.h>

#include "park_test.h"

#ifdef CONFIG_FAILSLAB

#define ROUNDS	4

/* The SYN comes, its allocation number @nth fails.  False: there are not so many. */
static bool arrive_failing(struct kunit *test, struct sk_buff *skb, int nth, enum sluice_park_result *result)
{
	struct sluice_test_namespace *ns = test->priv;
	bool failed;

	WRITE_ONCE(current->fail_nth, nth);
	*result = park_arrive_skb(test, ns->client[0], 32, skb);
	failed = !READ_ONCE(current->fail_nth);
	WRITE_ONCE(current->fail_nth, 0);
	return failed;
}

/* In a great buffer, so that a copy has to be made. */
static struct sk_buff *paged_syn(struct kunit *test, const struct sluice_test_segment *syn)
{
	struct sk_buff *linear = sluice_test_skb(test, syn);
	struct sk_buff *paged = sluice_test_paged(test, linear, 40);

	kfree_skb(linear);
	return paged;
}

/* A SYN that cannot be parked leaves nothing, and the next one finds its place. */
static void park_memory_test_new(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	struct sluice_test_namespace *ns = test->priv;
	enum sluice_park_result result;
	int nth, refused = 0, round = 1;
	bool failed;

	/* One that still counts would be in the next one's way. */
	ns->network[0]->park_max = 1;
	ns->network[0]->park_client_max = 1;
	ns->network[0]->park_source_max = 1;
	for (nth = 1; ; nth++) {
		struct sluice_test_segment syn = park_syn(row->family, 1, 40000 + nth);

		failed = arrive_failing(test, paged_syn(test, &syn), nth, &result);
		if (result == SLUICE_PARK_KEPT) {
			park_expect_announced(test, row->family, 1, 40000 + nth);
			park_expect(test, 1, 1);
			sluice_park_flush_network(park_of(test), ns->network[0]);
			sluice_park_forget_withdrawn(park_of(test));
		} else {
			KUNIT_ASSERT_EQ(test, (int)SLUICE_PARK_NO_MEMORY, (int)result);
			refused++;
		}
		park_expect(test, 0, 0);
		KUNIT_EXPECT_TRUE(test, xa_empty(&park_of(test)->ids));
		KUNIT_EXPECT_NULL(test, park_announce(test));
		if (failed)
			continue;
		if (refused >= 5 || round++ == ROUNDS)
			break;
		nth = 0;
		refused = 0;
	}
	/* The last one came to no harm.  The entry, its client, its source, and the copy with its data are five. */
	KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_KEPT, (int)result);
	KUNIT_EXPECT_GE(test, refused, 5);
}

/* A copy that cannot take the parked SYN's place leaves that one where it is. */
static void park_memory_test_again(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	struct sluice_test_segment syn = park_syn(row->family, 1, 40000);
	u32 id = park_in_state(test, row->family, 40000, SLUICE_STATE_WAITING);
	struct sk_buff *parked = park_newest(test, 0)->skb;
	u32 kept = 0, refused = 0;
	int nth, round = 1;

	for (nth = 1; ; nth++) {
		struct sk_buff *skb = paged_syn(test, &syn);
		enum sluice_park_result result;
		bool failed;

		failed = arrive_failing(test, skb, nth, &result);
		if (result == SLUICE_PARK_KEPT) {
			kept++;
			KUNIT_EXPECT_PTR_NE(test, parked, park_newest(test, 0)->skb);
			parked = park_newest(test, 0)->skb;
		} else {
			KUNIT_ASSERT_EQ(test, (int)SLUICE_PARK_NO_MEMORY, (int)result);
			refused++;
			KUNIT_EXPECT_PTR_EQ(test, parked, park_newest(test, 0)->skb);
		}
		KUNIT_EXPECT_EQ(test, id, park_newest(test, 0)->id);
		KUNIT_EXPECT_EQ(test, kept, park_newest(test, 0)->retransmits);
		park_expect(test, 1, 1);
		if (failed)
			continue;
		if (refused >= 2 || round++ == ROUNDS)
			break;
		nth = 0;
		refused = 0;
	}
	/* The last one came to no harm.  The copy and its data are two. */
	KUNIT_EXPECT_GE(test, kept, 1U);
	KUNIT_EXPECT_GE(test, refused, 2U);
	park_expect_announced(test, row->family, 1, 40000);
}

#else

static void park_memory_test_new(struct kunit *test)
{
	kunit_skip(test, "the kernel has no CONFIG_FAILSLAB");
}

static void park_memory_test_again(struct kunit *test)
{
	kunit_skip(test, "the kernel has no CONFIG_FAILSLAB");
}

#endif

static struct kunit_case park_memory_cases[] = {
	KUNIT_CASE_PARAM(park_memory_test_new, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(park_memory_test_again, sluice_test_family_gen_params),
	{}
};

static struct kunit_suite park_memory_suite = {
	.name = "sluice_park_memory",
	.init = sluice_test_namespace_init,
	.exit = sluice_test_namespace_exit,
	.test_cases = park_memory_cases,
};

kunit_test_suite(park_memory_suite);
