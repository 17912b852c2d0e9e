// SPDX-License-Identifier: GPL-2.0-only
/* KUnit suite of gcm.c: what the kernel's own rfc4106 makes, it opens, and the other way round. */

#include <crypto/aead.h>
#include <linux/random.h>
#include <linux/scatterlist.h>

#include "cipher.h"
#include "gcm.h"
#include "suite.h"

#define PACKET_MAX	1500

struct gcm_row {
	const char *desc;
	unsigned int key_length;
};

static const struct gcm_row gcm_rows[] = { { "AES-128", 20 }, { "AES-256", 36 } };

SLUICE_TEST_ROWS(gcm_row);

/* The kernel's, on a packet of @length bytes. */
static int reference(struct crypto_aead *tfm, u8 *packet, unsigned int length, bool encrypt)
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

static void gcm_agrees(struct kunit *test)
{
	const struct gcm_row *row = test->param_value;
	u8 *ours = kunit_kzalloc(test, PACKET_MAX, GFP_KERNEL), *theirs = kunit_kzalloc(test, PACKET_MAX, GFP_KERNEL);
	struct crypto_aead *tfm = crypto_alloc_aead("rfc4106(gcm(aes))", 0, CRYPTO_ALG_ASYNC);
	struct sluice_gcm *gcm = kunit_kzalloc(test, sizeof(*gcm), GFP_KERNEL);
	u8 key[36], *text = kunit_kzalloc(test, PACKET_MAX, GFP_KERNEL);
	unsigned int length;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tfm);
	KUNIT_ASSERT_TRUE(test, ours && theirs && gcm && text);
	KUNIT_ASSERT_EQ(test, 0, crypto_aead_setauthsize(tfm, SLUICE_ESP_ICV));
	for (length = SLUICE_ESP_OVERHEAD + SLUICE_ESP_ICV; length <= PACKET_MAX; length += length < 100 ? 1 : 97) {
		get_random_bytes(key, row->key_length);
		get_random_bytes(text, length);
		KUNIT_ASSERT_EQ(test, 0, crypto_aead_setkey(tfm, key, row->key_length));
		KUNIT_ASSERT_EQ(test, 0, sluice_gcm_set_key(gcm, key, row->key_length));
		memcpy(ours, text, length);
		memcpy(theirs, text, length);
		sluice_gcm_encrypt(gcm, ours, length);
		KUNIT_ASSERT_EQ(test, 0, reference(tfm, theirs, length, true));
		KUNIT_ASSERT_EQ(test, 0, memcmp(ours, theirs, length));
		KUNIT_EXPECT_EQ(test, 0, sluice_gcm_decrypt(gcm, theirs, length));
		KUNIT_EXPECT_EQ(test, 0, reference(tfm, ours, length, false));
		KUNIT_EXPECT_EQ(test, 0, memcmp(theirs, text, length - SLUICE_ESP_ICV));
	}
	crypto_free_aead(tfm);
}

/* Every bit counts, and nothing is written where one is wrong. */
static void gcm_rejects(struct kunit *test)
{
	const struct gcm_row *row = test->param_value;
	struct sluice_gcm *gcm = kunit_kzalloc(test, sizeof(*gcm), GFP_KERNEL);
	u8 key[36], packet[64], copy[64];
	unsigned int bit;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, gcm);
	get_random_bytes(key, sizeof(key));
	get_random_bytes(packet, sizeof(packet));
	KUNIT_ASSERT_EQ(test, 0, sluice_gcm_set_key(gcm, key, row->key_length));
	sluice_gcm_encrypt(gcm, packet, sizeof(packet));
	for (bit = 0; bit < sizeof(packet) * 8; bit++) {
		packet[bit / 8] ^= 1 << bit % 8;
		memcpy(copy, packet, sizeof(copy));
		KUNIT_EXPECT_EQ(test, -EBADMSG, sluice_gcm_decrypt(gcm, packet, sizeof(packet)));
		KUNIT_EXPECT_EQ(test, 0, memcmp(copy, packet, sizeof(copy)));
		packet[bit / 8] ^= 1 << bit % 8;
	}
	KUNIT_EXPECT_EQ(test, 0, sluice_gcm_decrypt(gcm, packet, sizeof(packet)));
}

static struct kunit_case gcm_cases[] = {
	KUNIT_CASE_PARAM(gcm_agrees, gcm_row_gen_params),
	KUNIT_CASE_PARAM(gcm_rejects, gcm_row_gen_params),
	{}
};

static struct kunit_suite gcm_suite = { .name = "sluice_gcm", .test_cases = gcm_cases };

kunit_test_suite(gcm_suite);
