// SPDX-License-Identifier: GPL-2.0-only
/* Delivery of datagrams to the controller, see relay.h. */

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/dst.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/netlink.h>
#include <net/sock.h>

#include "net.h"
#include "network.h"
#include "relay.h"

struct sock *sluice_relay_socket(struct sluice_net *sn, const struct nlattr *attr, struct netlink_ext_ack *extack)
{
	struct socket *socket;
	struct sock *sk;
	int err;

	socket = sockfd_lookup(nla_get_u32(attr), &err);
	if (!socket) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "no socket has this descriptor");
		return ERR_PTR(err);
	}
	sk = socket->sk;
	/* Of this protocol nothing ever comes in (raw(7)), so what is in its queue is ours. */
	if (sk->sk_family == AF_INET && sk->sk_type == SOCK_RAW && sk->sk_protocol == IPPROTO_RAW &&
	    net_eq(sock_net(sk), sn->net)) {
		sock_hold(sk);
	} else {
		NL_SET_ERR_MSG_ATTR(extack, attr, "not an IPv4 raw socket of protocol 255 in this network namespace");
		sk = ERR_PTR(-EINVAL);
	}
	sockfd_put(socket);
	return sk;
}

void sluice_relay_set(struct sluice_net *sn, struct sock *sk)
{
	struct sock *old = rcu_replace_pointer(sn->relay, sk, !sk || lockdep_is_held(&sn->config_lock));

	if (!old)
		return;
	/* A hook that still has it may put something into its queue, which the last reference empties. */
	synchronize_net();
	sock_put(old);
}

/* Nothing of the way here: not the device, the route or the connection that the host may know it by. */
static bool prepare(struct sk_buff *skb)
{
	unsigned int length = skb->protocol == htons(ETH_P_IP) ?
			      iph_totlen(skb, ip_hdr(skb)) :
			      sizeof(struct ipv6hdr) + ntohs(ipv6_hdr(skb)->payload_len);
	u8 protocol = skb->protocol == htons(ETH_P_IP) ? ip_hdr(skb)->protocol : ipv6_hdr(skb)->nexthdr;

	/* Frames shorter than the link's minimum carry padding. */
	if (length < skb->len && pskb_trim_rcsum(skb, length))
		return false;
	/* UDP's is made anew by the agent; of other protocols it is part of what is carried. */
	if (skb->ip_summed == CHECKSUM_PARTIAL && protocol != IPPROTO_UDP && skb_csum_hwoffload_help(skb, 0))
		return false;
	/* The header of IPv4 tells whether it may be fragmented, that of IPv6 only until the fragments are put together. */
	skb->mark = skb->protocol == htons(ETH_P_IPV6) && IP6CB(skb)->flags & IP6SKB_FRAGMENTED;
	skb_orphan(skb);
	skb_dst_drop(skb);
	nf_reset_ct(skb);
	skb_ext_reset(skb);
	memset(skb->cb, 0, sizeof(skb->cb));
	return true;
}

static void deliver_one(struct sock *sk, struct sluice_network *network, struct sk_buff *skb)
{
	if (!prepare(skb)) {
		sluice_count(network, SLUICE_COUNT_DROP_NO_MEMORY);
		kfree_skb(skb);
		return;
	}
	if (!sk || sock_queue_rcv_skb(sk, skb)) {
		sluice_count(network, SLUICE_COUNT_DROP_RELAY_FULL);
		kfree_skb(skb);
		return;
	}
	sluice_count(network, SLUICE_COUNT_RELAYED);
}

void sluice_relay_deliver(struct sluice_net *sn, struct sluice_network *network, struct sk_buff *skb)
{
	struct sock *sk = rcu_dereference(sn->relay);
	struct sk_buff *segments, *next;

	if (!skb_is_gso(skb)) {
		deliver_one(sk, network, skb);
		return;
	}
	/* A local sender's datagrams may come as one (UDP_SEGMENT); to who reads they are as many as were sent. */
	segments = skb_gso_segment(skb, 0);
	if (IS_ERR_OR_NULL(segments)) {
		sluice_count(network, SLUICE_COUNT_DROP_MALFORMED);
		kfree_skb(skb);
		return;
	}
	consume_skb(skb);
	skb_list_walk_safe(segments, skb, next) {
		skb_mark_not_on_list(skb);
		deliver_one(sk, network, skb);
	}
}
