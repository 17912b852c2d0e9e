// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steering, see steer.h.
 *
 * A connection's packets are found by the same socket lookup that TCP would do itself a moment later, and
 * carry the socket along, so established traffic costs no second one.
 */

#include <linux/icmp.h>
#include <linux/slab.h>
#include <net/ipv6.h>
#include <net/netfilter/nf_socket.h>
#include <net/netfilter/nf_tproxy.h>
#include <net/sock.h>

#include "net.h"
#include "packet.h"

int sluice_steer_set(struct sluice_net *sn, u16 port, u32 mark, u32 mask)
{
	struct sluice_steer *steer, *old;

	lockdep_assert_held(&sn->config_lock);

	steer = kmalloc(sizeof(*steer), GFP_KERNEL_ACCOUNT);
	if (!steer)
		return -ENOMEM;
	steer->port = port;
	steer->mark = mark & mask;
	steer->mask = mask;
	old = rcu_replace_pointer(sn->steer, steer, lockdep_is_held(&sn->config_lock));
	if (old)
		kfree_rcu(old, rcu);
	return 0;
}

/* The namespace goes, no hook runs. */
void sluice_steer_free(struct sluice_net *sn)
{
	kfree(rcu_dereference_protected(sn->steer, true));
}

static struct sock *lookup(struct net *net, struct sk_buff *skb, const struct sluice_packet *packet, u16 port,
			   const struct net_device *in, enum nf_tproxy_lookup_t kind)
{
	__be16 destination = htons(port);
	__be16 source = htons(packet->source_port);

	if (sluice_is_ipv4(packet))
		return nf_tproxy_get_sock_v4(net, skb, IPPROTO_TCP, packet->source.s6_addr32[3],
					     packet->destination.s6_addr32[3], source, destination, in, kind);
	return nf_tproxy_get_sock_v6(net, skb, packet->transport_offset, IPPROTO_TCP, &packet->source,
				     &packet->destination, source, destination, in, kind);
}

enum sluice_steer_result sluice_steer(struct sluice_net *sn, struct sk_buff *skb, const struct sluice_packet *packet,
				      const struct net_device *in, bool listener)
{
	const struct sluice_steer *steer = rcu_dereference(sn->steer);
	struct sock *sk, *old = NULL;
	struct net *net = sn->net;

	sk = lookup(net, skb, packet, packet->destination_port, in, NF_TPROXY_LOOKUP_ESTABLISHED);
	if (sk && sk->sk_state == TCP_TIME_WAIT && sluice_packet_is_syn(packet)) {
		old = sk;
		sk = NULL;
	}
	if (!sk) {
		if (listener && steer)
			sk = lookup(net, skb, packet, steer->port, in, NF_TPROXY_LOOKUP_LISTENER);
		/* The test drops the reference of a socket that is not transparent: some other server's. */
		if (!sk || !nf_tproxy_sk_is_transparent(sk)) {
			if (old)
				sock_gen_put(old);
			return SLUICE_STEER_NONE;
		}
		/* A new connection on a tuple in TIME_WAIT takes the place of the old one (RFC 9293, 3.6.1). */
		if (old)
			nf_tproxy_twsk_deschedule_put(inet_twsk(old));
	} else if (!nf_tproxy_sk_is_transparent(sk)) {
		return SLUICE_STEER_FOREIGN;
	} else if (!steer) {
		sock_gen_put(sk);
		return SLUICE_STEER_FOREIGN;
	}
	skb->mark = (skb->mark & ~steer->mask) | steer->mark;
	nf_tproxy_assign_sock(skb, sk);
	return SLUICE_STEER_DONE;
}

bool sluice_steer_icmp_error(struct sluice_net *sn, struct sk_buff *skb, const struct sluice_packet *packet,
			     const struct net_device *in, struct in6_addr *client)
{
	const struct sluice_steer *steer = rcu_dereference(sn->steer);
	struct sock *sk;

	/* A redirect is for whoever routes, and the client is not asked how the host routes. */
	if (!steer || (sluice_is_ipv4(packet) && packet->icmp_type == ICMP_REDIRECT))
		return false;
	sk = sluice_is_ipv4(packet) ? nf_sk_lookup_slow_v4(sn->net, skb, in) : nf_sk_lookup_slow_v6(sn->net, skb, in);
	if (!sk || !nf_tproxy_sk_is_transparent(sk))
		return false;
	if (sk->sk_state == TCP_LISTEN) {
		sock_gen_put(sk);
		return false;
	}
	if (sluice_is_ipv4(packet))
		ipv6_addr_set_v4mapped(sk->sk_daddr, client);
	else
		*client = sk->sk_v6_daddr;
	sock_gen_put(sk);
	skb->mark = (skb->mark & ~steer->mask) | steer->mark;
	return true;
}
