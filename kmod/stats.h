/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters: 64 bits, one per CPU, never going back.  uapi/sluice.yaml names them. */
#ifndef _SLUICE_STATS_H
#define _SLUICE_STATS_H

#include <linux/percpu.h>
#include <linux/u64_stats_sync.h>

#include "netlink-gen.h"

struct sluice_net;
struct sluice_network;

/**
 * struct sluice_stats - one CPU's counters of a network
 * @count: by enum sluice_network_counter
 * @syncp: guards @count on 32-bit machines
 */
struct sluice_stats {
	u64_stats_t count[__SLUICE_COUNT_MAX];
	struct u64_stats_sync syncp;
};

/**
 * struct sluice_ns_stats - one CPU's counters of a network namespace
 * @count: by enum sluice_namespace_counter
 * @syncp: guards @count on 32-bit machines
 */
struct sluice_ns_stats {
	u64_stats_t count[__SLUICE_NS_COUNT_MAX];
	struct u64_stats_sync syncp;
};

/* Any context; counts one event. */
void sluice_count(struct sluice_network *network, enum sluice_network_counter counter);
void sluice_ns_count(struct sluice_net *sn, enum sluice_namespace_counter counter);

u64 sluice_count_read(const struct sluice_network *network, enum sluice_network_counter counter);
u64 sluice_ns_count_read(const struct sluice_net *sn, enum sluice_namespace_counter counter);

#endif /* _SLUICE_STATS_H */
