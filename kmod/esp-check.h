/* SPDX-License-Identifier: GPL-2.0-only */
/* What can be said of an ESP packet without a key: asked before IP routes it (esp-check.c), and again when it is received. */
#ifndef _SLUICE_ESP_CHECK_H
#define _SLUICE_ESP_CHECK_H

#include <linux/ip.h>
#include <linux/skbuff.h>

#include "record.h"
#include "spi.h"

struct nf_hook_state;
struct sluice_generation;
struct sluice_net;
struct sluice_pool;

/**
 * struct sluice_incoming - an ESP packet on its way through the checks
 * @sn: the network namespace
 * @from: its outer source
 * @generation: whose key it is to have
 * @pool: of its id
 * @record: of its id; NULL: not heard before
 * @spi: host byte order
 * @id: in @spi
 * @incarnation: in @spi
 * @sequence: sequence number
 * @tos: of the outer header
 * @known: it came from where the record says
 */
struct sluice_incoming {
	struct sluice_net *sn;
	const struct sluice_endpoint *from;
	struct sluice_generation *generation;
	const struct sluice_pool *pool;
	struct sluice_record *record;
	u32 spi;
	u32 id;
	u16 incarnation;
	u32 sequence;
	u8 tos;
	bool known;
};

static inline bool sluice_esp_outer_ipv4(const struct sk_buff *skb)
{
	return ip_hdr(skb)->version == 4;
}

/* @header: SPI and sequence number (RFC 4303, 2), 8 bytes. */
static inline void sluice_esp_read_header(struct sluice_incoming *in, const u8 *header)
{
	in->spi = get_unaligned_be32(header);
	in->sequence = get_unaligned_be32(header + 4);
	in->id = sluice_spi_id(in->spi);
	in->incarnation = sluice_spi_incarnation(in->spi);
}

/*
 * The three of them: SLUICE_ESP_GO_ON, or the counter of what ends here.  RCU read lock held, BH off; the network header of
 * @skb is the outer one.
 */

/* Whose SPI?  Finds generation and pool. */
int sluice_esp_check_spi(struct sluice_incoming *in, const struct sk_buff *skb);
/* Of whom, and may he have a decryption?  Finds the record.  @take: if he is unknown, one is taken from the limit. */
int sluice_esp_check_sender(struct sluice_incoming *in, const struct sk_buff *skb, bool take);
/* Incarnation and sequence number against the record; its lock held. */
int sluice_esp_check_record(const struct sluice_incoming *in);

/* The receiver drops for @why, which one of the above said. */
void sluice_esp_note_drop(const struct sluice_incoming *in, int why);

/*
 * From PRE_ROUTING, RCU read lock held, BH off.  While many are dropped for want of a key: is it ESP for this host that would be, too?
 * Then it has been counted, and is the caller's to drop: a flood shall not cost IP's way to the receiver (E7).  @skb is not changed.
 */
bool sluice_esp_drop_early(struct sluice_net *sn, const struct sk_buff *skb, const struct nf_hook_state *state);

#endif /* _SLUICE_ESP_CHECK_H */
