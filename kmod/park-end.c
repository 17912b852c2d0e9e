// SPDX-License-Identifier: GPL-2.0-only
/* Parked SYNs that end without a verdict: their owner is gone, or their time is over.  See park.h. */

#include <linux/jiffies.h>

#include "kunit.h"
#include "net.h"
#include "network.h"
#include "park.h"
#include "verdict.h"

/* Once a batch has been ended, others get the lock. */
static void flush_pause(struct sluice_park *park, unsigned int *count)
{
	if (++*count < SLUICE_PARK_SCAN_BATCH)
		return;
	*count = 0;
	spin_unlock_bh(&park->lock);
	cond_resched();
	spin_lock_bh(&park->lock);
}

static struct sluice_parked *network_first(struct sluice_network *network)
{
	struct list_head *lists[] = { &network->parked, &network->released, &network->bound, &network->discarded };
	int i;

	for (i = 0; i < ARRAY_SIZE(lists); i++)
		if (!list_empty(lists[i]))
			return list_first_entry(lists[i], struct sluice_parked, age);
	return NULL;
}

void sluice_park_flush_network(struct sluice_park *park, struct sluice_network *network)
{
	struct sluice_parked *entry;
	unsigned int count = 0;

	spin_lock_bh(&park->lock);
	/* Nothing is added any more, so others may run between. */
	while ((entry = network_first(network))) {
		count += entry->weight;
		sluice_park_withdraw(park, entry, SLUICE_REASON_REMOVED, SLUICE_COUNT_REMOVED);
		flush_pause(park, &count);
	}
	spin_unlock_bh(&park->lock);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_park_flush_network);

void sluice_park_flush_client(struct sluice_park *park, struct sluice_network *network, u32 client)
{
	struct sluice_parked *entry;
	unsigned int count = 0;
	unsigned long id;

	spin_lock_bh(&park->lock);
	/* Passes, too: one is good only while its owner is, the next one with the address asks for itself. */
	xa_for_each(&park->ids, id, entry) {
		if (entry->network == network && entry->client == client) {
			count += entry->weight;
			sluice_park_withdraw(park, entry, SLUICE_REASON_REMOVED, SLUICE_COUNT_REMOVED);
		}
		flush_pause(park, &count);
	}
	spin_unlock_bh(&park->lock);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_park_flush_client);

void sluice_park_flush_access(struct sluice_park *park, int ifindex)
{
	struct sluice_parked *entry;
	unsigned int count = 0;
	unsigned long id;

	spin_lock_bh(&park->lock);
	xa_for_each(&park->ids, id, entry) {
		if (entry->access == ifindex) {
			count += entry->weight;
			sluice_park_withdraw(park, entry, SLUICE_REASON_REMOVED, SLUICE_COUNT_REMOVED);
		}
		flush_pause(park, &count);
	}
	spin_unlock_bh(&park->lock);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_park_flush_access);

void sluice_park_unbind_all(struct sluice_park *park)
{
	struct sluice_net *sn = sluice_park_net(park);
	struct sluice_network *network;
	struct sluice_parked *entry;
	unsigned int count = 0;

	lockdep_assert_held(&sn->config_lock);

	spin_lock_bh(&park->lock);
	/* Nothing is bound any more, and the list of networks stays as it is under config_lock, so others may run between. */
	list_for_each_entry(network, &sn->networks, list) {
		while ((entry = list_first_entry_or_null(&network->bound, struct sluice_parked, age))) {
			sluice_count(network, SLUICE_COUNT_UNBOUND);
			sluice_park_unlink(park, entry);
			sluice_parked_free(entry);
			flush_pause(park, &count);
		}
	}
	spin_unlock_bh(&park->lock);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_park_unbind_all);

/* The lists are in order of age, so a scan touches what is due and nothing else. */
static void scan_forget(struct sluice_park *park, struct list_head *list, unsigned long time, unsigned int *budget)
{
	struct sluice_parked *entry, *next;

	list_for_each_entry_safe(entry, next, list, age) {
		if (!*budget || time_before(jiffies, entry->seen_at + time))
			return;
		--*budget;
		sluice_park_unlink(park, entry);
		sluice_parked_free(entry);
	}
}

static void scan_network(struct sluice_park *park, struct sluice_network *network, struct list_head *orphans,
			 unsigned int *budget)
{
	unsigned long timeout = msecs_to_jiffies(READ_ONCE(network->park_timeout));
	struct sluice_parked *entry, *next;

	list_for_each_entry_safe(entry, next, &network->parked, age) {
		unsigned int weight = min(*budget, entry->weight);

		if (!*budget)
			return;
		if (sluice_controller_absent(&sluice_park_net(park)->controller, entry->seen_at)) {
			sluice_park_unlink(park, entry);
			list_add_tail(&entry->age, orphans);
		} else if (time_after_eq(jiffies, entry->seen_at + timeout)) {
			sluice_park_withdraw(park, entry, SLUICE_REASON_EXPIRED, SLUICE_COUNT_EXPIRED);
		} else {
			break;
		}
		*budget -= weight;
	}
	scan_forget(park, &network->released, SLUICE_PARK_PASS_TIME, budget);
	scan_forget(park, &network->discarded, msecs_to_jiffies(READ_ONCE(network->discard_time)), budget);
}

void sluice_park_scan(struct work_struct *work)
{
	struct sluice_park *park = container_of(to_delayed_work(work), struct sluice_park, scan);
	struct sluice_net *sn = sluice_park_net(park);
	unsigned int budget = SLUICE_PARK_SCAN_BATCH;
	struct sluice_parked *entry, *next;
	struct sluice_network *network;
	LIST_HEAD(orphans);

	rcu_read_lock();
	spin_lock_bh(&park->lock);
	list_for_each_entry(network, &sn->networks, list)
		scan_network(park, network, &orphans, &budget);
	if (park->active)
		queue_delayed_work(system_wq, &park->scan, budget ? SLUICE_PARK_SCAN_INTERVAL : 0);
	spin_unlock_bh(&park->lock);
	list_for_each_entry_safe(entry, next, &orphans, age)
		sluice_verdict_unanswered(sn, entry);
	rcu_read_unlock();
}
