/* SPDX-License-Identifier: GPL-2.0-only */
/* What the far end said, carried out: release, RST, ICMP or silence (T3 to T6). */
#ifndef _SLUICE_VERDICT_H
#define _SLUICE_VERDICT_H

#include <linux/in6.h>
#include <linux/types.h>

#include <linux/sluice.h>

struct sluice_net;
struct sluice_parked;

/**
 * struct sluice_ruling - one verdict
 * @id: which parked SYN
 * @verdict: what the far end said
 * @has_icmp: @icmp_type and @icmp_code are given; else network unreachable
 * @has_source: @icmp_source is given; else the gateway address
 * @icmp_type: in the numbers of the client's family
 * @icmp_code: likewise
 * @icmp_mtu: next-hop MTU, 0 if the error has none
 * @icmp_source: source address of the ICMP packet
 */
struct sluice_ruling {
	u32 id;
	u8 verdict;
	bool has_icmp;
	bool has_source;
	u8 icmp_type;
	u8 icmp_code;
	u8 ttl;
	u32 icmp_mtu;
	struct in6_addr icmp_source;
};

/* Process context. */
void sluice_verdict_apply(struct sluice_net *sn, const struct sluice_ruling *ruling);

/* RCU read lock held.  No controller took this one: network unreachable.  Frees @entry. */
void sluice_verdict_unanswered(struct sluice_net *sn, struct sluice_parked *entry);

#endif /* _SLUICE_VERDICT_H */
