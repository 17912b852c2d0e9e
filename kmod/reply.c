// SPDX-License-Identifier: GPL-2.0-only
/* Answers to clients, see reply.h. */

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/tcp.h>
#include <net/dsfield.h>
#include <net/inet_ecn.h>
#include <net/inetpeer.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/route.h>
#include <net/tcp.h>
#include <net/xfrm.h>

#include "kunit.h"
#include "network.h"
#include "reply.h"

/* An ICMP error quotes as much as fits without exceeding these (RFC 1812, 4.3.2.3; RFC 4443, 2.4). */
#define ICMP_ERROR_MAX		576
#define ICMPV6_ERROR_MAX	IPV6_MIN_MTU

struct sluice_icmp_error sluice_icmp_net_unreachable(u8 family)
{
	if (family == NFPROTO_IPV4)
		return (struct sluice_icmp_error){ .type = ICMP_DEST_UNREACH, .code = ICMP_NET_UNREACH };
	return (struct sluice_icmp_error){ .type = ICMPV6_DEST_UNREACH, .code = ICMPV6_NOROUTE };
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_icmp_net_unreachable);

struct sluice_icmp_error sluice_icmp_prohibited(u8 family)
{
	if (family == NFPROTO_IPV4)
		return (struct sluice_icmp_error){ .type = ICMP_DEST_UNREACH, .code = ICMP_PKT_FILTERED };
	return (struct sluice_icmp_error){ .type = ICMPV6_DEST_UNREACH, .code = ICMPV6_ADM_PROHIBITED };
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_icmp_prohibited);

struct sluice_icmp_error sluice_icmp_time_exceeded(u8 family)
{
	if (family == NFPROTO_IPV4)
		return (struct sluice_icmp_error){ .type = ICMP_TIME_EXCEEDED, .code = ICMP_EXC_TTL };
	return (struct sluice_icmp_error){ .type = ICMPV6_TIME_EXCEED, .code = ICMPV6_EXC_HOPLIMIT };
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_icmp_time_exceeded);

struct sluice_icmp_error sluice_icmp_port_unreachable(u8 family)
{
	if (family == NFPROTO_IPV4)
		return (struct sluice_icmp_error){ .type = ICMP_DEST_UNREACH, .code = ICMP_PORT_UNREACH };
	return (struct sluice_icmp_error){ .type = ICMPV6_DEST_UNREACH, .code = ICMPV6_PORT_UNREACH };
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_icmp_port_unreachable);

struct sluice_icmp_error sluice_icmp_protocol_unreachable(u8 family)
{
	if (family == NFPROTO_IPV4)
		return (struct sluice_icmp_error){ .type = ICMP_DEST_UNREACH, .code = ICMP_PROT_UNREACH };
	/* ICMPv6 says it by a parameter problem that points at the next header field (RFC 8200, 4). */
	return (struct sluice_icmp_error){ .type = ICMPV6_PARAMPROB, .code = ICMPV6_UNK_NEXTHDR,
					   .mtu = offsetof(struct ipv6hdr, nexthdr) };
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_icmp_protocol_unreachable);

bool sluice_icmp_is_error(u8 family, u8 type)
{
	if (family == NFPROTO_IPV4)
		return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
		       type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
	return !(type & ICMPV6_INFOMSG_MASK);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_icmp_is_error);

bool sluice_icmp_is_transient(u8 family, u8 type, u8 code)
{
	if (family == NFPROTO_IPV4)
		return type == ICMP_TIME_EXCEEDED || (type == ICMP_DEST_UNREACH && code == ICMP_FRAG_NEEDED);
	return type == ICMPV6_TIME_EXCEED || type == ICMPV6_PKT_TOOBIG;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_icmp_is_transient);

/*
 * An empty IP packet from @source to @destination with room for @length bytes of @protocol, whose header
 * the transport header points at.  TTL is set when the route is known.
 */
static struct sk_buff *reply_alloc(u8 family, const struct in6_addr *source, const struct in6_addr *destination,
				   u8 protocol, u8 tos, unsigned int length)
{
	unsigned int header_length = family == NFPROTO_IPV4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	struct sk_buff *skb;

	skb = alloc_skb(LL_MAX_HEADER + header_length + length, GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb_reserve(skb, LL_MAX_HEADER);
	skb_reset_network_header(skb);
	if (family == NFPROTO_IPV4) {
		struct iphdr *header = skb_put_zero(skb, sizeof(*header));

		header->version = 4;
		header->ihl = sizeof(*header) / 4;
		header->tos = tos;
		header->tot_len = htons(sizeof(*header) + length);
		header->frag_off = htons(IP_DF);	/* atomic, needs no identification (RFC 6864, 4.1) */
		header->protocol = protocol;
		header->saddr = source->s6_addr32[3];
		header->daddr = destination->s6_addr32[3];
		skb->protocol = htons(ETH_P_IP);
	} else {
		struct ipv6hdr *header = skb_put_zero(skb, sizeof(*header));

		ip6_flow_hdr(header, tos, 0);
		header->payload_len = htons(length);
		header->nexthdr = protocol;
		header->saddr = *source;
		header->daddr = *destination;
		skb->protocol = htons(ETH_P_IPV6);
	}
	skb_set_transport_header(skb, header_length);
	return skb;
}

static __sum16 reply_checksum(const struct sk_buff *skb, u8 family, u8 protocol)
{
	unsigned int length = skb->len - skb_transport_offset(skb);
	__wsum sum = csum_partial(skb_transport_header(skb), length, 0);

	if (family == NFPROTO_IPV4)
		return csum_tcpudp_magic(ip_hdr(skb)->saddr, ip_hdr(skb)->daddr, length, protocol, sum);
	return csum_ipv6_magic(&ipv6_hdr(skb)->saddr, &ipv6_hdr(skb)->daddr, length, protocol, sum);
}

/**
 * sluice_reply_build_reset() - the RST that a host without this connection sends
 * @packet: the segment to answer
 *
 * RFC 9293, 3.10.7.1: with ACK, seq = SEG.ACK and no ACK; else seq = 0, ack = SEG.SEQ + SEG.LEN.
 *
 * Return: the packet from the segment's destination to its source; NULL for a reset, or without memory.
 */
struct sk_buff *sluice_reply_build_reset(const struct sluice_packet *packet)
{
	struct tcphdr *header;
	struct sk_buff *skb;

	if (packet->tcp_flags & TCPHDR_RST)
		return NULL;
	skb = reply_alloc(packet->family, &packet->destination, &packet->source, IPPROTO_TCP, 0, sizeof(*header));
	if (!skb)
		return NULL;
	header = skb_put_zero(skb, sizeof(*header));
	header->source = htons(packet->destination_port);
	header->dest = htons(packet->source_port);
	header->doff = sizeof(*header) / 4;
	header->rst = 1;
	if (packet->tcp_flags & TCPHDR_ACK) {
		header->seq = htonl(packet->acknowledgment);
	} else {
		header->ack = 1;
		header->ack_seq = htonl(packet->sequence + packet->tcp_payload +
					!!(packet->tcp_flags & TCPHDR_SYN) + !!(packet->tcp_flags & TCPHDR_FIN));
	}
	header->check = reply_checksum(skb, packet->family, IPPROTO_TCP);
	return skb;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_reply_build_reset);

/**
 * sluice_reply_build_icmp() - an ICMP or ICMPv6 error about a packet
 * @skb: the packet
 * @packet: the same, parsed
 * @error: type, code and MTU
 * @source: who reports it
 *
 * Return: the error to the packet's source, quoting as much of the packet as may be; NULL without memory.
 */
struct sk_buff *sluice_reply_build_icmp(const struct sk_buff *skb, const struct sluice_packet *packet,
					const struct sluice_icmp_error *error, const struct in6_addr *source)
{
	bool ipv4 = sluice_is_ipv4(packet);
	unsigned int room = ipv4 ? ICMP_ERROR_MAX - sizeof(struct iphdr) - sizeof(struct icmphdr) :
				   ICMPV6_ERROR_MAX - sizeof(struct ipv6hdr) - sizeof(struct icmp6hdr);
	unsigned int quoted = min(packet->transport_offset - packet->network_offset + packet->transport_length, room);
	/* Errors travel with the precedence of internetwork control (RFC 1812, 4.3.2.5). */
	u8 tos = ipv4 ? (packet->tos & IPTOS_TOS_MASK & ~INET_ECN_MASK) | IPTOS_PREC_INTERNETCONTROL : 0;
	u8 protocol = ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	struct sk_buff *reply;

	BUILD_BUG_ON(sizeof(struct icmphdr) != sizeof(struct icmp6hdr));
	reply = reply_alloc(packet->family, source, &packet->source, protocol, tos, sizeof(struct icmphdr) + quoted);
	if (!reply)
		return NULL;
	if (ipv4) {
		struct icmphdr *header = skb_put_zero(reply, sizeof(*header));

		header->type = error->type;
		header->code = error->code;
		if (error->type == ICMP_DEST_UNREACH && error->code == ICMP_FRAG_NEEDED)
			header->un.frag.mtu = htons(min(error->mtu, 65535U));
	} else {
		struct icmp6hdr *header = skb_put_zero(reply, sizeof(*header));

		header->icmp6_type = error->type;
		header->icmp6_code = error->code;
		if (error->type == ICMPV6_PKT_TOOBIG || error->type == ICMPV6_PARAMPROB)
			header->icmp6_mtu = htonl(error->mtu);	/* or the pointer: the same word */
	}
	if (skb_copy_bits(skb, packet->network_offset, skb_put(reply, quoted), quoted)) {
		kfree_skb(reply);
		return NULL;
	}
	if (ipv4)
		icmp_hdr(reply)->checksum = ip_compute_csum(icmp_hdr(reply), sizeof(struct icmphdr) + quoted);
	else
		icmp6_hdr(reply)->icmp6_cksum = reply_checksum(reply, packet->family, protocol);
	return reply;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_reply_build_icmp);

static struct dst_entry *route_ipv4(struct net *net, const struct iphdr *header)
{
	struct flowi4 flow = {
		.daddr = header->daddr,
		.saddr = header->saddr,
		.flowi4_proto = header->protocol,
		/* The source is the server's or a router's, not ours. */
		.flowi4_flags = FLOWI_FLAG_ANYSRC,
	};
	struct rtable *route = ip_route_output_flow(net, &flow, NULL);

	return IS_ERR(route) ? ERR_CAST(route) : &route->dst;
}

static struct dst_entry *route_ipv6(struct net *net, const struct ipv6hdr *header)
{
	struct flowi6 flow = {
		.daddr = header->daddr,
		.saddr = header->saddr,
		.flowi6_proto = header->nexthdr,
		.flowi6_flags = FLOWI_FLAG_ANYSRC,
	};
	struct dst_entry *dst = ip6_route_output(net, NULL, &flow);

	if (dst->error) {
		int err = dst->error;

		dst_release(dst);
		return ERR_PTR(err);
	}
	/* Access networks may lie behind IPsec; IPv4's lookup above has done this already. */
	return xfrm_lookup(net, dst, flowi6_to_flowi(&flow), NULL, 0);
}

/* Routes and sends an answer with @ttl, 0: the host's default; consumes it. */
static void reply_send(struct sluice_network *network, struct sk_buff *skb, u8 ttl)
{
	struct net *net = dev_net(network->dev);
	bool ipv4 = skb->protocol == htons(ETH_P_IP);
	struct dst_entry *dst = ipv4 ? route_ipv4(net, ip_hdr(skb)) : route_ipv6(net, ipv6_hdr(skb));

	if (IS_ERR(dst)) {
		sluice_count(network, SLUICE_COUNT_REPLY_FAILED);
		kfree_skb(skb);
		return;
	}
	skb_dst_set(skb, dst);
	skb->dev = dst->dev;
	/* Conntrack saw no request: a rule that drops what is INVALID must not drop the answer. */
	nf_ct_set(skb, NULL, IP_CT_UNTRACKED);
	local_bh_disable();
	if (ipv4) {
		ip_hdr(skb)->ttl = ttl ?: ip4_dst_hoplimit(dst);
		ip_select_ident(net, skb, NULL);
		ip_local_out(net, NULL, skb);
	} else {
		ipv6_hdr(skb)->hop_limit = ttl ?: ip6_dst_hoplimit(dst);
		ip6_local_out(net, NULL, skb);
	}
	local_bh_enable();
}

void sluice_reply_reset(struct sluice_network *network, const struct sluice_packet *packet)
{
	struct sk_buff *reply = sluice_reply_build_reset(packet);

	if (reply)
		reply_send(network, reply, 0);
	else
		sluice_count(network, SLUICE_COUNT_REPLY_FAILED);
}

void sluice_reply_icmp(struct sluice_network *network, const struct sk_buff *skb, const struct sluice_packet *packet,
		       const struct sluice_icmp_error *error, const struct in6_addr *source)
{
	struct in6_addr gateway;
	struct sk_buff *reply;

	if (!source) {
		if (!sluice_network_gateway(network, packet->family, &gateway)) {
			sluice_count(network, SLUICE_COUNT_REPLY_FAILED);
			return;
		}
		source = &gateway;
	}
	reply = sluice_reply_build_icmp(skb, packet, error, source);
	if (reply)
		reply_send(network, reply, 0);
	else
		sluice_count(network, SLUICE_COUNT_REPLY_FAILED);
}

bool sluice_reply_allowed(struct sluice_network *network, const struct sluice_packet *packet)
{
	struct net *net = dev_net(network->dev);

	if (sluice_is_ipv4(packet))
		return inet_peer_xrlim_allow(inet_getpeer_v4(net->ipv4.peers, packet->source.s6_addr32[3], 0),
					     READ_ONCE(net->ipv4.sysctl_icmp_ratelimit));
	return inet_peer_xrlim_allow(inet_getpeer_v6(net->ipv6.peers, &packet->source),
				     READ_ONCE(net->ipv6.sysctl.icmpv6_time));
}

void sluice_reply_refuse(struct sluice_network *network, const struct sk_buff *skb, const struct sluice_packet *packet)
{
	struct sluice_icmp_error error;

	if (packet->protocol == IPPROTO_TCP) {
		sluice_reply_reset(network, packet);
	} else if (packet->protocol == IPPROTO_UDP) {
		error = sluice_icmp_port_unreachable(packet->family);
		sluice_reply_icmp(network, skb, packet, &error, &packet->destination);
	} else {
		error = sluice_icmp_protocol_unreachable(packet->family);
		sluice_reply_icmp(network, skb, packet, &error, NULL);
	}
}

/* Swaps the addresses, turns the type and mends the checksum of a request that is ours to write to. */
static void echo_turn(struct sk_buff *skb, const struct sluice_packet *packet)
{
	if (sluice_is_ipv4(packet)) {
		struct icmphdr *header = icmp_hdr(skb);

		swap(ip_hdr(skb)->saddr, ip_hdr(skb)->daddr);
		csum_replace2(&header->checksum, htons(ICMP_ECHO << 8), htons(ICMP_ECHOREPLY << 8));
		header->type = ICMP_ECHOREPLY;
		ip_hdr(skb)->frag_off = 0;	/* larger than the MTU it is fragmented on its way out */
	} else {
		struct icmp6hdr *header = icmp6_hdr(skb);

		swap(ipv6_hdr(skb)->saddr, ipv6_hdr(skb)->daddr);
		csum_replace2(&header->icmp6_cksum, htons(ICMPV6_ECHO_REQUEST << 8), htons(ICMPV6_ECHO_REPLY << 8));
		header->icmp6_type = ICMPV6_ECHO_REPLY;
	}
}

/* Options and extension headers are for the way here: the reply has the fixed header alone. */
static void echo_trim_header(struct sk_buff *skb, const struct sluice_packet *packet)
{
	unsigned int fixed = sluice_is_ipv4(packet) ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	unsigned int extra = packet->transport_offset - packet->network_offset - fixed;

	if (!extra)
		return;
	memmove(skb->data + extra, skb->data, fixed);
	__skb_pull(skb, extra);
	skb_reset_network_header(skb);
	if (sluice_is_ipv4(packet))
		ip_hdr(skb)->ihl = fixed / 4;
	else
		ipv6_hdr(skb)->nexthdr = IPPROTO_ICMPV6;
}

void sluice_reply_echo(struct sluice_network *network, struct sk_buff *skb, const struct sluice_packet *packet,
		       u8 ttl)
{
	unsigned int headers = packet->transport_offset + sizeof(struct icmphdr);

	if (skb_ensure_writable(skb, headers)) {
		sluice_count(network, SLUICE_COUNT_REPLY_FAILED);
		kfree_skb(skb);
		return;
	}
	__skb_pull(skb, packet->network_offset);
	skb_reset_network_header(skb);
	echo_trim_header(skb, packet);
	skb_set_transport_header(skb, sluice_is_ipv4(packet) ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
	echo_turn(skb, packet);

	skb_scrub_packet(skb, true);
	memset(skb->cb, 0, sizeof(skb->cb));
	skb->ip_summed = CHECKSUM_NONE;
	skb->pkt_type = PACKET_OUTGOING;
	skb->ignore_df = 1;
	skb->protocol = sluice_is_ipv4(packet) ? htons(ETH_P_IP) : htons(ETH_P_IPV6);
	reply_send(network, skb, ttl);
}
