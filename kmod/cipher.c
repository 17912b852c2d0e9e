// SPDX-License-Identifier: GPL-2.0-only
/* The cache: for each CPU, sets of two ways of keyed ciphers, and one more, the scratch one, on which keys are tried. */

#include <linux/cpu.h>
#include <linux/hash.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "cipher.h"
#include "generation.h"
#include "kunit.h"

#define SLUICE_WAYS	2

static unsigned int key_cache = 1024;
module_param(key_cache, uint, 0444);
MODULE_PARM_DESC(key_cache, "Keyed ESP ciphers kept by each processor, 2 to 16384 (default 1024)");

/**
 * struct sluice_cipher_set - two ways
 * @way: newer first
 */
struct sluice_cipher_set {
	struct sluice_cipher way[SLUICE_WAYS];
};

/**
 * struct sluice_ciphers - one CPU's; BH off on that CPU
 * @set: 1 << @bits sets
 * @bits: how many sets, as a power of two
 * @scratch: keys that have not been shown to be of use
 * @fallback: for when the vector unit is in use by whom a softirq interrupted; never kept
 * @request: for all of them; NULL: the engine needs none
 * @flush: wipes on this CPU
 */
struct sluice_ciphers {
	struct sluice_cipher_set *set;
	unsigned int bits;
	struct sluice_cipher scratch;
	struct sluice_cipher fallback;
	struct aead_request *request;
	struct work_struct flush;
};

static DEFINE_MUTEX(ciphers_lock);	/* guards what follows; the packet path reads none of it */
static struct sluice_ciphers __percpu *ciphers;

/* ---- wiping ---- */

/* Only one at a time: generations end under config_lock, but there are many namespaces. */
static DEFINE_MUTEX(flush_lock);
static u64 flush_owner;

static void cipher_wipe(struct sluice_cipher *cipher)
{
	if (cipher->owner != flush_owner)
		return;
	sluice_aead_wipe(&cipher->aead);
	cipher->owner = 0;
}

static void flush_cpu(struct sluice_ciphers *c)
{
	unsigned int i, way;

	for (i = 0; i < 1U << c->bits; i++) {
		local_bh_disable();
		for (way = 0; way < SLUICE_WAYS; way++)
			cipher_wipe(&c->set[i].way[way]);
		local_bh_enable();
	}
	local_bh_disable();
	cipher_wipe(&c->scratch);
	cipher_wipe(&c->fallback);
	local_bh_enable();
}

static void flush_work_run(struct work_struct *work)
{
	flush_cpu(container_of(work, struct sluice_ciphers, flush));
}

void sluice_ciphers_flush(u64 owner)
{
	int cpu;

	mutex_lock(&flush_lock);
	flush_owner = owner;
	/* Nobody can come to have one meanwhile: the generation cannot be found any more. */
	cpus_read_lock();
	for_each_possible_cpu(cpu)
		if (cpu_online(cpu))
			schedule_work_on(cpu, &per_cpu_ptr(ciphers, cpu)->flush);
		else
			flush_cpu(per_cpu_ptr(ciphers, cpu));
	for_each_online_cpu(cpu)
		flush_work(&per_cpu_ptr(ciphers, cpu)->flush);
	cpus_read_unlock();
	mutex_unlock(&flush_lock);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_ciphers_flush);

/* ---- making ---- */

static int cipher_init(struct sluice_ciphers *c, struct sluice_cipher *cipher, enum sluice_engine engine)
{
	cipher->home = c;
	return sluice_aead_create(&cipher->aead, engine);
}

static void ciphers_free_cpu(struct sluice_ciphers *c)
{
	unsigned int i, way;

	for (i = 0; c->set && i < 1U << c->bits; i++)
		for (way = 0; way < SLUICE_WAYS; way++)
			sluice_aead_destroy(&c->set[i].way[way].aead);
	kvfree(c->set);
	sluice_aead_destroy(&c->scratch.aead);
	sluice_aead_destroy(&c->fallback.aead);
	kfree_sensitive(c->request);
}

static unsigned int set_bits(void)
{
	return ilog2(clamp(key_cache, (unsigned int)SLUICE_WAYS, 16384U) / SLUICE_WAYS);
}

static int ciphers_init_cpu(struct sluice_ciphers *c)
{
	enum sluice_engine engine = sluice_engine();
	unsigned int i, way;
	int err;

	INIT_WORK(&c->flush, flush_work_run);
	c->bits = set_bits();
	c->set = kvcalloc(1U << c->bits, sizeof(*c->set), GFP_KERNEL);
	if (!c->set)
		return -ENOMEM;
	for (i = 0; i < 1U << c->bits; i++) {
		for (way = 0; way < SLUICE_WAYS; way++) {
			err = cipher_init(c, &c->set[i].way[way], engine);
			if (err)
				return err;
		}
		cond_resched();
	}
	err = cipher_init(c, &c->scratch, engine) ?: cipher_init(c, &c->fallback, SLUICE_ENGINE_LIBRARY);
	if (err)
		return err;
	c->request = sluice_aead_request_create(&c->scratch.aead);
	if (!IS_ERR(c->request))
		return 0;
	c->request = NULL;
	return -ENOMEM;
}

static void ciphers_free(struct sluice_ciphers __percpu *all)
{
	int cpu;

	for_each_possible_cpu(cpu)
		ciphers_free_cpu(per_cpu_ptr(all, cpu));
	free_percpu(all);
}

static int ciphers_make(void)
{
	struct sluice_ciphers __percpu *all = alloc_percpu(struct sluice_ciphers);
	int cpu, err;

	lockdep_assert_held(&ciphers_lock);

	if (!all)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		err = ciphers_init_cpu(per_cpu_ptr(all, cpu));
		if (!err)
			continue;
		ciphers_free(all);
		return err;
	}
	ciphers = all;
	return 0;
}

int sluice_ciphers_get(struct sluice_ciphers __percpu **all)
{
	int err;

	mutex_lock(&ciphers_lock);
	err = ciphers ? 0 : ciphers_make();
	*all = ciphers;
	mutex_unlock(&ciphers_lock);
	return err;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_ciphers_get);

void sluice_ciphers_destroy(void)
{
	if (ciphers)
		ciphers_free(ciphers);
	ciphers = NULL;
}

u32 sluice_ciphers_kept(void)
{
	return SLUICE_WAYS << set_bits();
}

/* ---- the packet path ---- */

static struct sluice_cipher_set *set_of(struct sluice_ciphers *c, u64 owner, u32 spi)
{
	return &c->set[c->bits ? hash_64(owner << 32 ^ spi, c->bits) : 0];
}

static bool cipher_derive(struct sluice_generation *generation, u32 spi, struct sluice_cipher *cipher)
{
	cipher->owner = 0;
	if (sluice_aead_set_key(&cipher->aead, &generation->master, generation->algorithm, spi)) {
		sluice_aead_wipe(&cipher->aead);
		return false;
	}
	cipher->owner = generation->unique;
	cipher->spi = spi;
	return true;
}

static bool cipher_is(const struct sluice_cipher *cipher, u64 owner, u32 spi)
{
	return cipher->spi == spi && cipher->owner == owner;
}

struct sluice_cipher *sluice_cipher_get(struct sluice_generation *generation, u32 spi)
{
	struct sluice_ciphers *c = this_cpu_ptr(generation->ciphers);
	struct sluice_cipher_set *set;
	struct sluice_cipher *cipher;

	if (unlikely(!sluice_aead_usable(&c->scratch.aead))) {
		cipher = &c->fallback;
	} else {
		set = set_of(c, generation->unique, spi);
		if (likely(cipher_is(&set->way[0], generation->unique, spi)))
			return &set->way[0];
		if (cipher_is(&set->way[1], generation->unique, spi)) {
			swap(set->way[0], set->way[1]);
			return &set->way[0];
		}
		cipher = &c->scratch;
	}
	if (cipher_is(cipher, generation->unique, spi) || cipher_derive(generation, spi, cipher))
		return cipher;
	return NULL;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_cipher_get);

void sluice_cipher_keep(struct sluice_cipher *cipher)
{
	struct sluice_ciphers *c = cipher->home;
	struct sluice_cipher_set *set;

	if (cipher != &c->scratch)
		return;
	set = set_of(c, cipher->owner, cipher->spi);
	swap(set->way[0], set->way[1]);
	swap(set->way[0], c->scratch);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_cipher_keep);

int sluice_cipher_decrypt(struct sluice_cipher *cipher, u8 *packet, unsigned int length)
{
	return sluice_aead_decrypt(&cipher->aead, cipher->home->request, packet, length);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_cipher_decrypt);

int sluice_cipher_encrypt(struct sluice_cipher *cipher, u8 *packet, unsigned int length)
{
	return sluice_aead_encrypt(&cipher->aead, cipher->home->request, packet, length);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_cipher_encrypt);
