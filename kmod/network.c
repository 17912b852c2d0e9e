// SPDX-License-Identifier: GPL-2.0-only
/* The list of networks of a network namespace, their birth and death, and their gateway address. */

#include <linux/inetdevice.h>
#include <net/addrconf.h>
#include <net/if_inet6.h>
#include <net/ipv6.h>

#include "client.h"
#include "kunit.h"
#include "net.h"
#include "network.h"

void sluice_network_init(struct sluice_network *network)
{
	network->park_timeout = SLUICE_PARK_TIMEOUT_DEFAULT;
	network->park_max = SLUICE_PARK_MAX_DEFAULT;
	network->park_client_max = SLUICE_PARK_CLIENT_MAX_DEFAULT;
	network->park_source_max = SLUICE_PARK_SOURCE_MAX_DEFAULT;
	network->association_max = SLUICE_ASSOCIATION_MAX_DEFAULT;
	network->association_client_max = SLUICE_ASSOCIATION_CLIENT_MAX_DEFAULT;
	network->association_source_max = SLUICE_ASSOCIATION_SOURCE_MAX_DEFAULT;
	network->discard_time = SLUICE_DISCARD_TIME_DEFAULT;
	INIT_LIST_HEAD(&network->list);
	INIT_LIST_HEAD(&network->parked);
	INIT_LIST_HEAD(&network->released);
	INIT_LIST_HEAD(&network->bound);
	INIT_LIST_HEAD(&network->discarded);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_network_init);

struct sluice_network *sluice_network_find(struct sluice_net *sn, u32 ifindex)
{
	struct sluice_network *network;

	lockdep_assert_held(&sn->config_lock);
	list_for_each_entry(network, &sn->networks, list)
		if (network->dev->ifindex == ifindex)
			return network;
	return NULL;
}

struct sluice_network *sluice_network_find_name(struct sluice_net *sn, const char *name)
{
	struct sluice_network *network;

	lockdep_assert_held(&sn->config_lock);
	list_for_each_entry(network, &sn->networks, list)
		if (!strcmp(network->dev->name, name))
			return network;
	return NULL;
}

/**
 * sluice_network_add() - make a registered device a network of its namespace
 * @sn: the namespace
 * @network: the device's private part
 *
 * The first network switches the hooks on.
 *
 * Return: 0, or what the hooks or the tables say; then nothing has changed.
 */
int sluice_network_add(struct sluice_net *sn, struct sluice_network *network)
{
	int err;

	ASSERT_RTNL();
	lockdep_assert_held(&sn->config_lock);

	if (!sn->network_count) {
		err = sluice_park_open(&sn->park);
		if (err)
			return err;
	}
	if (!sn->network_alive) {
		err = sluice_hooks_register(sn->net);
		if (err) {
			if (!sn->network_count)
				sluice_park_close(&sn->park);
			return err;
		}
	}
	sn->network_count++;
	sn->network_alive++;
	sn->generation++;
	spin_lock_bh(&sn->park.lock);
	list_add_tail(&network->list, &sn->networks);
	spin_unlock_bh(&sn->park.lock);
	return 0;
}

/**
 * sluice_network_kill() - first step of the end of a network, see DOC: Locking
 * @network: the network; from here on it cannot be found, and no client leads to it
 *
 * The last network switches the hooks off; sluice_network_flush() closes the park.
 */
void sluice_network_kill(struct sluice_network *network)
{
	struct sluice_net *sn = network->sn;

	ASSERT_RTNL();
	lockdep_assert_held(&sn->config_lock);

	sluice_client_remove_network(sn, network);
	sluice_pool_remove_network(sn, network);
	/* Out of netlink's sight, or a client could be added until the device is gone. */
	sn->generation++;
	spin_lock_bh(&sn->park.lock);
	list_del(&network->list);
	spin_unlock_bh(&sn->park.lock);
	if (!--sn->network_alive)
		sluice_hooks_unregister(sn->net);
}

void sluice_network_flush(struct sluice_network *network)
{
	struct sluice_net *sn = network->sn;

	ASSERT_RTNL();

	sluice_park_flush_network(&sn->park, network);
	mutex_lock(&sn->config_lock);
	if (!--sn->network_count)
		sluice_park_close(&sn->park);
	mutex_unlock(&sn->config_lock);
}

static bool gateway_ipv4(const struct net_device *dev, struct in6_addr *address)
{
	const struct in_device *in_dev = __in_dev_get_rcu(dev);
	const struct in_ifaddr *first = in_dev ? rcu_dereference(in_dev->ifa_list) : NULL;

	if (!first)
		return false;
	ipv6_addr_set_v4mapped(first->ifa_local, address);
	return true;
}

static bool gateway_ipv6(const struct net_device *dev, struct in6_addr *address)
{
	const struct inet6_dev *in6_dev = __in6_dev_get(dev);
	const struct inet6_ifaddr *ifa;

	if (!in6_dev)
		return false;
	list_for_each_entry_rcu(ifa, &in6_dev->addr_list, if_list) {
		if (ipv6_addr_type(&ifa->addr) & IPV6_ADDR_LINKLOCAL)
			continue;
		*address = ifa->addr;
		return true;
	}
	return false;
}

bool sluice_network_gateway(const struct sluice_network *network, u8 family, struct in6_addr *address)
{
	return family == NFPROTO_IPV4 ? gateway_ipv4(network->dev, address) : gateway_ipv6(network->dev, address);
}

bool sluice_network_is_gateway(const struct sluice_network *network, u8 family, const struct in6_addr *address)
{
	if (family == NFPROTO_IPV4) {
		const struct in_device *in_dev = __in_dev_get_rcu(network->dev);
		const struct in_ifaddr *ifa;

		if (!in_dev)
			return false;
		in_dev_for_each_ifa_rcu(ifa, in_dev)
			if (ifa->ifa_local == address->s6_addr32[3])
				return true;
		return false;
	}
	return ipv6_chk_addr(dev_net(network->dev), address, network->dev, 1);
}
