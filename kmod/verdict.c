// SPDX-License-Identifier: GPL-2.0-only
/* Carrying out verdicts, see verdict.h. */

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/netdevice.h>
#include <net/ipv6.h>

#include "net.h"
#include "network.h"
#include "reply.h"
#include "trace.h"
#include "verdict.h"

/* Puts the SYN back into the receive path of the device it came in on; it meets its pass in the hook. */
static void accept(struct sluice_net *sn, u32 id)
{
	struct sluice_network *network;
	struct net_device *dev;
	struct sk_buff *skb;
	int access;

	skb = sluice_park_release(&sn->park, id, &network, &access);
	if (!skb) {
		sluice_ns_count(sn, SLUICE_NS_COUNT_VERDICT_STALE);
		return;
	}
	sluice_count(network, SLUICE_COUNT_ACCEPTED);
	dev = dev_get_by_index_rcu(sn->net, access);
	if (!dev) {
		sluice_count(network, SLUICE_COUNT_RELEASE_FAILED);
		kfree_skb(skb);
		return;
	}
	skb->dev = dev;
	/* Not netif_rx(): a batch of verdicts would overflow the backlog queue. */
	local_bh_disable();
	netif_receive_skb(skb);
	local_bh_enable();
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

static void answer(struct sluice_parked *entry, const struct sluice_ruling *ruling)
{
	u8 family = ipv6_addr_v4mapped(&entry->tuple.source) ? NFPROTO_IPV4 : NFPROTO_IPV6;
	struct sluice_network *network = entry->network;
	struct sluice_icmp_error error = sluice_icmp_net_unreachable(family);
	const struct in6_addr *source = NULL;
	struct sluice_packet packet;

	/* It was parsed before it was parked, and nobody has written to it since. */
	if (!sluice_packet_parse(entry->skb, family, &packet)) {
		sluice_count(network, SLUICE_COUNT_REPLY_FAILED);
		return;
	}
	switch (ruling->verdict) {
	case SLUICE_VERDICT_REFUSE:
		sluice_count(network, SLUICE_COUNT_REFUSED);
		sluice_reply_refuse(network, entry->skb, &packet);
		break;
	case SLUICE_VERDICT_UNREACHABLE:
		sluice_count(network, SLUICE_COUNT_UNREACHABLE);
		if (ruling->has_icmp && sluice_icmp_is_error(family, ruling->icmp_type)) {
			error.type = ruling->icmp_type;
			error.code = ruling->icmp_code;
			error.mtu = ruling->icmp_mtu;
		}
		if (ruling->has_source && may_report(family, &ruling->icmp_source))
			source = &ruling->icmp_source;
		sluice_reply_icmp(network, entry->skb, &packet, &error, source);
		break;
	case SLUICE_VERDICT_REPLY:
		/* To a SYN there is no such answer. */
		if (!sluice_packet_is_echo(&packet)) {
			sluice_count(network, SLUICE_COUNT_REPLY_FAILED);
			break;
		}
		sluice_count(network, SLUICE_COUNT_REPLIED);
		sluice_reply_echo(network, entry->skb, &packet, ruling->ttl);
		entry->skb = NULL;
		break;
	default:
		sluice_count(network, SLUICE_COUNT_TIMED_OUT);
		break;
	}
}

void sluice_verdict_apply(struct sluice_net *sn, const struct sluice_ruling *ruling)
{
	struct sluice_parked *entry;

	trace_sluice_verdict(ruling);
	rcu_read_lock();
	if (ruling->verdict == SLUICE_VERDICT_ACCEPT) {
		accept(sn, ruling->id);
	} else {
		entry = sluice_park_take(&sn->park, ruling->id);
		if (entry) {
			answer(entry, ruling);
			sluice_parked_free(entry);
		} else {
			sluice_ns_count(sn, SLUICE_NS_COUNT_VERDICT_STALE);
		}
	}
	rcu_read_unlock();
}

void sluice_verdict_unanswered(struct sluice_net *sn, struct sluice_parked *entry)
{
	u8 family = ipv6_addr_v4mapped(&entry->tuple.source) ? NFPROTO_IPV4 : NFPROTO_IPV6;
	struct sluice_icmp_error error = sluice_icmp_net_unreachable(family);
	struct sluice_packet packet;

	if (!sluice_packet_parse(entry->skb, family, &packet)) {
		sluice_count(entry->network, SLUICE_COUNT_REPLY_FAILED);
	} else if (packet.protocol != IPPROTO_TCP && !sluice_reply_allowed(entry->network, &packet)) {
		/* A SYN's client waits for it; of a flood of pings the host's rate is told. */
		sluice_count(entry->network, SLUICE_COUNT_DROP_LIMITED);
	} else {
		sluice_count(entry->network, SLUICE_COUNT_UNANSWERED);
		sluice_reply_icmp(entry->network, entry->skb, &packet, &error, NULL);
	}
	sluice_parked_free(entry);
}
