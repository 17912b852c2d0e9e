// SPDX-License-Identifier: GPL-2.0-only
/*
 * What needs no key, see esp-check.h.  Reads generations, pools, bans and records; changes nothing but the limit, and its count of drops.
 *
 *	SPI ours? generation live? direction? id in a pool? -> is it the host's own IPsec's? -> a fragment? -> banned?
 *	incarnation? sequence number, as far as can be told -> may an unknown source have a decryption?
 */

#include <linux/hash.h>
#include <linux/inetdevice.h>
#include <linux/netfilter.h>
#include <linux/udp.h>
#include <net/addrconf.h>
#include <net/ip.h>
#include <net/xfrm.h>

#include "esp.h"
#include "esp-check.h"
#include "layout.h"
#include "limiter.h"
#include "net.h"
#include "packet.h"

/* A host without states pays nothing for being asked. */
static bool has_own_ipsec(const struct sluice_net *sn)
{
	return READ_ONCE(sn->net->xfrm.state_num);
}

/*
 * Another IPsec of this host has this very SPI: chance, or an operator's choice, and not ours to break (E7).  It has no
 * SPIs in UDP here: the port is ours.
 */
static bool is_foreign(const struct sluice_incoming *in, const struct sk_buff *skb)
{
	bool ipv4 = sluice_esp_outer_ipv4(skb);
	const xfrm_address_t *destination = ipv4 ? (const xfrm_address_t *)&ip_hdr(skb)->daddr :
						   (const xfrm_address_t *)&ipv6_hdr(skb)->daddr;
	struct xfrm_state *state;

	if (in->from->port || !has_own_ipsec(in->sn))
		return false;
	state = xfrm_state_lookup(in->sn->net, skb->mark, destination, htonl(in->spi), IPPROTO_ESP,
				  ipv4 ? AF_INET : AF_INET6);
	if (!state)
		return false;
	xfrm_state_put(state);
	return true;
}

int sluice_esp_check_spi(struct sluice_incoming *in, const struct sk_buff *skb)
{
	struct sluice_esp *esp = &in->sn->esp;
	const struct sluice_pools *pools = rcu_dereference(esp->pools);
	u32 slot = sluice_spi_slot(in->spi);
	int why;

	/* SPI 0 is no SPI (RFC 4303, 2.1), and in UDP the mark of IKE (RFC 3948, 2.2). */
	if (!pools || slot >= SLUICE_SPI_SLOTS || !in->spi)
		return in->from->port ? SLUICE_NS_COUNT_ESP_DROP_FOREIGN : SLUICE_NS_COUNT_ESP_FOREIGN;
	in->generation = rcu_dereference(esp->slot[slot]);
	in->pool = sluice_pool_find(pools, in->id);
	if (sluice_spi_outgoing(in->spi))
		why = SLUICE_NS_COUNT_ESP_DROP_DIRECTION;
	else if (!sluice_generation_live(in->generation))
		why = SLUICE_NS_COUNT_ESP_DROP_DEAD;
	else if (!in->pool)
		why = SLUICE_NS_COUNT_ESP_DROP_NO_POOL;
	else
		return SLUICE_ESP_GO_ON;
	return is_foreign(in, skb) ? SLUICE_NS_COUNT_ESP_FOREIGN : why;
}

static int replay_exit(enum sluice_replay_result result)
{
	switch (result) {
	case SLUICE_REPLAY_OLD:
		return SLUICE_NS_COUNT_ESP_DROP_OLD;
	case SLUICE_REPLAY_SEEN:
		return SLUICE_NS_COUNT_ESP_DROP_REPLAYED;
	default:
		return SLUICE_ESP_GO_ON;
	}
}

int sluice_esp_check_record(const struct sluice_incoming *in)
{
	const struct sluice_record *record = in->record;

	if (in->incarnation < record->incarnation_min)
		return SLUICE_NS_COUNT_ESP_DROP_INCARNATION;
	if (!(record->flags & SLUICE_RECORD_HEARD) || in->incarnation > record->incarnation)
		return SLUICE_ESP_GO_ON;
	if (in->incarnation < record->incarnation)
		return SLUICE_NS_COUNT_ESP_DROP_INCARNATION;
	return replay_exit(sluice_replay_check(&record->replay, in->sequence));
}

int sluice_esp_check_sender(struct sluice_incoming *in, const struct sk_buff *skb, bool take)
{
	struct sluice_generation *generation = in->generation;
	u32 rate = READ_ONCE(in->sn->esp.unknown_rate), part = hash_32(in->id, SLUICE_LIMITER_BITS);
	spinlock_t *lock = sluice_record_lock(&generation->records, in->id);
	int why = SLUICE_ESP_GO_ON;

	in->record = sluice_record_find(&generation->records, in->id);
	if (in->record) {
		spin_lock(lock);
		why = sluice_esp_check_record(in);
		/* Another incarnation is another key, which has to be derived. */
		in->known = in->incarnation == in->record->incarnation && sluice_record_is_at(in->record, in->from);
		spin_unlock(lock);
	}
	/* What the host's own IPsec has chosen may be in our range: asked where nobody is known, so that clients do not pay. */
	if (!in->known && is_foreign(in, skb))
		return SLUICE_NS_COUNT_ESP_FOREIGN;
	if (sluice_esp_outer_ipv4(skb) && ip_is_fragment(ip_hdr(skb)))
		return SLUICE_NS_COUNT_ESP_DROP_FRAGMENT;
	if (sluice_esp_banned(&in->sn->esp, in->id))
		return SLUICE_NS_COUNT_ESP_DROP_BANNED;
	if (!in->sequence)
		return SLUICE_NS_COUNT_ESP_DROP_SEQUENCE;
	if (why != SLUICE_ESP_GO_ON || in->known)
		return why;
	if (take ? sluice_limiter_take(generation->limiter, rate, SLUICE_UNKNOWN_RATE_ID, part) :
		   sluice_limiter_has(generation->limiter, rate, SLUICE_UNKNOWN_RATE_ID, part))
		return SLUICE_ESP_GO_ON;
	return SLUICE_NS_COUNT_ESP_DROP_LIMITED;
}

/* ---- in a flood, before IP routes it ---- */

/* Of what is not ours, the host decides. */
static bool is_drop(int why)
{
	return why != SLUICE_ESP_GO_ON && why != SLUICE_NS_COUNT_ESP_FOREIGN && why != SLUICE_NS_COUNT_ESP_DROP_FOREIGN;
}

void sluice_esp_note_drop(const struct sluice_incoming *in, int why)
{
	struct sluice_limiter *limiter = READ_ONCE(in->sn->esp.limiter);

	if (limiter && is_drop(why))
		sluice_limiter_dropped(limiter);
}

/* Where its ESP header is, from skb->data, and its UDP source port, or 0; negative: it is no ESP, or not such as is looked at here. */
static int esp_offset(const struct sluice_net *sn, const struct sk_buff *skb, u8 family, __be16 *port)
{
	int offset = skb_network_offset(skb);
	struct udphdr buffer;
	const struct udphdr *udp;
	u8 protocol;

	if (family == NFPROTO_IPV4) {
		protocol = ip_hdr(skb)->protocol;
		offset += ip_hdrlen(skb);
	} else {
		__be16 fragment_offset;

		protocol = ipv6_hdr(skb)->nexthdr;
		offset += sizeof(struct ipv6hdr);
		if (ipv6_ext_hdr(protocol))
			offset = ipv6_skip_exthdr(skb, offset, &protocol, &fragment_offset);
	}
	*port = 0;
	/* A state may be chosen by a mark, which is set on the way. */
	if (protocol == IPPROTO_ESP)
		return has_own_ipsec(sn) ? -1 : offset;
	if (protocol != IPPROTO_UDP || offset < 0)
		return -1;
	udp = skb_header_pointer(skb, offset, sizeof(buffer), &buffer);
	/* Port 0 is no port; as ours it says that there is none. */
	if (!udp || !udp->source || !udp->dest || ntohs(udp->dest) != READ_ONCE(sn->esp.udp_port))
		return -1;
	*port = udp->source;
	return offset + sizeof(*udp);
}

static bool is_for_host(const struct sk_buff *skb, const struct nf_hook_state *state)
{
	if (state->pf == NFPROTO_IPV4)
		return __ip_dev_find(state->net, ip_hdr(skb)->daddr, false);
	return ipv6_chk_addr(state->net, &ipv6_hdr(skb)->daddr, NULL, 0);
}

/* From where its client was last heard? */
static bool seems_known(const struct sluice_net *sn, u32 spi, const struct sluice_endpoint *from)
{
	u32 slot = sluice_spi_slot(spi);
	const struct sluice_generation *generation;
	const struct sluice_record *record;

	if (slot >= SLUICE_SPI_SLOTS)
		return false;
	generation = rcu_dereference(sn->esp.slot[slot]);
	record = generation ? sluice_record_find(&generation->records, sluice_spi_id(spi)) : NULL;
	/* Without the lock, since clients shall not pay twice: a wrong no is found out under it, a wrong yes by the receiver. */
	return record && data_race(sluice_spi_incarnation(spi) == record->incarnation && sluice_record_is_at(record, from));
}

/* Apart from its caller, through which every packet goes, for the stack that it needs. */
static noinline bool drop_unknown(struct sluice_net *sn, const struct sk_buff *skb, const struct nf_hook_state *state,
				  const struct sluice_endpoint *from, const u8 *header)
{
	struct sluice_incoming in = { .sn = sn, .from = from };
	int why;

	sluice_esp_read_header(&in, header);
	why = sluice_esp_check_spi(&in, skb);
	if (why == SLUICE_ESP_GO_ON)
		why = sluice_esp_check_sender(&in, skb, false);
	if (!is_drop(why) || !is_for_host(skb, state))
		return false;
	sluice_esp_ended(sn, in.spi, in.sequence, from, why);
	return true;
}

bool sluice_esp_drop_early(struct sluice_net *sn, const struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct sluice_limiter *limiter = READ_ONCE(sn->esp.limiter);
	struct sluice_endpoint from;
	u8 buffer[SLUICE_ESP_HEADER];
	const u8 *header;
	int offset;

	/* In peace each goes IP's way: the host may want to pass some of it on to another (DNAT), whose SPIs are chance. */
	if (!limiter || !sluice_limiter_is_flooded(limiter))
		return false;
	offset = esp_offset(sn, skb, state->pf, &from.port);
	if (offset < 0 || skb->len < offset + SLUICE_ESP_LENGTH_MIN)
		return false;
	header = skb_header_pointer(skb, offset, sizeof(buffer), buffer);
	if (!header)
		return false;
	sluice_packet_source(skb, state->pf, &from.address);
	return !seems_known(sn, get_unaligned_be32(header), &from) && drop_unknown(sn, skb, state, &from, header);
}
