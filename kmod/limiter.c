// SPDX-License-Identifier: GPL-2.0-only
/* The limit on decryptions for unknown sources, see limiter.h. */

#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/string.h>

#include "limiter.h"
#include "net.h"

bool sluice_limiter_take(struct sluice_net *sn, u32 id)
{
	struct sluice_limiter *limiter = this_cpu_ptr(sn->esp.limiter);
	u8 *id_spent = &limiter->id_spent[hash_32(id, ilog2(SLUICE_LIMITER_IDS))];

	if (time_after_eq(jiffies, limiter->second + HZ)) {
		limiter->second = jiffies;
		limiter->spent = 0;
		memset(limiter->id_spent, 0, sizeof(limiter->id_spent));
	}
	if (*id_spent == SLUICE_LIMITER_ID_RATE || limiter->spent >= READ_ONCE(sn->esp.unknown_rate))
		return false;
	++*id_spent;
	limiter->spent++;
	return true;
}
