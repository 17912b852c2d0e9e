// SPDX-License-Identifier: GPL-2.0-only
/* KUnit suite of aead.c: what the kernel's own rfc4106 makes, each engine opens, and the other way round. */

#include <crypto/aead.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#ifdef SLUICE_HAVE_AESNI
#include <asm/fpu/api.h>
#endif

#include "aead.h"
#include "aesni.h"
#include "cipher.h"
#include "derive.h"
#include "gcm.h"
#include "generation.h"
#include "layout.h"
#include "suite.h"

#define PACKET_MAX	1500

struct engine_row {
	const char *desc;
	enum sluice_engine engine;
	u8 algorithm;
};

static const struct engine_row engine_rows[] = {
	{ "AES-NI, AES-128", SLUICE_ENGINE_AESNI, SLUICE_ALGORITHM_AES_128_GCM },
	{ "AES-NI, AES-256", SLUICE_ENGINE_AESNI, SLUICE_ALGORITHM_AES_256_GCM },
	{ "internal driver, AES-128", SLUICE_ENGINE_INTERNAL, SLUICE_ALGORITHM_AES_128_GCM },
	{ "internal driver, AES-256", SLUICE_ENGINE_INTERNAL, SLUICE_ALGORITHM_AES_256_GCM },
	{ "driver, AES-128", SLUICE_ENGINE_DRIVER, SLUICE_ALGORITHM_AES_128_GCM },
	{ "driver, AES-256", SLUICE_ENGINE_DRIVER, SLUICE_ALGORITHM_AES_256_GCM },
	{ "library, AES-128", SLUICE_ENGINE_LIBRARY, SLUICE_ALGORITHM_AES_128_GCM },
	{ "library, AES-256", SLUICE_ENGINE_LIBRARY, SLUICE_ALGORITHM_AES_256_GCM },
};

/* The rows whose engine is there: 6.1 does not say that one was skipped. */
static const void *engine_row_gen_params(const void *previous, char *desc)
{
	const struct engine_row *row = previous ? (const struct engine_row *)previous + 1 : engine_rows;

	for (; row < engine_rows + ARRAY_SIZE(engine_rows); row++) {
		if (!sluice_engine_present(row->engine))
			continue;
		strscpy(desc, row->desc, KUNIT_PARAM_DESC_SIZE);
		return row;
	}
	return NULL;
}

/* One of the row's engine, and all that a test of it needs. */
struct engine_test {
	struct sluice_aead aead;
	struct aead_request *request;
	struct sluice_master master;
	u8 algorithm;
	u8 theirs[PACKET_MAX], text[PACKET_MAX];
};

/* A new key, of a random master and SPI; where @theirs is given it has the same. */
static void set_key(struct kunit *test, struct engine_test *t, struct crypto_aead *theirs)
{
	u8 key[SLUICE_SESSION_KEY_BLOCKS][AES_BLOCK_SIZE], master[SLUICE_MASTER_KEY_LENGTH];
	u32 spi = get_random_u32();
	int err;

	get_random_bytes(master, sizeof(master));
	sluice_derive_begin(&t->master, master);
	local_bh_disable();
	err = sluice_aead_set_key(&t->aead, &t->master, t->algorithm, spi);
	local_bh_enable();
	KUNIT_ASSERT_EQ(test, 0, err);
	if (!theirs)
		return;
	sluice_derive(&t->master, t->algorithm, spi, key);
	KUNIT_ASSERT_EQ(test, 0, crypto_aead_setkey(theirs, key[0], sluice_session_key_length(t->algorithm)));
}

static int ours(struct engine_test *t, u8 *packet, unsigned int length, bool encrypt)
{
	int err;

	local_bh_disable();
	err = encrypt ? sluice_aead_encrypt(&t->aead, t->request, packet, length) :
			sluice_aead_decrypt(&t->aead, t->request, packet, length);
	local_bh_enable();
	return err;
}

static int theirs(struct crypto_aead *tfm, u8 *packet, unsigned int length, bool encrypt)
{
	struct aead_request *request = aead_request_alloc(tfm, GFP_KERNEL);
	struct scatterlist list;
	int err;

	if (!request)
		return -ENOMEM;
	sg_init_one(&list, packet, length);
	aead_request_set_callback(request, 0, NULL, NULL);
	aead_request_set_ad(request, SLUICE_ESP_OVERHEAD);
	aead_request_set_crypt(request, &list, &list, length - SLUICE_ESP_OVERHEAD - (encrypt ? SLUICE_ESP_ICV : 0),
			       packet + SLUICE_ESP_HEADER);
	err = encrypt ? crypto_aead_encrypt(request) : crypto_aead_decrypt(request);
	aead_request_free(request);
	return err;
}

static void engine_agrees(struct kunit *test)
{
	struct crypto_aead *tfm = crypto_alloc_aead("rfc4106(gcm(aes))", 0, CRYPTO_ALG_ASYNC);
	struct engine_test *t = test->priv;
	unsigned int length;
	u8 *packet;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tfm);
	KUNIT_EXPECT_EQ(test, 0, crypto_aead_setauthsize(tfm, SLUICE_ESP_ICV));
	for (length = SLUICE_ESP_OVERHEAD + SLUICE_ESP_ICV; length <= PACKET_MAX; length += length < 300 ? 1 : 97) {
		/* It ends where its memory does, for KASAN to see what goes beyond; and it begins anywhere. */
		u8 *memory = kmalloc(length + 3, GFP_KERNEL);

		if (!memory) {
			KUNIT_FAIL(test, "no memory");
			break;
		}
		packet = memory + 3;
		set_key(test, t, tfm);
		get_random_bytes(t->text, length);
		memcpy(packet, t->text, length);
		memcpy(t->theirs, t->text, length);
		KUNIT_EXPECT_EQ(test, 0, ours(t, packet, length, true));
		KUNIT_EXPECT_EQ(test, 0, theirs(tfm, t->theirs, length, true));
		KUNIT_EXPECT_EQ_MSG(test, 0, memcmp(packet, t->theirs, length), "encrypted, %u bytes", length);
		memcpy(packet, t->theirs, length);
		KUNIT_EXPECT_EQ_MSG(test, 0, ours(t, packet, length, false), "decrypted, %u bytes", length);
		KUNIT_EXPECT_EQ(test, 0, memcmp(packet, t->text, length - SLUICE_ESP_ICV));
		kfree(memory);
	}
	crypto_free_aead(tfm);
}

/* Every bit counts; and the library changes nothing where one is wrong.  As long as to need all kinds of blocks. */
static void engine_rejects(struct kunit *test)
{
	u8 packet[SLUICE_ESP_OVERHEAD + 64 + 16 + 4 + SLUICE_ESP_ICV], wrong[sizeof(packet)], copy[sizeof(packet)];
	struct engine_test *t = test->priv;
	unsigned int bit;

	set_key(test, t, NULL);
	get_random_bytes(packet, sizeof(packet));
	KUNIT_ASSERT_EQ(test, 0, ours(t, packet, sizeof(packet), true));
	for (bit = 0; bit < sizeof(packet) * 8; bit++) {
		memcpy(wrong, packet, sizeof(packet));
		wrong[bit / 8] ^= 1 << bit % 8;
		memcpy(copy, wrong, sizeof(packet));
		KUNIT_EXPECT_EQ(test, -EBADMSG, ours(t, wrong, sizeof(packet), false));
		if (t->aead.engine == SLUICE_ENGINE_LIBRARY)
			KUNIT_EXPECT_EQ(test, 0, memcmp(copy, wrong, sizeof(packet)));
	}
	KUNIT_EXPECT_EQ(test, 0, ours(t, packet, sizeof(packet), false));
}

/* What was wiped opens nothing any more. */
static void engine_wipes(struct kunit *test)
{
	struct engine_test *t = test->priv;
	u8 packet[64] = {};

	set_key(test, t, NULL);
	KUNIT_ASSERT_EQ(test, 0, ours(t, packet, sizeof(packet), true));
	local_bh_disable();
	sluice_aead_wipe(&t->aead);
	local_bh_enable();
	if (t->aead.engine == SLUICE_ENGINE_AESNI)
		KUNIT_EXPECT_PTR_EQ(test, NULL, memchr_inv(t->aead.aesni, 0, sizeof(*t->aead.aesni)));
	else if (t->aead.engine == SLUICE_ENGINE_LIBRARY)
		KUNIT_EXPECT_PTR_EQ(test, NULL, memchr_inv(t->aead.library, 0, sizeof(*t->aead.library)));
	else
		KUNIT_EXPECT_EQ(test, -EBADMSG, ours(t, packet, sizeof(packet), false));
}

#ifdef SLUICE_HAVE_AESNI
/* Where a softirq has interrupted who uses the vector unit, the library takes the engine's place: it makes the same packet. */
static void engine_gives_way(struct kunit *test)
{
	struct sluice_generation *generation = kunit_kzalloc(test, sizeof(*generation), GFP_KERNEL);
	u8 packet[200] = { 1, 2, 3 }, copy[200] = { 1, 2, 3 }, key[SLUICE_MASTER_KEY_LENGTH] = { 1 };
	enum sluice_engine outside, inside, after;
	struct sluice_cipher *cipher;

	if (sluice_engine() > SLUICE_ENGINE_INTERNAL)
		kunit_skip(test, "the engine of this machine needs no vector unit");
	KUNIT_ASSERT_NOT_NULL(test, generation);
	KUNIT_ASSERT_EQ(test, 0, sluice_ciphers_get(&generation->ciphers));
	generation->unique = ~0ULL;
	generation->algorithm = SLUICE_ALGORITHM_AES_256_GCM;
	sluice_derive_begin(&generation->master, key);

	local_bh_disable();
	cipher = sluice_cipher_get(generation, 0x200);
	outside = cipher->aead.engine;
	sluice_cipher_encrypt(cipher, packet, sizeof(packet));
	kernel_fpu_begin();
	cipher = sluice_cipher_get(generation, 0x200);
	inside = cipher->aead.engine;
	sluice_cipher_encrypt(cipher, copy, sizeof(copy));
	sluice_cipher_keep(cipher);
	kernel_fpu_end();
	after = sluice_cipher_get(generation, 0x200)->aead.engine;
	local_bh_enable();

	KUNIT_EXPECT_EQ(test, sluice_engine(), outside);
	KUNIT_EXPECT_EQ(test, outside, after);
	KUNIT_EXPECT_EQ(test, SLUICE_ENGINE_LIBRARY, inside);
	KUNIT_EXPECT_EQ(test, 0, memcmp(packet, copy, sizeof(packet)));
	sluice_ciphers_flush(generation->unique);
}
#endif

static int engine_init(struct kunit *test)
{
	const struct engine_row *row = test->param_value;
	struct engine_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct aead_request *request;
	int err;

	if (!t)
		return -ENOMEM;
	test->priv = t;
	t->algorithm = row->algorithm;
	t->aead.engine = row->engine;
	err = sluice_aead_create(&t->aead, row->engine);
	if (err)
		return err;
	request = sluice_aead_request_create(&t->aead);
	if (!IS_ERR(request))
		t->request = request;
	return PTR_ERR_OR_ZERO(request);
}

static void engine_exit(struct kunit *test)
{
	struct engine_test *t = test->priv;

	if (!t)
		return;
	kfree(t->request);
	sluice_aead_destroy(&t->aead);
}

static struct kunit_case engine_cases[] = {
	KUNIT_CASE_PARAM(engine_agrees, engine_row_gen_params),
	KUNIT_CASE_PARAM(engine_rejects, engine_row_gen_params),
	KUNIT_CASE_PARAM(engine_wipes, engine_row_gen_params),
	{}
};

static struct kunit_suite engine_suite = {
	.name = "sluice_aead",
	.init = engine_init,
	.exit = engine_exit,
	.test_cases = engine_cases,
};

#ifdef SLUICE_HAVE_AESNI
static struct kunit_case fallback_cases[] = {
	KUNIT_CASE(engine_gives_way),
	{}
};

static struct kunit_suite fallback_suite = { .name = "sluice_cipher", .test_cases = fallback_cases };

kunit_test_suites(&engine_suite, &fallback_suite);
#else
kunit_test_suite(engine_suite);
#endif
