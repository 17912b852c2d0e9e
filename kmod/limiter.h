/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many decryptions packets from unknown sources are worth: so many a second on each CPU, and of those a client's id a
 * small part.  What a known client sends is not limited.
 */
#ifndef _SLUICE_LIMITER_H
#define _SLUICE_LIMITER_H

#include <linux/cache.h>
#include <linux/types.h>

struct sluice_net;

#define SLUICE_LIMITER_IDS	1024	/* ids share by hash */
#define SLUICE_LIMITER_ID_RATE	32	/* a second, each id, each CPU */

/**
 * struct sluice_limiter - one CPU's; BH off on that CPU
 * @second: jiffies when the present second began
 * @spent: in it
 * @id_spent: in it, by hash of the id
 *
 * There is one only where there has been a generation: a namespace that takes no ESP has none.
 */
struct sluice_limiter {
	unsigned long second;
	u32 spent;
	u8 id_spent[SLUICE_LIMITER_IDS];
} ____cacheline_aligned;

/* config_lock held, process context.  -ENOMEM.  What there is stays until sluice_limiter_destroy(). */
int sluice_limiter_begin(struct sluice_net *sn);
void sluice_limiter_destroy(struct sluice_net *sn);

/* BH off; a generation has been found.  May one packet that claims to be of @id, from an unknown source, have a decryption? */
bool sluice_limiter_take(struct sluice_net *sn, u32 id);

#endif /* _SLUICE_LIMITER_H */
