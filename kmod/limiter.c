// SPDX-License-Identifier: GPL-2.0-only
/* A limit for each CPU, and within it one for each who asks, see limiter.h. */

#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "limiter.h"

struct sluice_limiter *sluice_limiter_create(void)
{
	return kvcalloc(nr_cpu_ids, sizeof(struct sluice_limiter), GFP_KERNEL_ACCOUNT);
}

void sluice_limiter_destroy(struct sluice_limiter *limiter)
{
	kvfree(limiter);
}

bool sluice_limiter_has(const struct sluice_limiter *limiter, u32 rate, u32 part, u32 hash)
{
	const struct sluice_limiter *mine = &limiter[smp_processor_id()];

	return jiffies - mine->second >= HZ || (mine->part[hash] < part && mine->spent < rate);
}

static struct sluice_limiter *of_this_second(struct sluice_limiter *limiter)
{
	struct sluice_limiter *mine = &limiter[smp_processor_id()];

	if (jiffies - mine->second >= HZ) {
		mine->second = jiffies;
		mine->spent = 0;
		mine->dropped = 0;
		memset(mine->part, 0, sizeof(mine->part));
	}
	return mine;
}

void sluice_limiter_dropped(struct sluice_limiter *limiter)
{
	struct sluice_limiter *mine = of_this_second(limiter);

	if (mine->dropped < SLUICE_LIMITER_FLOOD)
		mine->dropped++;
}

bool sluice_limiter_take(struct sluice_limiter *limiter, u32 rate, u32 part, u32 hash)
{
	struct sluice_limiter *mine = of_this_second(limiter);

	if (mine->part[hash] >= part || mine->spent >= rate)
		return false;
	mine->part[hash]++;
	mine->spent++;
	return true;
}
