/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Delivery of datagrams to the controller: whole IP packets in the queue of a raw socket that it handed over (U1).
 *
 * Not TPROXY to UDP sockets: those cost a rule, a route and a socket lookup a packet, do not show the don't-fragment
 * bit, and are for UDP alone; a protocol that the host itself speaks (SCTP, GRE) would be answered by the host.
 */
#ifndef _SLUICE_RELAY_H
#define _SLUICE_RELAY_H

#include <linux/skbuff.h>

struct netlink_ext_ack;
struct nlattr;
struct sluice_net;
struct sluice_network;
struct sock;

/*
 * Process context.  The socket that the descriptor in @attr names, in the calling process, with a reference; an
 * ERR_PTR and extack if it is none that will do.
 */
struct sock *sluice_relay_socket(struct sluice_net *sn, const struct nlattr *attr, struct netlink_ext_ack *extack);

/* config_lock held; or, with NULL, the namespace goes.  Takes over the reference of @sk; NULL: nowhere. */
void sluice_relay_set(struct sluice_net *sn, struct sock *sk);

/* RCU read lock held.  Has the controller handed over a socket? */
bool sluice_relay_ready(struct sluice_net *sn);

/**
 * struct sluice_relay_share - what one client has put into the controller's queue; approximate, read and written by any CPU
 * @epoch: the sluice_net.relay_epoch that @bytes counts in
 * @bytes: memory of its datagrams since then
 */
struct sluice_relay_share {
	u32 epoch;
	u32 bytes;
};

/*
 * RCU read lock held, BH off.  Gives a datagram of a bound association to the controller, or as many as were sent in one
 * piece; consumes @skb.  @share is its client's; NULL: it has waited for its verdict, and was counted there.  Counts what was
 * given and what was dropped.
 */
void sluice_relay_deliver(struct sluice_net *sn, struct sluice_network *network, struct sluice_relay_share *share,
			  struct sk_buff *skb);

#endif /* _SLUICE_RELAY_H */
