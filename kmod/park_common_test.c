// SPDX-License-Identifier: GPL-2.0-only
/* What the suites of park.c and source.c share: SYNs that come, verdicts, and time that passes. */

#include <linux/netfilter.h>
#include <linux/tcp.h>
#include <net/tcp.h>

#include "park_test.h"

struct sluice_park *park_of(struct kunit *test)
{
	struct sluice_test_namespace *ns = test->priv;

	return &ns->sn->park;
}

u64 park_counted(struct kunit *test, enum sluice_network_counter counter)
{
	struct sluice_test_namespace *ns = test->priv;

	return sluice_count_read(ns->network[0], counter);
}

struct sluice_test_segment park_syn(u8 family, u16 host, u16 port)
{
	return (struct sluice_test_segment){
		.source = sluice_test_host(family, host),
		.destination = sluice_test_host(family, 9999),
		.source_port = port,
		.destination_port = 443,
		.sequence = 1000,
		.flags = TCPHDR_SYN,
	};
}

static void parse(struct kunit *test, const struct sk_buff *skb, struct sluice_packet *packet)
{
	u8 family = skb->protocol == htons(ETH_P_IP) ? NFPROTO_IPV4 : NFPROTO_IPV6;

	KUNIT_ASSERT_TRUE(test, sluice_packet_parse(skb, family, packet));
}

/* What the hook does with a SYN; consumes it. */
enum sluice_park_result park_arrive_skb(struct kunit *test, const struct sluice_client *client, u32 prefix_length,
					struct sk_buff *skb)
{
	struct sluice_decision decision = { .scope = SLUICE_SCOPE_CLIENT, .index = 5 };
	enum sluice_park_result result;
	struct sluice_packet packet;

	parse(test, skb, &packet);
	local_bh_disable();
	rcu_read_lock();
	result = sluice_park_again(park_of(test), client->network, &packet, skb);
	if (result == SLUICE_PARK_UNKNOWN)
		result = sluice_park_new(park_of(test), client, prefix_length, &decision, &packet, skb);
	rcu_read_unlock();
	local_bh_enable();
	if (result != SLUICE_PARK_KEPT)
		kfree_skb(skb);
	return result;
}

enum sluice_park_result park_arrive_segment(struct kunit *test, const struct sluice_test_segment *segment)
{
	struct sluice_test_namespace *ns = test->priv;

	return park_arrive_skb(test, ns->client[0], 32, sluice_test_skb(test, segment));
}

enum sluice_park_result park_arrive(struct kunit *test, u8 family, u16 host, u16 port)
{
	struct sluice_test_segment syn = park_syn(family, host, port);

	return park_arrive_segment(test, &syn);
}

/* The entry whose SYN came last. */
struct sluice_parked *park_newest(struct kunit *test, int network)
{
	struct sluice_test_namespace *ns = test->priv;

	KUNIT_ASSERT_FALSE(test, list_empty(&ns->network[network]->parked));
	return list_last_entry(&ns->network[network]->parked, struct sluice_parked, age);
}

/* What the controller's work does, without the message; NULL: nobody waits. */
struct sluice_parked *park_announce(struct kunit *test)
{
	struct sluice_park *park = park_of(test);
	struct sluice_parked *entry;

	spin_lock_bh(&park->lock);
	entry = sluice_source_next(park);
	if (entry)
		entry->state = SLUICE_STATE_ANNOUNCED;
	spin_unlock_bh(&park->lock);
	return entry;
}

void park_expect_announced(struct kunit *test, u8 family, u16 host, u16 port)
{
	struct in6_addr source = sluice_test_host(family, host);
	struct sluice_parked *entry = park_announce(test);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, entry);
	KUNIT_EXPECT_TRUE_MSG(test, ipv6_addr_equal(&entry->tuple.source, &source), "%pI6c, not %pI6c",
			      &entry->tuple.source, &source);
	KUNIT_EXPECT_EQ(test, port, entry->tuple.source_port);
}

/* Accepts; false: it was not parked any more. */
bool park_accept(struct kunit *test, u32 id)
{
	struct sluice_network *network;
	struct sk_buff *skb;
	int access;

	rcu_read_lock();
	skb = sluice_park_release(park_of(test), id, &network, &access);
	rcu_read_unlock();
	kfree_skb(skb);
	return skb;
}

/* Any other verdict. */
bool park_answer(struct kunit *test, u32 id)
{
	struct sluice_parked *entry;

	rcu_read_lock();
	entry = sluice_park_take(park_of(test), id);
	rcu_read_unlock();
	if (entry)
		sluice_parked_free(entry);
	return entry;
}

/* A segment @offset behind a SYN: an RST, or an ACK that asks for its pass. */
bool park_follow(struct kunit *test, const struct sluice_test_segment *syn, u8 flags, u32 offset)
{
	struct sluice_test_namespace *ns = test->priv;
	struct sluice_test_segment segment = *syn;
	struct sluice_packet packet;
	struct sk_buff *skb;
	bool result;

	segment.sequence += offset;
	segment.flags = flags;
	skb = sluice_test_skb(test, &segment);
	parse(test, skb, &packet);
	local_bh_disable();
	result = flags & TCPHDR_RST ? sluice_park_reset(park_of(test), &packet) :
				      sluice_park_has_pass(park_of(test), ns->network[0], &packet);
	local_bh_enable();
	kfree_skb(skb);
	return result;
}

/* Makes one parked SYN of @state and returns its id. */
u32 park_in_state(struct kunit *test, u8 family, u16 port, enum sluice_state state)
{
	struct sluice_parked *entry;

	KUNIT_ASSERT_EQ(test, (int)SLUICE_PARK_KEPT, (int)park_arrive(test, family, 1, port));
	entry = park_newest(test, 0);
	if (state != SLUICE_STATE_WAITING)
		KUNIT_ASSERT_PTR_EQ(test, entry, park_announce(test));
	if (state == SLUICE_STATE_RELEASED)
		KUNIT_ASSERT_TRUE(test, park_accept(test, entry->id));
	return entry->id;
}

/* The reason that the controller will be told, -1 for nothing. */
int park_withdrawn_reason(struct kunit *test, u32 id)
{
	struct sluice_park *park = park_of(test);
	struct sluice_parked *entry;
	int reason = -1;

	spin_lock_bh(&park->lock);
	list_for_each_entry(entry, &park->withdrawn, age)
		if (entry->id == id)
			reason = entry->reason;
	spin_unlock_bh(&park->lock);
	return reason;
}

/* Sets a parked SYN back in time. */
void park_make_older(struct kunit *test, u32 id, unsigned int parked, unsigned int seen)
{
	struct sluice_park *park = park_of(test);
	struct sluice_parked *entry;

	spin_lock_bh(&park->lock);
	entry = xa_load(&park->ids, id);
	entry->parked_at = jiffies - msecs_to_jiffies(parked);
	entry->seen_at = jiffies - msecs_to_jiffies(seen);
	spin_unlock_bh(&park->lock);
}

/* Nobody listens on this port: whatever is sent there fails. */
void park_set_controller(struct kunit *test, bool present, unsigned int lost)
{
	struct sluice_test_namespace *ns = test->priv;

	ns->sn->controller.lost_at = jiffies - msecs_to_jiffies(lost);
	WRITE_ONCE(ns->sn->controller.port_id, present ? U32_MAX - 1 : 0);
}

void park_scan_now(struct kunit *test)
{
	mod_delayed_work(system_wq, &park_of(test)->scan, 0);
	flush_delayed_work(&park_of(test)->scan);
}

void park_expect(struct kunit *test, u32 parked, u32 active)
{
	struct sluice_test_namespace *ns = test->priv;

	KUNIT_EXPECT_EQ(test, parked, ns->network[0]->parked_count);
	KUNIT_EXPECT_EQ(test, active, park_of(test)->active);
}
