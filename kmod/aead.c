// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engines.  All must be synchronous, and setting a key must neither sleep nor cost much: a gateway with many clients does it
 * for nearly every packet.  The drivers of x86 take thousands of instructions for it (Documentation/benchmarks.rst), so there
 * our own code comes first.
 *
 * What the kernel calls synchronous and accelerated differs: on x86 before 6.16, "rfc4106(gcm(aes))" without CRYPTO_ALG_ASYNC is
 * the generic template, whose setkey() allocates with GFP_KERNEL, and the fast one is the internal "__rfc4106(gcm(aes))".  A
 * template is never used.
 */

#include <crypto/aead.h>
#include <crypto/internal/simd.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <asm/simd.h>

#include "aead.h"
#include "aesni.h"
#include "derive.h"
#include "gcm.h"
#include "kunit.h"
#include "layout.h"

#ifdef SLUICE_HAVE_AESNI
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>

static bool aesni_present(void)
{
	return boot_cpu_has(X86_FEATURE_AES) && boot_cpu_has(X86_FEATURE_PCLMULQDQ) && boot_cpu_has(X86_FEATURE_SSSE3);
}

static void vector_begin(void)
{
	kernel_fpu_begin();
}

static void vector_end(void)
{
	kernel_fpu_end();
}
#else
static bool aesni_present(void) { return false; }
static void vector_begin(void) { }
static void vector_end(void) { }
#endif

#define SLUICE_LIBRARY	"sluice-library"	/* among the names of drivers */

static char *engine = "auto";
module_param(engine, charp, 0444);
MODULE_PARM_DESC(engine, "What encrypts ESP: aesni, driver (of the crypto API), library; auto (default): the first that is there");

static DEFINE_MUTEX(engine_lock);	/* guards what follows, which does not change once it is known */
static bool engine_known;
static enum sluice_engine engine_chosen;
static char engine_name[CRYPTO_MAX_ALG_NAME];

/* ---- which ---- */

static bool may_be(const char *name)
{
	return !strcmp(engine, "auto") || !strcmp(engine, name);
}

int sluice_engine_check(void)
{
	if (may_be("aesni") || may_be("driver") || may_be("library"))
		return 0;
	pr_err("sluice: engine=%s: it is aesni, driver, library or auto\n", engine);
	return -EINVAL;
}

static struct crypto_aead *driver_create(enum sluice_engine kind)
{
	struct crypto_aead *tfm = kind == SLUICE_ENGINE_INTERNAL ?
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

/* Is it there?  @name receives what it is shown as, CRYPTO_MAX_ALG_NAME bytes. */
static bool probe(enum sluice_engine kind, char *name)
{
	struct crypto_aead *driver;

	if (kind == SLUICE_ENGINE_AESNI) {
		strscpy(name, "sluice-aesni", CRYPTO_MAX_ALG_NAME);
		return aesni_present();
	}
	if (kind == SLUICE_ENGINE_LIBRARY) {
		strscpy(name, SLUICE_LIBRARY, CRYPTO_MAX_ALG_NAME);
		return true;
	}
	driver = driver_create(kind);
	if (IS_ERR(driver))
		return false;
	strscpy(name, crypto_tfm_alg_driver_name(crypto_aead_tfm(driver)), CRYPTO_MAX_ALG_NAME);
	crypto_free_aead(driver);
	return true;
}

bool sluice_engine_present(enum sluice_engine kind)
{
	char name[CRYPTO_MAX_ALG_NAME];

	return probe(kind, name);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_engine_present);

static enum sluice_engine choose(void)
{
	static const char * const names[] = {
		[SLUICE_ENGINE_AESNI] = "aesni",
		[SLUICE_ENGINE_INTERNAL] = "driver",
		[SLUICE_ENGINE_DRIVER] = "driver",
	};
	enum sluice_engine kind;

	lockdep_assert_held(&engine_lock);

	for (kind = SLUICE_ENGINE_AESNI; kind < SLUICE_ENGINE_LIBRARY; kind++)
		if (may_be(names[kind]) && probe(kind, engine_name))
			return kind;
	probe(SLUICE_ENGINE_LIBRARY, engine_name);
	if (!may_be("library"))
		pr_warn("sluice: engine=%s: there is none here, ESP is encrypted by %s\n", engine, engine_name);
	return SLUICE_ENGINE_LIBRARY;
}

enum sluice_engine sluice_engine(void)
{
	mutex_lock(&engine_lock);
	if (!engine_known)
		engine_chosen = choose();
	engine_known = true;
	mutex_unlock(&engine_lock);
	return engine_chosen;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_engine);

const char *sluice_engine_name(void)
{
	sluice_engine();
	return engine_name;
}

const char *sluice_engine_fallback(void)
{
	return sluice_engine() <= SLUICE_ENGINE_INTERNAL ? SLUICE_LIBRARY : NULL;
}

/* ---- making ---- */

int sluice_aead_create(struct sluice_aead *aead, enum sluice_engine kind)
{
	struct crypto_aead *driver;

	aead->engine = kind;
	switch (kind) {
	case SLUICE_ENGINE_AESNI:
		aead->aesni = kzalloc(sizeof(*aead->aesni), GFP_KERNEL);
		return aead->aesni ? 0 : -ENOMEM;
	case SLUICE_ENGINE_LIBRARY:
		aead->library = kzalloc(sizeof(*aead->library), GFP_KERNEL);
		return aead->library ? 0 : -ENOMEM;
	default:
		driver = driver_create(kind);
		aead->driver = IS_ERR(driver) ? NULL : driver;
		return PTR_ERR_OR_ZERO(driver);
	}
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_aead_create);

void sluice_aead_destroy(struct sluice_aead *aead)
{
	if (aead->engine == SLUICE_ENGINE_AESNI)
		kfree_sensitive(aead->aesni);
	else if (aead->engine == SLUICE_ENGINE_LIBRARY)
		kfree_sensitive(aead->library);
	else if (aead->driver)
		crypto_free_aead(aead->driver);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_aead_destroy);

static bool is_driver(const struct sluice_aead *aead)
{
	return aead->engine == SLUICE_ENGINE_INTERNAL || aead->engine == SLUICE_ENGINE_DRIVER;
}

struct aead_request *sluice_aead_request_create(const struct sluice_aead *aead)
{
	struct aead_request *request;

	if (!is_driver(aead))
		return NULL;
	request = kzalloc(sizeof(*request) + crypto_aead_reqsize(aead->driver), GFP_KERNEL);
	return request ?: ERR_PTR(-ENOMEM);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_aead_request_create);

bool sluice_aead_usable(const struct sluice_aead *aead)
{
	return aead->engine > SLUICE_ENGINE_INTERNAL || crypto_simd_usable();
}

/* ---- keys ---- */

int sluice_aead_set_key(struct sluice_aead *aead, const struct sluice_master *master, u8 algorithm, u32 spi)
{
	u8 block[SLUICE_SESSION_KEY_BLOCKS][AES_BLOCK_SIZE] __aligned(16);
	unsigned int length = sluice_session_key_length(algorithm);
	int err = 0;

	if (aead->engine == SLUICE_ENGINE_AESNI) {
		unsigned int count = sluice_derive_blocks(master, algorithm, spi, block);

		vector_begin();
		/* On this, a little-endian machine, the library's schedule has its bytes in the order that AES-NI wants. */
		sluice_aesni_encrypt_blocks((const u8 *)master->aes.key_enc, block[0], count);
		sluice_aesni_set_key(aead->aesni, block[0], length);
		vector_end();
	} else {
		sluice_derive(master, algorithm, spi, block);
		err = is_driver(aead) ? crypto_aead_setkey(aead->driver, block[0], length) :
					sluice_gcm_set_key(aead->library, block[0], length);
	}
	memzero_explicit(block, sizeof(block));
	return err;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_aead_set_key);

void sluice_aead_wipe(struct sluice_aead *aead)
{
	static const u8 nothing[SLUICE_SESSION_KEY_MAX] __aligned(16);

	if (aead->engine == SLUICE_ENGINE_AESNI)
		memzero_explicit(aead->aesni, sizeof(*aead->aesni));
	else if (aead->engine == SLUICE_ENGINE_LIBRARY)
		memzero_explicit(aead->library, sizeof(*aead->library));
	else
		/* The key's place is overwritten by the schedule of another. */
		WARN_ON_ONCE(crypto_aead_setkey(aead->driver, nothing, sizeof(nothing)));
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_aead_wipe);

/* ---- packets ---- */

static void fill_request(struct sluice_aead *aead, struct aead_request *request, struct scatterlist *list, u8 *packet,
			 unsigned int length, unsigned int text)
{
	sg_init_one(list, packet, length);
	aead_request_set_tfm(request, aead->driver);
	aead_request_set_callback(request, 0, NULL, NULL);
	/* The kernel's rfc4106 wants the vector behind the additional data, and leaves it out of the sum. */
	aead_request_set_ad(request, SLUICE_ESP_OVERHEAD);
	aead_request_set_crypt(request, list, list, text, packet + SLUICE_ESP_HEADER);
}

int sluice_aead_decrypt(struct sluice_aead *aead, struct aead_request *request, u8 *packet, unsigned int length)
{
	struct scatterlist list;
	bool right;

	switch (aead->engine) {
	case SLUICE_ENGINE_AESNI:
		vector_begin();
		right = sluice_aesni_decrypt(aead->aesni, packet, length);
		vector_end();
		return right ? 0 : -EBADMSG;
	case SLUICE_ENGINE_LIBRARY:
		return sluice_gcm_decrypt(aead->library, packet, length);
	default:
		fill_request(aead, request, &list, packet, length, length - SLUICE_ESP_OVERHEAD);
		return crypto_aead_decrypt(request);
	}
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_aead_decrypt);

int sluice_aead_encrypt(struct sluice_aead *aead, struct aead_request *request, u8 *packet, unsigned int length)
{
	struct scatterlist list;

	switch (aead->engine) {
	case SLUICE_ENGINE_AESNI:
		vector_begin();
		sluice_aesni_encrypt(aead->aesni, packet, length);
		vector_end();
		return 0;
	case SLUICE_ENGINE_LIBRARY:
		sluice_gcm_encrypt(aead->library, packet, length);
		return 0;
	default:
		fill_request(aead, request, &list, packet, length, length - SLUICE_ESP_OVERHEAD - SLUICE_ESP_ICV);
		return crypto_aead_encrypt(request);
	}
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_aead_encrypt);
