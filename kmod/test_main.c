// SPDX-License-Identifier: GPL-2.0-only
/* The module of the KUnit suites, and what they share, see suite.h. */

#include <linux/inet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/module.h>
#include <linux/netfilter.h>
#include <net/dsfield.h>
#include <net/ipv6.h>
#include <net/tcp.h>

#include "suite.h"

static const struct sluice_test_family sluice_test_familys[] = {
	{ "IPv4", NFPROTO_IPV4 },
	{ "IPv6", NFPROTO_IPV6 },
};

const void *sluice_test_family_gen_params(const void *previous, char *desc)
{
	const struct sluice_test_family *next = previous;

	next = next ? next + 1 : sluice_test_familys;
	if (next == sluice_test_familys + ARRAY_SIZE(sluice_test_familys))
		return NULL;
	strscpy(desc, next->desc, KUNIT_PARAM_DESC_SIZE);
	return next;
}

struct sluice_prefix sluice_test_prefix(struct kunit *test, const char *text)
{
	struct sluice_prefix prefix = { .length = 128 };
	unsigned int width = 128;
	const char *end;
	__be32 ipv4;
	u32 length;

	if (in4_pton(text, -1, (u8 *)&ipv4, '/', &end)) {
		ipv6_addr_set_v4mapped(ipv4, &prefix.address);
		width = 32;
	} else {
		KUNIT_ASSERT_EQ(test, 1, in6_pton(text, -1, prefix.address.s6_addr, '/', &end));
	}
	if (*end == '/') {
		KUNIT_ASSERT_EQ(test, 0, kstrtou32(end + 1, 10, &length));
		KUNIT_ASSERT_LE(test, length, width);
		prefix.length = 128 - width + length;
	}
	return prefix;
}

struct in6_addr sluice_test_address(struct kunit *test, const char *text)
{
	return sluice_test_prefix(test, text).address;
}

struct in6_addr sluice_test_host(u8 family, u16 n)
{
	struct in6_addr address;

	if (family == NFPROTO_IPV4)
		ipv6_addr_set_v4mapped(htonl(0x0a000000 | n), &address);
	else
		ipv6_addr_set(&address, htonl(0x20010db8), htonl(n), 0, htonl(n));
	return address;
}

struct sk_buff *sluice_test_ip(struct kunit *test, u8 family, u8 protocol, unsigned int length)
{
	unsigned int fixed = family == NFPROTO_IPV4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	struct sk_buff *skb = alloc_skb(fixed + length, GFP_KERNEL);
	struct in6_addr destination = sluice_test_host(family, 2);
	struct in6_addr source = sluice_test_host(family, 1);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, skb);
	skb_reset_network_header(skb);
	skb_put_zero(skb, fixed + length);
	if (family == NFPROTO_IPV4) {
		ip_hdr(skb)->version = 4;
		ip_hdr(skb)->ihl = fixed / 4;
		ip_hdr(skb)->tot_len = htons(skb->len);
		ip_hdr(skb)->ttl = 61;
		ip_hdr(skb)->protocol = protocol;
		ip_hdr(skb)->saddr = source.s6_addr32[3];
		ip_hdr(skb)->daddr = destination.s6_addr32[3];
		skb->protocol = htons(ETH_P_IP);
	} else {
		ipv6_hdr(skb)->version = 6;
		ipv6_hdr(skb)->payload_len = htons(length);
		ipv6_hdr(skb)->hop_limit = 61;
		ipv6_hdr(skb)->nexthdr = protocol;
		ipv6_hdr(skb)->saddr = source;
		ipv6_hdr(skb)->daddr = destination;
		skb->protocol = htons(ETH_P_IPV6);
	}
	skb_set_transport_header(skb, fixed);
	return skb;
}

struct sk_buff *sluice_test_skb(struct kunit *test, const struct sluice_test_segment *segment)
{
	unsigned int header_length = sizeof(struct tcphdr) + segment->options;
	bool ipv4 = ipv6_addr_v4mapped(&segment->source);
	struct sk_buff *skb = sluice_test_ip(test, ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6, IPPROTO_TCP,
					     header_length + segment->payload);
	struct tcphdr *header = tcp_hdr(skb);
	u16 i;

	if (ipv4) {
		ip_hdr(skb)->saddr = segment->source.s6_addr32[3];
		ip_hdr(skb)->daddr = segment->destination.s6_addr32[3];
		ip_hdr(skb)->tos = segment->tos;
	} else {
		ipv6_hdr(skb)->saddr = segment->source;
		ipv6_hdr(skb)->daddr = segment->destination;
		ipv6_change_dsfield(ipv6_hdr(skb), 0, segment->tos);
	}
	header->source = htons(segment->source_port);
	header->dest = htons(segment->destination_port);
	header->seq = htonl(segment->sequence);
	header->ack_seq = htonl(segment->acknowledgment);
	header->doff = header_length / 4;
	((u8 *)header)[13] = segment->flags;
	memset(header + 1, TCPOPT_NOP, segment->options);
	for (i = 0; i < segment->payload; i++)
		((u8 *)header)[header_length + i] = i;
	return skb;
}

struct sk_buff *sluice_test_paged(struct kunit *test, const struct sk_buff *skb, unsigned int linear)
{
	struct sk_buff *copy = alloc_skb(128, GFP_KERNEL);
	struct page *page = alloc_page(GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, copy);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, page);
	KUNIT_ASSERT_LE(test, linear, 128U);
	KUNIT_ASSERT_LE(test, skb->len - linear, (unsigned int)PAGE_SIZE);
	skb_reset_network_header(copy);
	skb_copy_bits(skb, 0, skb_put(copy, linear), linear);
	skb_copy_bits(skb, linear, page_address(page), skb->len - linear);
	skb_add_rx_frag(copy, 0, page, 0, skb->len - linear, PAGE_SIZE);
	copy->protocol = skb->protocol;
	return copy;
}

static void device_setup(struct net_device *dev)
{
	dev->flags = IFF_NOARP;
}

static struct sluice_network *network_create(struct sluice_net *sn)
{
	struct sluice_network *network;
	struct net_device *dev;

	dev = alloc_netdev(sizeof(*network), "sluice_test%d", NET_NAME_UNKNOWN, device_setup);
	if (!dev)
		return NULL;
	network = netdev_priv(dev);
	network->dev = dev;
	network->sn = sn;
	sluice_network_init(network);
	network->stats = netdev_alloc_pcpu_stats(struct sluice_stats);
	if (!network->stats) {
		free_netdev(dev);
		return NULL;
	}
	list_add_tail_rcu(&network->list, &sn->networks);
	return network;
}

static unsigned int buckets_count(const struct hlist_head *buckets, unsigned int size)
{
	const struct hlist_node *node;
	unsigned int count = 0, i;

	for (i = 0; i < size; i++)
		hlist_for_each(node, &buckets[i])
			count++;
	return count;
}

unsigned int sluice_test_sources(const struct sluice_park *park)
{
	return buckets_count(park->sources, SLUICE_PARK_SOURCE_BUCKETS);
}

unsigned int sluice_test_source_clients(const struct sluice_park *park)
{
	return buckets_count(park->source_clients, 1 << SLUICE_PARK_CLIENT_BITS);
}

int sluice_test_namespace_init(struct kunit *test)
{
	struct sluice_test_namespace *ns = kunit_kzalloc(test, sizeof(*ns), GFP_KERNEL);
	struct sluice_net *sn = kunit_kzalloc(test, sizeof(*sn), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ns);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sn);
	ns->sn = sn;
	sn->net = &init_net;
	mutex_init(&sn->config_lock);
	INIT_LIST_HEAD(&sn->networks);
	sluice_park_init(&sn->park);
	sluice_controller_init(&sn->controller);
	sn->stats = netdev_alloc_pcpu_stats(struct sluice_ns_stats);
	KUNIT_ASSERT_NOT_NULL(test, (void __force *)sn->stats);
	KUNIT_ASSERT_EQ(test, 0, sluice_client_tables_init(sn));
	KUNIT_ASSERT_EQ(test, 0, sluice_park_open(&sn->park));
	for (i = 0; i < SLUICE_TEST_NETWORKS; i++) {
		ns->network[i] = network_create(sn);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ns->network[i]);
	}
	for (i = 0; i < SLUICE_TEST_CLIENTS; i++) {
		ns->client[i] = kunit_kzalloc(test, sizeof(*ns->client[i]), GFP_KERNEL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ns->client[i]);
		ns->client[i]->network = ns->network[i / 2];
		ns->client[i]->id = 1 + i;
		ns->client[i]->access = 101 + i;
	}
	test->priv = ns;
	return 0;
}

void sluice_test_namespace_exit(struct kunit *test)
{
	struct sluice_test_namespace *ns = test->priv;
	struct sluice_net *sn;
	int i;

	if (!ns)
		return;
	sn = ns->sn;
	sluice_controller_stop(&sn->controller);
	for (i = 0; i < SLUICE_TEST_NETWORKS; i++)
		sluice_park_flush_network(&sn->park, ns->network[i]);
	KUNIT_EXPECT_EQ(test, 0U, sn->park.active);
	KUNIT_EXPECT_TRUE(test, list_empty(&sn->park.turns));
	KUNIT_EXPECT_EQ(test, 0U, sluice_test_sources(&sn->park));
	KUNIT_EXPECT_EQ(test, 0U, sluice_test_source_clients(&sn->park));
	sluice_park_close(&sn->park);
	sluice_park_forget_withdrawn(&sn->park);
	sluice_park_destroy(&sn->park);
	sluice_client_tables_destroy(sn);
	synchronize_rcu();
	for (i = 0; i < SLUICE_TEST_NETWORKS; i++) {
		free_percpu(ns->network[i]->stats);
		free_netdev(ns->network[i]->dev);
	}
	free_percpu(sn->stats);
	mutex_destroy(&sn->config_lock);
}

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit suites of Sluice");
