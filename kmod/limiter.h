/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * So many a second on each CPU, and of those so many for one of many who ask: what packets from people who have proved
 * nothing may cost.  Not from the percpu area, where room is scarce.
 */
#ifndef _SLUICE_LIMITER_H
#define _SLUICE_LIMITER_H

#include <linux/cache.h>
#include <linux/types.h>

#define SLUICE_LIMITER_BITS	10

/**
 * struct sluice_limiter - one CPU's; BH off on that CPU
 * @second: jiffies when the present second began
 * @spent: in it
 * @part: of that, by hash of who asks
 */
struct sluice_limiter {
	unsigned long second;
	u32 spent;
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

#endif /* _SLUICE_LIMITER_H */
