/* SPDX-License-Identifier: GPL-2.0-only */
/* Delivery to the transparent proxy by the kernel's own TPROXY: a socket and a mark on the packet. */
#ifndef _SLUICE_STEER_H
#define _SLUICE_STEER_H

#include <linux/rcupdate.h>
#include <linux/skbuff.h>

struct in6_addr;
struct sluice_net;
struct sluice_packet;

/**
 * struct sluice_steer - how the proxy is reached; immutable once published
 * @rcu: frees it
 * @mark: bits to set in the packet's mark, within @mask
 * @mask: bits that are ours
 * @port: TCP port of the transparent listeners, host byte order
 */
struct sluice_steer {
	struct rcu_head rcu;
	u32 mark;
	u32 mask;
	u16 port;
};

enum sluice_steer_result {
	SLUICE_STEER_NONE,	/* no such connection, and no listener of the proxy */
	SLUICE_STEER_DONE,	/* the packet is the proxy's */
	SLUICE_STEER_FOREIGN,	/* a socket of the host that is not transparent owns the connection */
};

/* config_lock held.  -ENOMEM. */
int sluice_steer_set(struct sluice_net *sn, u16 port, u32 mark, u32 mask);
void sluice_steer_free(struct sluice_net *sn);

/*
 * RCU read lock held.  Looks for a connection or, with @listener, also for the proxy's listener, and gives it
 * the packet.  Without @listener a TIME_WAIT socket is no owner of a SYN: that is a new attempt.
 */
enum sluice_steer_result sluice_steer(struct sluice_net *sn, struct sk_buff *skb, const struct sluice_packet *packet,
				      const struct net_device *in, bool listener);

/*
 * RCU read lock held.  An ICMP error about a connection of the proxy (RFC 1191, RFC 8201) is addressed to the
 * server: marks it as ours to receive, and says which client's connection it is about.
 */
bool sluice_steer_icmp_error(struct sluice_net *sn, struct sk_buff *skb, const struct sluice_packet *packet,
			     const struct net_device *in, struct in6_addr *client);

#endif /* _SLUICE_STEER_H */
