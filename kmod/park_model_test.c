// SPDX-License-Identifier: GPL-2.0-only
/* KUnit suite of park.c: thousands of random events, each held against a model without lists or tables. */

#include <linux/netfilter.h>
#include <linux/prandom.h>
#include <net/tcp.h>

#include "park_test.h"

#define HOSTS		4	/* the first two are client 1's, the others client 2's; every other one is IPv6 */
#define PORTS		6
#define PARK_MAX	12
#define CLIENT_MAX	7
#define SOURCE_MAX	4
#define STEPS		6000

enum { NONE = -1 };

/* One connection. */
struct model_entry {
	int state;	/* enum sluice_state or NONE */
	u32 sequence;
	u32 id;		/* of now or, with NONE, of the last one */
	u32 age;	/* ticks since its last SYN, or since its release */
};

/* A tick is 30 s: a pass lives for less than one, a parked SYN for less than four. */
#define TICK		30000
#define PARK_TIMEOUT	100000
#define PARK_TICKS	4
#define PASS_TICKS	1

struct model {
	struct model_entry entry[HOSTS][PORTS];
	unsigned int told;	/* withdrawn after they were announced */
	struct rnd_state random;
};

static u32 pick(struct model *model, u32 below)
{
	return prandom_u32_state(&model->random) % below;
}

static bool is_parked(const struct model_entry *entry)
{
	return entry->state == SLUICE_STATE_WAITING || entry->state == SLUICE_STATE_ANNOUNCED;
}

static unsigned int source_count(const struct model *model, int host)
{
	unsigned int count = 0;
	int port;

	for (port = 0; port < PORTS; port++)
		count += is_parked(&model->entry[host][port]);
	return count;
}

static unsigned int client_count(const struct model *model, int client)
{
	return source_count(model, 2 * client) + source_count(model, 2 * client + 1);
}

static unsigned int parked_count(const struct model *model)
{
	unsigned int count = 0;
	int host;

	for (host = 0; host < HOSTS; host++)
		count += source_count(model, host);
	return count;
}

static unsigned int state_count(const struct model *model, int state)
{
	unsigned int count = 0;
	int host, port;

	for (host = 0; host < HOSTS; host++)
		for (port = 0; port < PORTS; port++)
			count += model->entry[host][port].state == state;
	return count;
}

/* It ends without a verdict. */
static void withdraw(struct model *model, struct model_entry *entry)
{
	model->told += entry->state == SLUICE_STATE_ANNOUNCED;
	entry->state = NONE;
}

static struct sluice_test_segment syn_of(int host, int port)
{
	return park_syn(host % 2 ? NFPROTO_IPV6 : NFPROTO_IPV4, host, port);
}

static enum sluice_park_result expected_arrival(const struct model *model, const struct model_entry *entry, int host,
						u32 sequence)
{
	if (is_parked(entry))
		return SLUICE_PARK_KEPT;
	if (entry->state == SLUICE_STATE_RELEASED && entry->sequence == sequence)
		return SLUICE_PARK_PASS;
	if (parked_count(model) >= PARK_MAX)
		return SLUICE_PARK_FULL;
	if (client_count(model, host / 2) >= CLIENT_MAX)
		return SLUICE_PARK_CLIENT_FULL;
	if (source_count(model, host) >= SOURCE_MAX)
		return SLUICE_PARK_SOURCE_FULL;
	return SLUICE_PARK_KEPT;
}

static void event_syn(struct kunit *test, struct model *model, int host, int port)
{
	struct model_entry *entry = &model->entry[host][port];
	struct sluice_test_segment syn = syn_of(host, port);
	struct sluice_test_namespace *ns = test->priv;
	enum sluice_park_result expected;

	syn.sequence += pick(model, 2) * 5000;
	expected = expected_arrival(model, entry, host, syn.sequence);
	KUNIT_ASSERT_EQ(test, (int)expected,
			(int)park_arrive_skb(test, ns->client[host / 2], 32, sluice_test_skb(test, &syn)));
	if (expected == SLUICE_PARK_KEPT) {
		u32 id = park_newest(test, 0)->id;

		if (is_parked(entry))
			KUNIT_ASSERT_EQ(test, entry->id, id);
		else
			entry->state = SLUICE_STATE_WAITING;
		entry->id = id;
		entry->sequence = syn.sequence;
		entry->age = 0;
	} else if (expected != SLUICE_PARK_PASS) {
		/* Whatever pass there was, this was another connection. */
		entry->state = NONE;
	}
}

static void event_verdict(struct kunit *test, struct model_entry *entry, bool accept)
{
	bool parked = is_parked(entry);

	KUNIT_ASSERT_EQ(test, parked, accept ? park_accept(test, entry->id) : park_answer(test, entry->id));
	if (parked) {
		entry->state = accept ? SLUICE_STATE_RELEASED : NONE;
		entry->age = 0;
	}
}

static void event_segment(struct kunit *test, struct model *model, int host, int port, u8 flags)
{
	struct model_entry *entry = &model->entry[host][port];
	struct sluice_test_segment syn = syn_of(host, port);
	u32 offset = pick(model, 3);
	bool expected;

	syn.sequence = entry->sequence;
	if (flags & TCPHDR_RST)
		expected = is_parked(entry) && offset <= 1;
	else
		expected = entry->state == SLUICE_STATE_RELEASED && offset == 1;
	KUNIT_ASSERT_EQ(test, expected, park_follow(test, &syn, flags, offset));
	if (!(flags & TCPHDR_RST) || offset > 1)
		return;
	if (expected)
		withdraw(model, entry);
	else
		entry->state = NONE;	/* a pass, if it had one */
}

static void event_announce(struct kunit *test, struct model *model)
{
	struct sluice_parked *announced = park_announce(test);
	int host, port, found = 0;

	if (!state_count(model, SLUICE_STATE_WAITING)) {
		KUNIT_ASSERT_NULL(test, announced);
		return;
	}
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, announced);
	for (host = 0; host < HOSTS; host++) {
		for (port = 0; port < PORTS; port++) {
			struct model_entry *entry = &model->entry[host][port];

			if (entry->state == SLUICE_STATE_WAITING && entry->id == announced->id) {
				entry->state = SLUICE_STATE_ANNOUNCED;
				found++;
			}
		}
	}
	KUNIT_ASSERT_EQ(test, 1, found);
}

static void event_tick(struct kunit *test, struct model *model)
{
	struct sluice_parked *parked;
	unsigned long id;
	int host, port;

	spin_lock_bh(&park_of(test)->lock);
	xa_for_each(&park_of(test)->ids, id, parked) {
		parked->parked_at -= msecs_to_jiffies(TICK);
		parked->seen_at -= msecs_to_jiffies(TICK);
	}
	spin_unlock_bh(&park_of(test)->lock);
	park_scan_now(test);
	for (host = 0; host < HOSTS; host++) {
		for (port = 0; port < PORTS; port++) {
			struct model_entry *entry = &model->entry[host][port];

			entry->age++;
			if (entry->state == SLUICE_STATE_RELEASED && entry->age >= PASS_TICKS)
				entry->state = NONE;
			else if (is_parked(entry) && entry->age >= PARK_TICKS)
				withdraw(model, entry);
		}
	}
}

static void event_all(struct kunit *test, struct model *model)
{
	struct sluice_test_namespace *ns = test->priv;
	int client = pick(model, 2), host, port;
	bool flush = pick(model, 2);

	if (flush)
		sluice_park_flush_client(park_of(test), ns->network[0], ns->client[client]->id);
	else
		sluice_park_reannounce(park_of(test));
	for (host = 0; host < HOSTS; host++) {
		for (port = 0; port < PORTS; port++) {
			struct model_entry *entry = &model->entry[host][port];

			if (flush && host / 2 == client && is_parked(entry))
				withdraw(model, entry);
			else if (flush && host / 2 == client)
				entry->state = NONE;	/* with its pass, if it had one */
			else if (!flush && entry->state == SLUICE_STATE_ANNOUNCED)
				entry->state = SLUICE_STATE_WAITING;
		}
	}
}

static void park_model_test_random(struct kunit *test)
{
	struct model *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	struct sluice_test_namespace *ns = test->priv;
	unsigned int step, passes = 0, full = 0, client_full = 0, told = 0;
	struct sluice_parked *gone;
	int host, port;

	/* Arrange: no controller, but none that could be missed yet. */
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, model);
	for (host = 0; host < HOSTS; host++)
		for (port = 0; port < PORTS; port++)
			model->entry[host][port].state = NONE;
	prandom_seed_state(&model->random, 1);
	ns->sn->controller.lost_at = jiffies + 3600 * HZ;
	ns->network[0]->park_max = PARK_MAX;
	ns->network[0]->park_client_max = CLIENT_MAX;
	ns->network[0]->park_source_max = SOURCE_MAX;
	ns->network[0]->park_timeout = PARK_TIMEOUT;

	for (step = 0; step < STEPS; step++) {
		u32 event = pick(model, 100);

		/* Act */
		host = pick(model, HOSTS);
		port = pick(model, PORTS);
		if (event < 45)
			event_syn(test, model, host, port);
		else if (event < 60)
			event_announce(test, model);
		else if (event < 75)
			event_verdict(test, &model->entry[host][port], event % 2);
		else if (event < 93)
			event_segment(test, model, host, port, event % 2 ? TCPHDR_RST : TCPHDR_ACK);
		else if (event < 97)
			event_tick(test, model);
		else
			event_all(test, model);

		/* Assert */
		KUNIT_ASSERT_EQ_MSG(test, parked_count(model), ns->network[0]->parked_count, "step %u", step);
		KUNIT_ASSERT_EQ_MSG(test, HOSTS * PORTS - state_count(model, NONE), park_of(test)->active,
				    "step %u", step);
		KUNIT_ASSERT_EQ_MSG(test, !state_count(model, SLUICE_STATE_WAITING),
				    list_empty(&park_of(test)->turns), "step %u", step);
		passes += state_count(model, SLUICE_STATE_RELEASED);
		full += parked_count(model) == PARK_MAX;
		client_full += client_count(model, 0) == CLIENT_MAX;
	}
	/* All corners were visited, and the controller would be told of the right ones. */
	KUNIT_EXPECT_GT(test, passes, 100U);
	KUNIT_EXPECT_GT(test, full, 100U);
	KUNIT_EXPECT_GT(test, client_full, 100U);
	KUNIT_EXPECT_GT(test, model->told, 100U);
	list_for_each_entry(gone, &park_of(test)->withdrawn, age)
		told++;
	KUNIT_EXPECT_EQ(test, model->told, told);
}

static struct kunit_case park_model_cases[] = {
	KUNIT_CASE(park_model_test_random),
	{}
};

static struct kunit_suite park_model_suite = {
	.name = "sluice_park_model",
	.init = sluice_test_namespace_init,
	.exit = sluice_test_namespace_exit,
	.test_cases = park_model_cases,
};

kunit_test_suite(park_model_suite);
