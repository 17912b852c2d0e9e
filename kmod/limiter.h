/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * So many a second on each CPU, and of those so many for one of many who ask: what packets from people who have proved
 * nothing may cost.  Not from the percpu area, where room is scarce.
 */
#ifndef _SLUICE_LIMITER_H
#define _SLUICE_LIMITER_H

#include <linux/cache.h>
#include <linux/jiffies.h>
#include <linux/smp.h>
#include <linux/types.h>

#define SLUICE_LIMITER_BITS	10
#define SLUICE_LIMITER_FLOOD	64	/* packets dropped in a second on one CPU; from then on it is a flood */

/**
 * struct sluice_limiter - one CPU's; BH off on that CPU
 * @second: jiffies when the present second began
 * @spent: in it
 * @dropped: packets, in it
 * @part: of that, by hash of who asks
 */
struct sluice_limiter {
	unsigned long second;
	u32 spent;
	u32 dropped;
	u16 part[1 << SLUICE_LIMITER_BITS];
} ____cacheline_aligned_in_smp;

/* Process context.  One for each CPU; NULL: no memory. */
struct sluice_limiter *sluice_limiter_create(void);
/* Nobody takes any more.  @limiter may be NULL. */
void sluice_limiter_destroy(struct sluice_limiter *limiter);

/*
 * BH off.  May there be one more?  @rate: on this CPU in a second; @part: of those, of who has this @hash of
 * SLUICE_LIMITER_BITS bits.
 */
bool sluice_limiter_take(struct sluice_limiter *limiter, u32 rate, u32 part, u32 hash);
/* The same, and nothing is taken. */
bool sluice_limiter_has(const struct sluice_limiter *limiter, u32 rate, u32 part, u32 hash);

/* BH off.  A packet that had nobody's key was dropped. */
void sluice_limiter_dropped(struct sluice_limiter *limiter);

/* BH off.  Have there been many of those on this CPU within the second? */
static inline bool sluice_limiter_is_flooded(const struct sluice_limiter *limiter)
{
	const struct sluice_limiter *mine = &limiter[smp_processor_id()];

	return unlikely(mine->dropped >= SLUICE_LIMITER_FLOOD) && jiffies - mine->second < HZ;
}

#endif /* _SLUICE_LIMITER_H */
