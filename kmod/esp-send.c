// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending ESP: a packet that was routed to a network's device goes to the client whose inner address it is for, under the
 * newest key that the client has been heard with, to where it was heard from.
 *
 *	whose address? -> banned? -> heard under the current generation, else under the previous? -> may this key send more?
 *	-> route -> path MTU -> a copy, unless nobody else has these bytes -> trailer, ESP header -> key -> out
 */

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netdevice.h>
#include <net/icmp.h>
#include <net/dsfield.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/ip6_tunnel.h>
#include <net/ip_tunnels.h>
#include <net/udp.h>
#include <net/udp_tunnel.h>

#include "cipher.h"
#include "esp.h"
#include "layout.h"
#include "net.h"
#include "network.h"
#include "packet.h"
#include "trace.h"

/**
 * struct sluice_outgoing - a packet on its way to a client
 * @network: whose device it was routed to
 * @to: outer destination
 * @source: outer source
 * @generation: whose key
 * @spi: host byte order
 * @sequence: sequence number
 * @dst: outer route, with a reference
 * @tos: of the inner packet
 */
struct sluice_outgoing {
	struct sluice_network *network;
	struct sluice_endpoint to;
	struct in6_addr source;
	struct sluice_generation *generation;
	u32 spi;
	u32 sequence;
	struct dst_entry *dst;
	u8 tos;
};

static bool to_ipv4(const struct sluice_outgoing *out)
{
	return ipv6_addr_v4mapped(&out->to.address);
}

/* The key is one to be replaced. */
static void tell_due(const struct sluice_outgoing *out, u32 id)
{
	const struct sluice_anomaly_report anomaly = {
		.id = id, .generation = out->generation->number, .incarnation = sluice_spi_incarnation(out->spi),
		.kind = SLUICE_ANOMALY_EXHAUSTING, .now = out->to,
	};

	sluice_anomaly_tell(out->generation->anomalies, &anomaly);
}

/* Takes the next sequence number, if the client has been heard under this generation.  SLUICE_ESP_GO_ON, or why not. */
static int take_sequence(struct sluice_outgoing *out, struct sluice_generation *generation, u32 id)
{
	spinlock_t *lock = sluice_record_lock(&generation->records, id);
	struct sluice_record *record = sluice_record_find(&generation->records, id);
	int why = SLUICE_NS_COUNT_ESP_SEND_UNHEARD;

	if (!record)
		return why;
	spin_lock(lock);
	if (record->flags & SLUICE_RECORD_HEARD && record->incarnation >= record->incarnation_min) {
		why = SLUICE_NS_COUNT_ESP_SEND_EXHAUSTED;
		out->sequence = sluice_record_next(record);
		if (out->sequence) {
			why = SLUICE_ESP_GO_ON;
			out->spi = sluice_spi(generation->number, true, id, record->incarnation);
			out->to.address = record->address;
			out->to.port = record->port;
			out->generation = generation;
		}
	}
	spin_unlock(lock);
	if (unlikely(sluice_sequence_is_due(out->sequence - 1, out->sequence)))
		tell_due(out, id);
	return why;
}

static int find_key(struct sluice_outgoing *out, u32 id)
{
	struct sluice_esp *esp = &out->network->sn->esp;
	struct sluice_generation *current_ = rcu_dereference(esp->current_);
	struct sluice_generation *previous = rcu_dereference(esp->previous);
	int why = SLUICE_NS_COUNT_ESP_SEND_UNHEARD;

	if (sluice_generation_live(current_))
		why = take_sequence(out, current_, id);
	if (why == SLUICE_NS_COUNT_ESP_SEND_UNHEARD && sluice_generation_live(previous))
		why = take_sequence(out, previous, id);
	return why;
}

static void configured_source(const struct sluice_esp *esp, unsigned int family, struct in6_addr *source)
{
	unsigned int begin;

	do {
		begin = read_seqbegin(&esp->source_lock);
		*source = esp->source[family];
	} while (read_seqretry(&esp->source_lock, begin));
}

static int route_ipv4(struct sluice_outgoing *out, struct net *net, __be16 source_port)
{
	struct flowi4 flow = {
		.daddr = out->to.address.s6_addr32[3],
		.flowi4_proto = out->to.port ? IPPROTO_UDP : IPPROTO_ESP,
		.flowi4_tos = RT_TOS(out->tos),
		.fl4_dport = out->to.port,
		.fl4_sport = source_port,
	};
	struct rtable *route;

	if (ipv6_addr_v4mapped(&out->source))
		flow.saddr = out->source.s6_addr32[3];
	route = ip_route_output_flow(net, &flow, NULL);
	if (IS_ERR(route))
		return PTR_ERR(route);
	ipv6_addr_set_v4mapped(flow.saddr, &out->source);
	out->dst = &route->dst;
	return 0;
}

static int route_ipv6(struct sluice_outgoing *out, struct net *net, __be16 source_port)
{
	struct flowi6 flow = {
		.daddr = out->to.address,
		.saddr = out->source,
		.flowi6_proto = out->to.port ? IPPROTO_UDP : IPPROTO_ESP,
		.fl6_dport = out->to.port,
		.fl6_sport = source_port,
	};
	struct dst_entry *dst = ip6_dst_lookup_flow(net, NULL, &flow, NULL);

	if (IS_ERR(dst))
		return PTR_ERR(dst);
	out->dst = dst;
	out->source = flow.saddr;
	return 0;
}

static int find_route(struct sluice_outgoing *out, __be16 source_port)
{
	struct sluice_net *sn = out->network->sn;
	bool ipv4 = to_ipv4(out);

	configured_source(&sn->esp, ipv4 ? SLUICE_POOL_IPV4 : SLUICE_POOL_IPV6, &out->source);
	if (ipv4 ? route_ipv4(out, sn->net, source_port) : route_ipv6(out, sn->net, source_port))
		return SLUICE_NS_COUNT_ESP_SEND_NO_ROUTE;
	/* Through itself a packet would go round until the stack ends. */
	return sluice_dev_is_network(out->dst->dev) ? SLUICE_NS_COUNT_ESP_SEND_NO_ROUTE : SLUICE_ESP_GO_ON;
}

/* Bytes of inner packet that fit into @mtu bytes of outer packet: text is padded to 4 bytes (RFC 4303, 2.4). */
static unsigned int inner_mtu(const struct sluice_outgoing *out, unsigned int mtu)
{
	unsigned int outside = (to_ipv4(out) ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) +
			       (out->to.port ? sizeof(struct udphdr) : 0) + SLUICE_ESP_OVERHEAD + SLUICE_ESP_ICV;

	return ((mtu - outside) & ~3U) - 2;
}

/*
 * A socket of the kernel's own (it sends echo replies and ICMP errors) has nobody behind it to be told, and its lock is held
 * while it sends: another ICMP error would want that very lock.
 */
static bool may_be_told(const struct sk_buff *skb)
{
	return !(skb->sk && sk_fullsock(skb->sk) && skb->sk->sk_kern_sock);
}

/* A packet that must not be cut, and the path is too narrow for it: its sender is told (RFC 1191, RFC 8201). */
static int check_mtu(struct sluice_outgoing *out, struct sk_buff *skb)
{
	unsigned int mtu = inner_mtu(out, dst_mtu(out->dst));

	if (skb->len <= mtu)
		return SLUICE_ESP_GO_ON;
	if (skb->protocol == htons(ETH_P_IPV6) ? mtu < IPV6_MIN_MTU : !(ip_hdr(skb)->frag_off & htons(IP_DF)))
		return SLUICE_ESP_GO_ON;
	/* A sender of this host learns it from the route. */
	if (skb->sk)
		skb_dst_update_pmtu_no_confirm(skb, mtu);
	if (!may_be_told(skb))
		return SLUICE_NS_COUNT_ESP_SEND_TOO_BIG;
	if (skb->protocol == htons(ETH_P_IPV6))
		icmpv6_ndo_send(skb, ICMPV6_PKT_TOOBIG, 0, mtu);
	else
		icmp_ndo_send(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, htonl(mtu));
	return SLUICE_NS_COUNT_ESP_SEND_TOO_BIG;
}

/* Room before and behind, in one piece that nobody else has. */
static int make_room(const struct sluice_outgoing *out, struct sk_buff *skb, unsigned int trailer)
{
	unsigned int before = LL_RESERVED_SPACE(out->dst->dev) + out->dst->header_len + sizeof(struct ipv6hdr) +
			      sizeof(struct udphdr) + SLUICE_ESP_OVERHEAD;
	int head, tail;

	if (skb_linearize_cow(skb))
		return SLUICE_NS_COUNT_ESP_SEND_MEMORY;
	head = max_t(int, 0, before - skb_headroom(skb));
	tail = max_t(int, 0, trailer - skb_tailroom(skb));
	if ((head || tail) && pskb_expand_head(skb, SKB_DATA_ALIGN(head), tail, GFP_ATOMIC))
		return SLUICE_NS_COUNT_ESP_SEND_MEMORY;
	return SLUICE_ESP_GO_ON;
}

/* The packet becomes the text of an ESP packet. */
static int encapsulate(struct sluice_outgoing *out, struct sk_buff *skb)
{
	unsigned int padding = -(skb->len + 2) & 3, trailer = padding + 2 + SLUICE_ESP_ICV, i;
	u8 next_header = skb->protocol == htons(ETH_P_IP) ? IPPROTO_IPIP : IPPROTO_IPV6;
	struct sluice_cipher *cipher;
	u8 *tail, *header;
	int why;

	why = make_room(out, skb, trailer);
	if (why != SLUICE_ESP_GO_ON)
		return why;
	skb->encapsulation = 0;
	skb_reset_inner_network_header(skb);	/* from where the device's bytes are counted */
	tail = __skb_put(skb, trailer);
	for (i = 0; i < padding; i++)
		tail[i] = i + 1;
	tail[padding] = padding;
	tail[padding + 1] = next_header;
	header = __skb_push(skb, SLUICE_ESP_OVERHEAD);
	put_unaligned_be32(out->spi, header);
	put_unaligned_be32(out->sequence, header + 4);
	put_unaligned_be32(out->network->sn->esp.iv_prefix, header + 8);
	put_unaligned_be32(out->sequence, header + 12);

	cipher = sluice_cipher_get(out->generation, out->spi);
	if (!cipher || sluice_cipher_encrypt(cipher, skb->data, skb->len))
		return SLUICE_NS_COUNT_ESP_SEND_MEMORY;
	sluice_cipher_keep(cipher);
	return SLUICE_ESP_GO_ON;
}

/* Consumes @skb, and the route. */
static void transmit(struct sluice_outgoing *out, struct sk_buff *skb, __be16 source_port)
{
	struct net_device *dev = out->network->dev;
	/* Service class and congestion field of the inner packet (RFC 6040, 4.1, normal mode). */
	u8 tos = out->tos;
	struct rtable *route;

	memset(skb->cb, 0, sizeof(skb->cb));
	skb_clear_hash(skb);
	skb->ip_summed = CHECKSUM_NONE;
	/* Routers may cut the outer packet: the client puts it together. */
	if (to_ipv4(out)) {
		route = container_of(out->dst, struct rtable, dst);
		if (out->to.port)
			udp_tunnel_xmit_skb(route, NULL, skb, out->source.s6_addr32[3], out->to.address.s6_addr32[3], tos,
					    ip4_dst_hoplimit(out->dst), 0, source_port, out->to.port, true, true);
		else
			iptunnel_xmit(NULL, route, skb, out->source.s6_addr32[3], out->to.address.s6_addr32[3],
				      IPPROTO_ESP, tos, ip4_dst_hoplimit(out->dst), 0, true);
		return;
	}
	skb_scrub_packet(skb, true);
	skb->ignore_df = 1;
	if (out->to.port) {
		/* With a checksum: RFC 3948, 2.1 asks for none over IPv4 only. */
		udp_tunnel6_xmit_skb(out->dst, NULL, skb, dev, &out->source, &out->to.address, tos,
				     ip6_dst_hoplimit(out->dst), 0, source_port, out->to.port, false);
		return;
	}
	skb_dst_set(skb, out->dst);
	skb_push(skb, sizeof(struct ipv6hdr));
	skb_reset_network_header(skb);
	ip6_flow_hdr(ipv6_hdr(skb), tos, 0);
	ipv6_hdr(skb)->payload_len = htons(skb->len - sizeof(struct ipv6hdr));
	ipv6_hdr(skb)->nexthdr = IPPROTO_ESP;
	ipv6_hdr(skb)->hop_limit = ip6_dst_hoplimit(out->dst);
	ipv6_hdr(skb)->saddr = out->source;
	ipv6_hdr(skb)->daddr = out->to.address;
	skb->protocol = htons(ETH_P_IPV6);
	ip6tunnel_xmit(NULL, skb, dev);
}

/* Nobody there: the sender is told (RFC 1812, 5.2.7.1), unless it was sent to many. */
static void answer_unreachable(struct sk_buff *skb)
{
	if (!may_be_told(skb))
		return;
	if (skb->protocol == htons(ETH_P_IP))
		icmp_ndo_send(skb, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
	else if (!ipv6_addr_is_multicast(&ipv6_hdr(skb)->daddr))
		icmpv6_ndo_send(skb, ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH, 0);
}

/* Whose address?  0: nobody's, or one that is banned. */
static u32 destination_id(struct sluice_outgoing *out, struct sk_buff *skb)
{
	struct sluice_esp *esp = &out->network->sn->esp;
	struct in6_addr address;
	u32 id;

	if (skb->protocol == htons(ETH_P_IP)) {
		ipv6_addr_set_v4mapped(ip_hdr(skb)->daddr, &address);
		out->tos = ip_hdr(skb)->tos;
	} else {
		address = ipv6_hdr(skb)->daddr;
		out->tos = ipv6_get_dsfield(ipv6_hdr(skb));
	}
	id = sluice_pool_id(rcu_dereference(esp->pools), out->network, &address);
	return id && !sluice_esp_banned(esp, id) ? id : 0;
}

static int send(struct sluice_outgoing *out, struct sk_buff *skb)
{
	u16 port = READ_ONCE(out->network->sn->esp.udp_port);
	u32 id;
	int why;

	/* Neither family, or not even a header: nobody's, and nothing to be answered. */
	if ((skb->protocol != htons(ETH_P_IP) && skb->protocol != htons(ETH_P_IPV6)) || !pskb_inet_may_pull(skb))
		return SLUICE_NS_COUNT_ESP_SEND_NO_ROUTE;
	id = destination_id(out, skb);
	if (!id)
		return SLUICE_NS_COUNT_ESP_SEND_NO_CLIENT;
	why = find_key(out, id);
	if (why != SLUICE_ESP_GO_ON)
		return why;
	if (out->to.port && !port)
		return SLUICE_NS_COUNT_ESP_SEND_NO_ROUTE;
	why = find_route(out, out->to.port ? htons(port) : 0);
	if (why != SLUICE_ESP_GO_ON)
		return why;
	why = check_mtu(out, skb);
	if (why != SLUICE_ESP_GO_ON)
		return why;
	why = encapsulate(out, skb);
	if (why != SLUICE_ESP_GO_ON)
		return why;
	transmit(out, skb, htons(port));
	out->dst = NULL;
	return SLUICE_NS_COUNT_ESP_SENT;
}

void sluice_esp_send(struct sluice_network *network, struct sk_buff *skb)
{
	struct sluice_outgoing out = { .network = network };
	struct net_device *dev = network->dev;
	int why = send(&out, skb);

	sluice_ns_count(network->sn, why);
	trace_sluice_esp_send(out.spi, out.sequence, &out.to, why);
	if (why == SLUICE_NS_COUNT_ESP_SENT)
		return;
	dst_release(out.dst);
	if (why == SLUICE_NS_COUNT_ESP_SEND_NO_CLIENT || why == SLUICE_NS_COUNT_ESP_SEND_UNHEARD)
		answer_unreachable(skb);
	DEV_STATS_INC(dev, tx_errors);
	kfree_skb(skb);
}
