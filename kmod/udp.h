/* SPDX-License-Identifier: GPL-2.0-only */
/* A UDP port of the kernel's own, on all addresses of both families: a pair of sockets, IPv4 and IPv6. */
#ifndef _SLUICE_UDP_H
#define _SLUICE_UDP_H

#include <linux/types.h>

struct net;
struct sk_buff;
struct sock;
struct socket;

/*
 * Process context.  @port: host byte order.  What binding says; then @udp is unchanged.  What comes before
 * sluice_udp_receive() lies in the sockets' queues, within their limit, until they are closed.
 */
int sluice_udp_bind(struct net *net, u16 port, struct socket *udp[2]);

/*
 * From here on @receive gets what comes, with its checksum verified, data at the UDP header, RCU read lock held, BH off; it
 * returns 0 and has consumed it.  Sockets that are NULL stay so.
 */
void sluice_udp_receive(struct net *net, struct socket *udp[2], int (*receive)(struct sock *sk, struct sk_buff *skb));

/* Process context.  Nothing is received any more but by who is at it, see synchronize_net(). */
void sluice_udp_close(struct socket *udp[2]);

#endif /* _SLUICE_UDP_H */
