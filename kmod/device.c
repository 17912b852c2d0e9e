// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device of a network: "ip link add NAME type sluice".  It holds the gateway address; decrypted packets of ESP clients
 * come in on it, and what is routed to it is encrypted to them.
 */

#include <linux/if_arp.h>
#include <linux/netdevice.h>
#include <net/addrconf.h>
#include <net/ip_tunnels.h>
#include <net/rtnetlink.h>

#include "client.h"
#include "device.h"
#include "esp.h"
#include "net.h"
#include "network.h"

/* Leaves room for ESP in UDP over IPv6 on a path of 1500. */
#define SLUICE_DEVICE_MTU	1400

static int device_init(struct net_device *dev)
{
	struct sluice_network *network = netdev_priv(dev);

	network->stats = netdev_alloc_pcpu_stats(struct sluice_stats);
	if (!network->stats)
		return -ENOMEM;
	if (sluice_compat_dev_tstats_init(dev))
		goto err_stats;
	if (gro_cells_init(&network->gro_cells, dev))
		goto err_tstats;
	return 0;

err_tstats:
	sluice_compat_dev_tstats_free(dev);
err_stats:
	free_percpu(network->stats);
	network->stats = NULL;
	return -ENOMEM;
}

/* No hook leads here any more, see DOC: Locking. */
static void device_uninit(struct net_device *dev)
{
	struct sluice_network *network = netdev_priv(dev);

	if (!list_empty(&network->list))
		sluice_network_flush(network);
	gro_cells_destroy(&network->gro_cells);
}

/* After the last reference is gone. */
static void device_free(struct net_device *dev)
{
	struct sluice_network *network = netdev_priv(dev);

	kvfree(rcu_dereference_protected(network->acl, true));
	sluice_compat_dev_tstats_free(dev);
	free_percpu(network->stats);
}

/* No link, so no link-local address: the gateway address is the only one. */
static int device_open(struct net_device *dev)
{
	struct inet6_dev *in6_dev = __in6_dev_get(dev);

	if (in6_dev)
		in6_dev->cnf.addr_gen_mode = IN6_ADDR_GEN_MODE_NONE;
	return 0;
}

static netdev_tx_t device_xmit(struct sk_buff *skb, struct net_device *dev)
{
	rcu_read_lock();
	sluice_esp_send(netdev_priv(dev), skb);
	rcu_read_unlock();
	return NETDEV_TX_OK;
}

static const struct net_device_ops device_ops = {
	.ndo_init = device_init,
	.ndo_uninit = device_uninit,
	.ndo_open = device_open,
	.ndo_start_xmit = device_xmit,
	.ndo_get_stats64 = dev_get_tstats64,
};

static const struct device_type device_type = { .name = "sluice" };

static void device_setup(struct net_device *dev)
{
	struct sluice_network *network = netdev_priv(dev);

	dev->netdev_ops = &device_ops;
	dev->header_ops = &ip_tunnel_header_ops;
	dev->type = ARPHRD_NONE;
	dev->flags = IFF_POINTOPOINT | IFF_NOARP;
	dev->priv_flags |= IFF_NO_QUEUE;
	dev->mtu = SLUICE_DEVICE_MTU;
	dev->min_mtu = IPV6_MIN_MTU;
	dev->max_mtu = 65535;
	dev->needs_free_netdev = true;
	dev->priv_destructor = device_free;
	/* An answer to the sender needs the route that the packet came by. */
	netif_keep_dst(dev);
	sluice_compat_dev_netns_immutable(dev);
	sluice_compat_dev_lltx(dev);
	sluice_compat_dev_tstats_setup(dev);
	SET_NETDEV_DEVTYPE(dev, &device_type);

	network->dev = dev;
	sluice_network_init(network);
}

static int device_newlink(struct net *src_net, struct net_device *dev, struct nlattr *tb[], struct nlattr *data[],
			  struct netlink_ext_ack *extack)
{
	struct sluice_network *network = netdev_priv(dev);
	struct sluice_net *sn = sluice_net(dev_net(dev));
	int err;

	network->sn = sn;
	err = register_netdevice(dev);
	if (err)
		return err;
	mutex_lock(&sn->config_lock);
	err = sluice_network_add(sn, network);
	mutex_unlock(&sn->config_lock);
	if (err) {
		NL_SET_ERR_MSG(extack, "cannot register the packet hooks of this network namespace");
		unregister_netdevice(dev);
	}
	return err;
}

static void device_dellink(struct net_device *dev, struct list_head *head)
{
	struct sluice_network *network = netdev_priv(dev);

	mutex_lock(&network->sn->config_lock);
	sluice_network_kill(network);
	mutex_unlock(&network->sn->config_lock);
	unregister_netdevice_queue(dev, head);
}

static struct rtnl_link_ops link_ops __read_mostly = {
	.kind = "sluice",
	.priv_size = sizeof(struct sluice_network),
	.setup = device_setup,
	.newlink = device_newlink,
	.dellink = device_dellink,
};

bool sluice_dev_is_network(const struct net_device *dev)
{
	return dev->rtnl_link_ops == &link_ops;
}

/* A device that clients come in on goes: nothing parked can be put back there. */
static int netdevice_event(struct notifier_block *block, unsigned long event, void *data)
{
	struct net_device *dev = netdev_notifier_info_to_dev(data);
	struct sluice_net *sn = sluice_net(dev_net(dev));

	if (event == NETDEV_UNREGISTER && sluice_client_access(sn, dev->ifindex))
		sluice_park_flush_access(&sn->park, dev->ifindex);
	return NOTIFY_DONE;
}

static struct notifier_block netdevice_notifier = { .notifier_call = netdevice_event };

int sluice_device_register(void)
{
	int err = register_netdevice_notifier(&netdevice_notifier);

	if (err)
		return err;
	err = rtnl_link_register(&link_ops);
	if (err)
		unregister_netdevice_notifier(&netdevice_notifier);
	return err;
}

void sluice_device_unregister(void)
{
	rtnl_link_unregister(&link_ops);
	unregister_netdevice_notifier(&netdevice_notifier);
}
