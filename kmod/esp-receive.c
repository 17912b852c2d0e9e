// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receiving ESP.  Order of checks, each exit counted once (Documentation/esp.rst has them as a table):
 *
 *	long enough? -> what needs no key (esp-check.c)
 *	a copy, unless nobody else has these bytes -> key -> ICV
 *	under the record's lock: incarnation and sequence number again, advance, endpoint
 *	padding -> next header -> inner header -> inner source -> ECN -> the network's device
 */

#include <linux/jhash.h>
#include <linux/netdevice.h>
#include <net/gro_cells.h>
#include <net/inet_ecn.h>
#include <net/ip.h>
#include <net/ip_tunnels.h>

#include "cipher.h"
#include "esp.h"
#include "esp-check.h"
#include "layout.h"
#include "net.h"
#include "network.h"
#include "packet.h"
#include "trace.h"

#define SLUICE_NEXT_HEADER_DUMMY	59	/* RFC 4303, 2.6 */

static void count_failure(struct sluice_incoming *in)
{
	spinlock_t *lock = sluice_record_lock(&in->generation->records, in->id);

	if (!in->known)
		return;
	spin_lock(lock);
	if (in->record->failures < U16_MAX)
		in->record->failures++;
	spin_unlock(lock);
}

/* Only an authentic packet leaves a key in the cache. */
static int decrypt(struct sluice_incoming *in, struct sk_buff *skb)
{
	struct sluice_cipher *cipher = sluice_cipher_get(in->generation, in->spi);
	int err;

	if (!cipher)
		return SLUICE_NS_COUNT_ESP_DROP_MEMORY;
	err = sluice_cipher_decrypt(cipher, skb->data, skb->len);
	if (err == -EBADMSG) {
		count_failure(in);
		return SLUICE_NS_COUNT_ESP_DROP_AUTHENTICATION;
	}
	if (err)
		return SLUICE_NS_COUNT_ESP_DROP_MEMORY;
	sluice_cipher_keep(cipher);
	return SLUICE_ESP_GO_ON;
}

/* A stock Linux sender's vector is a constant of the SA's instance, xor the sequence number (A3).  True: another instance. */
static bool fingerprint(struct sluice_record *record, const u8 *packet, u32 sequence)
{
	u32 print = jhash_2words(get_unaligned_be32(packet + 8), get_unaligned_be32(packet + 12) ^ sequence, 0);
	bool other = record->stable == SLUICE_FINGERPRINT_STABLE && record->fingerprint != print;

	if (record->fingerprint != print || !record->stable) {
		record->fingerprint = print;
		record->stable = 0;
	}
	if (record->stable < SLUICE_FINGERPRINT_STABLE)
		record->stable++;
	return other;
}

/* The record's lock held: a new incarnation is a new key, so everything that counts under a key begins anew. */
static void adopt(struct sluice_incoming *in)
{
	struct sluice_record *record = in->record;

	if (!(record->flags & SLUICE_RECORD_HEARD))
		atomic_inc(&in->generation->records.heard);
	memset(&record->replay, 0, sizeof(record->replay));
	record->sent = 0;
	record->stable = 0;
	record->failures = 0;
	record->incarnation = in->incarnation;
}

/* The packet is authentic: its record learns of it.  @packet: the ESP header. */
static int advance(struct sluice_incoming *in, const u8 *packet)
{
	struct sluice_records *records = &in->generation->records;
	struct sluice_anomaly_report anomaly = {
		.id = in->id, .generation = in->generation->number, .incarnation = in->incarnation, .now = *in->from,
	};
	spinlock_t *lock = sluice_record_lock(records, in->id);
	bool moved = false, other = false, due;
	struct sluice_record *record;
	int why;

	if (!in->record)
		in->record = sluice_record_make(records, in->id, GFP_ATOMIC);
	record = in->record;
	if (!record)
		return SLUICE_NS_COUNT_ESP_DROP_MEMORY;

	spin_lock(lock);
	why = sluice_esp_check_record(in);
	if (why != SLUICE_ESP_GO_ON) {
		spin_unlock(lock);
		return why;
	}
	if (!(record->flags & SLUICE_RECORD_HEARD) || in->incarnation > record->incarnation)
		adopt(in);
	if (in->sequence > record->replay.top) {
		anomaly.before.address = record->address;
		anomaly.before.port = record->port;
		moved = record->flags & SLUICE_RECORD_HEARD && !sluice_record_is_at(record, in->from);
		if (moved && record->moves < U16_MAX)
			record->moves++;
		record->address = in->from->address;
		record->port = in->from->port;
		record->seen = jiffies;
		record->flags = SLUICE_RECORD_HEARD | (in->from->port ? SLUICE_RECORD_UDP : 0);
	}
	other = fingerprint(record, packet, in->sequence);
	due = sluice_sequence_is_due(record->replay.top, in->sequence);
	sluice_replay_advance(&record->replay, in->sequence);
	spin_unlock(lock);

	if (unlikely(moved)) {
		anomaly.kind = SLUICE_ANOMALY_MOVED;
		sluice_anomaly_moved(in->generation->anomalies, &anomaly);
	}
	if (unlikely(other)) {
		anomaly.kind = SLUICE_ANOMALY_FINGERPRINT;
		sluice_anomaly_tell(in->generation->anomalies, &anomaly);
	}
	if (unlikely(due)) {
		anomaly.kind = SLUICE_ANOMALY_EXHAUSTING;
		sluice_anomaly_tell(in->generation->anomalies, &anomaly);
	}
	return SLUICE_ESP_GO_ON;
}

/* Cuts the trailer off (RFC 4303, 2.4 to 2.7), and the headers; what is left is the inner packet. */
static int cut(struct sk_buff *skb, u8 *next_header)
{
	unsigned int length = skb->len - SLUICE_ESP_OVERHEAD - SLUICE_ESP_ICV, padding, i;
	const u8 *text = skb->data + SLUICE_ESP_OVERHEAD;

	padding = text[length - 2];
	*next_header = text[length - 1];
	if (padding + 2 > length || length % 4)
		return SLUICE_NS_COUNT_ESP_DROP_PADDING;
	for (i = 0; i < padding; i++)
		if (text[length - 2 - padding + i] != i + 1)
			return SLUICE_NS_COUNT_ESP_DROP_PADDING;
	__skb_pull(skb, SLUICE_ESP_OVERHEAD);
	__skb_trim(skb, length - 2 - padding);
	return SLUICE_ESP_GO_ON;
}

/* The inner header is whole, and its packet; what follows that is traffic flow confidentiality (RFC 4303, 2.7). */
static int check_inner(struct sk_buff *skb, u8 next_header, struct in6_addr *source)
{
	unsigned int length;

	switch (next_header) {
	case SLUICE_NEXT_HEADER_DUMMY:
		return SLUICE_NS_COUNT_ESP_DUMMY;
	case IPPROTO_IPIP:
		if (skb->len < sizeof(struct iphdr) || ip_hdr(skb)->version != 4 || ip_hdr(skb)->ihl < 5)
			return SLUICE_NS_COUNT_ESP_DROP_INNER;
		length = ntohs(ip_hdr(skb)->tot_len);
		if (length < ip_hdr(skb)->ihl * 4)
			return SLUICE_NS_COUNT_ESP_DROP_INNER;
		ipv6_addr_set_v4mapped(ip_hdr(skb)->saddr, source);
		skb->protocol = htons(ETH_P_IP);
		break;
	case IPPROTO_IPV6:
		if (skb->len < sizeof(struct ipv6hdr) || ipv6_hdr(skb)->version != 6)
			return SLUICE_NS_COUNT_ESP_DROP_INNER;
		length = sizeof(struct ipv6hdr) + ntohs(ipv6_hdr(skb)->payload_len);
		*source = ipv6_hdr(skb)->saddr;
		skb->protocol = htons(ETH_P_IPV6);
		break;
	default:
		return SLUICE_NS_COUNT_ESP_DROP_NEXT_HEADER;
	}
	if (length > skb->len)
		return SLUICE_NS_COUNT_ESP_DROP_INNER;
	__skb_trim(skb, length);
	return SLUICE_ESP_GO_ON;
}

static int check_source(struct sluice_incoming *in, const struct in6_addr *source)
{
	unsigned int family = ipv6_addr_v4mapped(source) ? SLUICE_POOL_IPV4 : SLUICE_POOL_IPV6;
	struct sluice_anomaly_report anomaly = {
		.id = in->id, .generation = in->generation->number, .incarnation = in->incarnation,
		.kind = SLUICE_ANOMALY_SPOOFED, .now = *in->from, .before = *in->from,
	};
	struct in6_addr own;

	if (sluice_pool_address(in->pool, family, in->id, &own) && ipv6_addr_equal(&own, source))
		return SLUICE_ESP_GO_ON;
	sluice_anomaly_tell(in->generation->anomalies, &anomaly);
	return SLUICE_NS_COUNT_ESP_DROP_SPOOFED;
}

/* RFC 6040, 4.2: the inner field becomes what both say; a congestion mark that cannot be carried on is a drop. */
static int check_ecn(const struct sluice_incoming *in, struct sk_buff *skb)
{
	u8 inner = skb->protocol == htons(ETH_P_IP) ? ip_hdr(skb)->tos : ipv6_get_dsfield(ipv6_hdr(skb));

	return INET_ECN_decapsulate(skb, in->tos, inner) > 1 ? SLUICE_NS_COUNT_ESP_DROP_ECN : SLUICE_ESP_GO_ON;
}

/* As if it had come in on the network's device. */
static void deliver(struct sluice_incoming *in, struct sk_buff *skb)
{
	struct sluice_network *network = in->pool->network;
	unsigned int length = skb->len;

	skb_reset_mac_header(skb);
	skb_reset_transport_header(skb);
	skb->mac_len = 0;
	skb->encapsulation = 0;
	skb_clear_hash(skb);
	__skb_tunnel_rx(skb, network->dev, in->sn->net);
	skb_scrub_packet(skb, true);
	memset(skb->cb, 0, sizeof(skb->cb));
	if (gro_cells_receive(&network->gro_cells, skb) == NET_RX_SUCCESS)
		dev_sw_netstats_rx_add(network->dev, length);
}

static int process(struct sluice_incoming *in, struct sk_buff *skb)
{
	struct in6_addr source;
	u8 next_header;
	int why;

	if (skb->len < SLUICE_ESP_LENGTH_MIN || !pskb_may_pull(skb, SLUICE_ESP_OVERHEAD))
		return SLUICE_NS_COUNT_ESP_DROP_SHORT;
	sluice_esp_read_header(in, skb->data);
	why = sluice_esp_check_spi(in, skb);
	if (why == SLUICE_ESP_GO_ON)
		why = sluice_esp_check_sender(in, skb, true);
	if (why != SLUICE_ESP_GO_ON) {
		sluice_esp_note_drop(in, why);
		return why;
	}
	if (skb_is_gso(skb))
		return SLUICE_NS_COUNT_ESP_DROP_FRAGMENT;
	in->tos = sluice_esp_outer_ipv4(skb) ? ip_hdr(skb)->tos : ipv6_get_dsfield(ipv6_hdr(skb));
	/* Plaintext must not be written into pages that others can read or map. */
	if (skb_linearize_cow(skb))
		return SLUICE_NS_COUNT_ESP_DROP_MEMORY;
	why = decrypt(in, skb);
	if (why != SLUICE_ESP_GO_ON)
		return why;
	skb->ip_summed = CHECKSUM_NONE;
	why = advance(in, skb->data);
	if (why != SLUICE_ESP_GO_ON)
		return why;
	why = cut(skb, &next_header);
	if (why != SLUICE_ESP_GO_ON)
		return why;
	skb_reset_network_header(skb);
	why = check_inner(skb, next_header, &source);
	if (why != SLUICE_ESP_GO_ON)
		return why;
	why = check_source(in, &source);
	if (why != SLUICE_ESP_GO_ON)
		return why;
	why = check_ecn(in, skb);
	if (why != SLUICE_ESP_GO_ON)
		return why;
	deliver(in, skb);
	return SLUICE_NS_COUNT_ESP_DELIVERED;
}

void sluice_esp_ended(struct sluice_net *sn, u32 spi, u32 sequence, const struct sluice_endpoint *from, int counter)
{
	sluice_ns_count(sn, SLUICE_NS_COUNT_ESP_RECEIVED);
	sluice_ns_count(sn, counter);
	trace_sluice_esp_receive(spi, sequence, from, counter);
}

int sluice_esp_receive(struct sluice_net *sn, struct sk_buff *skb, const struct sluice_endpoint *from)
{
	struct sluice_incoming in = { .sn = sn, .from = from };
	int why;

	why = process(&in, skb);
	sluice_esp_ended(sn, in.spi, in.sequence, from, why);
	if (why == SLUICE_NS_COUNT_ESP_FOREIGN)
		return -EINVAL;
	if (why != SLUICE_NS_COUNT_ESP_DELIVERED)
		kfree_skb(skb);
	return 0;
}
