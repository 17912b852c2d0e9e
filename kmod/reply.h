/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets that the gateway answers with: TCP RST, ICMP and ICMPv6 errors, echo replies.  Building is
 * pure and separate from sending.
 */
#ifndef _SLUICE_REPLY_H
#define _SLUICE_REPLY_H

#include <linux/skbuff.h>

#include "packet.h"

struct sluice_network;

/**
 * struct sluice_icmp_error - an ICMP or ICMPv6 error
 * @type: in the numbers of the client's family
 * @code: likewise
 * @mtu: next-hop MTU of fragmentation needed (RFC 1191) or packet too big (RFC 4443), pointer of an
 *	 ICMPv6 parameter problem, else 0
 */
struct sluice_icmp_error {
	u8 type;
	u8 code;
	u32 mtu;
};

struct sluice_icmp_error sluice_icmp_net_unreachable(u8 family);
struct sluice_icmp_error sluice_icmp_prohibited(u8 family);
struct sluice_icmp_error sluice_icmp_time_exceeded(u8 family);
struct sluice_icmp_error sluice_icmp_port_unreachable(u8 family);
struct sluice_icmp_error sluice_icmp_protocol_unreachable(u8 family);
bool sluice_icmp_is_error(u8 family, u8 type);
/* Is it about the one packet alone: its TTL, or its size?  The next one of the same flow may pass. */
bool sluice_icmp_is_transient(u8 family, u8 type, u8 code);

/* Pure.  NULL: no memory, or (reset) an answer to a reset, which RFC 9293, 3.10.7.1 forbids. */
struct sk_buff *sluice_reply_build_reset(const struct sluice_packet *packet);
struct sk_buff *sluice_reply_build_icmp(const struct sk_buff *skb, const struct sluice_packet *packet,
					const struct sluice_icmp_error *error, const struct in6_addr *source);

/*
 * Build and send; a failure is counted as reply-failed.  RCU read lock held, any context.  The packet
 * answered stays the caller's.
 */
void sluice_reply_reset(struct sluice_network *network, const struct sluice_packet *packet);
/* @source NULL: the network's gateway address (T5). */
void sluice_reply_icmp(struct sluice_network *network, const struct sk_buff *skb, const struct sluice_packet *packet,
		       const struct sluice_icmp_error *error, const struct in6_addr *source);
/*
 * May an error that no verdict asked for be sent about @packet?  Counts against the host's own rate for its source
 * (icmp_ratelimit; RFC 4443, 2.4 f).
 */
bool sluice_reply_allowed(struct sluice_network *network, const struct sluice_packet *packet);
/*
 * As a host that wants nothing of it: RST, of UDP port unreachable from the destination (RFC 1122, 4.1.3.1), of anything
 * else protocol unreachable from the gateway address.
 */
void sluice_reply_refuse(struct sluice_network *network, const struct sk_buff *skb, const struct sluice_packet *packet);
/*
 * Turns an echo request, checksum verified, into its reply and sends it with @ttl; 0: the host's default.
 * Consumes @skb.
 */
void sluice_reply_echo(struct sluice_network *network, struct sk_buff *skb, const struct sluice_packet *packet,
		       u8 ttl);

#endif /* _SLUICE_REPLY_H */
