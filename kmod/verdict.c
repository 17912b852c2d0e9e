// SPDX-License-Identifier: GPL-2.0-only
/* Carrying out verdicts, see verdict.h. */

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/netdevice.h>
#include <net/ipv6.h>

#include "association.h"
#include "net.h"
#include "network.h"
#include "relay.h"
#include "reply.h"
#include "trace.h"
#include "verdict.h"

/* Puts the SYN back into the receive path of the device it came in on; it meets its pass in the hook. */
static bool accept(struct sluice_net *sn, u32 id)
{
	struct sluice_network *network;
	struct net_device *dev;
	struct sk_buff *skb;
	int access;

	skb = sluice_park_release(&sn->park, id, &network, &access);
	if (!skb)
		return false;
	sluice_count(network, SLUICE_COUNT_ACCEPTED);
	dev = dev_get_by_index_rcu(sn->net, access);
	if (!dev) {
		sluice_count(network, SLUICE_COUNT_RELEASE_FAILED);
		kfree_skb(skb);
		return true;
	}
	skb->dev = dev;
	/* Not netif_rx(): a batch of verdicts would overflow the backlog queue. */
	local_bh_disable();
	netif_receive_skb(skb);
	local_bh_enable();
	return true;
}

/* An agent carries the association: what it held goes to the controller, and what comes follows (U1). */
static bool bind(struct sluice_net *sn, u32 id)
{
	struct sluice_network *network;
	struct sk_buff *skb, *next;

	/* Nobody would read what it carries. */
	if (!sluice_relay_ready(sn))
		return false;
	skb = sluice_association_bind(&sn->park, id, &network);
	if (!skb)
		return false;
	sluice_count(network, SLUICE_COUNT_BOUND);
	local_bh_disable();
	skb_list_walk_safe(skb, skb, next) {
		skb_mark_not_on_list(skb);
		sluice_relay_deliver(sn, network, NULL, skb);
	}
	local_bh_enable();
	return true;
}

/* A source must be one host, and of the client's family (RFC 1122, 3.2.1.3; RFC 4443, 2.2). */
static bool may_report(u8 family, const struct in6_addr *source)
{
	if (family == NFPROTO_IPV4) {
		__be32 address = source->s6_addr32[3];

		return ipv6_addr_v4mapped(source) && !ipv4_is_multicast(address) && !ipv4_is_lbcast(address) &&
		       !ipv4_is_loopback(address) && !ipv4_is_zeronet(address);
	}
	return !ipv6_addr_v4mapped(source) && ipv6_addr_type(source) & IPV6_ADDR_UNICAST &&
	       !ipv6_addr_loopback(source);
}

/* The ICMP error of verdict unreachable.  Returns its source; NULL: the gateway address. */
static const struct in6_addr *ruled_error(u8 family, const struct sluice_ruling *ruling,
					  struct sluice_icmp_error *error)
{
	*error = sluice_icmp_net_unreachable(family);
	if (ruling->has_icmp && sluice_icmp_is_error(family, ruling->icmp_type)) {
		error->type = ruling->icmp_type;
		error->code = ruling->icmp_code;
		error->mtu = ruling->icmp_mtu;
		/* The contract has no pointer; of this one it can be but one. */
		if (family == NFPROTO_IPV6 && error->type == ICMPV6_PARAMPROB && error->code == ICMPV6_UNK_NEXTHDR)
			*error = sluice_icmp_protocol_unreachable(family);
	}
	return ruling->has_source && may_report(family, &ruling->icmp_source) ? &ruling->icmp_source : NULL;
}

/* Answers a packet that was parked; consumes it. */
static void answer(struct sluice_network *network, struct sk_buff *skb, u8 family, const struct sluice_ruling *ruling)
{
	struct sluice_icmp_error error;
	const struct in6_addr *source;
	struct sluice_packet packet;

	/* It was parsed before it was parked, and nobody has written to it since. */
	if (!sluice_packet_parse(skb, family, &packet)) {
		sluice_count(network, SLUICE_COUNT_REPLY_FAILED);
		kfree_skb(skb);
		return;
	}
	switch (ruling->verdict) {
	case SLUICE_VERDICT_REFUSE:
		sluice_count(network, SLUICE_COUNT_REFUSED);
		sluice_reply_refuse(network, skb, &packet);
		break;
	case SLUICE_VERDICT_UNREACHABLE:
		sluice_count(network, SLUICE_COUNT_UNREACHABLE);
		source = ruled_error(family, ruling, &error);
		sluice_reply_icmp(network, skb, &packet, &error, source);
		break;
	case SLUICE_VERDICT_REPLY:
		/* To a SYN there is no such answer. */
		if (!sluice_packet_is_echo(&packet)) {
			sluice_count(network, SLUICE_COUNT_REPLY_FAILED);
			break;
		}
		sluice_count(network, SLUICE_COUNT_REPLIED);
		sluice_reply_echo(network, skb, &packet, ruling->ttl);
		return;
	default:
		sluice_count(network, SLUICE_COUNT_TIMED_OUT);
		break;
	}
	kfree_skb(skb);
}

/* The answer to a parked packet that ends with it. */
static bool conclude(struct sluice_net *sn, const struct sluice_ruling *ruling)
{
	struct sluice_parked *entry = sluice_park_take(&sn->park, ruling->id);
	struct sk_buff *skb;

	if (!entry)
		return false;
	skb = entry->skb;
	/* An association's other datagrams go with it: the first one's answer tells enough. */
	entry->skb = skb->next;
	skb_mark_not_on_list(skb);
	answer(entry->network, skb, sluice_tuple_family(&entry->tuple), ruling);
	sluice_parked_free(entry);
	return true;
}

/*
 * The answer to the first datagram of an association that nobody carries.  Those that follow within the discard time
 * get the same one, at the host's rate, and cost no wake-up (U2).
 */
static bool refuse_association(struct sluice_net *sn, const struct sluice_ruling *ruling)
{
	struct sluice_refusal refusal = {};
	struct sluice_network *network;
	const struct in6_addr *source;
	struct sk_buff *skb, *rest;
	struct in6_addr server;
	u8 family, protocol;

	if (ruling->verdict == SLUICE_VERDICT_REPLY ||
	    !sluice_association_peek(&sn->park, ruling->id, &family, &protocol, &server))
		return false;
	if (ruling->verdict == SLUICE_VERDICT_UNREACHABLE) {
		source = ruled_error(family, ruling, &refusal.error);
		if (sluice_icmp_is_transient(family, refusal.error.type, refusal.error.code))
			return false;
		refusal.answered = true;
	} else if (ruling->verdict == SLUICE_VERDICT_REFUSE) {
		bool udp = protocol == IPPROTO_UDP;

		/* As sluice_reply_refuse() answers the first. */
		refusal.error = udp ? sluice_icmp_port_unreachable(family) : sluice_icmp_protocol_unreachable(family);
		source = udp ? &server : NULL;
		refusal.answered = true;
	} else {
		source = NULL;
	}
	if (source) {
		refusal.source = *source;
		refusal.has_source = true;
	}
	skb = sluice_association_discard(&sn->park, ruling->id, &refusal, &network);
	if (!skb)
		return false;
	rest = skb->next;
	skb_mark_not_on_list(skb);
	kfree_skb_list(rest);
	answer(network, skb, family, ruling);
	return true;
}

/*
 * An error about a datagram that a bound association carried (U6).  At no rate of ours: who made it kept one, and the
 * controller passes on no more than it is told.
 */
static bool report(struct sluice_net *sn, const struct sluice_ruling *ruling)
{
	struct sluice_icmp_error error;
	struct sluice_network *network;
	const struct in6_addr *source;
	struct sluice_packet packet;
	struct sk_buff *quote;

	if (ruling->verdict != SLUICE_VERDICT_UNREACHABLE)
		return false;
	quote = sluice_association_quote(&sn->park, ruling->id, &packet, &network);
	if (!quote)
		return false;
	sluice_count(network, SLUICE_COUNT_ASSOCIATION_ERROR);
	source = ruled_error(packet.family, ruling, &error);
	sluice_reply_icmp(network, quote, &packet, &error, source);
	kfree_skb(quote);
	return true;
}

void sluice_verdict_apply(struct sluice_net *sn, const struct sluice_ruling *ruling)
{
	bool done;

	trace_sluice_verdict(ruling);
	rcu_read_lock();
	switch (ruling->verdict) {
	case SLUICE_VERDICT_ACCEPT:
		done = accept(sn, ruling->id) || bind(sn, ruling->id);
		break;
	case SLUICE_VERDICT_UNBIND:
		done = sluice_association_unbind(&sn->park, ruling->id);
		break;
	default:
		done = refuse_association(sn, ruling) || conclude(sn, ruling) || report(sn, ruling);
		break;
	}
	if (!done)
		sluice_ns_count(sn, SLUICE_NS_COUNT_VERDICT_STALE);
	rcu_read_unlock();
}

void sluice_verdict_unanswered(struct sluice_net *sn, struct sluice_parked *entry)
{
	u8 family = sluice_tuple_family(&entry->tuple);
	struct sluice_icmp_error error = sluice_icmp_net_unreachable(family);
	struct sluice_packet packet;

	if (!sluice_packet_parse(entry->skb, family, &packet)) {
		sluice_count(entry->network, SLUICE_COUNT_REPLY_FAILED);
	} else if (packet.protocol != IPPROTO_TCP && !sluice_reply_allowed(entry->network, &packet)) {
		/* A SYN's client waits for it; of a flood of pings or datagrams the host's rate is told. */
		sluice_count(entry->network, SLUICE_COUNT_DROP_LIMITED);
	} else {
		sluice_count(entry->network, SLUICE_COUNT_UNANSWERED);
		sluice_reply_icmp(entry->network, entry->skb, &packet, &error, NULL);
	}
	sluice_parked_free(entry);
}
