// SPDX-License-Identifier: GPL-2.0-only
/* KUnit suite of reply.c: resets and ICMP errors, field by field. */

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/tcp.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/tcp.h>

#include "reply.h"
#include "suite.h"

static const u8 families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };

static unsigned int fixed_length(u8 family)
{
	return family == NFPROTO_IPV4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

static struct sluice_test_segment segment_of(u8 family)
{
	return (struct sluice_test_segment){
		.source = sluice_test_host(family, 1),
		.destination = sluice_test_host(family, 2),
		.source_port = 40000,
		.destination_port = 443,
	};
}

/* The sum over what it covers, checksum included, is zero. */
static void expect_checksum(struct kunit *test, const struct sk_buff *skb, u8 family, u8 protocol)
{
	unsigned int length = skb->len - skb_transport_offset(skb);
	__wsum sum = skb_checksum(skb, skb_transport_offset(skb), length, 0);
	__sum16 folded;

	if (protocol == IPPROTO_ICMP)
		folded = csum_fold(sum);
	else if (family == NFPROTO_IPV4)
		folded = csum_tcpudp_magic(ip_hdr(skb)->saddr, ip_hdr(skb)->daddr, length, protocol, sum);
	else
		folded = csum_ipv6_magic(&ipv6_hdr(skb)->saddr, &ipv6_hdr(skb)->daddr, length, protocol, sum);
	KUNIT_EXPECT_EQ(test, 0, (int)(__force u16)folded);
}

/* The IP header says what it has to; the rest is in @packet. */
static void expect_ip(struct kunit *test, const struct sk_buff *reply, u8 family, const struct in6_addr *source,
		      struct sluice_packet *packet)
{
	struct in6_addr client = sluice_test_host(family, 1);

	KUNIT_ASSERT_TRUE(test, sluice_packet_parse(reply, family, packet));
	KUNIT_EXPECT_TRUE(test, ipv6_addr_equal(&packet->source, source));
	KUNIT_EXPECT_TRUE(test, ipv6_addr_equal(&packet->destination, &client));
	KUNIT_EXPECT_EQ(test, 0U, packet->network_offset);
	KUNIT_EXPECT_EQ(test, fixed_length(family), packet->transport_offset);
	KUNIT_EXPECT_EQ(test, (unsigned int)skb_transport_offset(reply), packet->transport_offset);
	KUNIT_EXPECT_EQ(test, reply->len, packet->transport_offset + packet->transport_length);
	KUNIT_EXPECT_EQ(test, family == NFPROTO_IPV4 ? ETH_P_IP : ETH_P_IPV6, (int)ntohs(reply->protocol));
	KUNIT_EXPECT_GE(test, skb_headroom(reply), (unsigned int)LL_MAX_HEADER);
	if (family == NFPROTO_IPV4)
		KUNIT_EXPECT_EQ(test, IP_DF, (int)ntohs(ip_hdr(reply)->frag_off));
}

/* RFC 9293, 3.10.7.1, segment by segment. */
struct reset_row {
	const char *desc;
	u8 flags;
	u16 payload;
	u32 sequence;
	u32 acknowledgment;
	bool none;
	u8 reply_flags;
	u32 reply_sequence;
	u32 reply_acknowledgment;
};

static const struct reset_row reset_rows[] = {
	{ "SYN", TCPHDR_SYN, 0, 1000, 0, false, TCPHDR_RST | TCPHDR_ACK, 0, 1001 },
	{ "SYN with data", TCPHDR_SYN, 10, 1000, 0, false, TCPHDR_RST | TCPHDR_ACK, 0, 1011 },
	{ "SYN with an acknowledgment that counts not", TCPHDR_SYN, 0, 1000, 7, false,
	  TCPHDR_RST | TCPHDR_ACK, 0, 1001 },
	{ "SYN at the end of the sequence space", TCPHDR_SYN, 0, U32_MAX, 0, false, TCPHDR_RST | TCPHDR_ACK, 0, 0 },
	{ "SYN FIN", TCPHDR_SYN | TCPHDR_FIN, 0, 1000, 0, false, TCPHDR_RST | TCPHDR_ACK, 0, 1002 },
	{ "SYN ACK", TCPHDR_SYN | TCPHDR_ACK, 0, 1000, 5000, false, TCPHDR_RST, 5000, 0 },
	{ "ACK", TCPHDR_ACK, 0, 1000, 5000, false, TCPHDR_RST, 5000, 0 },
	{ "ACK of 0", TCPHDR_ACK, 0, 1000, 0, false, TCPHDR_RST, 0, 0 },
	{ "data", TCPHDR_ACK | TCPHDR_PSH, 100, 1000, 5000, false, TCPHDR_RST, 5000, 0 },
	{ "data without ACK", TCPHDR_PSH, 100, 1000, 5000, false, TCPHDR_RST | TCPHDR_ACK, 0, 1100 },
	{ "FIN ACK", TCPHDR_FIN | TCPHDR_ACK, 0, 1000, 5000, false, TCPHDR_RST, 5000, 0 },
	{ "FIN", TCPHDR_FIN, 0, 1000, 0, false, TCPHDR_RST | TCPHDR_ACK, 0, 1001 },
	{ "no flags", 0, 0, 1000, 0, false, TCPHDR_RST | TCPHDR_ACK, 0, 1000 },
	{ "RST", TCPHDR_RST, 0, 1000, 0, true },
	{ "RST ACK", TCPHDR_RST | TCPHDR_ACK, 0, 1000, 5000, true },
};

SLUICE_TEST_ROWS(reset_row);

static void reply_test_reset(struct kunit *test)
{
	const struct reset_row *row = test->param_value;
	int i;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		struct sluice_test_segment segment = segment_of(families[i]);
		struct sluice_packet packet, answer;
		struct sk_buff *skb, *reply;

		/* Arrange */
		segment.flags = row->flags;
		segment.payload = row->payload;
		segment.sequence = row->sequence;
		segment.acknowledgment = row->acknowledgment;
		segment.options = 20;
		segment.tos = 0xb8;
		skb = sluice_test_skb(test, &segment);
		KUNIT_ASSERT_TRUE(test, sluice_packet_parse(skb, families[i], &packet));
		kfree_skb(skb);

		/* Act */
		reply = sluice_reply_build_reset(&packet);

		/* Assert */
		if (row->none) {
			KUNIT_EXPECT_NULL(test, reply);
			kfree_skb(reply);
			continue;
		}
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, reply);
		expect_ip(test, reply, families[i], &segment.destination, &answer);
		KUNIT_EXPECT_EQ(test, IPPROTO_TCP, (int)answer.protocol);
		KUNIT_EXPECT_EQ(test, 0, (int)answer.tos);
		KUNIT_EXPECT_EQ(test, segment.destination_port, answer.source_port);
		KUNIT_EXPECT_EQ(test, segment.source_port, answer.destination_port);
		KUNIT_EXPECT_EQ(test, row->reply_flags, answer.tcp_flags);
		KUNIT_EXPECT_EQ(test, row->reply_sequence, answer.sequence);
		KUNIT_EXPECT_EQ(test, row->reply_acknowledgment, answer.acknowledgment);
		KUNIT_EXPECT_EQ(test, 20U, answer.transport_length);
		KUNIT_EXPECT_EQ(test, 0, (int)ntohs(tcp_hdr(reply)->window));
		expect_checksum(test, reply, families[i], IPPROTO_TCP);
		kfree_skb(reply);
	}
}

/* The second word of an error: 0, an MTU, or a pointer. */
struct error_row {
	const char *desc;
	u8 family;
	struct sluice_icmp_error error;
	u32 word;
};

static const struct error_row error_rows[] = {
	{ "network unreachable", NFPROTO_IPV4, { ICMP_DEST_UNREACH, ICMP_NET_UNREACH }, 0 },
	{ "host unreachable", NFPROTO_IPV4, { ICMP_DEST_UNREACH, ICMP_HOST_UNREACH }, 0 },
	{ "fragmentation needed", NFPROTO_IPV4, { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1400 }, 1400 },
	{ "fragmentation needed, greatest", NFPROTO_IPV4, { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 65535 }, 65535 },
	{ "fragmentation needed, too great", NFPROTO_IPV4, { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 65536 }, 65535 },
	{ "another code with an MTU", NFPROTO_IPV4, { ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 1400 }, 0 },
	{ "prohibited", NFPROTO_IPV4, { ICMP_DEST_UNREACH, ICMP_PKT_FILTERED }, 0 },
	{ "time exceeded", NFPROTO_IPV4, { ICMP_TIME_EXCEEDED, ICMP_EXC_TTL }, 0 },
	{ "ICMPv6 no route", NFPROTO_IPV6, { ICMPV6_DEST_UNREACH, ICMPV6_NOROUTE }, 0 },
	{ "ICMPv6 address unreachable", NFPROTO_IPV6, { ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH }, 0 },
	{ "ICMPv6 another type with an MTU", NFPROTO_IPV6, { ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH, 1400 }, 0 },
	{ "ICMPv6 packet too big", NFPROTO_IPV6, { ICMPV6_PKT_TOOBIG, 0, 1280 }, 1280 },
	{ "ICMPv6 packet too big, jumbo", NFPROTO_IPV6, { ICMPV6_PKT_TOOBIG, 0, 0x12345678 }, 0x12345678 },
	{ "ICMPv6 parameter problem", NFPROTO_IPV6, { ICMPV6_PARAMPROB, ICMPV6_UNK_NEXTHDR, 6 }, 6 },
	{ "ICMPv6 time exceeded", NFPROTO_IPV6, { ICMPV6_TIME_EXCEED, ICMPV6_EXC_HOPLIMIT }, 0 },
};

SLUICE_TEST_ROWS(error_row);

static void reply_test_icmp(struct kunit *test)
{
	const struct error_row *row = test->param_value;
	struct in6_addr reporter = sluice_test_host(row->family, 77);
	struct sluice_test_segment segment = segment_of(row->family);
	bool ipv4 = row->family == NFPROTO_IPV4;
	struct sluice_packet packet, answer;
	struct sk_buff *skb, *reply;
	unsigned int quote;

	/* Arrange */
	segment.flags = TCPHDR_SYN;
	segment.options = 20;
	skb = sluice_test_skb(test, &segment);
	KUNIT_ASSERT_TRUE(test, sluice_packet_parse(skb, row->family, &packet));

	/* Act */
	reply = sluice_reply_build_icmp(skb, &packet, &row->error, &reporter);

	/* Assert */
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, reply);
	expect_ip(test, reply, row->family, &reporter, &answer);
	KUNIT_EXPECT_EQ(test, ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, (int)answer.protocol);
	KUNIT_EXPECT_EQ(test, row->error.type, answer.icmp_type);
	KUNIT_EXPECT_EQ(test, row->error.code, answer.icmp_code);
	KUNIT_EXPECT_EQ(test, row->word, ntohl(*(__be32 *)(skb_transport_header(reply) + 4)));
	expect_checksum(test, reply, row->family, answer.protocol);
	quote = answer.transport_offset + 8;
	KUNIT_ASSERT_EQ(test, quote + skb->len, reply->len);
	KUNIT_EXPECT_EQ(test, 0, memcmp(reply->data + quote, skb->data, skb->len));
	kfree_skb(reply);
	kfree_skb(skb);
}

/* How much of a packet of @length bytes is quoted; the answer has at most 576 bytes, or 1280 with IPv6. */
struct quote_row {
	const char *desc;
	u16 length;
	u16 ipv4;
	u16 ipv6;
};

static const struct quote_row quote_rows[] = {
	{ "shortest with IPv6", 60, 60, 60 },
	{ "odd length", 61, 61, 61 },
	{ "fits IPv4", 548, 548, 548 },
	{ "one more", 549, 548, 549 },
	{ "fits IPv6", 1232, 548, 1232 },
	{ "one more than fits IPv6", 1233, 548, 1232 },
	{ "Ethernet's longest", 1500, 548, 1232 },
	{ "a page", 4096, 548, 1232 },
};

SLUICE_TEST_ROWS(quote_row);

static void reply_test_quote(struct kunit *test)
{
	const struct quote_row *row = test->param_value;
	int i, paged;

	for (i = 0; i < ARRAY_SIZE(families) * 2; i++) {
		u8 family = families[i / 2];
		unsigned int expected = family == NFPROTO_IPV4 ? row->ipv4 : row->ipv6;
		struct sluice_icmp_error error = sluice_icmp_net_unreachable(family);
		struct in6_addr reporter = sluice_test_host(family, 77);
		struct sluice_test_segment segment = segment_of(family);
		unsigned int quote = fixed_length(family) + 8;
		struct sluice_packet packet, answer;
		struct sk_buff *skb, *reply;

		segment.payload = row->length - fixed_length(family) - sizeof(struct tcphdr);
		skb = sluice_test_skb(test, &segment);
		paged = i % 2;
		if (paged) {
			struct sk_buff *linear = skb;

			skb = sluice_test_paged(test, linear, fixed_length(family));
			kfree_skb(linear);
		} else {
			/* An Ethernet frame's padding is not quoted. */
			KUNIT_ASSERT_EQ(test, 0, pskb_expand_head(skb, 0, 64, GFP_KERNEL));
			skb_put_zero(skb, 6);
		}
		KUNIT_ASSERT_TRUE(test, sluice_packet_parse(skb, family, &packet));

		reply = sluice_reply_build_icmp(skb, &packet, &error, &reporter);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, reply);
		expect_ip(test, reply, family, &reporter, &answer);
		expect_checksum(test, reply, family, answer.protocol);
		KUNIT_ASSERT_EQ(test, quote + expected, reply->len);
		KUNIT_ASSERT_EQ(test, 0, skb_linearize(skb));
		KUNIT_EXPECT_EQ(test, 0, memcmp(reply->data + quote, skb->data, expected));
		kfree_skb(reply);
		kfree_skb(skb);
	}
}

/* The link header before a packet is not quoted. */
static void reply_test_link_header(struct kunit *test)
{
	const struct sluice_test_family *row = test->param_value;
	struct sluice_icmp_error error = sluice_icmp_prohibited(row->family);
	struct in6_addr reporter = sluice_test_host(row->family, 77);
	struct sluice_test_segment segment = segment_of(row->family);
	struct sk_buff *skb = sluice_test_skb(test, &segment), *reply;
	unsigned int quote = fixed_length(row->family) + 8;
	struct sluice_packet packet;

	KUNIT_ASSERT_EQ(test, 0, pskb_expand_head(skb, 64, 0, GFP_KERNEL));
	memset(skb_push(skb, 14), 0xee, 14);
	KUNIT_ASSERT_TRUE(test, sluice_packet_parse(skb, row->family, &packet));

	reply = sluice_reply_build_icmp(skb, &packet, &error, &reporter);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, reply);
	KUNIT_ASSERT_EQ(test, quote + skb->len - 14, reply->len);
	KUNIT_EXPECT_EQ(test, 0, memcmp(reply->data + quote, skb->data + 14, skb->len - 14));
	kfree_skb(reply);
	kfree_skb(skb);
}

/* RFC 1812, 4.3.2.5: precedence 6 and the TOS of the packet; its ECN bits are not ours to repeat. */
struct tos_row {
	const char *desc;
	u8 tos;
	u8 ipv4;
	u8 ipv6;
};

static const struct tos_row tos_rows[] = {
	{ "routine", 0x00, 0xc0, 0x00 },
	{ "low delay", 0x10, 0xd0, 0x00 },
	{ "another precedence", 0xb8, 0xd8, 0x00 },
	{ "ECN", 0x03, 0xc0, 0x00 },
};

SLUICE_TEST_ROWS(tos_row);

static void reply_test_tos(struct kunit *test)
{
	const struct tos_row *row = test->param_value;
	int i;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		u8 family = families[i];
		u8 expected = family == NFPROTO_IPV4 ? row->ipv4 : row->ipv6;
		struct sluice_icmp_error error = sluice_icmp_net_unreachable(family);
		struct in6_addr reporter = sluice_test_host(family, 77);
		struct sluice_test_segment segment = segment_of(family);
		struct sluice_packet packet, answer;
		struct sk_buff *skb, *reply;

		segment.tos = row->tos;
		skb = sluice_test_skb(test, &segment);
		KUNIT_ASSERT_TRUE(test, sluice_packet_parse(skb, family, &packet));
		reply = sluice_reply_build_icmp(skb, &packet, &error, &reporter);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, reply);
		expect_ip(test, reply, family, &reporter, &answer);
		KUNIT_EXPECT_EQ(test, (int)expected, (int)answer.tos);
		kfree_skb(reply);
		kfree_skb(skb);
	}
}

/* What the module itself says, in the numbers of RFC 792, 1122, 1812 and 4443. */
static void reply_test_own_errors(struct kunit *test)
{
	static const struct {
		struct sluice_icmp_error (*make)(u8 family);
		struct sluice_icmp_error ipv4;
		struct sluice_icmp_error ipv6;
	} errors[] = {
		{ sluice_icmp_net_unreachable, { 3, 0, 0 }, { 1, 0, 0 } },
		{ sluice_icmp_prohibited, { 3, 13, 0 }, { 1, 1, 0 } },
		{ sluice_icmp_port_unreachable, { 3, 3, 0 }, { 1, 4, 0 } },
		{ sluice_icmp_protocol_unreachable, { 3, 2, 0 }, { 4, 1, 6 } },
	};
	int i, j;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		for (j = 0; j < ARRAY_SIZE(families); j++) {
			struct sluice_icmp_error expected = j ? errors[i].ipv6 : errors[i].ipv4;
			struct sluice_icmp_error error = errors[i].make(families[j]);

			KUNIT_EXPECT_EQ(test, expected.type, error.type);
			KUNIT_EXPECT_EQ(test, expected.code, error.code);
			KUNIT_EXPECT_EQ(test, expected.mtu, error.mtu);
			KUNIT_EXPECT_TRUE(test, sluice_icmp_is_error(families[j], error.type));
		}
	}
}

/* RFC 1122, 3.2.2 lists the five of ICMP; RFC 4443, 2.1: the high bit is clear. */
static void reply_test_is_error(struct kunit *test)
{
	int type;

	for (type = 0; type < 256; type++) {
		bool ipv4 = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;

		KUNIT_EXPECT_EQ_MSG(test, ipv4, sluice_icmp_is_error(NFPROTO_IPV4, type), "type %d", type);
		KUNIT_EXPECT_EQ_MSG(test, type < 128, sluice_icmp_is_error(NFPROTO_IPV6, type), "type %d", type);
	}
}

struct transient_row {
	const char *desc;
	u8 family, type, code;
	bool transient;
};

static const struct transient_row transient_rows[] = {
	{ "IPv4 time exceeded", NFPROTO_IPV4, 11, 0, true },
	{ "IPv4 reassembly time exceeded", NFPROTO_IPV4, 11, 1, true },
	{ "IPv4 fragmentation needed", NFPROTO_IPV4, 3, 4, true },
	{ "IPv4 host unreachable", NFPROTO_IPV4, 3, 1, false },
	{ "IPv4 port unreachable", NFPROTO_IPV4, 3, 3, false },
	{ "IPv4 prohibited", NFPROTO_IPV4, 3, 13, false },
	{ "IPv6 time exceeded", NFPROTO_IPV6, 3, 0, true },
	{ "IPv6 packet too big", NFPROTO_IPV6, 2, 0, true },
	{ "IPv6 no route", NFPROTO_IPV6, 1, 0, false },
	{ "IPv6 port unreachable", NFPROTO_IPV6, 1, 4, false },
	{ "IPv6 parameter problem", NFPROTO_IPV6, 4, 1, false },
};

SLUICE_TEST_ROWS(transient_row);

/* About one packet alone, or about all of its flow. */
static void reply_test_is_transient(struct kunit *test)
{
	const struct transient_row *row = test->param_value;

	KUNIT_EXPECT_EQ(test, row->transient, sluice_icmp_is_transient(row->family, row->type, row->code));
}

static struct kunit_case reply_cases[] = {
	KUNIT_CASE_PARAM(reply_test_reset, reset_row_gen_params),
	KUNIT_CASE_PARAM(reply_test_icmp, error_row_gen_params),
	KUNIT_CASE_PARAM(reply_test_quote, quote_row_gen_params),
	KUNIT_CASE_PARAM(reply_test_link_header, sluice_test_family_gen_params),
	KUNIT_CASE_PARAM(reply_test_tos, tos_row_gen_params),
	KUNIT_CASE(reply_test_own_errors),
	KUNIT_CASE(reply_test_is_error),
	KUNIT_CASE_PARAM(reply_test_is_transient, transient_row_gen_params),
	{}
};

static struct kunit_suite reply_suite = {
	.name = "sluice_reply",
	.test_cases = reply_cases,
};

kunit_test_suite(reply_suite);
