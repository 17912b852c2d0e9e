// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cache: for each CPU, sets of two ways of keyed ciphers, and one more, the scratch one, on which keys are tried.
 *
 * Crypto must be synchronous here, and setting a key must not sleep.  What the kernel calls synchronous and accelerated
 * differs: on x86 before 6.16, "rfc4106(gcm(aes))" without CRYPTO_ALG_ASYNC is the generic template, whose setkey() allocates
 * with GFP_KERNEL, and the fast one is the internal "__rfc4106(gcm(aes))", which may be used only where the vector unit may
 * (crypto_simd_usable()).  A template is never used: gcm.c is what is left then, and where the vector unit is taken.
 */

#include <crypto/aead.h>
#include <crypto/algapi.h>
#include <crypto/internal/simd.h>
#include <linux/cpu.h>
#include <linux/hash.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <asm/simd.h>

#include "cipher.h"
#include "derive.h"
#include "gcm.h"
#include "generation.h"
#include "kunit.h"

#define SLUICE_WAYS	2
#define SLUICE_LIBRARY	"sluice-library"	/* gcm.c, among the names of drivers */

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
 * @request: for all of them
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
static enum { CIPHERS_UNKNOWN, CIPHERS_LIBRARY, CIPHERS_INTERNAL, CIPHERS_SYNCHRONOUS } ciphers_kind;
static char ciphers_driver[CRYPTO_MAX_ALG_NAME];

/* ---- wiping ---- */

/* Only one at a time: generations end under config_lock, but there are many namespaces. */
static DEFINE_MUTEX(flush_lock);
static u64 flush_owner;

static int cipher_set_key(struct sluice_cipher *cipher, const u8 *key, unsigned int length)
{
	return cipher->tfm ? crypto_aead_setkey(cipher->tfm, key, length) : sluice_gcm_set_key(cipher->gcm, key, length);
}

/* The key's place is overwritten by the schedule of another. */
static void cipher_wipe(struct sluice_cipher *cipher)
{
	static const u8 nothing[SLUICE_SESSION_KEY_MAX] __aligned(16);

	if (cipher->owner != flush_owner)
		return;
	WARN_ON_ONCE(cipher_set_key(cipher, nothing, sizeof(nothing)));
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

static struct crypto_aead *driver_alloc(int kind)
{
	struct crypto_aead *tfm = kind == CIPHERS_INTERNAL ?
		crypto_alloc_aead("__rfc4106(gcm(aes))", CRYPTO_ALG_INTERNAL, CRYPTO_ALG_INTERNAL | CRYPTO_ALG_ASYNC) :
		crypto_alloc_aead("rfc4106(gcm(aes))", 0, CRYPTO_ALG_ASYNC);
	int err;

	if (IS_ERR(tfm))
		return tfm;
	/* A template's name is made of others: rfc4106(gcm_base(...)). */
	err = strchr(crypto_tfm_alg_driver_name(crypto_aead_tfm(tfm)), '(') ? -ENOENT :
	      crypto_aead_setauthsize(tfm, SLUICE_ESP_ICV);
	if (!err)
		return tfm;
	crypto_free_aead(tfm);
	return ERR_PTR(err);
}

/* ciphers_lock held.  What is there when it is first asked for is what is used. */
static void probe(void)
{
	static const int kinds[] = { CIPHERS_INTERNAL, CIPHERS_SYNCHRONOUS };
	unsigned int i;

	for (i = 0; ciphers_kind == CIPHERS_UNKNOWN && i < ARRAY_SIZE(kinds); i++) {
		struct crypto_aead *tfm = driver_alloc(kinds[i]);

		if (IS_ERR(tfm))
			continue;
		strscpy(ciphers_driver, crypto_tfm_alg_driver_name(crypto_aead_tfm(tfm)), sizeof(ciphers_driver));
		ciphers_kind = kinds[i];
		crypto_free_aead(tfm);
	}
	if (ciphers_kind == CIPHERS_UNKNOWN) {
		strscpy(ciphers_driver, SLUICE_LIBRARY, sizeof(ciphers_driver));
		ciphers_kind = CIPHERS_LIBRARY;
	}
}

static int cipher_init(struct sluice_ciphers *c, struct sluice_cipher *cipher, int kind)
{
	cipher->home = c;
	if (kind == CIPHERS_LIBRARY) {
		cipher->gcm = kzalloc(sizeof(*cipher->gcm), GFP_KERNEL);
		return cipher->gcm ? 0 : -ENOMEM;
	}
	cipher->tfm = driver_alloc(kind);
	if (!IS_ERR(cipher->tfm))
		return 0;
	cipher->tfm = NULL;
	return -ENOMEM;
}

static void cipher_free(struct sluice_cipher *cipher)
{
	if (cipher->tfm)
		crypto_free_aead(cipher->tfm);
	kfree_sensitive(cipher->gcm);
}

static void ciphers_free_cpu(struct sluice_ciphers *c)
{
	unsigned int i, way;

	for (i = 0; c->set && i < 1U << c->bits; i++)
		for (way = 0; way < SLUICE_WAYS; way++)
			cipher_free(&c->set[i].way[way]);
	kvfree(c->set);
	cipher_free(&c->scratch);
	cipher_free(&c->fallback);
	kfree_sensitive(c->request);
}

static unsigned int set_bits(void)
{
	return ilog2(clamp(key_cache, (unsigned int)SLUICE_WAYS, 16384U) / SLUICE_WAYS);
}

static int ciphers_init_cpu(struct sluice_ciphers *c)
{
	unsigned int i, way;
	int err;

	INIT_WORK(&c->flush, flush_work_run);
	c->bits = set_bits();
	c->set = kvcalloc(1U << c->bits, sizeof(*c->set), GFP_KERNEL);
	if (!c->set)
		return -ENOMEM;
	for (i = 0; i < 1U << c->bits; i++) {
		for (way = 0; way < SLUICE_WAYS; way++) {
			err = cipher_init(c, &c->set[i].way[way], ciphers_kind);
			if (err)
				return err;
		}
		cond_resched();
	}
	err = cipher_init(c, &c->scratch, ciphers_kind);
	if (err || ciphers_kind == CIPHERS_LIBRARY)
		return err;
	c->request = kzalloc(sizeof(*c->request) + crypto_aead_reqsize(c->scratch.tfm), GFP_KERNEL);
	if (!c->request)
		return -ENOMEM;
	return ciphers_kind == CIPHERS_INTERNAL ? cipher_init(c, &c->fallback, CIPHERS_LIBRARY) : 0;
}

static void ciphers_free(struct sluice_ciphers __percpu *all)
{
	int cpu;

	for_each_possible_cpu(cpu)
		ciphers_free_cpu(per_cpu_ptr(all, cpu));
	free_percpu(all);
}

static struct sluice_ciphers __percpu *ciphers_make(void)
{
	struct sluice_ciphers __percpu *all = alloc_percpu(struct sluice_ciphers);
	int cpu, err;

	if (!all)
		return ERR_PTR(-ENOMEM);
	for_each_possible_cpu(cpu) {
		err = ciphers_init_cpu(per_cpu_ptr(all, cpu));
		if (!err)
			continue;
		ciphers_free(all);
		return ERR_PTR(err);
	}
	return all;
}

struct sluice_ciphers __percpu *sluice_ciphers_get(void)
{
	struct sluice_ciphers __percpu *all;

	mutex_lock(&ciphers_lock);
	probe();
	all = ciphers ?: ciphers_make();
	if (!IS_ERR(all))
		ciphers = all;
	mutex_unlock(&ciphers_lock);
	return all;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_ciphers_get);

void sluice_ciphers_destroy(void)
{
	if (ciphers)
		ciphers_free(ciphers);
	ciphers = NULL;
}

const char *sluice_ciphers_driver(void)
{
	mutex_lock(&ciphers_lock);
	probe();
	mutex_unlock(&ciphers_lock);
	/* It does not change any more. */
	return ciphers_driver;
}

const char *sluice_ciphers_fallback(void)
{
	sluice_ciphers_driver();
	return ciphers_kind == CIPHERS_INTERNAL ? SLUICE_LIBRARY : NULL;
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
	u8 key[SLUICE_SESSION_KEY_MAX] __aligned(16);
	int err;

	cipher->owner = 0;
	err = sluice_derive(generation->master, generation->algorithm, spi, key) ?:
	      cipher_set_key(cipher, key, sluice_session_key_length(generation->algorithm));
	memzero_explicit(key, sizeof(key));
	if (err)
		return false;
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

	if (unlikely(c->fallback.gcm && !crypto_simd_usable())) {
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

static struct aead_request *cipher_request(struct sluice_cipher *cipher, struct scatterlist *list, u8 *packet,
					   unsigned int length, unsigned int text)
{
	struct aead_request *request = cipher->home->request;

	sg_init_one(list, packet, length);
	aead_request_set_tfm(request, cipher->tfm);
	aead_request_set_callback(request, 0, NULL, NULL);
	/* The kernel's rfc4106 wants the vector behind the additional data, and leaves it out of the sum. */
	aead_request_set_ad(request, SLUICE_ESP_OVERHEAD);
	aead_request_set_crypt(request, list, list, text, packet + SLUICE_ESP_HEADER);
	return request;
}

int sluice_cipher_decrypt(struct sluice_cipher *cipher, u8 *packet, unsigned int length)
{
	struct scatterlist list;

	if (!cipher->tfm)
		return sluice_gcm_decrypt(cipher->gcm, packet, length);
	return crypto_aead_decrypt(cipher_request(cipher, &list, packet, length, length - SLUICE_ESP_OVERHEAD));
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_cipher_decrypt);

int sluice_cipher_encrypt(struct sluice_cipher *cipher, u8 *packet, unsigned int length)
{
	struct scatterlist list;

	if (!cipher->tfm) {
		sluice_gcm_encrypt(cipher->gcm, packet, length);
		return 0;
	}
	return crypto_aead_encrypt(cipher_request(cipher, &list, packet, length,
						  length - SLUICE_ESP_OVERHEAD - SLUICE_ESP_ICV));
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_cipher_encrypt);
