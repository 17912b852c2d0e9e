// SPDX-License-Identifier: GPL-2.0-only
/* The limit on decryptions for unknown sources, see limiter.h. */

#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "limiter.h"
#include "net.h"

int sluice_limiter_begin(struct sluice_net *sn)
{
	lockdep_assert_held(&sn->config_lock);

	if (sn->esp.limiter)
		return 0;
	/* Seen by who finds the generation that it is made for. */
	sn->esp.limiter = kvcalloc(nr_cpu_ids, sizeof(*sn->esp.limiter), GFP_KERNEL);
	return sn->esp.limiter ? 0 : -ENOMEM;
}

void sluice_limiter_destroy(struct sluice_net *sn)
{
	kvfree(sn->esp.limiter);
}

bool sluice_limiter_take(struct sluice_net *sn, u32 id)
{
	struct sluice_limiter *limiter = &sn->esp.limiter[smp_processor_id()];
	u8 *id_spent = &limiter->id_spent[hash_32(id, ilog2(SLUICE_LIMITER_IDS))];

	if (jiffies - limiter->second >= HZ) {
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
