// SPDX-License-Identifier: GPL-2.0-only
/* The life of generations, see generation.h. */

#include <crypto/algapi.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "cipher.h"
#include "derive.h"
#include "esp.h"
#include "generation.h"
#include "kunit.h"
#include "net.h"

/* Slot 3 is never ours: a value that is derived for it is no session key, and tells master keys apart. */
#define SLUICE_CHECK_SPI	U32_MAX

static atomic64_t generation_unique = ATOMIC64_INIT(0);

static struct sluice_generation *locked(struct sluice_net *sn, struct sluice_generation __rcu *pointer)
{
	return rcu_dereference_protected(pointer, lockdep_is_held(&sn->config_lock));
}

static struct sluice_generation *find(struct sluice_net *sn, u32 number)
{
	struct sluice_generation *generation = locked(sn, sn->esp.slot[number % SLUICE_SPI_SLOTS]);

	return generation && generation->number == number ? generation : NULL;
}

static void generation_free(struct sluice_generation *generation)
{
	sluice_records_destroy(&generation->records);
	kvfree_sensitive(generation, sizeof(*generation));
}

/* Out of sight, and then nothing of it is left. */
static void generation_end(struct sluice_net *sn, struct sluice_generation *generation)
{
	struct sluice_esp *esp = &sn->esp;

	lockdep_assert_held(&sn->config_lock);

	RCU_INIT_POINTER(esp->slot[generation->number % SLUICE_SPI_SLOTS], NULL);
	if (locked(sn, esp->current_) == generation)
		RCU_INIT_POINTER(esp->current_, NULL);
	if (locked(sn, esp->previous) == generation)
		RCU_INIT_POINTER(esp->previous, NULL);
	synchronize_net();
	sluice_ciphers_flush(generation->unique);
	generation_free(generation);
}

/* Ends what is over, and looks again when the next one is. */
static void expire(struct sluice_net *sn)
{
	unsigned long now = jiffies, soonest = now + MAX_JIFFY_OFFSET;
	struct sluice_generation *generation;
	bool any = false;
	unsigned int i;

	for (i = 0; i < SLUICE_SPI_SLOTS; i++) {
		generation = locked(sn, sn->esp.slot[i]);
		if (!generation)
			continue;
		if (!sluice_generation_live(generation)) {
			generation_end(sn, generation);
			continue;
		}
		any = true;
		if (time_before(generation->end, soonest))
			soonest = generation->end;
	}
	if (any)
		mod_delayed_work(system_wq, &sn->esp.expiry, time_after(soonest, jiffies) ? soonest - jiffies : 0);
}

static void expiry_work(struct work_struct *work)
{
	struct sluice_esp *esp = container_of(to_delayed_work(work), struct sluice_esp, expiry);
	struct sluice_net *sn = container_of(esp, struct sluice_net, esp);

	mutex_lock(&sn->config_lock);
	expire(sn);
	mutex_unlock(&sn->config_lock);
}

void sluice_generations_init(struct sluice_net *sn)
{
	INIT_DELAYED_WORK(&sn->esp.expiry, expiry_work);
}

/* May another one come now? */
static int may_come(struct sluice_net *sn, u32 number, struct netlink_ext_ack *extack)
{
	unsigned int i, live = 0;

	if (sluice_esp_frozen()) {
		NL_SET_ERR_MSG(extack, "the machine is being hibernated or restored");
		return -EBUSY;
	}
	if (number <= sn->esp.newest) {
		NL_SET_ERR_MSG(extack, "not newer than the last generation");
		return -ESTALE;
	}
	for (i = 0; i < SLUICE_SPI_SLOTS; i++) {
		const struct sluice_generation *generation = locked(sn, sn->esp.slot[i]);

		if (!generation)
			continue;
		live++;
		if (generation->state == SLUICE_GENERATION_STATE_NEXT) {
			NL_SET_ERR_MSG(extack, "a next generation is there already");
			return -EBUSY;
		}
	}
	if (live == 2) {
		NL_SET_ERR_MSG(extack, "the previous generation still lives");
		return -EBUSY;
	}
	if (locked(sn, sn->esp.slot[number % SLUICE_SPI_SLOTS])) {
		NL_SET_ERR_MSG(extack, "a live generation has the same number modulo 3");
		return -EBUSY;
	}
	return 0;
}

/* A key that must not be used: nobody's randomness, or one that was there before (E4). */
static int check_key(struct sluice_net *sn, const u8 *key, const struct sluice_generation *generation, u8 (*check)[AES_BLOCK_SIZE],
		     struct netlink_ext_ack *extack)
{
	unsigned int i;

	if (!memchr_inv(key, 0, SLUICE_MASTER_KEY_LENGTH)) {
		NL_SET_ERR_MSG(extack, "the master key is all zero");
		return -EKEYREJECTED;
	}
	sluice_derive(&generation->master, SLUICE_ALGORITHM_AES_256_GCM, SLUICE_CHECK_SPI, check);
	for (i = 0; i < SLUICE_KEY_CHECKS; i++) {
		if (crypto_memneq(check, sn->esp.check[i], SLUICE_KEY_CHECK_LENGTH))
			continue;
		NL_SET_ERR_MSG(extack, "the master key is that of an earlier generation");
		return -EKEYREJECTED;
	}
	return 0;
}

int sluice_generation_create(struct sluice_net *sn, const struct sluice_generation_request *request,
			     struct netlink_ext_ack *extack)
{
	struct sluice_generation *generation;
	u8 check[SLUICE_SESSION_KEY_BLOCKS][AES_BLOCK_SIZE];
	int err;

	lockdep_assert_held(&sn->config_lock);

	expire(sn);
	err = may_come(sn, request->number, extack) ?: sluice_esp_begin(sn);
	if (err)
		return err;
	generation = kvzalloc(sizeof(*generation), GFP_KERNEL_ACCOUNT);
	if (!generation)
		return -ENOMEM;
	generation->ciphers = request->ciphers;
	generation->limiter = sn->esp.limiter;
	generation->anomalies = sn->esp.anomalies;
	err = sluice_records_init(&generation->records);
	if (err) {
		kvfree(generation);
		return err;
	}
	sluice_derive_begin(&generation->master, request->key);
	err = check_key(sn, request->key, generation, check, extack);
	if (err)
		goto err_free;
	generation->unique = atomic64_inc_return(&generation_unique);
	generation->number = request->number;
	generation->algorithm = request->algorithm;
	generation->state = SLUICE_GENERATION_STATE_NEXT;
	generation->end = jiffies + request->lifetime * HZ;

	memcpy(sn->esp.check[sn->esp.checks++ % SLUICE_KEY_CHECKS], check, SLUICE_KEY_CHECK_LENGTH);
	sn->esp.newest = request->number;
	rcu_assign_pointer(sn->esp.slot[request->number % SLUICE_SPI_SLOTS], generation);
	expire(sn);
	memzero_explicit(check, sizeof(check));
	return 0;

err_free:
	memzero_explicit(check, sizeof(check));
	generation_free(generation);
	return err;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_generation_create);

int sluice_generation_promote(struct sluice_net *sn, u32 number, u32 overlap, struct netlink_ext_ack *extack)
{
	struct sluice_generation *generation, *old;
	unsigned long end = jiffies + overlap * HZ;

	lockdep_assert_held(&sn->config_lock);

	expire(sn);
	generation = find(sn, number);
	if (!generation) {
		NL_SET_ERR_MSG(extack, "no live generation has this number");
		return -ENOENT;
	}
	if (generation->state != SLUICE_GENERATION_STATE_NEXT) {
		NL_SET_ERR_MSG(extack, "it is not the next generation");
		return -EINVAL;
	}
	old = locked(sn, sn->esp.current_);
	if (old) {
		WRITE_ONCE(old->state, SLUICE_GENERATION_STATE_PREVIOUS);
		if (time_before(end, old->end))
			WRITE_ONCE(old->end, end);
	}
	WRITE_ONCE(generation->state, SLUICE_GENERATION_STATE_CURRENT);
	/* Senders look for the current one first: at no time is a client under neither. */
	if (old)
		rcu_assign_pointer(sn->esp.previous, old);
	rcu_assign_pointer(sn->esp.current_, generation);
	expire(sn);
	return 0;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_generation_promote);

int sluice_generation_remove(struct sluice_net *sn, u32 number)
{
	struct sluice_generation *generation;

	lockdep_assert_held(&sn->config_lock);

	generation = find(sn, number);
	if (!generation)
		return -ENOENT;
	generation_end(sn, generation);
	return 0;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_generation_remove);

void sluice_generation_remove_all(struct sluice_net *sn)
{
	struct sluice_generation *generation;
	unsigned int i;

	lockdep_assert_held(&sn->config_lock);

	for (i = 0; i < SLUICE_SPI_SLOTS; i++) {
		generation = locked(sn, sn->esp.slot[i]);
		if (generation)
			generation_end(sn, generation);
	}
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_generation_remove_all);
