// SPDX-License-Identifier: GPL-2.0-only
/* Table of contents: what starts in which order, and ends in the mirror of it. */

#include <linux/module.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "cipher.h"
#include "client.h"
#include "device.h"
#include "esp.h"
#include "kunit.h"
#include "net.h"
#include "netlink.h"
#include "policy.h"
#include "relay.h"

static unsigned int sluice_net_id __read_mostly;

struct sluice_net *sluice_net(const struct net *net)
{
	return net_generic(net, sluice_net_id);
}

static int __net_init sluice_net_init(struct net *net)
{
	struct sluice_net *sn = sluice_net(net);
	int err;

	sn->net = net;
	mutex_init(&sn->config_lock);
	INIT_LIST_HEAD(&sn->networks);
	sn->generation = 1;
	sluice_park_init(&sn->park);
	sluice_controller_init(&sn->controller);
	sn->stats = netdev_alloc_pcpu_stats(struct sluice_ns_stats);
	if (!sn->stats)
		return -ENOMEM;
	err = sluice_client_tables_init(sn);
	if (err) {
		free_percpu(sn->stats);
		return err;
	}
	sluice_esp_init(sn);
	sluice_policy_init(sn);
	return 0;
}

/* Devices are gone before this runs, and with them networks, clients, hooks and parked SYNs. */
static void __net_exit sluice_net_exit(struct net *net)
{
	struct sluice_net *sn = sluice_net(net);

	sluice_policy_exit(sn);
	sluice_esp_exit(sn);
	sluice_controller_stop(&sn->controller);
	sluice_park_forget_withdrawn(&sn->park);
	sluice_client_tables_destroy(sn);
	sluice_park_destroy(&sn->park);
	sluice_steer_free(sn);
	sluice_relay_set(sn, NULL);
	free_percpu(sn->stats);
}

/* A subsystem's exit comes after that of the devices, which removes ours by device_dellink(). */
static struct pernet_operations sluice_pernet = {
	.init = sluice_net_init,
	.exit = sluice_net_exit,
	.id = &sluice_net_id,
	.size = sizeof(struct sluice_net),
};

static int __init sluice_init(void)
{
	int err;

	err = sluice_engine_check() ?: sluice_park_cache_create();
	if (err)
		return err;
	err = register_pernet_subsys(&sluice_pernet);
	if (err)
		goto err_cache;
	err = sluice_device_register();
	if (err)
		goto err_pernet;
	err = sluice_esp_register();
	if (err)
		goto err_device;
	err = sluice_controller_notifier_register();
	if (err)
		goto err_esp;
	err = sluice_netlink_register();
	if (err)
		goto err_notifier;
	return 0;

err_notifier:
	sluice_controller_notifier_unregister();
err_esp:
	sluice_esp_unregister();
err_device:
	sluice_device_unregister();
err_pernet:
	unregister_pernet_subsys(&sluice_pernet);
err_cache:
	sluice_park_cache_destroy();
	return err;
}

static void __exit sluice_exit(void)
{
	sluice_netlink_unregister();
	sluice_controller_notifier_unregister();
	sluice_esp_unregister();
	sluice_device_unregister();
	unregister_pernet_subsys(&sluice_pernet);
	sluice_ciphers_destroy();
	sluice_park_cache_destroy();
}

module_init(sluice_init);
module_exit(sluice_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sluice: a gateway that tells the truth");
MODULE_ALIAS_RTNL_LINK("sluice");
MODULE_SOFTDEP("pre: aesni_intel");
MODULE_ALIAS_GENL_FAMILY("sluice");
