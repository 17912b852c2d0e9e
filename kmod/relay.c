// SPDX-License-Identifier: GPL-2.0-only
/* Delivery of datagrams to the controller, see relay.h. */

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <linux/udp.h>
#include <net/dst.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/netlink.h>
#include <net/sock.h>

#include "net.h"
#include "network.h"
#include "packet.h"
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
	if (sk->sk_family == AF_INET && sk->sk_type == SOCK_RAW && sk->sk_protocol == IPPROTO_RAW &&
	    net_eq(sock_net(sk), sn->net)) {
		/* Out of the table of raw sockets: packets of protocol 255 to the host are not for it, and all in its queue is ours. */
		sk->sk_prot->unhash(sk);
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

bool sluice_relay_ready(struct sluice_net *sn)
{
	return rcu_access_pointer(sn->relay);
}

/* Is the checksum that is left to the device UDP's own?  The agent makes that anew. */
static bool is_udp_checksum(const struct sk_buff *skb, const struct sluice_packet *packet)
{
	return packet->protocol == IPPROTO_UDP && skb_checksum_start_offset(skb) == (int)packet->transport_offset &&
	       skb->csum_offset == offsetof(struct udphdr, check);
}

/* Nothing of the way here: not the device, the route or the connection that the host may know it by. */
static int prepare(struct sk_buff *skb, u8 family)
{
	struct sluice_packet packet;
	unsigned int length;
	int err;

	/* It was parsed in the hook, and what was one packet then is several now. */
	if (!sluice_packet_parse(skb, family, &packet))
		return -EINVAL;
	/* Frames shorter than the link's minimum carry padding. */
	length = packet.transport_offset + packet.transport_length;
	if (length < skb->len) {
		err = pskb_trim_rcsum(skb, length);
		if (err)
			return err;
	}
	/* Of other protocols, and of what UDP carries, it is part of what is sent. */
	if (skb->ip_summed == CHECKSUM_PARTIAL && !is_udp_checksum(skb, &packet)) {
		err = skb_csum_hwoffload_help(skb, 0);
		if (err)
			return err;
	}
	/* The header of IPv4 tells whether it may be fragmented, that of IPv6 only until the fragments are put together. */
	skb->mark = family == NFPROTO_IPV6 && !packet.dont_fragment;
	skb_orphan(skb);
	skb_dst_drop(skb);
	nf_reset_ct(skb);
	skb_ext_reset(skb);
	memset(skb->cb, 0, sizeof(skb->cb));
	return 0;
}

/*
 * One client's flood may fill half of the queue, the rest is for the others (T10).  An epoch begins when the queue has
 * been more than half full and is nearly empty again; in it, beyond the half, a client has an eighth.
 */
static bool over_share(struct sluice_net *sn, const struct sock *sk, struct sluice_relay_share *share, unsigned int size)
{
	int queued = atomic_read(&sk->sk_rmem_alloc), room = READ_ONCE(sk->sk_rcvbuf);
	bool full = queued > room / 2;
	u32 epoch = READ_ONCE(sn->relay_epoch);

	/* Odd: the queue has been more than half full. */
	if (full && !(epoch & 1))
		WRITE_ONCE(sn->relay_epoch, ++epoch);
	else if (queued < room / 4 && epoch & 1)
		WRITE_ONCE(sn->relay_epoch, ++epoch);
	if ((READ_ONCE(share->epoch) ^ epoch) & ~1U) {
		WRITE_ONCE(share->epoch, epoch);
		WRITE_ONCE(share->bytes, 0);
	}
	WRITE_ONCE(share->bytes, READ_ONCE(share->bytes) + size);
	return full && READ_ONCE(share->bytes) > room / 8;
}

static void deliver_one(struct sluice_net *sn, struct sluice_network *network, struct sluice_relay_share *share,
			struct sk_buff *skb)
{
	struct sock *sk = rcu_dereference(sn->relay);
	int err;

	if (!sk || sock_flag(sk, SOCK_DEAD) || (share && over_share(sn, sk, share, skb->truesize))) {
		sluice_count(network, SLUICE_COUNT_DROP_RELAY_FULL);
		kfree_skb(skb);
		return;
	}
	err = prepare(skb, skb->protocol == htons(ETH_P_IP) ? NFPROTO_IPV4 : NFPROTO_IPV6);
	if (err) {
		sluice_count(network, err == -ENOMEM ? SLUICE_COUNT_DROP_NO_MEMORY : SLUICE_COUNT_DROP_MALFORMED);
		kfree_skb(skb);
		return;
	}
	if (sock_queue_rcv_skb(sk, skb)) {
		sluice_count(network, SLUICE_COUNT_DROP_RELAY_FULL);
		kfree_skb(skb);
		return;
	}
	sluice_count(network, SLUICE_COUNT_RELAYED);
}

void sluice_relay_deliver(struct sluice_net *sn, struct sluice_network *network, struct sluice_relay_share *share,
			  struct sk_buff *skb)
{
	struct sk_buff *segments, *next;

	if (skb_is_gso(skb) && skb_shinfo(skb)->gso_type & SKB_GSO_UDP && !skb->encapsulation) {
		/* One datagram that a device was to fragment (UFO): it is whole yet. */
		skb_gso_reset(skb);
	}
	if (!skb_is_gso(skb)) {
		deliver_one(sn, network, share, skb);
		return;
	}
	/*
	 * A sender's datagrams may come as one (UDP_SEGMENT, GRO of what they carry); to who reads they are as many as
	 * were sent.  Segmenting looks at the device, and what was parked has none.
	 */
	skb->dev = network->dev;
	segments = skb_gso_segment(skb, 0);
	if (IS_ERR_OR_NULL(segments)) {
		sluice_count(network, PTR_ERR_OR_ZERO(segments) == -ENOMEM ? SLUICE_COUNT_DROP_NO_MEMORY :
									     SLUICE_COUNT_DROP_MALFORMED);
		kfree_skb(skb);
		return;
	}
	consume_skb(skb);
	skb_list_walk_safe(segments, skb, next) {
		skb_mark_not_on_list(skb);
		deliver_one(sn, network, share, skb);
	}
}
