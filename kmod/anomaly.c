// SPDX-License-Identifier: GPL-2.0-only
/* Anomalies of ESP clients, see anomaly.h; what each of them means: Documentation/esp.rst. */

#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/netlink.h>
#include <net/netlink.h>

#include "anomaly.h"
#include "net.h"

#define SLUICE_MOVER_TIME	(10 * HZ)
#define SLUICE_MOVER_TOLD	8	/* anomalies of one client, within that time */
#define SLUICE_MOVER_BACK	3	/* so often back where it was, within that time: two hosts */

static bool same_endpoint(const struct sluice_endpoint *a, const struct sluice_endpoint *b)
{
	return a->port == b->port && ipv6_addr_equal(&a->address, &b->address);
}

static int fill(struct sk_buff *msg, const void *what)
{
	const struct sluice_anomaly_report *a = what;

	if (nla_put_u32(msg, SLUICE_A_ESP_CLIENT_ID, a->id) ||
	    nla_put_u32(msg, SLUICE_A_ESP_CLIENT_GENERATION, a->generation) ||
	    nla_put_u16(msg, SLUICE_A_ESP_CLIENT_INCARNATION, a->incarnation) ||
	    nla_put_u8(msg, SLUICE_A_ESP_CLIENT_ANOMALY, a->kind) ||
	    nla_put_in6_addr(msg, SLUICE_A_ESP_CLIENT_ADDRESS, &a->now.address) ||
	    nla_put_u16(msg, SLUICE_A_ESP_CLIENT_PORT, ntohs(a->now.port)) ||
	    nla_put_in6_addr(msg, SLUICE_A_ESP_CLIENT_OLD_ADDRESS, &a->before.address) ||
	    nla_put_u16(msg, SLUICE_A_ESP_CLIENT_OLD_PORT, ntohs(a->before.port)))
		return -EMSGSIZE;
	return 0;
}

static bool take(struct sluice_anomalies *anomalies, struct sluice_anomaly_report *anomaly)
{
	bool any;

	spin_lock_bh(&anomalies->lock);
	any = anomalies->count;
	if (any) {
		*anomaly = anomalies->waiting[anomalies->first];
		anomalies->first = (anomalies->first + 1) % SLUICE_ANOMALIES_WAITING;
		anomalies->count--;
	}
	spin_unlock_bh(&anomalies->lock);
	return any;
}

static void anomalies_work(struct work_struct *work)
{
	struct sluice_anomalies *anomalies = container_of(work, struct sluice_anomalies, work);
	struct sluice_anomaly_report anomaly;

	while (take(anomalies, &anomaly))
		if (!sluice_controller_event(anomalies->sn, SLUICE_CMD_ANOMALY_NTF, fill, &anomaly))
			sluice_ns_count(anomalies->sn, SLUICE_NS_COUNT_ANOMALIES_LOST);
}

struct sluice_anomalies *sluice_anomalies_create(struct sluice_net *sn)
{
	struct sluice_anomalies *anomalies = kvzalloc(sizeof(*anomalies), GFP_KERNEL_ACCOUNT);

	if (!anomalies)
		return NULL;
	anomalies->sn = sn;
	spin_lock_init(&anomalies->lock);
	INIT_WORK(&anomalies->work, anomalies_work);
	return anomalies;
}

void sluice_anomalies_destroy(struct sluice_anomalies *anomalies)
{
	if (!anomalies)
		return;
	cancel_work_sync(&anomalies->work);
	kvfree(anomalies);
}

/* The lock held. */
static void wait_to_be_told(struct sluice_anomalies *anomalies, const struct sluice_anomaly_report *anomaly)
{
	lockdep_assert_held(&anomalies->lock);

	if (anomalies->count == SLUICE_ANOMALIES_WAITING) {
		sluice_ns_count(anomalies->sn, SLUICE_NS_COUNT_ANOMALIES_LOST);
		return;
	}
	anomalies->waiting[(anomalies->first + anomalies->count++) % SLUICE_ANOMALIES_WAITING] = *anomaly;
	schedule_work(&anomalies->work);
}

/* The lock held.  Its client's place; the newest pushes an older one out. */
static struct sluice_mover *mover_of(struct sluice_anomalies *anomalies, const struct sluice_anomaly_report *anomaly)
{
	struct sluice_mover *mover = &anomalies->mover[hash_32(anomaly->id, ilog2(SLUICE_MOVERS))];

	if (mover->id != anomaly->id || mover->generation != anomaly->generation || mover->incarnation != anomaly->incarnation ||
	    time_after(jiffies, mover->since + SLUICE_MOVER_TIME)) {
		memset(mover, 0, sizeof(*mover));
		mover->id = anomaly->id;
		mover->generation = anomaly->generation;
		mover->incarnation = anomaly->incarnation;
		mover->since = jiffies;
	}
	return mover;
}

/* The lock held.  A client can have as many anomalies as it sends packets: the first few of each ten seconds are told. */
static bool may_be_told(struct sluice_mover *mover)
{
	if (mover->told == SLUICE_MOVER_TOLD)
		return false;
	mover->told++;
	return true;
}

void sluice_anomaly_tell(struct sluice_anomalies *anomalies, const struct sluice_anomaly_report *anomaly)
{
	sluice_ns_count(anomalies->sn, SLUICE_NS_COUNT_ANOMALIES);
	spin_lock_bh(&anomalies->lock);
	if (may_be_told(mover_of(anomalies, anomaly)))
		wait_to_be_told(anomalies, anomaly);
	spin_unlock_bh(&anomalies->lock);
}

void sluice_anomaly_moved(struct sluice_anomalies *anomalies, struct sluice_anomaly_report *anomaly)
{
	struct sluice_mover *mover;

	sluice_ns_count(anomalies->sn, SLUICE_NS_COUNT_ANOMALIES);
	spin_lock_bh(&anomalies->lock);
	mover = mover_of(anomalies, anomaly);
	if (same_endpoint(&mover->before, &anomaly->now) && mover->back < U8_MAX)
		mover->back++;
	mover->before = anomaly->before;
	if (mover->back == SLUICE_MOVER_BACK) {
		anomaly->kind = SLUICE_ANOMALY_ALTERNATES;
		wait_to_be_told(anomalies, anomaly);
	} else if (mover->back < SLUICE_MOVER_BACK && may_be_told(mover)) {
		wait_to_be_told(anomalies, anomaly);
	}
	spin_unlock_bh(&anomalies->lock);
}
