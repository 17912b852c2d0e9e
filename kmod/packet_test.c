// SPDX-License-Identifier: GPL-2.0-only
/* KUnit suite of packet.c: headers good and broken, linear and paged, of both families. */

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/udp.h>
#include <linux/prandom.h>
#include <linux/tcp.h>
#include <net/tcp.h>

#include "suite.h"

static const u8 families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };

static const struct sluice_test_segment segment = {
	.source_port = 40000,
	.destination_port = 443,
	.sequence = 0x89abcdef,
	.acknowledgment = 0x01234567,
	.flags = TCPHDR_ACK | TCPHDR_PSH,
	.tos = 0xb9,
	.options = 12,
	.payload = 5,
};

static struct sk_buff *segment_skb(struct kunit *test, u8 family)
{
	struct sluice_test_segment copy = segment;

	copy.source = sluice_test_host(family, 1);
	copy.destination = sluice_test_host(family, 2);
	return sluice_test_skb(test, &copy);
}

static unsigned int fixed_length(u8 family)
{
	return family == NFPROTO_IPV4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

/* Every field of the segment above, wherever it lies. */
static void expect_segment(struct kunit *test, const struct sluice_packet *packet, u8 family)
{
	struct in6_addr destination = sluice_test_host(family, 2);
	struct in6_addr source = sluice_test_host(family, 1);

	KUNIT_EXPECT_EQ(test, family, packet->family);
	KUNIT_EXPECT_EQ(test, family == NFPROTO_IPV4, sluice_is_ipv4(packet));
	KUNIT_EXPECT_TRUE(test, ipv6_addr_equal(&packet->source, &source));
	KUNIT_EXPECT_TRUE(test, ipv6_addr_equal(&packet->destination, &destination));
	KUNIT_EXPECT_EQ(test, IPPROTO_TCP, (int)packet->protocol);
	KUNIT_EXPECT_EQ(test, 61, (int)packet->ttl);
	KUNIT_EXPECT_EQ(test, segment.tos, packet->tos);
	KUNIT_EXPECT_EQ(test, segment.source_port, packet->source_port);
	KUNIT_EXPECT_EQ(test, segment.destination_port, packet->destination_port);
	KUNIT_EXPECT_EQ(test, segment.sequence, packet->sequence);
	KUNIT_EXPECT_EQ(test, segment.acknowledgment, packet->acknowledgment);
	KUNIT_EXPECT_EQ(test, segment.flags, packet->tcp_flags);
	KUNIT_EXPECT_EQ(test, segment.payload, packet->tcp_payload);
	KUNIT_EXPECT_EQ(test, 20U + segment.options + segment.payload, packet->transport_length);
}

static void packet_test_fields(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	struct sk_buff *skb = segment_skb(test, row->family);
	struct sluice_packet packet;
	struct in6_addr source;

	KUNIT_EXPECT_TRUE(test, sluice_packet_parse(skb, row->family, &packet));
	expect_segment(test, &packet, row->family);
	KUNIT_EXPECT_EQ(test, 0U, packet.network_offset);
	KUNIT_EXPECT_EQ(test, fixed_length(row->family), packet.transport_offset);
	sluice_packet_source(skb, row->family, &source);
	KUNIT_EXPECT_TRUE(test, ipv6_addr_equal(&packet.source, &source));
	kfree_skb(skb);
}

/* A link header before, and an Ethernet frame's padding behind. */
static void packet_test_surroundings(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	struct sk_buff *inner = segment_skb(test, row->family);
	struct sk_buff *skb = alloc_skb(256, GFP_KERNEL);
	struct sluice_packet packet;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, skb);
	skb_put_zero(skb, 14);
	skb_set_network_header(skb, 14);
	skb_put_data(skb, inner->data, inner->len);
	skb_put_zero(skb, 9);

	KUNIT_EXPECT_TRUE(test, sluice_packet_parse(skb, row->family, &packet));
	expect_segment(test, &packet, row->family);
	KUNIT_EXPECT_EQ(test, 14U, packet.network_offset);
	KUNIT_EXPECT_EQ(test, 14U + fixed_length(row->family), packet.transport_offset);
	kfree_skb(skb);
	kfree_skb(inner);
}

/* Cut anywhere, the total length goes beyond the buffer. */
static void packet_test_truncated(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	struct sk_buff *skb = segment_skb(test, row->family);
	struct sluice_packet packet;

	while (skb->len) {
		skb_trim(skb, skb->len - 1);
		KUNIT_EXPECT_FALSE_MSG(test, sluice_packet_parse(skb, row->family, &packet), "%u bytes", skb->len);
	}
	kfree_skb(skb);
}

/* Split anywhere between linear part and page, it reads the same. */
static void packet_test_paged(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	struct sk_buff *whole = segment_skb(test, row->family);
	struct sluice_packet expected, packet;
	unsigned int linear;

	KUNIT_ASSERT_TRUE(test, sluice_packet_parse(whole, row->family, &expected));
	for (linear = 0; linear < whole->len; linear++) {
		struct sk_buff *skb = sluice_test_paged(test, whole, linear);

		KUNIT_EXPECT_TRUE_MSG(test, sluice_packet_parse(skb, row->family, &packet), "%u linear", linear);
		KUNIT_EXPECT_EQ_MSG(test, 0, memcmp(&expected, &packet, sizeof(packet)), "%u linear", linear);
		kfree_skb(skb);
	}
	kfree_skb(whole);
}

/* Addresses that would lead an agent to its own host, or one family to pass for the other. */
struct martian_row {
	const char *desc;
	u8 family;
	const char *source;
	const char *destination;
	bool good;
};

static const struct martian_row martian_rows[] = {
	{ "IPv4 host", NFPROTO_IPV4, "100.64.1.11", "10.20.0.10", true },
	{ "IPv4 loopback", NFPROTO_IPV4, "100.64.1.11", "127.0.0.1", false },
	{ "IPv4 loopback's far end", NFPROTO_IPV4, "100.64.1.11", "127.255.255.254", false },
	{ "IPv4 unspecified", NFPROTO_IPV4, "100.64.1.11", "0.0.0.0", false },
	{ "IPv6 host", NFPROTO_IPV6, "fd64:1::11", "fd20::10", true },
	{ "IPv6 loopback", NFPROTO_IPV6, "fd64:1::11", "::1", false },
	{ "IPv6 unspecified", NFPROTO_IPV6, "fd64:1::11", "::", false },
	{ "IPv4-mapped source in IPv6", NFPROTO_IPV6, "100.64.1.11", "fd20::10", false },
	{ "IPv4-mapped destination in IPv6", NFPROTO_IPV6, "fd64:1::11", "10.20.0.10", false },
};

SLUICE_TEST_ROWS(martian_row);

static void packet_test_martian(struct kunit *test)
{
	const struct martian_row *row = test->param_value;
	struct sk_buff *skb = segment_skb(test, row->family);
	struct in6_addr source = sluice_test_address(test, row->source);
	struct in6_addr destination = sluice_test_address(test, row->destination);
	struct sluice_packet packet;

	if (row->family == NFPROTO_IPV4) {
		ip_hdr(skb)->saddr = source.s6_addr32[3];
		ip_hdr(skb)->daddr = destination.s6_addr32[3];
	} else {
		ipv6_hdr(skb)->saddr = source;
		ipv6_hdr(skb)->daddr = destination;
	}
	KUNIT_EXPECT_EQ(test, row->good, sluice_packet_parse(skb, row->family, &packet));
	kfree_skb(skb);
}

/* One byte of the segment changed; @at counts from the TCP header where @tcp is set. */
struct byte_row {
	const char *desc;
	u8 family;	/* NFPROTO_UNSPEC: both */
	bool tcp;
	u8 at;
	u8 value;
	bool good;
};

/* The whole packet is 57 (0x39) bytes with IPv4, the payload 37 (0x25) with either. */
static const struct byte_row byte_rows[] = {
	{ "unchanged IPv4", NFPROTO_IPV4, false, 0, 0x45, true },
	{ "unchanged IPv6", NFPROTO_IPV6, false, 0, 0x6b, true },
	{ "IPv4, version 6", NFPROTO_IPV4, false, 0, 0x65, false },
	{ "IPv6, version 4", NFPROTO_IPV6, false, 0, 0x4b, false },
	{ "IPv4, ihl 0", NFPROTO_IPV4, false, 0, 0x40, false },
	{ "IPv4, ihl 4", NFPROTO_IPV4, false, 0, 0x44, false },
	{ "IPv4, ihl beyond the packet", NFPROTO_IPV4, false, 0, 0x4f, false },
	{ "IPv4, total length too great by one", NFPROTO_IPV4, false, 3, 58, false },
	{ "IPv4, total length below the header's", NFPROTO_IPV4, false, 3, 19, false },
	{ "IPv4, total length is the header's", NFPROTO_IPV4, false, 3, 20, false },
	{ "IPv4, no data", NFPROTO_IPV4, false, 3, 52, true },
	{ "IPv4, total length cuts TCP options", NFPROTO_IPV4, false, 3, 51, false },
	{ "IPv4, do not fragment", NFPROTO_IPV4, false, 6, 0x40, true },
	{ "IPv4, first fragment", NFPROTO_IPV4, false, 6, 0x20, false },
	{ "IPv4, last fragment", NFPROTO_IPV4, false, 7, 0x01, false },
	{ "IPv4, fragment at a great offset", NFPROTO_IPV4, false, 6, 0x1f, false },
	{ "IPv6, payload length too great by one", NFPROTO_IPV6, false, 5, 38, false },
	{ "IPv6, payload length 0", NFPROTO_IPV6, false, 5, 0, false },
	{ "IPv6, no data", NFPROTO_IPV6, false, 5, 32, true },
	{ "IPv6, payload length cuts TCP options", NFPROTO_IPV6, false, 5, 31, false },
	{ "IPv6, payload length cuts the TCP header", NFPROTO_IPV6, false, 5, 19, false },
	{ "doff 0", NFPROTO_UNSPEC, true, 12, 0x00, false },
	{ "doff 4", NFPROTO_UNSPEC, true, 12, 0x40, false },
	{ "doff 5", NFPROTO_UNSPEC, true, 12, 0x50, true },
	{ "doff up to the last whole word", NFPROTO_UNSPEC, true, 12, 0x90, true },
	{ "doff beyond the segment", NFPROTO_UNSPEC, true, 12, 0xa0, false },
	{ "reserved bits", NFPROTO_UNSPEC, true, 12, 0x8f, true },
};

SLUICE_TEST_ROWS(byte_row);

static void packet_test_byte(struct kunit *test)
{
	const struct byte_row *row = test->param_value;
	struct sluice_packet packet;
	int i;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		struct sk_buff *skb;

		if (row->family && row->family != families[i])
			continue;
		skb = segment_skb(test, families[i]);
		skb->data[row->at + (row->tcp ? fixed_length(families[i]) : 0)] = row->value;
		KUNIT_EXPECT_EQ(test, row->good, sluice_packet_parse(skb, families[i], &packet));
		kfree_skb(skb);
	}
}

/* IPv6 extension headers before the segment. */
struct extension_row {
	const char *desc;
	u8 first;
	u8 length;
	u8 bytes[24];
	bool good;
};

static const struct extension_row extension_rows[] = {
	{ "hop-by-hop", NEXTHDR_HOP, 8, { NEXTHDR_TCP, 0, 1, 4 }, true },
	{ "destination options", NEXTHDR_DEST, 16, { NEXTHDR_TCP, 1, 1, 12 }, true },
	{ "hop-by-hop, destination options", NEXTHDR_HOP, 16,
	  { NEXTHDR_DEST, 0, 1, 4, 0, 0, 0, 0, NEXTHDR_TCP, 0, 1, 4 }, true },
	{ "routing", NEXTHDR_ROUTING, 8, { NEXTHDR_TCP, 0, 4, 0 }, true },
	{ "authentication", NEXTHDR_AUTH, 12, { NEXTHDR_TCP, 1 }, true },
	{ "atomic fragment", NEXTHDR_FRAGMENT, 8, { NEXTHDR_TCP, 0, 0, 0 }, true },
	{ "first fragment", NEXTHDR_FRAGMENT, 8, { NEXTHDR_TCP, 0, 0, 1 }, false },
	{ "middle fragment", NEXTHDR_FRAGMENT, 8, { NEXTHDR_TCP, 0, 0, 9 }, false },
	{ "last fragment", NEXTHDR_FRAGMENT, 8, { NEXTHDR_TCP, 0, 0, 8 }, false },
	{ "fragment at a great offset", NEXTHDR_FRAGMENT, 8, { NEXTHDR_TCP, 0, 0xff, 0xf8 }, false },
	{ "hop-by-hop, last fragment", NEXTHDR_HOP, 16,
	  { NEXTHDR_FRAGMENT, 0, 1, 4, 0, 0, 0, 0, NEXTHDR_TCP, 0, 0, 8 }, false },
	{ "header beyond the packet", NEXTHDR_HOP, 8, { NEXTHDR_TCP, 255 }, false },
	{ "header up to the packet's end", NEXTHDR_HOP, 3, { NEXTHDR_TCP, 4 }, false },
	{ "no next header", NEXTHDR_NONE, 0, { }, false },
	{ "no next header behind another", NEXTHDR_DEST, 8, { NEXTHDR_NONE, 0, 1, 4 }, false },
};

SLUICE_TEST_ROWS(extension_row);

static void packet_test_extension(struct kunit *test)
{
	const struct extension_row *row = test->param_value;
	struct sk_buff *inner = segment_skb(test, NFPROTO_IPV6);
	struct sk_buff *skb = alloc_skb(256, GFP_KERNEL);
	struct sluice_packet packet;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, skb);
	skb_reset_network_header(skb);
	skb_put_data(skb, inner->data, 40);
	skb_put_data(skb, row->bytes, row->length);
	skb_put_data(skb, inner->data + 40, inner->len - 40);
	ipv6_hdr(skb)->nexthdr = row->first;
	ipv6_hdr(skb)->payload_len = htons(skb->len - 40);

	KUNIT_EXPECT_EQ(test, row->good, sluice_packet_parse(skb, NFPROTO_IPV6, &packet));
	if (row->good) {
		expect_segment(test, &packet, NFPROTO_IPV6);
		KUNIT_EXPECT_EQ(test, 40U + row->length, packet.transport_offset);
	}
	/* The packet ends within the extension headers. */
	for (; row->length && skb->len > 40; skb_trim(skb, skb->len - 1)) {
		ipv6_hdr(skb)->payload_len = htons(skb->len - 40);
		if (skb->len < 40 + row->length)
			KUNIT_EXPECT_FALSE_MSG(test, sluice_packet_parse(skb, NFPROTO_IPV6, &packet), "%u", skb->len);
	}
	kfree_skb(skb);
	kfree_skb(inner);
}

/* IPv4 options move the transport header. */
static void packet_test_ipv4_options(struct kunit *test)
{
	struct sk_buff *inner = segment_skb(test, NFPROTO_IPV4);
	struct sluice_packet packet;
	u8 words;

	for (words = 5; words <= 15; words++) {
		struct sk_buff *skb = alloc_skb(256, GFP_KERNEL);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, skb);
		skb_reset_network_header(skb);
		skb_put_data(skb, inner->data, 20);
		skb_put_zero(skb, (words - 5) * 4);
		skb_put_data(skb, inner->data + 20, inner->len - 20);
		ip_hdr(skb)->ihl = words;
		ip_hdr(skb)->tot_len = htons(skb->len);
		KUNIT_EXPECT_TRUE(test, sluice_packet_parse(skb, NFPROTO_IPV4, &packet));
		expect_segment(test, &packet, NFPROTO_IPV4);
		KUNIT_EXPECT_EQ(test, words * 4U, packet.transport_offset);
		kfree_skb(skb);
	}
	kfree_skb(inner);
}

struct flags_row {
	const char *desc;
	u8 flags;
	bool syn;
};

static const struct flags_row flags_rows[] = {
	{ "none", 0, false },
	{ "SYN", TCPHDR_SYN, true },
	{ "SYN ECE CWR", TCPHDR_SYN | TCPHDR_ECE | TCPHDR_CWR, true },
	{ "SYN PSH URG", TCPHDR_SYN | TCPHDR_PSH | TCPHDR_URG, true },
	{ "SYN ACK", TCPHDR_SYN | TCPHDR_ACK, false },
	{ "SYN RST", TCPHDR_SYN | TCPHDR_RST, false },
	{ "SYN FIN", TCPHDR_SYN | TCPHDR_FIN, false },
	{ "ACK", TCPHDR_ACK, false },
	{ "FIN ACK", TCPHDR_FIN | TCPHDR_ACK, false },
	{ "RST", TCPHDR_RST, false },
	{ "all", 0xff, false },
};

SLUICE_TEST_ROWS(flags_row);

static void packet_test_flags(struct kunit *test)
{
	const struct flags_row *row = test->param_value;
	struct sluice_packet packet;
	int i;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		struct sk_buff *skb = segment_skb(test, families[i]);

		((u8 *)tcp_hdr(skb))[13] = row->flags;
		KUNIT_EXPECT_TRUE(test, sluice_packet_parse(skb, families[i], &packet));
		KUNIT_EXPECT_EQ(test, row->flags, packet.tcp_flags);
		KUNIT_EXPECT_EQ(test, row->syn, sluice_packet_is_syn(&packet));
		kfree_skb(skb);
	}
}

/* Other protocols: the first four bytes of the transport header are 12 34 56 78, the next two UDP's length. */
struct protocol_row {
	const char *desc;
	u8 protocol;
	u8 length;
	bool good;
	u16 udp_length;
	u16 source_port;
	u16 destination_port;
	u8 icmp_type, icmp_code;
};

static const struct protocol_row protocol_rows[] = {
	{ "UDP", IPPROTO_UDP, 8, true, 8, .source_port = 0x1234, .destination_port = 0x5678 },
	{ "UDP with data", IPPROTO_UDP, 100, true, 100, .source_port = 0x1234, .destination_port = 0x5678 },
	{ "UDP and padding", IPPROTO_UDP, 100, true, 99, .source_port = 0x1234, .destination_port = 0x5678 },
	{ "UDP, longer than its packet", IPPROTO_UDP, 100, false, 101 },
	{ "UDP, shorter than its header", IPPROTO_UDP, 100, false, 7 },
	{ "UDP jumbogram", IPPROTO_UDP, 100, false, 0 },
	{ "UDP, short", IPPROTO_UDP, 7, false },
	{ "ICMP", IPPROTO_ICMP, 8, true, .icmp_type = 0x12, .icmp_code = 0x34 },
	{ "ICMP, short", IPPROTO_ICMP, 7, false },
	{ "ICMPv6", IPPROTO_ICMPV6, 60, true, .icmp_type = 0x12, .icmp_code = 0x34 },
	{ "ICMPv6, short", IPPROTO_ICMPV6, 7, false },
	{ "TCP, short", IPPROTO_TCP, 19, false },
	{ "GRE", IPPROTO_GRE, 4, true },
	{ "ESP", IPPROTO_ESP, 4, true },
	{ "unassigned, empty", 253, 0, true },
};

SLUICE_TEST_ROWS(protocol_row);

static void packet_test_protocol(struct kunit *test)
{
	const struct protocol_row *row = test->param_value;
	struct sluice_packet packet;
	int i;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		struct sk_buff *skb = sluice_test_ip(test, families[i], row->protocol, row->length);

		memcpy(skb_transport_header(skb), "\x12\x34\x56\x78", min_t(u8, row->length, 4));
		if (row->udp_length)
			udp_hdr(skb)->len = htons(row->udp_length);
		/* More bytes in the buffer are not the packet's. */
		KUNIT_ASSERT_EQ(test, 0, pskb_expand_head(skb, 0, 64, GFP_KERNEL));
		skb_put_zero(skb, 64);
		KUNIT_EXPECT_EQ(test, row->good, sluice_packet_parse(skb, families[i], &packet));
		if (row->good) {
			KUNIT_EXPECT_EQ(test, row->protocol, packet.protocol);
			KUNIT_EXPECT_EQ(test, (unsigned int)row->length, packet.transport_length);
			KUNIT_EXPECT_EQ(test, row->source_port, packet.source_port);
			KUNIT_EXPECT_EQ(test, row->destination_port, packet.destination_port);
			KUNIT_EXPECT_EQ(test, row->icmp_type, packet.icmp_type);
			KUNIT_EXPECT_EQ(test, row->icmp_code, packet.icmp_code);
			KUNIT_EXPECT_EQ(test, 0, (int)packet.tcp_flags);
			KUNIT_EXPECT_FALSE(test, sluice_packet_is_syn(&packet));
		}
		kfree_skb(skb);
	}
}

struct echo_row {
	const char *desc;
	u8 family, protocol, type;
	bool echo;
};

static const struct echo_row echo_rows[] = {
	{ "IPv4, request", NFPROTO_IPV4, IPPROTO_ICMP, ICMP_ECHO, true },
	{ "IPv4, reply", NFPROTO_IPV4, IPPROTO_ICMP, ICMP_ECHOREPLY, false },
	{ "IPv4, ICMPv6's request", NFPROTO_IPV4, IPPROTO_ICMPV6, ICMPV6_ECHO_REQUEST, false },
	{ "IPv6, request", NFPROTO_IPV6, IPPROTO_ICMPV6, ICMPV6_ECHO_REQUEST, true },
	{ "IPv6, reply", NFPROTO_IPV6, IPPROTO_ICMPV6, ICMPV6_ECHO_REPLY, false },
	{ "IPv6, ICMP's request", NFPROTO_IPV6, IPPROTO_ICMP, ICMP_ECHO, false },
};

SLUICE_TEST_ROWS(echo_row);

/* Identifier and sequence number of echo requests, and of nothing else. */
static void packet_test_echo(struct kunit *test)
{
	const struct echo_row *row = test->param_value;
	struct sk_buff *skb = sluice_test_ip(test, row->family, row->protocol, 12);
	struct sluice_packet packet;

	memcpy(skb_transport_header(skb), "\0\0\0\0\x12\x34\x56\x78", 8);
	*skb_transport_header(skb) = row->type;
	KUNIT_ASSERT_TRUE(test, sluice_packet_parse(skb, row->family, &packet));
	KUNIT_EXPECT_EQ(test, row->echo, sluice_packet_is_echo(&packet));
	KUNIT_EXPECT_EQ(test, row->echo ? 0x1234 : 0, (int)packet.source_port);
	KUNIT_EXPECT_EQ(test, row->echo ? 0x5678 : 0, (int)packet.destination_port);
	/* A bit of IPv4; of IPv6 what reassembly has noted. */
	KUNIT_EXPECT_EQ(test, row->family == NFPROTO_IPV6, packet.dont_fragment);
	if (row->family == NFPROTO_IPV4)
		ip_hdr(skb)->frag_off = htons(IP_DF);
	else
		IP6CB(skb)->flags |= IP6SKB_FRAGMENTED;
	KUNIT_ASSERT_TRUE(test, sluice_packet_parse(skb, row->family, &packet));
	KUNIT_EXPECT_EQ(test, row->family == NFPROTO_IPV4, packet.dont_fragment);
	kfree_skb(skb);
}

/* Anything may come from the wire: what is taken for good lies within the buffer. */
static void packet_test_random(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	struct sluice_packet packet;
	struct rnd_state random;
	unsigned int i, good = 0;

	prandom_seed_state(&random, 1);
	for (i = 0; i < 3000; i++) {
		struct sk_buff *skb = segment_skb(test, row->family);
		unsigned int changes = 1 + prandom_u32_state(&random) % 4;

		while (changes--)
			skb->data[prandom_u32_state(&random) % skb->len] = prandom_u32_state(&random);
		skb_trim(skb, skb->len - (prandom_u32_state(&random) % 4 ? 0 : prandom_u32_state(&random) % skb->len));
		if (sluice_packet_parse(skb, row->family, &packet)) {
			good++;
			if (packet.transport_offset < fixed_length(row->family) ||
			    packet.transport_offset + packet.transport_length > skb->len ||
			    packet.tcp_payload > packet.transport_length)
				KUNIT_FAIL(test, "packet %u: %u + %u of %u bytes", i, packet.transport_offset,
					   packet.transport_length, skb->len);
		}
		kfree_skb(skb);
	}
	KUNIT_EXPECT_GT(test, good, 300U);
	KUNIT_EXPECT_LT(test, good, 2700U);
}

struct mask_row {
	const char *desc;
	const char *address;
	u8 length;
	const char *masked;
};

static const struct mask_row mask_rows[] = {
	{ "0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0, "::" },
	{ "1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, "8000::" },
	{ "8", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 8, "ff00::" },
	{ "31", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 31, "ffff:fffe::" },
	{ "32", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 32, "ffff:ffff::" },
	{ "64", "2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::" },
	{ "96", "192.0.2.255", 96, "0.0.0.0" },
	{ "104", "10.255.255.255", 104, "10.0.0.0" },
	{ "127", "192.0.2.255", 127, "192.0.2.254" },
	{ "128", "192.0.2.255", 128, "192.0.2.255" },
	{ "masked already", "2001:db8::", 32, "2001:db8::" },
};

SLUICE_TEST_ROWS(mask_row);

static void packet_test_mask(struct kunit *test)
{
	const struct mask_row *row = test->param_value;
	struct in6_addr expected = sluice_test_address(test, row->masked);
	struct in6_addr address = sluice_test_address(test, row->address);

	sluice_address_mask(&address, row->length);
	KUNIT_EXPECT_TRUE_MSG(test, ipv6_addr_equal(&address, &expected), "%pI6c", &address);
}

static struct kunit_case packet_cases[] = {
	KUNIT_CASE_PARAM(packet_test_fields, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(packet_test_surroundings, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(packet_test_truncated, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(packet_test_paged, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(packet_test_martian, martian_row_gen_params),
	KUNIT_CASE_PARAM(packet_test_byte, byte_row_gen_params),
	KUNIT_CASE_PARAM(packet_test_extension, extension_row_gen_params),
	KUNIT_CASE(packet_test_ipv4_options),
	KUNIT_CASE_PARAM(packet_test_flags, flags_row_gen_params),
	KUNIT_CASE_PARAM(packet_test_protocol, protocol_row_gen_params),
	KUNIT_CASE_PARAM(packet_test_echo, echo_row_gen_params),
	KUNIT_CASE_PARAM(packet_test_random, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(packet_test_mask, mask_row_gen_params),
	{}
};

static struct kunit_suite packet_suite = {
	.name = "sluice_packet",
	.test_cases = packet_cases,
};

kunit_test_suite(packet_suite);
