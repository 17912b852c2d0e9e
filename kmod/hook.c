// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hook: PRE_ROUTING, behind defragmentation (-400) and before conntrack (-200).  It classifies and hands
 * on, nothing else.
 *
 * Order of checks, each exit counted once (Documentation/state-tables.rst):
 *
 *	in a flood of ESP: would the receiver drop it without a key? (esp-check.c)
 *	whose source address? -> came in on the client's device? -> headers whole?
 *	TCP of a known connection, or an ICMP error about one -> the proxy
 *	the link's own traffic -> the host
 *	the gateway address -> echo reply, a question for the policy to the host, or refused
 *	TCP SYN, echo request -> TTL left? -> parked already? -> access lists -> park
 *	other TCP -> RST;  other ICMP -> dropped, or administratively prohibited
 *	any other protocol -> TTL left? -> association bound, in discard or parked already? -> access lists -> park
 */

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/inetdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/addrconf.h>
#include <net/netfilter/ipv4/nf_defrag_ipv4.h>
#include <net/netfilter/ipv6/nf_defrag_ipv6.h>
#include <net/route.h>
#include <net/tcp.h>

#include "association.h"
#include "client.h"
#include "esp-check.h"
#include "net.h"
#include "network.h"
#include "packet.h"
#include "policy.h"
#include "relay.h"
#include "reply.h"

#define SLUICE_HOOK_PRIORITY	(NF_IP_PRI_RAW - 10)

static unsigned int drop(struct sluice_network *network, enum sluice_network_counter counter)
{
	sluice_count(network, counter);
	return NF_DROP;
}

static bool checksum_ok(struct sk_buff *skb, const struct nf_hook_state *state, const struct sluice_packet *packet)
{
	return !nf_checksum(skb, state->hook, packet->transport_offset, packet->protocol, packet->family);
}

/* Multicast, broadcast, link-local, and the host's own address on the link: not for the far end. */
static bool is_link_traffic(const struct sluice_packet *packet, const struct nf_hook_state *state)
{
	if (sluice_is_ipv4(packet)) {
		__be32 destination = packet->destination.s6_addr32[3];

		return ipv4_is_multicast(destination) || ipv4_is_lbcast(destination) ||
		       inet_dev_addr_type(state->net, state->in, destination) != RTN_UNICAST;
	}
	return ipv6_addr_type(&packet->destination) & (IPV6_ADDR_MULTICAST | IPV6_ADDR_LINKLOCAL) ||
	       ipv6_chk_addr(state->net, &packet->destination, state->in, 1);
}

static bool is_icmp(const struct sluice_packet *packet)
{
	return packet->protocol == (sluice_is_ipv4(packet) ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/*
 * A whole echo request with a checksum in it.  No stack leaves that to the device, or sends one to be segmented: who
 * does (a guest by its virtio header, a packet socket) chooses where the checksum would be written.
 */
static bool echo_ok(struct sk_buff *skb, const struct nf_hook_state *state, const struct sluice_packet *packet)
{
	return skb->ip_summed != CHECKSUM_PARTIAL && !skb_is_gso(skb) && checksum_ok(skb, state, packet);
}

/* An error about one of the proxy's connections, path MTU above all, from the client or a router before it. */
static bool hook_icmp_error(struct sluice_net *sn, struct sk_buff *skb, const struct nf_hook_state *state,
			    const struct sluice_packet *packet)
{
	struct sluice_client *client;
	struct in6_addr address;

	if (!is_icmp(packet) || !sluice_icmp_is_error(packet->family, packet->icmp_type) ||
	    !sluice_steer_icmp_error(sn, skb, packet, state->in, &address))
		return false;
	client = sluice_client_lookup(sn, &address, NULL);
	if (client)
		sluice_count(client->network, SLUICE_COUNT_STEERED);
	return true;
}

/* A packet from nobody's address: on an access device it may reach the host, and nothing behind it. */
static unsigned int hook_stranger(struct sluice_net *sn, struct sk_buff *skb, const struct nf_hook_state *state)
{
	struct sluice_packet packet;
	bool local;

	/* Decrypted, and nobody that a rule knows: for the host alone, and only where that is wanted (E6). */
	if (sluice_dev_is_network(state->in)) {
		struct sluice_network *network = netdev_priv(state->in);

		if (!sluice_pool_reaches_host(rcu_dereference(sn->esp.pools), network)) {
			sluice_ns_count(sn, SLUICE_NS_COUNT_DROP_NO_CLIENT);
			return NF_DROP;
		}
	} else if (!sluice_client_access(sn, state->in->ifindex)) {
		return NF_ACCEPT;
	}
	if (state->pf == NFPROTO_IPV4) {
		local = inet_addr_type(state->net, ip_hdr(skb)->daddr) != RTN_UNICAST;
	} else {
		const struct in6_addr *destination = &ipv6_hdr(skb)->daddr;

		local = ipv6_addr_type(destination) & (IPV6_ADDR_MULTICAST | IPV6_ADDR_LINKLOCAL) ||
			ipv6_chk_addr(state->net, destination, NULL, 0);
	}
	if (local)
		return NF_ACCEPT;
	if (sluice_packet_parse(skb, state->pf, &packet) && hook_icmp_error(sn, skb, state, &packet))
		return NF_ACCEPT;
	sluice_ns_count(sn, SLUICE_NS_COUNT_DROP_NO_CLIENT);
	return NF_DROP;
}

/* May an ICMP error be sent about it?  Not about another error (RFC 1122, 3.2.2; RFC 4443, 2.4). */
static bool may_be_answered(const struct sluice_packet *packet)
{
	if (packet->protocol == IPPROTO_ICMP)
		return !sluice_is_ipv4(packet) || sluice_packet_is_echo(packet);
	if (packet->protocol == IPPROTO_ICMPV6)
		return sluice_is_ipv4(packet) ||
		       (packet->icmp_type & ICMPV6_INFOMSG_MASK && packet->icmp_type != NDISC_REDIRECT);
	return true;
}

/* One host, not us, and sent to us alone: else nothing may be answered (RFC 1122, 3.2.2; RFC 4443, 2.4 e). */
static bool is_answerable(const struct sk_buff *skb, const struct nf_hook_state *state,
			  const struct sluice_packet *packet)
{
	if (skb->pkt_type != PACKET_HOST)
		return false;
	if (sluice_is_ipv4(packet))
		return inet_addr_type(state->net, packet->source.s6_addr32[3]) == RTN_UNICAST;
	return ipv6_addr_type(&packet->source) & IPV6_ADDR_UNICAST &&
	       !ipv6_chk_addr(state->net, &packet->source, NULL, 0);
}

/*
 * Answers with an error that no verdict asked for, at the host's own rate for the source (icmp_ratelimit).
 * Verdicts are exempt: leaving one out would be a lie, and the controller's credit bounds them.
 */
static unsigned int answer_error_from(struct sluice_network *network, const struct sk_buff *skb,
				      const struct sluice_packet *packet, const struct sluice_icmp_error *error,
				      const struct in6_addr *source, enum sluice_network_counter counter)
{
	if (!sluice_reply_allowed(network, packet))
		return drop(network, SLUICE_COUNT_DROP_LIMITED);
	sluice_reply_icmp(network, skb, packet, error, source);
	return drop(network, counter);
}

static unsigned int answer_error(struct sluice_network *network, const struct sk_buff *skb,
				 const struct sluice_packet *packet, const struct sluice_icmp_error *error,
				 enum sluice_network_counter counter)
{
	return answer_error_from(network, skb, packet, error, NULL, counter);
}

/* To the network's own address: it answers echo (I2) and questions for the policy (K1), and there is nothing else on it. */
static unsigned int hook_gateway(struct sluice_network *network, struct sk_buff *skb,
				 const struct nf_hook_state *state, const struct sluice_packet *packet)
{
	struct sluice_icmp_error error;

	if (sluice_packet_is_echo(packet)) {
		if (!echo_ok(skb, state, packet))
			return drop(network, SLUICE_COUNT_DROP_MALFORMED);
		sluice_count(network, SLUICE_COUNT_GATEWAY_ECHO);
		sluice_reply_echo(network, skb, packet, 0);
		return NF_STOLEN;
	}
	if (packet->protocol == IPPROTO_TCP) {
		if (packet->tcp_flags & TCPHDR_RST)
			return drop(network, SLUICE_COUNT_DROP_RESET);
		if (!checksum_ok(skb, state, packet))
			return drop(network, SLUICE_COUNT_DROP_MALFORMED);
		sluice_reply_reset(network, packet);
		return drop(network, SLUICE_COUNT_GATEWAY_REFUSED);
	}
	/* Its socket, and its limits, are in policy.c. */
	if (packet->protocol == IPPROTO_UDP && sluice_policy_is_asked(network->sn, packet->destination_port)) {
		sluice_count(network, SLUICE_COUNT_PASSED_LINK);
		return NF_ACCEPT;
	}
	/* About our own answers, path MTU above all: the host's. */
	if (is_icmp(packet) && sluice_icmp_is_error(packet->family, packet->icmp_type)) {
		sluice_count(network, SLUICE_COUNT_PASSED_LINK);
		return NF_ACCEPT;
	}
	if (!may_be_answered(packet))
		return drop(network, SLUICE_COUNT_DROP_ERROR);
	error = packet->protocol == IPPROTO_UDP ? sluice_icmp_port_unreachable(packet->family) :
						  sluice_icmp_protocol_unreachable(packet->family);
	return answer_error(network, skb, packet, &error, SLUICE_COUNT_GATEWAY_REFUSED);
}

/* We are the client's first router, and count as one (RFC 1812, 5.3.1; I3). */
static unsigned int hook_ttl_ends(struct sluice_network *network, const struct sk_buff *skb,
				  const struct sluice_packet *packet)
{
	struct sluice_icmp_error error = sluice_icmp_time_exceeded(packet->family);

	return answer_error(network, skb, packet, &error, SLUICE_COUNT_TTL_EXCEEDED);
}

static unsigned int steered(struct sluice_network *network, enum sluice_steer_result result)
{
	if (result == SLUICE_STEER_DONE)
		sluice_count(network, SLUICE_COUNT_STEERED);
	return NF_ACCEPT;
}

static unsigned int hook_bound(struct sluice_net *sn, struct sluice_client *client, struct sk_buff *skb)
{
	sluice_relay_deliver(sn, client->network, &client->relay_share, skb);
	return NF_STOLEN;
}

/* What the park did with a packet: kept it, or why not. */
static unsigned int parked(struct sluice_network *network, enum sluice_park_result result)
{
	switch (result) {
	case SLUICE_PARK_KEPT:
		return NF_STOLEN;
	case SLUICE_PARK_FULL:
		return drop(network, SLUICE_COUNT_DROP_PARK_FULL);
	case SLUICE_PARK_CLIENT_FULL:
		return drop(network, SLUICE_COUNT_DROP_CLIENT_FULL);
	case SLUICE_PARK_SOURCE_FULL:
		return drop(network, SLUICE_COUNT_DROP_SOURCE_FULL);
	case SLUICE_PARK_ASSOCIATION_FULL:
		return drop(network, SLUICE_COUNT_DROP_ASSOCIATION_FULL);
	case SLUICE_PARK_CLIENT_ASSOCIATION_FULL:
		return drop(network, SLUICE_COUNT_DROP_CLIENT_ASSOCIATION_FULL);
	case SLUICE_PARK_SOURCE_ASSOCIATION_FULL:
		return drop(network, SLUICE_COUNT_DROP_SOURCE_ASSOCIATION_FULL);
	case SLUICE_PARK_HELD_FULL:
		return drop(network, SLUICE_COUNT_DROP_HELD_FULL);
	case SLUICE_PARK_DISCARD:
		return drop(network, SLUICE_COUNT_DROP_DISCARD);
	default:
		/* Or a verdict came between two looks, and the client's next copy finds it. */
		return drop(network, SLUICE_COUNT_DROP_NO_MEMORY);
	}
}

/* The access lists of a packet that is not parked: park it, or answer here and now.  @port is what rules see. */
static unsigned int hook_new(struct sluice_net *sn, struct sluice_client *client, u32 prefix_length,
			     struct sk_buff *skb, const struct sluice_packet *packet, u16 port)
{
	struct sluice_network *network = client->network;
	struct sluice_icmp_error error;
	struct sluice_decision decision;
	enum sluice_park_result result;

	decision = sluice_acl_decide(rcu_dereference(client->acl), rcu_dereference(network->acl), packet->protocol,
				     &packet->destination, port);
	switch (decision.action) {
	case SLUICE_ACTION_REFUSE:
		if (packet->protocol != IPPROTO_TCP && !sluice_reply_allowed(network, packet))
			return drop(network, SLUICE_COUNT_DROP_LIMITED);
		sluice_reply_refuse(network, skb, packet);
		return drop(network, SLUICE_COUNT_ACL_REFUSED);
	case SLUICE_ACTION_PROHIBIT:
		error = sluice_icmp_prohibited(packet->family);
		if (packet->protocol != IPPROTO_TCP)
			return answer_error(network, skb, packet, &error, SLUICE_COUNT_ACL_PROHIBITED);
		sluice_reply_icmp(network, skb, packet, &error, NULL);
		return drop(network, SLUICE_COUNT_ACL_PROHIBITED);
	case SLUICE_ACTION_DROP:
		return drop(network, SLUICE_COUNT_DROP_ACL);
	default:
		break;
	}

	result = sluice_park_new(&sn->park, client, prefix_length, &decision, packet, skb);
	/* Another CPU parked the same flow, and its verdict came, between two looks. */
	if (result == SLUICE_PARK_BOUND)
		return hook_bound(sn, client, skb);
	return parked(network, result);
}

static unsigned int hook_syn(struct sluice_net *sn, struct sluice_client *client, u32 prefix_length,
			     struct sk_buff *skb, const struct nf_hook_state *state,
			     const struct sluice_packet *packet)
{
	struct sluice_network *network = client->network;
	enum sluice_steer_result result;

	switch (sluice_park_again(&sn->park, network, packet, skb)) {
	case SLUICE_PARK_KEPT:
		return NF_STOLEN;
	case SLUICE_PARK_NO_MEMORY:
		return drop(network, SLUICE_COUNT_DROP_NO_MEMORY);
	case SLUICE_PARK_PASS:
		result = sluice_steer(sn, skb, packet, state->in, true);
		if (result != SLUICE_STEER_NONE)
			return steered(network, result);
		/* The far end said yes, but the proxy is gone since. */
		sluice_reply_reset(network, packet);
		return drop(network, SLUICE_COUNT_STRAY_RESET);
	default:
		return hook_new(sn, client, prefix_length, skb, packet, packet->destination_port);
	}
}

/* TCP that belongs to no connection. */
static unsigned int hook_tcp(struct sluice_net *sn, struct sluice_client *client, u32 prefix_length,
			     struct sk_buff *skb, const struct nf_hook_state *state,
			     const struct sluice_packet *packet)
{
	struct sluice_network *network = client->network;
	enum sluice_steer_result result;

	if (!checksum_ok(skb, state, packet))
		return drop(network, SLUICE_COUNT_DROP_MALFORMED);
	if (sluice_packet_is_syn(packet)) {
		if (skb->len > SLUICE_PARK_LENGTH_MAX)
			return drop(network, SLUICE_COUNT_DROP_MALFORMED);
		if (packet->ttl <= 1)
			return hook_ttl_ends(network, skb, packet);
		return hook_syn(sn, client, prefix_length, skb, state, packet);
	}
	if (packet->tcp_flags & TCPHDR_RST) {
		/* What it gives up, if anything, is counted as withdrawn. */
		if (!sluice_park_reset(&sn->park, packet))
			sluice_count(network, SLUICE_COUNT_DROP_RESET);
		return NF_DROP;
	}
	/* No connection has such segments (RFC 9293, 3.10.7.4: the ACK bit is off, drop). */
	if (!(packet->tcp_flags & TCPHDR_ACK))
		return drop(network, SLUICE_COUNT_DROP_MALFORMED);
	if (sluice_park_has_pass(&sn->park, network, packet)) {
		result = sluice_steer(sn, skb, packet, state->in, true);
		if (result != SLUICE_STEER_NONE)
			return steered(network, result);
	}
	sluice_reply_reset(network, packet);
	return drop(network, SLUICE_COUNT_STRAY_RESET);
}

/* An echo request for the far end (I1). */
static unsigned int hook_echo(struct sluice_net *sn, struct sluice_client *client, u32 prefix_length,
			      struct sk_buff *skb, const struct nf_hook_state *state,
			      const struct sluice_packet *packet)
{
	if (!echo_ok(skb, state, packet))
		return drop(client->network, SLUICE_COUNT_DROP_MALFORMED);
	if (packet->ttl <= 1)
		return hook_ttl_ends(client->network, skb, packet);
	if (sluice_park_again(&sn->park, client->network, packet, skb) == SLUICE_PARK_KEPT)
		return NF_STOLEN;
	return hook_new(sn, client, prefix_length, skb, packet, 0);
}

/* A whole datagram: of UDP with its checksum right, or without one where that is allowed (RFC 768; RFC 8200, 8.1). */
static bool datagram_ok(struct sk_buff *skb, const struct nf_hook_state *state, const struct sluice_packet *packet)
{
	struct udphdr buffer;
	const struct udphdr *header;

	/* A guest or a packet socket says where the device is to write; over the headers before, nobody's may. */
	if (skb->ip_summed == CHECKSUM_PARTIAL && skb_checksum_start_offset(skb) < (int)packet->transport_offset)
		return false;
	if (packet->protocol != IPPROTO_UDP)
		return true;
	header = skb_header_pointer(skb, packet->transport_offset, sizeof(buffer), &buffer);
	if (!header)
		return false;
	if (!header->check)
		return sluice_is_ipv4(packet);
	/* Bytes may follow the datagram in its packet, and are not summed. */
	if (ntohs(header->len) < packet->transport_length)
		return !nf_checksum_partial(skb, state->hook, packet->transport_offset, ntohs(header->len), IPPROTO_UDP,
					    packet->family);
	return checksum_ok(skb, state, packet);
}

/* A datagram of an association that nobody carries (U2). */
static unsigned int hook_discard(struct sluice_network *network, const struct sk_buff *skb,
				 const struct sluice_packet *packet, const struct sluice_refusal *refusal)
{
	if (!refusal->answered)
		return drop(network, SLUICE_COUNT_DROP_DISCARD);
	return answer_error_from(network, skb, packet, &refusal->error, refusal->has_source ? &refusal->source : NULL,
				 SLUICE_COUNT_DISCARD_ANSWERED);
}

/* A datagram of UDP or of another protocol (U1, U7). */
static unsigned int hook_datagram(struct sluice_net *sn, struct sluice_client *client, u32 prefix_length,
				  struct sk_buff *skb, const struct nf_hook_state *state,
				  const struct sluice_packet *packet)
{
	struct sluice_network *network = client->network;
	struct sluice_refusal refusal;
	enum sluice_park_result result;

	if (!datagram_ok(skb, state, packet))
		return drop(network, SLUICE_COUNT_DROP_MALFORMED);
	if (packet->ttl <= 1)
		return hook_ttl_ends(network, skb, packet);
	switch (sluice_association_receive(&sn->park, network, packet, skb, &refusal)) {
	case SLUICE_PARK_BOUND:
		return hook_bound(sn, client, skb);
	case SLUICE_PARK_DISCARD:
		return hook_discard(network, skb, packet, &refusal);
	default:
		break;
	}
	result = sluice_park_again(&sn->park, network, packet, skb);
	if (result == SLUICE_PARK_BOUND)
		return hook_bound(sn, client, skb);
	if (result != SLUICE_PARK_UNKNOWN)
		return parked(network, result);
	return hook_new(sn, client, prefix_length, skb, packet, packet->destination_port);
}

static unsigned int sluice_hook(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	struct sluice_net *sn = sluice_net(state->net);
	enum sluice_steer_result result;
	struct sluice_network *network;
	struct sluice_icmp_error error;
	struct sluice_client *client;
	struct sluice_packet packet;
	struct in6_addr source;
	u32 prefix_length;

	if (state->in->flags & IFF_LOOPBACK)
		return NF_ACCEPT;
	if (sluice_esp_drop_early(sn, skb, state))
		return NF_DROP;
	sluice_packet_source(skb, state->pf, &source);
	client = sluice_client_lookup(sn, &source, &prefix_length);
	if (!client)
		return hook_stranger(sn, skb, state);
	network = client->network;
	if (client->access != state->in->ifindex)
		return drop(network, SLUICE_COUNT_DROP_SPOOFED);
	if (!sluice_packet_parse(skb, state->pf, &packet))
		return drop(network, SLUICE_COUNT_DROP_MALFORMED);

	if (packet.protocol == IPPROTO_TCP) {
		result = sluice_steer(sn, skb, &packet, state->in, false);
		if (result != SLUICE_STEER_NONE)
			return steered(network, result);
	}
	if (is_link_traffic(&packet, state)) {
		sluice_count(network, SLUICE_COUNT_PASSED_LINK);
		return NF_ACCEPT;
	}
	if (!is_answerable(skb, state, &packet))
		return drop(network, SLUICE_COUNT_DROP_ERROR);
	if (sluice_network_is_gateway(network, packet.family, &packet.destination))
		return hook_gateway(network, skb, state, &packet);
	if (packet.protocol == IPPROTO_TCP)
		return hook_tcp(sn, client, prefix_length, skb, state, &packet);
	if (sluice_packet_is_echo(&packet))
		return hook_echo(sn, client, prefix_length, skb, state, &packet);
	if (sluice_is_datagram(packet.protocol))
		return hook_datagram(sn, client, prefix_length, skb, state, &packet);
	if (hook_icmp_error(sn, skb, state, &packet))
		return NF_ACCEPT;
	if (!may_be_answered(&packet))
		return drop(network, SLUICE_COUNT_DROP_ERROR);
	error = sluice_icmp_prohibited(packet.family);
	return answer_error(network, skb, &packet, &error, SLUICE_COUNT_NOT_CARRIED);
}

static const struct nf_hook_ops sluice_hook_ops[] = {
	{
		.hook = sluice_hook,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_PRE_ROUTING,
		.priority = SLUICE_HOOK_PRIORITY,
	},
	{
		.hook = sluice_hook,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_PRE_ROUTING,
		.priority = SLUICE_HOOK_PRIORITY,
	},
};

int sluice_hooks_register(struct net *net)
{
	int err = nf_defrag_ipv4_enable(net);

	if (err)
		return err;
	err = nf_defrag_ipv6_enable(net);
	if (err)
		goto err_defrag_ipv4;
	err = nf_register_net_hooks(net, sluice_hook_ops, ARRAY_SIZE(sluice_hook_ops));
	if (err)
		goto err_defrag_ipv6;
	return 0;

err_defrag_ipv6:
	nf_defrag_ipv6_disable(net);
err_defrag_ipv4:
	nf_defrag_ipv4_disable(net);
	return err;
}

void sluice_hooks_unregister(struct net *net)
{
	nf_unregister_net_hooks(net, sluice_hook_ops, ARRAY_SIZE(sluice_hook_ops));
	nf_defrag_ipv6_disable(net);
	nf_defrag_ipv4_disable(net);
}
