/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many decryptions packets from unknown sources are worth: so many a second on each CPU, and of those a client's id a
 * small part.  What a known client sends is not limited.
 */
#ifndef _SLUICE_LIMITER_H
#define _SLUICE_LIMITER_H

#include <linux/types.h>

struct sluice_net;

#define SLUICE_LIMITER_IDS	1024	/* ids share by hash */
#define SLUICE_LIMITER_ID_RATE	32	/* a second, each id, each CPU */

/**
 * struct sluice_limiter - one CPU's; BH off on that CPU
 * @second: jiffies when the present second began
 * @spent: in it
 * @id_spent: in it, by hash of the id
 */
struct sluice_limiter {
	unsigned long second;
	u32 spent;
	u8 id_spent[SLUICE_LIMITER_IDS];
};

/* BH off.  May one packet that claims to be of @id, from an unknown source, have a decryption? */
bool sluice_limiter_take(struct sluice_net *sn, u32 id);

#endif /* _SLUICE_LIMITER_H */
