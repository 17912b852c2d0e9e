// SPDX-License-Identifier: GPL-2.0-only
/* KUnit suite of association.c: which verdict is good in which state, what is counted, and what a datagram meets. */

#include <linux/netfilter.h>
#include <linux/udp.h>

#include "association.h"
#include "park_test.h"

#define GRE	47

/* A datagram of host 1; protocols other than UDP have no ports. */
static struct sk_buff *datagram(struct kunit *test, u8 family, u8 protocol, u16 port, unsigned int payload)
{
	struct sk_buff *skb = sluice_test_ip(test, family, protocol, sizeof(struct udphdr) + payload);
	struct udphdr *header = (struct udphdr *)skb_transport_header(skb);

	if (protocol == IPPROTO_UDP) {
		header->source = htons(port);
		header->dest = htons(53);
		header->len = htons(sizeof(*header) + payload);
	}
	return skb;
}

static enum sluice_park_result arrive_protocol(struct kunit *test, u8 family, u8 protocol, u16 port, unsigned int payload)
{
	struct sluice_test_namespace *ns = test->priv;

	return park_arrive_skb(test, ns->client[0], 32, datagram(test, family, protocol, port, payload));
}

static enum sluice_park_result arrive(struct kunit *test, u8 family, u16 port)
{
	return arrive_protocol(test, family, IPPROTO_UDP, port, 10);
}

/* What the hook finds without the lock, for a datagram of network @network. */
static enum sluice_park_result receive(struct kunit *test, u8 family, u16 port, unsigned int payload, int network,
				       struct sluice_refusal *refusal)
{
	struct sluice_test_namespace *ns = test->priv;
	struct sk_buff *skb = datagram(test, family, IPPROTO_UDP, port, payload);
	enum sluice_park_result result;
	struct sluice_packet packet;

	KUNIT_ASSERT_TRUE(test, sluice_packet_parse(skb, family, &packet));
	rcu_read_lock();
	result = sluice_association_receive(park_of(test), ns->network[network], &packet, skb, refusal);
	rcu_read_unlock();
	kfree_skb(skb);
	return result;
}

/* Verdicts; false: not in a state that takes it. */
static bool bind(struct kunit *test, u32 id)
{
	struct sluice_network *network;
	struct sk_buff *held = sluice_association_bind(park_of(test), id, &network);

	kfree_skb_list(held);
	return held;
}

static bool discard(struct kunit *test, u32 id)
{
	struct sluice_refusal refusal = { .answered = true, .error = { .type = 3, .code = 1 } };
	struct sluice_network *network;
	struct sk_buff *held = sluice_association_discard(park_of(test), id, &refusal, &network);

	kfree_skb_list(held);
	return held;
}

static bool unbind(struct kunit *test, u32 id)
{
	return sluice_association_unbind(park_of(test), id);
}

static bool quote(struct kunit *test, u32 id)
{
	struct sluice_network *network;
	struct sluice_packet packet;
	struct sk_buff *skb = sluice_association_quote(park_of(test), id, &packet, &network);

	kfree_skb(skb);
	return skb;
}

static bool take(struct kunit *test, u32 id)
{
	struct sluice_parked *entry = sluice_park_take(park_of(test), id);

	if (entry)
		sluice_parked_free(entry);
	return entry;
}

/* An association of port @port in @state; its id. */
static u32 in_state(struct kunit *test, u8 family, u16 port, enum sluice_state state)
{
	u32 id;

	KUNIT_ASSERT_EQ(test, (int)SLUICE_PARK_KEPT, (int)arrive(test, family, port));
	id = park_newest(test, 0)->id;
	if (state == SLUICE_STATE_ANNOUNCED)
		KUNIT_ASSERT_NOT_NULL(test, park_announce(test));
	else if (state == SLUICE_STATE_BOUND)
		KUNIT_ASSERT_TRUE(test, bind(test, id));
	else if (state == SLUICE_STATE_DISCARD)
		KUNIT_ASSERT_TRUE(test, discard(test, id));
	return id;
}

static void expect_counts(struct kunit *test, u32 parked, u32 associations)
{
	struct sluice_test_namespace *ns = test->priv;

	park_expect(test, parked, associations);
	KUNIT_EXPECT_EQ(test, associations, ns->network[0]->association_count);
}

struct verdict_row {
	const char *desc;
	enum sluice_state state;
	bool bind, discard, unbind, quote, take;
};

static const struct verdict_row verdict_rows[] = {
	{ "waiting", SLUICE_STATE_WAITING, .bind = true, .discard = true, .take = true },
	{ "announced", SLUICE_STATE_ANNOUNCED, .bind = true, .discard = true, .take = true },
	{ "bound", SLUICE_STATE_BOUND, .unbind = true, .quote = true },
	{ "discard", SLUICE_STATE_DISCARD },
};

SLUICE_TEST_ROWS(verdict_row);

static void association_test_verdicts(struct kunit *test)
{
	static const u8 families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };
	const struct verdict_row *row = test->param_value;
	u16 port = 1000;
	int i;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		KUNIT_EXPECT_EQ(test, row->bind, bind(test, in_state(test, families[i], ++port, row->state)));
		KUNIT_EXPECT_EQ(test, row->discard, discard(test, in_state(test, families[i], ++port, row->state)));
		KUNIT_EXPECT_EQ(test, row->unbind, unbind(test, in_state(test, families[i], ++port, row->state)));
		KUNIT_EXPECT_EQ(test, row->quote, quote(test, in_state(test, families[i], ++port, row->state)));
		KUNIT_EXPECT_EQ(test, row->take, take(test, in_state(test, families[i], ++port, row->state)));
	}
}

/* A SYN is no association, and no id is nobody's. */
static void association_test_strangers(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	u32 id = park_in_state(test, row->family, 77, SLUICE_STATE_WAITING);
	int i;

	for (i = 0; i < 2; i++, id = 4711) {
		KUNIT_EXPECT_FALSE(test, bind(test, id));
		KUNIT_EXPECT_FALSE(test, discard(test, id));
		KUNIT_EXPECT_FALSE(test, unbind(test, id));
		KUNIT_EXPECT_FALSE(test, quote(test, id));
	}
	park_expect(test, 1, 1);
}

/* Datagrams wait in order, each counted, up to the most that may. */
static void association_test_hold(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	struct sluice_test_namespace *ns = test->priv;
	struct sluice_network *network;
	struct sluice_parked *entry;
	struct sk_buff *held, *skb;
	unsigned int i;

	for (i = 0; i < SLUICE_ASSOCIATION_HELD_MAX; i++)
		KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_KEPT, (int)arrive_protocol(test, row->family, IPPROTO_UDP, 7, i));
	KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_HELD_FULL, (int)arrive(test, row->family, 7));
	entry = park_newest(test, 0);
	KUNIT_EXPECT_EQ(test, SLUICE_ASSOCIATION_HELD_MAX, (int)entry->held);
	KUNIT_EXPECT_EQ(test, 0, (int)entry->length);
	KUNIT_EXPECT_EQ(test, (u32)SLUICE_ASSOCIATION_HELD_MAX, entry->weight);
	KUNIT_EXPECT_EQ(test, entry->weight, entry->source->count);
	KUNIT_EXPECT_EQ(test, 1U, entry->source->associations);
	expect_counts(test, SLUICE_ASSOCIATION_HELD_MAX, 1);

	held = sluice_association_bind(park_of(test), entry->id, &network);
	KUNIT_ASSERT_NOT_NULL(test, held);
	KUNIT_EXPECT_PTR_EQ(test, ns->network[0], network);
	i = 0;
	for (skb = held; skb; skb = skb->next)
		KUNIT_EXPECT_EQ(test, i++ + (u32)sizeof(struct udphdr), skb->len - skb_transport_offset(skb));
	KUNIT_EXPECT_EQ(test, (unsigned int)SLUICE_ASSOCIATION_HELD_MAX, i);
	kfree_skb_list(held);
	KUNIT_EXPECT_EQ(test, 0U, entry->source->count);
	expect_counts(test, 0, 1);
	KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_BOUND, (int)arrive(test, row->family, 7));
}

struct cap_row {
	const char *desc;
	u32 network, client, source;	/* most associations */
	u32 weight;			/* most memory of the source */
	enum sluice_park_result second;	/* a second association */
	enum sluice_park_result more;	/* a second datagram of the first */
};

static const struct cap_row cap_rows[] = {
	{ "room", 2, 2, 2, 9, SLUICE_PARK_KEPT, SLUICE_PARK_KEPT },
	{ "network", 1, 2, 2, 9, SLUICE_PARK_ASSOCIATION_FULL, SLUICE_PARK_KEPT },
	{ "client", 2, 1, 2, 9, SLUICE_PARK_CLIENT_ASSOCIATION_FULL, SLUICE_PARK_KEPT },
	{ "source", 2, 2, 1, 9, SLUICE_PARK_SOURCE_ASSOCIATION_FULL, SLUICE_PARK_KEPT },
	{ "memory", 2, 2, 2, 1, SLUICE_PARK_SOURCE_FULL, SLUICE_PARK_SOURCE_FULL },
};

SLUICE_TEST_ROWS(cap_row);

/* In every state an association takes its place; its memory does so only while it waits. */
static void association_test_caps(struct kunit *test)
{
	static const enum sluice_state states[] = { SLUICE_STATE_WAITING, SLUICE_STATE_BOUND, SLUICE_STATE_DISCARD };
	const struct cap_row *row = test->param_value;
	struct sluice_test_namespace *ns = test->priv;
	int i;

	ns->network[0]->association_max = row->network;
	ns->network[0]->association_client_max = row->client;
	ns->network[0]->association_source_max = row->source;
	ns->network[0]->park_source_max = row->weight;
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		bool waits = states[i] == SLUICE_STATE_WAITING;
		enum sluice_park_result second = row->second;

		in_state(test, NFPROTO_IPV4, 1, states[i]);
		if (waits)
			KUNIT_EXPECT_EQ(test, (int)row->more, (int)arrive(test, NFPROTO_IPV4, 1));
		else if (second == SLUICE_PARK_SOURCE_FULL)
			second = SLUICE_PARK_KEPT;
		KUNIT_EXPECT_EQ(test, (int)second, (int)arrive(test, NFPROTO_IPV4, 2));
		/* What has no ports is one as well. */
		if (row->second != SLUICE_PARK_KEPT && second != SLUICE_PARK_KEPT)
			KUNIT_EXPECT_EQ(test, (int)second, (int)arrive_protocol(test, NFPROTO_IPV4, GRE, 0, 10));
		/* A SYN does not need such a place. */
		if (second != SLUICE_PARK_SOURCE_FULL && second != SLUICE_PARK_KEPT)
			KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_KEPT, (int)park_arrive(test, NFPROTO_IPV4, 1, 3));
		sluice_park_flush_network(park_of(test), ns->network[0]);
		expect_counts(test, 0, 0);
		KUNIT_EXPECT_EQ(test, 0U, sluice_test_sources(park_of(test)));
		KUNIT_EXPECT_EQ(test, 0U, sluice_test_source_clients(park_of(test)));
	}
}

struct receive_row {
	const char *desc;
	enum sluice_state state;
	enum sluice_park_result own;
};

static const struct receive_row receive_rows[] = {
	{ "waiting", SLUICE_STATE_WAITING, SLUICE_PARK_UNKNOWN },
	{ "announced", SLUICE_STATE_ANNOUNCED, SLUICE_PARK_UNKNOWN },
	{ "bound", SLUICE_STATE_BOUND, SLUICE_PARK_BOUND },
	{ "discard", SLUICE_STATE_DISCARD, SLUICE_PARK_DISCARD },
};

SLUICE_TEST_ROWS(receive_row);

/* What the hook finds without the lock: its own network's associations, and nobody else's. */
static void association_test_receive(struct kunit *test)
{
	static const u8 families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };
	const struct receive_row *row = test->param_value;
	struct sluice_refusal refusal = {};
	int i;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		in_state(test, families[i], 5, row->state);
		KUNIT_EXPECT_EQ(test, (int)row->own, (int)receive(test, families[i], 5, 0, 0, &refusal));
		KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_UNKNOWN, (int)receive(test, families[i], 5, 0, 1, &refusal));
		KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_UNKNOWN, (int)receive(test, families[i], 6, 0, 0, &refusal));
		if (row->own == SLUICE_PARK_DISCARD) {
			KUNIT_EXPECT_TRUE(test, refusal.answered);
			KUNIT_EXPECT_EQ(test, 1, (int)refusal.error.code);
		}
	}
}

/* An error quotes the newest datagram: as much as is kept, or all of a short one. */
static void association_test_quote(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	unsigned int headers = (row->family == NFPROTO_IPV4 ? 20 : 40) + sizeof(struct udphdr);
	u32 id = in_state(test, row->family, 5, SLUICE_STATE_BOUND);
	static const unsigned int payloads[] = { 0, 1, 3000, 2 };
	struct sluice_refusal refusal;
	struct sluice_network *network;
	struct sluice_packet packet;
	struct sk_buff *skb;
	int i;

	for (i = 0; i < ARRAY_SIZE(payloads); i++) {
		receive(test, row->family, 5, payloads[i], 0, &refusal);
		skb = sluice_association_quote(park_of(test), id, &packet, &network);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		KUNIT_EXPECT_EQ(test, min_t(unsigned int, headers + payloads[i], SLUICE_ASSOCIATION_QUOTE), skb->len);
		KUNIT_EXPECT_EQ(test, skb->len, packet.transport_length);
		KUNIT_EXPECT_EQ(test, row->family == NFPROTO_IPV4 ? 0x45 : 0x60, (int)skb->data[0]);
		KUNIT_EXPECT_EQ(test, (int)row->family, (int)packet.family);
		kfree_skb(skb);
	}
}

/* Discard ends with its time, and nothing else does by time but what waits. */
static void association_test_discard_time(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	u32 old = in_state(test, row->family, 1, SLUICE_STATE_DISCARD);
	u32 bound = in_state(test, row->family, 3, SLUICE_STATE_BOUND);

	in_state(test, row->family, 2, SLUICE_STATE_DISCARD);
	park_make_older(test, old, 0, SLUICE_DISCARD_TIME_DEFAULT + 100);
	park_make_older(test, bound, 0, 10000000);
	park_set_controller(test, true, 0);
	park_scan_now(test);
	expect_counts(test, 0, 2);
	KUNIT_EXPECT_TRUE(test, unbind(test, bound));
	park_set_controller(test, false, 0);
}

struct owner_row {
	const char *desc;
	int removed;	/* 0 client, 1 access device, 2 network, 3 controller */
	bool waiting_told, bound_told;
	u32 left;	/* of waiting, bound, discard */
};

static const struct owner_row owner_rows[] = {
	{ "client", 0, true, true, 0 },
	{ "access device", 1, true, true, 0 },
	{ "network", 2, true, true, 0 },
	{ "controller", 3, false, false, 2 },
};

SLUICE_TEST_ROWS(owner_row);

/* They end with their owner; the controller is told of what it was told of. */
static void association_test_owners(struct kunit *test)
{
	const struct owner_row *row = test->param_value;
	struct sluice_test_namespace *ns = test->priv;
	struct sluice_park *park = park_of(test);
	u32 announced = in_state(test, NFPROTO_IPV6, 1, SLUICE_STATE_ANNOUNCED);
	u32 bound = in_state(test, NFPROTO_IPV6, 2, SLUICE_STATE_BOUND);
	u32 refused = in_state(test, NFPROTO_IPV6, 3, SLUICE_STATE_DISCARD);

	switch (row->removed) {
	case 0:
		sluice_park_flush_client(park, ns->network[0], 1);
		break;
	case 1:
		sluice_park_flush_access(park, 101);
		break;
	case 2:
		sluice_park_flush_network(park, ns->network[0]);
		break;
	default:
		mutex_lock(&ns->sn->config_lock);
		sluice_park_unbind_all(park);
		mutex_unlock(&ns->sn->config_lock);
	}
	KUNIT_EXPECT_EQ(test, row->waiting_told ? (int)SLUICE_REASON_REMOVED : -1, park_withdrawn_reason(test, announced));
	KUNIT_EXPECT_EQ(test, row->bound_told ? (int)SLUICE_REASON_REMOVED : -1, park_withdrawn_reason(test, bound));
	KUNIT_EXPECT_EQ(test, -1, park_withdrawn_reason(test, refused));
	KUNIT_EXPECT_EQ(test, row->left, park->active);
	KUNIT_EXPECT_EQ(test, row->left, ns->network[0]->association_count);
}

static struct kunit_case association_cases[] = {
	KUNIT_CASE_PARAM(association_test_verdicts, verdict_row_gen_params),
	KUNIT_CASE_PARAM(association_test_strangers, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(association_test_hold, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(association_test_caps, cap_row_gen_params),
	KUNIT_CASE_PARAM(association_test_receive, receive_row_gen_params),
	KUNIT_CASE_PARAM(association_test_quote, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(association_test_discard_time, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(association_test_owners, owner_row_gen_params),
	{}
};

static struct kunit_suite association_suite = {
	.name = "sluice_association",
	.init = sluice_test_namespace_init,
	.exit = sluice_test_namespace_exit,
	.test_cases = association_cases,
};

kunit_test_suite(association_suite);
