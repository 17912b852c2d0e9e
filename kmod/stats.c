// SPDX-License-Identifier: GPL-2.0-only
/* Per-CPU counters of networks and of the network namespace. */

#include <linux/bottom_half.h>

#include "kunit.h"
#include "net.h"
#include "network.h"
#include "stats.h"

/* One CPU's counter, one more. */
static void count_one(u64_stats_t *count, struct u64_stats_sync *syncp)
{
	u64_stats_update_begin(syncp);
	u64_stats_inc(count);
	u64_stats_update_end(syncp);
}

/* One CPU's counter, whole on 32-bit machines, too. */
static u64 read_one(const u64_stats_t *count, const struct u64_stats_sync *syncp)
{
	unsigned int start;
	u64 value;

	do {
		start = u64_stats_fetch_begin(syncp);
		value = u64_stats_read(count);
	} while (u64_stats_fetch_retry(syncp, start));
	return value;
}

void sluice_count(struct sluice_network *network, enum sluice_network_counter counter)
{
	struct sluice_stats *stats;

	/* Verdicts count in process context, the hook in softirq: neither may interrupt the other. */
	local_bh_disable();
	stats = this_cpu_ptr(network->stats);
	count_one(&stats->count[counter], &stats->syncp);
	local_bh_enable();
}

void sluice_ns_count(struct sluice_net *sn, enum sluice_namespace_counter counter)
{
	struct sluice_ns_stats *stats;

	local_bh_disable();
	stats = this_cpu_ptr(sn->stats);
	count_one(&stats->count[counter], &stats->syncp);
	local_bh_enable();
}

u64 sluice_count_read(const struct sluice_network *network, enum sluice_network_counter counter)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct sluice_stats *stats = per_cpu_ptr(network->stats, cpu);

		sum += read_one(&stats->count[counter], &stats->syncp);
	}
	return sum;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_count_read);

u64 sluice_ns_count_read(const struct sluice_net *sn, enum sluice_namespace_counter counter)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct sluice_ns_stats *stats = per_cpu_ptr(sn->stats, cpu);

		sum += read_one(&stats->count[counter], &stats->syncp);
	}
	return sum;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_ns_count_read);
