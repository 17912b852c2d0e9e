// SPDX-License-Identifier: GPL-2.0-only
/* A UDP port of the kernel's own, see udp.h. */

#include <net/udp.h>
#include <net/udp_tunnel.h>

#include "udp.h"

int sluice_udp_bind(struct net *net, u16 port, struct socket *udp[2])
{
	struct udp_port_cfg config = { .family = AF_INET, .local_udp_port = htons(port), .ipv6_v6only = true,
				       .use_udp6_rx_checksums = true };
	struct socket *pair[2];
	int err;

	err = udp_sock_create(net, &config, &pair[0]);
	if (err)
		return err;
	config.family = AF_INET6;
	err = udp_sock_create(net, &config, &pair[1]);
	if (err) {
		udp_tunnel_sock_release(pair[0]);
		return err;
	}
	memcpy(udp, pair, sizeof(pair));
	return 0;
}

void sluice_udp_receive(struct net *net, struct socket *udp[2], int (*receive)(struct sock *sk, struct sk_buff *skb))
{
	struct udp_tunnel_sock_cfg tunnel = { .encap_type = UDP_ENCAP_ESPINUDP, .encap_rcv = receive };
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (udp[i])
			setup_udp_tunnel_sock(net, udp[i], &tunnel);
}

void sluice_udp_close(struct socket *udp[2])
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (udp[i])
			udp_tunnel_sock_release(udp[i]);
		udp[i] = NULL;
	}
}
