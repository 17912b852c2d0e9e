// SPDX-License-Identifier: GPL-2.0-only
/* KUnit suite of park.c: echo requests, which differ from SYNs in their copies, in their weight and in that none is released. */

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter.h>

#include "park_test.h"

/* An echo request of host 1 with @payload bytes. */
static struct sk_buff *echo_skb(struct kunit *test, u8 family, u16 id, u16 sequence, unsigned int payload)
{
	bool ipv4 = family == NFPROTO_IPV4;
	struct icmphdr *header;
	struct sk_buff *skb;

	skb = sluice_test_ip(test, family, ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, sizeof(*header) + payload);
	header = (struct icmphdr *)skb_transport_header(skb);
	header->type = ipv4 ? ICMP_ECHO : ICMPV6_ECHO_REQUEST;
	header->un.echo.id = htons(id);
	header->un.echo.sequence = htons(sequence);
	return skb;
}

static enum sluice_park_result arrive(struct kunit *test, struct sk_buff *skb)
{
	struct sluice_test_namespace *ns = test->priv;

	return park_arrive_skb(test, ns->client[0], 32, skb);
}

/* What is told of it. */
static void park_echo_test_fields(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	struct sluice_parked *entry;

	KUNIT_ASSERT_EQ(test, (int)SLUICE_PARK_KEPT, (int)arrive(test, echo_skb(test, row->family, 77, 3, 56)));
	entry = park_newest(test, 0);
	KUNIT_EXPECT_EQ(test, 77, (int)entry->tuple.source_port);
	KUNIT_EXPECT_EQ(test, 3, (int)entry->tuple.destination_port);
	KUNIT_EXPECT_EQ(test, 56, (int)entry->length);
	KUNIT_EXPECT_EQ(test, 1U, entry->weight);
}

/* Another sequence number is another request; a copy of one is dropped, and the first one stays. */
static void park_echo_test_copy(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	struct sluice_parked *entry;
	struct sk_buff *first;

	KUNIT_ASSERT_EQ(test, (int)SLUICE_PARK_KEPT, (int)arrive(test, echo_skb(test, row->family, 1, 1, 8)));
	entry = park_newest(test, 0);
	first = entry->skb;
	KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_KEPT, (int)arrive(test, echo_skb(test, row->family, 1, 1, 9000)));
	KUNIT_EXPECT_PTR_EQ(test, first, entry->skb);
	KUNIT_EXPECT_EQ(test, 8, (int)entry->length);
	KUNIT_EXPECT_EQ(test, 1ULL, park_counted(test, SLUICE_COUNT_RETRANSMITTED));
	KUNIT_EXPECT_EQ(test, 1U, entry->retransmits);
	park_expect(test, 1, 1);
	KUNIT_EXPECT_EQ(test, (int)SLUICE_PARK_KEPT, (int)arrive(test, echo_skb(test, row->family, 1, 2, 8)));
	park_expect(test, 2, 2);
}

/* There is no connection to release; what is asked for stays until it is answered. */
static void park_echo_test_accept(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	u32 id;

	KUNIT_ASSERT_EQ(test, (int)SLUICE_PARK_KEPT, (int)arrive(test, echo_skb(test, row->family, 1, 1, 8)));
	id = park_newest(test, 0)->id;
	KUNIT_EXPECT_FALSE(test, park_accept(test, id));
	park_expect(test, 1, 1);
	KUNIT_EXPECT_TRUE(test, park_answer(test, id));
	park_expect(test, 0, 0);
}

struct weight_row {
	const char *desc;
	unsigned int payload;
	u32 park_max, client_max, source_max;
	enum sluice_park_result result;
};

/* 60,000 bytes in one piece are 15 to 17 times SLUICE_PARK_WEIGHT, by what the allocator rounds them up to. */
static const struct weight_row weight_rows[] = {
	{ "small, one place left", 1400, 1, 1, 1, SLUICE_PARK_KEPT },
	{ "large, room for all", 60000, 100, 100, 100, SLUICE_PARK_KEPT },
	{ "large, network", 60000, 14, 100, 100, SLUICE_PARK_FULL },
	{ "large, client", 60000, 100, 14, 100, SLUICE_PARK_CLIENT_FULL },
	{ "large, source", 60000, 100, 100, 14, SLUICE_PARK_SOURCE_FULL },
};

SLUICE_TEST_ROWS(weight_row);

/* A cap is one on memory; and what was counted is given back, whatever it weighed. */
static void park_echo_test_weight(struct kunit *test)
{
	const struct weight_row *row = test->param_value;
	struct sluice_test_namespace *ns = test->priv;
	static const u8 families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };
	int i;

	ns->network[0]->park_max = row->park_max;
	ns->network[0]->park_client_max = row->client_max;
	ns->network[0]->park_source_max = row->source_max;
	for (i = 0; i < ARRAY_SIZE(families); i++) {
		struct sk_buff *skb = echo_skb(test, families[i], 1, 1, row->payload);

		KUNIT_EXPECT_EQ(test, (int)row->result, (int)arrive(test, skb));
		if (row->result == SLUICE_PARK_KEPT) {
			struct sluice_parked *entry = park_newest(test, 0);

			KUNIT_EXPECT_EQ(test, entry->weight, ns->network[0]->parked_count);
			KUNIT_EXPECT_EQ(test, entry->weight, entry->source->count);
			KUNIT_EXPECT_EQ(test, entry->weight, entry->source->client->count);
			KUNIT_EXPECT_GE(test, entry->weight, row->payload / SLUICE_PARK_WEIGHT);
			KUNIT_EXPECT_TRUE(test, park_answer(test, entry->id));
		}
		park_expect(test, 0, 0);
		KUNIT_EXPECT_EQ(test, 0U, sluice_test_sources(park_of(test)));
		KUNIT_EXPECT_EQ(test, 0U, sluice_test_source_clients(park_of(test)));
	}
}

static struct kunit_case park_echo_cases[] = {
	KUNIT_CASE_PARAM(park_echo_test_fields, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(park_echo_test_copy, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(park_echo_test_accept, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(park_echo_test_weight, weight_row_gen_params),
	{}
};

static struct kunit_suite park_echo_suite = {
	.name = "sluice_park_echo",
	.init = sluice_test_namespace_init,
	.exit = sluice_test_namespace_exit,
	.test_cases = park_echo_cases,
};

kunit_test_suite(park_echo_suite);
