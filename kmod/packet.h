/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the hook needs to know of a packet, read once, IPv4 and IPv6 alike.  Reads the skb, changes
 * nothing.
 */
#ifndef _SLUICE_PACKET_H
#define _SLUICE_PACKET_H

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/skbuff.h>
#include <net/ipv6.h>

/* Prefix length of the IPv4-mapped addresses, ::ffff:0:0/96 (RFC 4291, 2.5.5.2). */
#define SLUICE_MAPPED_LENGTH	96

/**
 * struct sluice_packet - an IP packet, parsed
 * @source: source address, IPv4 as IPv4-mapped
 * @destination: destination address, likewise
 * @family: NFPROTO_IPV4 or NFPROTO_IPV6
 * @protocol: IP protocol number behind all extension headers
 * @ttl: TTL or hop limit
 * @tos: TOS or traffic class
 * @network_offset: of the IP header, from skb->data
 * @transport_offset: of the transport header, from skb->data
 * @transport_length: bytes from there to the end of the IP packet
 * @dont_fragment: the DF bit; of IPv6, it did not come in fragments
 * @source_port: TCP and UDP, host byte order; of an echo request its identifier; else 0
 * @destination_port: likewise; of an echo request its sequence number
 * @sequence: TCP
 * @acknowledgment: TCP
 * @tcp_flags: TCP, the flags byte (RFC 9293, 3.1)
 * @tcp_payload: TCP, bytes of data
 * @icmp_type: ICMP and ICMPv6
 * @icmp_code: likewise
 */
struct sluice_packet {
	struct in6_addr source;
	struct in6_addr destination;
	u8 family;
	u8 protocol;
	u8 ttl;
	u8 tos;
	bool dont_fragment;
	unsigned int network_offset;
	unsigned int transport_offset;
	unsigned int transport_length;
	u16 source_port;
	u16 destination_port;
	u32 sequence;
	u32 acknowledgment;
	u8 tcp_flags;
	u32 tcp_payload;
	u8 icmp_type;
	u8 icmp_code;
};

static inline bool sluice_is_ipv4(const struct sluice_packet *packet)
{
	return packet->family == NFPROTO_IPV4;
}

/* Is this TCP segment a new connection's first: SYN and none of ACK, RST, FIN? */
bool sluice_packet_is_syn(const struct sluice_packet *packet);

/* Does an IP protocol have ports that we look at?  Others are told apart by their addresses alone. */
static inline bool sluice_has_ports(u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

/* Is this an ICMP or ICMPv6 echo request? */
bool sluice_packet_is_echo(const struct sluice_packet *packet);

/* Are packets of an IP protocol datagrams of an association: UDP, or anything that is not handled for itself (U1, U7)? */
static inline bool sluice_is_datagram(u8 protocol)
{
	return protocol != IPPROTO_TCP && protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6;
}

/* Source address alone, for the client lookup that comes before everything else. */
void sluice_packet_source(const struct sk_buff *skb, u8 family, struct in6_addr *source);

bool sluice_packet_parse(const struct sk_buff *skb, u8 family, struct sluice_packet *packet);

/* Zeroes the bits of @address beyond @length (0 to 128). */
void sluice_address_mask(struct in6_addr *address, unsigned int length);

#endif /* _SLUICE_PACKET_H */
