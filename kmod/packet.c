// SPDX-License-Identifier: GPL-2.0-only
/* Parsing of packets, see packet.h.  Pure: no state, no locks. */

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/tcp.h>

#include "kunit.h"
#include "packet.h"

bool sluice_packet_is_syn(const struct sluice_packet *packet)
{
	return (packet->tcp_flags & (TCPHDR_SYN | TCPHDR_ACK | TCPHDR_RST | TCPHDR_FIN)) == TCPHDR_SYN;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_packet_is_syn);

void sluice_packet_source(const struct sk_buff *skb, u8 family, struct in6_addr *source)
{
	/* Both receive paths made the fixed header linear before PRE_ROUTING. */
	if (family == NFPROTO_IPV4)
		ipv6_addr_set_v4mapped(ip_hdr(skb)->saddr, source);
	else
		*source = ipv6_hdr(skb)->saddr;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_packet_source);

void sluice_address_mask(struct in6_addr *address, unsigned int length)
{
	struct in6_addr whole = *address;

	ipv6_addr_prefix(address, &whole, length);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_address_mask);

static bool parse_ipv4(const struct sk_buff *skb, struct sluice_packet *packet)
{
	struct iphdr buffer;
	const struct iphdr *header;
	unsigned int length;

	header = skb_header_pointer(skb, packet->network_offset, sizeof(buffer), &buffer);
	if (!header || header->version != 4 || header->ihl < 5)
		return false;
	/* Only a whole packet has a transport header to look at. */
	if (ip_is_fragment(header))
		return false;
	/* The far end would be the agent's own host (RFC 1122, 3.2.1.3). */
	if (ipv4_is_loopback(header->daddr) || ipv4_is_zeronet(header->daddr))
		return false;
	/* Segments merged beyond 64 KiB ("BIG TCP") have no length of their own, here and in IPv6. */
	length = iph_totlen(skb, header);
	if (length < header->ihl * 4 || length > skb->len - packet->network_offset)
		return false;

	ipv6_addr_set_v4mapped(header->saddr, &packet->source);
	ipv6_addr_set_v4mapped(header->daddr, &packet->destination);
	packet->protocol = header->protocol;
	packet->ttl = header->ttl;
	packet->tos = header->tos;
	packet->dont_fragment = header->frag_off & htons(IP_DF);
	packet->transport_offset = packet->network_offset + header->ihl * 4;
	packet->transport_length = length - header->ihl * 4;
	return true;
}

static bool parse_ipv6(const struct sk_buff *skb, struct sluice_packet *packet)
{
	struct ipv6hdr buffer;
	const struct ipv6hdr *header;
	__be16 fragment_offset = 0;
	unsigned int length;
	int offset;
	u8 next;

	header = skb_header_pointer(skb, packet->network_offset, sizeof(buffer), &buffer);
	if (!header || header->version != 6)
		return false;
	/* Not on a wire (RFC 4291, 2.5.2 and 2.5.3), and an IPv4-mapped one is IPv4 from here on. */
	if (ipv6_addr_loopback(&header->daddr) || ipv6_addr_any(&header->daddr) ||
	    ipv6_addr_v4mapped(&header->saddr) || ipv6_addr_v4mapped(&header->daddr))
		return false;
	next = header->nexthdr;
	offset = ipv6_skip_exthdr(skb, packet->network_offset + sizeof(*header), &next, &fragment_offset);
	if (offset < 0 || fragment_offset)
		return false;
	length = sizeof(*header) + ntohs(header->payload_len);
	if (!header->payload_len && skb_is_gso(skb))
		length = skb->len - packet->network_offset;
	if (length > skb->len - packet->network_offset || offset > packet->network_offset + length)
		return false;

	packet->source = header->saddr;
	packet->destination = header->daddr;
	packet->protocol = next;
	packet->ttl = header->hop_limit;
	/* No router fragments IPv6, and the far end must not do so for a sender that did not (RFC 8200, 4.5). */
	packet->dont_fragment = !(IP6CB(skb)->flags & IP6SKB_FRAGMENTED);
	packet->tos = ipv6_get_dsfield(header);
	packet->transport_offset = offset;
	packet->transport_length = packet->network_offset + length - offset;
	return true;
}

static bool parse_tcp(const struct sk_buff *skb, struct sluice_packet *packet)
{
	struct tcphdr buffer;
	const struct tcphdr *header;

	header = skb_header_pointer(skb, packet->transport_offset, sizeof(buffer), &buffer);
	if (!header || packet->transport_length < sizeof(buffer))
		return false;
	if (header->doff < 5 || header->doff * 4 > packet->transport_length)
		return false;

	packet->source_port = ntohs(header->source);
	packet->destination_port = ntohs(header->dest);
	packet->sequence = ntohl(header->seq);
	packet->acknowledgment = ntohl(header->ack_seq);
	packet->tcp_flags = tcp_flag_byte(header);
	packet->tcp_payload = packet->transport_length - header->doff * 4;
	return true;
}

static bool parse_udp(const struct sk_buff *skb, struct sluice_packet *packet)
{
	struct udphdr buffer;
	const struct udphdr *header;

	header = skb_header_pointer(skb, packet->transport_offset, sizeof(buffer), &buffer);
	if (!header || packet->transport_length < sizeof(buffer))
		return false;
	/* A jumbogram has no length here (RFC 2675), and no relay that would take it. */
	if (ntohs(header->len) < sizeof(buffer) || ntohs(header->len) > packet->transport_length)
		return false;
	packet->source_port = ntohs(header->source);
	packet->destination_port = ntohs(header->dest);
	return true;
}

bool sluice_packet_is_echo(const struct sluice_packet *packet)
{
	if (sluice_is_ipv4(packet))
		return packet->protocol == IPPROTO_ICMP && packet->icmp_type == ICMP_ECHO;
	return packet->protocol == IPPROTO_ICMPV6 && packet->icmp_type == ICMPV6_ECHO_REQUEST;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_packet_is_echo);

static bool parse_icmp(const struct sk_buff *skb, struct sluice_packet *packet)
{
	/* Type and code, and behind the checksum an echo's identifier and sequence number, stand at the same
	 * places in ICMP and ICMPv6 (RFC 792, RFC 4443).
	 */
	struct icmphdr buffer;
	const struct icmphdr *header;

	header = skb_header_pointer(skb, packet->transport_offset, sizeof(buffer), &buffer);
	if (!header || packet->transport_length < sizeof(buffer))
		return false;
	packet->icmp_type = header->type;
	packet->icmp_code = header->code;
	if (sluice_packet_is_echo(packet)) {
		packet->source_port = ntohs(header->un.echo.id);
		packet->destination_port = ntohs(header->un.echo.sequence);
	}
	return true;
}

/**
 * sluice_packet_parse() - read a packet
 * @skb: the packet, IP header at its network header
 * @family: NFPROTO_IPV4 or NFPROTO_IPV6
 * @packet: filled in
 *
 * Return: false for a packet whose headers are broken, cut short or a fragment's, or whose addresses
 * do not belong on a wire; @packet is then not to be used.
 */
bool sluice_packet_parse(const struct sk_buff *skb, u8 family, struct sluice_packet *packet)
{
	memset(packet, 0, sizeof(*packet));
	packet->family = family;
	packet->network_offset = skb_network_offset(skb);

	if (!(family == NFPROTO_IPV4 ? parse_ipv4(skb, packet) : parse_ipv6(skb, packet)))
		return false;

	switch (packet->protocol) {
	case IPPROTO_TCP:
		return parse_tcp(skb, packet);
	case IPPROTO_UDP:
		return parse_udp(skb, packet);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return parse_icmp(skb, packet);
	default:
		return true;
	}
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_packet_parse);
