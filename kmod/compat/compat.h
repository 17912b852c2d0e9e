/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels that Sluice is built for, 6.1 to 6.12, and the only place that may
 * know of them.  Force-included by Kbuild.
 */
#ifndef _SLUICE_COMPAT_H
#define _SLUICE_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "Sluice needs Linux 6.1 or newer"
#endif

#include <linux/netdevice.h>
#include <net/genetlink.h>
#ifdef SLUICE_HAVE_NET_GSO_H	/* where skb_gso_segment() has moved to */
#include <net/gso.h>
#endif
#ifdef SLUICE_HAVE_LINUX_UNALIGNED_H
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

/* A network's device stays in its network namespace: its state is the namespace's. */
static inline void sluice_compat_dev_netns_immutable(struct net_device *dev)
{
#ifdef SLUICE_HAVE_NETNS_IMMUTABLE
	dev->netns_immutable = true;
#else
	dev->features |= NETIF_F_NETNS_LOCAL;
#endif
}

/* Packets and bytes by CPU, which 6.12 makes and frees itself, and complains where it has not. */
static inline int sluice_compat_dev_tstats_init(struct net_device *dev)
{
#ifndef SLUICE_HAVE_PCPU_STAT_TYPE
	dev->tstats = netdev_alloc_pcpu_stats(struct pcpu_sw_netstats);
	if (!dev->tstats)
		return -ENOMEM;
#endif
	return 0;
}

static inline void sluice_compat_dev_tstats_free(struct net_device *dev)
{
#ifndef SLUICE_HAVE_PCPU_STAT_TYPE
	free_percpu(dev->tstats);
	dev->tstats = NULL;
#endif
}

static inline void sluice_compat_dev_tstats_setup(struct net_device *dev)
{
#ifdef SLUICE_HAVE_PCPU_STAT_TYPE
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
#endif
}

/* Any CPU may send at any time: there is no queue to lock. */
static inline void sluice_compat_dev_lltx(struct net_device *dev)
{
#ifdef SLUICE_HAVE_DEV_LLTX
	dev->lltx = true;
#else
	dev->features |= NETIF_F_LLTX;
#endif
}

/* Attributes of the request that started a dump. */
static inline struct nlattr **sluice_compat_genl_dump_attrs(struct netlink_callback *cb)
{
#ifdef SLUICE_HAVE_GENL_INFO_DUMP
	return genl_info_dump(cb)->attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

#endif /* _SLUICE_COMPAT_H */
