// SPDX-License-Identifier: GPL-2.0-only
/* KUnit suite of acl.c: which rule of which list decides. */

#include <linux/overflow.h>

#include "suite.h"

#define RULES_MAX	3

/* A rule as text; an action of 0 with no prefix ends a list. */
struct rule_text {
	const char *prefix;
	u16 first;
	u16 last;
	u8 protocol;
	u8 action;
};

#define OFFER		SLUICE_ACTION_OFFER
#define REFUSE		SLUICE_ACTION_REFUSE
#define PROHIBIT	SLUICE_ACTION_PROHIBIT
#define DROP		SLUICE_ACTION_DROP

struct acl_row {
	const char *desc;
	struct rule_text client[RULES_MAX];
	struct rule_text network[RULES_MAX];
	const char *destination;
	u16 port;
	u8 protocol;	/* 0: TCP */
	u8 action;
	u8 scope;
	u32 index;
};

static const struct acl_row acl_rows[] = {
	{ "no lists", .destination = "192.0.2.1", .port = 80, .action = OFFER, .scope = SLUICE_SCOPE_DEFAULT },
	{ "the client's rule", { { "::/0", 0, 65535, 0, REFUSE } },
	  .destination = "192.0.2.1", .port = 80, .action = REFUSE, .scope = SLUICE_SCOPE_CLIENT },
	{ "the network's rule", .network = { { "::/0", 0, 65535, 0, PROHIBIT } },
	  .destination = "192.0.2.1", .port = 80, .action = PROHIBIT, .scope = SLUICE_SCOPE_NETWORK },
	{ "the client's list comes first", { { "::/0", 0, 65535, 0, OFFER } }, { { "::/0", 0, 65535, 0, DROP } },
	  .destination = "192.0.2.1", .port = 80, .action = OFFER, .scope = SLUICE_SCOPE_CLIENT },
	{ "the client's list does not match", { { "::/0", 81, 81, 0, OFFER } }, { { "::/0", 80, 80, 0, DROP } },
	  .destination = "192.0.2.1", .port = 80, .action = DROP, .scope = SLUICE_SCOPE_NETWORK },
	{ "neither list matches", { { "::/0", 81, 81, 0, REFUSE } }, { { "::/0", 82, 82, 0, DROP } },
	  .destination = "192.0.2.1", .port = 80, .action = OFFER, .scope = SLUICE_SCOPE_DEFAULT },
	{ "first match, not best match",
	  { { "10.0.0.0/8", 0, 65535, 0, REFUSE }, { "10.1.0.0/16", 0, 65535, 0, OFFER } },
	  .destination = "10.1.2.3", .port = 80, .action = REFUSE, .scope = SLUICE_SCOPE_CLIENT },
	{ "second of the client's", { { "10.0.0.0/8", 0, 65535, 0, REFUSE }, { "::/0", 0, 65535, 0, DROP } },
	  .destination = "192.0.2.1", .port = 80, .action = DROP, .scope = SLUICE_SCOPE_CLIENT, .index = 1 },
	{ "third of the network's",
	  .network = { { "::/0", 1, 1, 0, REFUSE }, { "::/0", 2, 2, 0, REFUSE }, { "::/0", 3, 3, 0, DROP } },
	  .destination = "2001:db8::1", .port = 3, .action = DROP, .scope = SLUICE_SCOPE_NETWORK, .index = 2 },

	{ "port below the range", { { "::/0", 80, 90, 0, REFUSE } },
	  .destination = "192.0.2.1", .port = 79, .action = OFFER, .scope = SLUICE_SCOPE_DEFAULT },
	{ "first port of the range", { { "::/0", 80, 90, 0, REFUSE } },
	  .destination = "192.0.2.1", .port = 80, .action = REFUSE, .scope = SLUICE_SCOPE_CLIENT },
	{ "last port of the range", { { "::/0", 80, 90, 0, REFUSE } },
	  .destination = "192.0.2.1", .port = 90, .action = REFUSE, .scope = SLUICE_SCOPE_CLIENT },
	{ "port above the range", { { "::/0", 80, 90, 0, REFUSE } },
	  .destination = "192.0.2.1", .port = 91, .action = OFFER, .scope = SLUICE_SCOPE_DEFAULT },
	{ "port 0 alone", { { "::/0", 0, 0, 0, REFUSE } },
	  .destination = "192.0.2.1", .port = 0, .action = REFUSE, .scope = SLUICE_SCOPE_CLIENT },
	{ "port 1 is not 0", { { "::/0", 0, 0, 0, REFUSE } },
	  .destination = "192.0.2.1", .port = 1, .action = OFFER, .scope = SLUICE_SCOPE_DEFAULT },
	{ "port 65535 alone", { { "::/0", 65535, 65535, 0, REFUSE } },
	  .destination = "192.0.2.1", .port = 65535, .action = REFUSE, .scope = SLUICE_SCOPE_CLIENT },
	{ "port 65534 is not 65535", { { "::/0", 65535, 65535, 0, REFUSE } },
	  .destination = "192.0.2.1", .port = 65534, .action = OFFER, .scope = SLUICE_SCOPE_DEFAULT },
	{ "port 65535 of all", { { "::/0", 0, 65535, 0, REFUSE } },
	  .destination = "192.0.2.1", .port = 65535, .action = REFUSE, .scope = SLUICE_SCOPE_CLIENT },
	{ "no ports, port 0 of all", { { "::/0", 0, 65535, 0, PROHIBIT } }, .destination = "192.0.2.1",
	  .protocol = IPPROTO_GRE, .action = PROHIBIT, .scope = SLUICE_SCOPE_CLIENT },
	{ "an upside-down range matches nothing", { { "::/0", 90, 80, 0, REFUSE } },
	  .destination = "192.0.2.1", .port = 85, .action = OFFER, .scope = SLUICE_SCOPE_DEFAULT },

	{ "protocol", { { "::/0", 0, 65535, IPPROTO_TCP, REFUSE } },
	  .destination = "192.0.2.1", .port = 80, .action = REFUSE, .scope = SLUICE_SCOPE_CLIENT },
	{ "another protocol", { { "::/0", 0, 65535, IPPROTO_UDP, REFUSE } },
	  .destination = "192.0.2.1", .port = 80, .action = OFFER, .scope = SLUICE_SCOPE_DEFAULT },
	{ "any protocol", { { "::/0", 0, 65535, 0, REFUSE } }, .destination = "192.0.2.1", .port = 80,
	  .protocol = IPPROTO_UDP, .action = REFUSE, .scope = SLUICE_SCOPE_CLIENT },
	{ "protocol 255", { { "::/0", 0, 65535, 255, REFUSE } }, .destination = "192.0.2.1",
	  .protocol = 255, .action = REFUSE, .scope = SLUICE_SCOPE_CLIENT },

	{ "IPv4, inside", { { "192.0.2.0/24", 0, 65535, 0, REFUSE } },
	  .destination = "192.0.2.255", .port = 80, .action = REFUSE, .scope = SLUICE_SCOPE_CLIENT },
	{ "IPv4, just outside", { { "192.0.2.0/24", 0, 65535, 0, REFUSE } },
	  .destination = "192.0.3.0", .port = 80, .action = OFFER, .scope = SLUICE_SCOPE_DEFAULT },
	{ "IPv4, odd length, inside", { { "192.0.2.128/27", 0, 65535, 0, REFUSE } },
	  .destination = "192.0.2.159", .port = 80, .action = REFUSE, .scope = SLUICE_SCOPE_CLIENT },
	{ "IPv4, odd length, outside", { { "192.0.2.128/27", 0, 65535, 0, REFUSE } },
	  .destination = "192.0.2.160", .port = 80, .action = OFFER, .scope = SLUICE_SCOPE_DEFAULT },
	{ "IPv4, one address", { { "192.0.2.1/32", 0, 65535, 0, REFUSE } },
	  .destination = "192.0.2.1", .port = 80, .action = REFUSE, .scope = SLUICE_SCOPE_CLIENT },
	{ "IPv4, the next address", { { "192.0.2.1/32", 0, 65535, 0, REFUSE } },
	  .destination = "192.0.2.0", .port = 80, .action = OFFER, .scope = SLUICE_SCOPE_DEFAULT },
	{ "IPv6, inside", { { "2001:db8::/33", 0, 65535, 0, REFUSE } },
	  .destination = "2001:db8:7fff::1", .port = 80, .action = REFUSE, .scope = SLUICE_SCOPE_CLIENT },
	{ "IPv6, just outside", { { "2001:db8::/33", 0, 65535, 0, REFUSE } },
	  .destination = "2001:db8:8000::", .port = 80, .action = OFFER, .scope = SLUICE_SCOPE_DEFAULT },
	{ "IPv6, one address", { { "2001:db8::1/128", 0, 65535, 0, REFUSE } },
	  .destination = "2001:db8::1", .port = 80, .action = REFUSE, .scope = SLUICE_SCOPE_CLIENT },
	{ "IPv6, the next address", { { "2001:db8::1/128", 0, 65535, 0, REFUSE } },
	  .destination = "2001:db8::", .port = 80, .action = OFFER, .scope = SLUICE_SCOPE_DEFAULT },
	{ "::/0 matches IPv6", { { "::/0", 0, 65535, 0, REFUSE } },
	  .destination = "2001:db8::1", .port = 80, .action = REFUSE, .scope = SLUICE_SCOPE_CLIENT },
	{ "all of IPv4 matches IPv4", { { "::ffff:0:0/96", 0, 65535, 0, REFUSE } },
	  .destination = "255.255.255.255", .port = 80, .action = REFUSE, .scope = SLUICE_SCOPE_CLIENT },
	{ "all of IPv4 does not match IPv6", { { "::ffff:0:0/96", 0, 65535, 0, REFUSE } },
	  .destination = "2001:db8::1", .port = 80, .action = OFFER, .scope = SLUICE_SCOPE_DEFAULT },
	{ "all of IPv4 does not match its neighbour", { { "0.0.0.0/0", 0, 65535, 0, REFUSE } },
	  .destination = "::fffe:c000:201", .port = 80, .action = OFFER, .scope = SLUICE_SCOPE_DEFAULT },
	{ "all of unicast IPv6 does not match IPv4", { { "2000::/3", 0, 65535, 0, REFUSE } },
	  .destination = "192.0.2.1", .port = 80, .action = OFFER, .scope = SLUICE_SCOPE_DEFAULT },
};

SLUICE_TEST_ROWS(acl_row);

static struct sluice_acl *acl_alloc(struct kunit *test, u32 count)
{
	struct sluice_acl *acl = kunit_kzalloc(test, struct_size(acl, rule, count), GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, acl);
	acl->count = count;
	return acl;
}

/* No rules: no list, as the module has it. */
static struct sluice_acl *acl_from_text(struct kunit *test, const struct rule_text *text)
{
	struct sluice_acl *acl;
	u32 count = 0, i;

	while (count < RULES_MAX && text[count].prefix)
		count++;
	if (!count)
		return NULL;
	acl = acl_alloc(test, count);
	for (i = 0; i < count; i++) {
		struct sluice_prefix prefix = sluice_test_prefix(test, text[i].prefix);

		acl->rule[i].prefix = prefix.address;
		acl->rule[i].prefix_length = prefix.length;
		acl->rule[i].port_first = text[i].first;
		acl->rule[i].port_last = text[i].last;
		acl->rule[i].protocol = text[i].protocol;
		acl->rule[i].action = text[i].action;
	}
	return acl;
}

static void acl_test_decide(struct kunit *test)
{
	const struct acl_row *row = test->param_value;
	struct sluice_acl *client = acl_from_text(test, row->client);
	struct sluice_acl *network = acl_from_text(test, row->network);
	struct in6_addr destination = sluice_test_address(test, row->destination);
	struct sluice_decision decision;

	decision = sluice_acl_decide(client, network, row->protocol ?: IPPROTO_TCP, &destination, row->port);

	KUNIT_EXPECT_EQ(test, (int)row->action, (int)decision.action);
	KUNIT_EXPECT_EQ(test, (int)row->scope, (int)decision.scope);
	if (row->scope != SLUICE_SCOPE_DEFAULT)
		KUNIT_EXPECT_EQ(test, row->index, decision.index);
}

/* An empty list is as good as none. */
static void acl_test_empty(struct kunit *test)
{
	struct in6_addr destination = sluice_test_address(test, "192.0.2.1");
	struct sluice_acl *empty = acl_alloc(test, 0);
	struct sluice_decision decision;

	decision = sluice_acl_decide(empty, empty, IPPROTO_TCP, &destination, 80);

	KUNIT_EXPECT_EQ(test, (int)OFFER, (int)decision.action);
	KUNIT_EXPECT_EQ(test, (int)SLUICE_SCOPE_DEFAULT, (int)decision.scope);
}

/* Lists as long as they may be: rule n is for port n, and a port of neither is offered. */
static void acl_test_longest(struct kunit *test)
{
	struct in6_addr destination = sluice_test_address(test, "2001:db8::1");
	struct sluice_acl *client = acl_alloc(test, SLUICE_ACL_RULES_MAX);
	struct sluice_acl *network = acl_alloc(test, SLUICE_ACL_RULES_MAX);
	struct sluice_decision decision;
	u32 i;

	for (i = 0; i < SLUICE_ACL_RULES_MAX; i++) {
		client->rule[i].port_first = i;
		client->rule[i].port_last = i;
		client->rule[i].action = REFUSE;
		network->rule[i] = client->rule[i];
		network->rule[i].port_first = SLUICE_ACL_RULES_MAX + i;
		network->rule[i].port_last = SLUICE_ACL_RULES_MAX + i;
		network->rule[i].action = DROP;
	}
	for (i = 0; i < 2 * SLUICE_ACL_RULES_MAX; i++) {
		bool first = i < SLUICE_ACL_RULES_MAX;

		decision = sluice_acl_decide(client, network, IPPROTO_TCP, &destination, i);
		KUNIT_ASSERT_EQ(test, first ? REFUSE : DROP, (int)decision.action);
		KUNIT_ASSERT_EQ(test, first ? SLUICE_SCOPE_CLIENT : SLUICE_SCOPE_NETWORK, (int)decision.scope);
		KUNIT_ASSERT_EQ(test, i % SLUICE_ACL_RULES_MAX, decision.index);
	}
	decision = sluice_acl_decide(client, network, IPPROTO_TCP, &destination, i);
	KUNIT_EXPECT_EQ(test, (int)OFFER, (int)decision.action);
	KUNIT_EXPECT_EQ(test, (int)SLUICE_SCOPE_DEFAULT, (int)decision.scope);
}

static struct kunit_case acl_cases[] = {
	KUNIT_CASE_PARAM(acl_test_decide, acl_row_gen_params),
	KUNIT_CASE(acl_test_empty),
	KUNIT_CASE(acl_test_longest),
	{}
};

static struct kunit_suite acl_suite = {
	.name = "sluice_acl",
	.test_cases = acl_cases,
};

kunit_test_suite(acl_suite);
