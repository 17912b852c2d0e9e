// SPDX-License-Identifier: GPL-2.0-only
/* KUnit suite of derive.c: the vectors of Documentation/esp.rst, which userspace/derivation has as well. */

#include "derive.h"
#include "suite.h"

struct derive_vector {
	const char *desc;
	u32 spi;
	u8 algorithm;
	const char *key;
};

static const struct derive_vector derive_vectors[] = {
	{ "generation 0, to the gateway", 0x00000200, SLUICE_ALGORITHM_AES_256_GCM,
	  "7c1461b4b772651831831c58b141bfe5fa78af392a225c49bf185593ecedbf39b4d0b55c" },
	{ "the other direction", 0x20000200, SLUICE_ALGORITHM_AES_256_GCM,
	  "89edf12ff05cd1749d826078a3b88c173f064812e3f49bb70ca79ed1c9b7f52853eefedb" },
	{ "AES-128", 0x5579bc03, SLUICE_ALGORITHM_AES_128_GCM, "0f7a7145f381615aeb68011c967112fe76dd2005" },
	{ "the last SPI", 0xbfffffff, SLUICE_ALGORITHM_AES_128_GCM, "3675980a08d4226fcd0d0bc1a130ce08b012b394" },
};

SLUICE_TEST_ROWS(derive_vector);

static void derive_known_keys(struct kunit *test)
{
	const struct derive_vector *vector = test->param_value;
	unsigned int length = sluice_session_key_length(vector->algorithm), i;
	u8 master_key[SLUICE_MASTER_KEY_LENGTH], want[SLUICE_SESSION_KEY_MAX];
	u8 key[SLUICE_SESSION_KEY_BLOCKS][AES_BLOCK_SIZE];
	struct sluice_master master;

	for (i = 0; i < sizeof(master_key); i++)
		master_key[i] = i;
	sluice_derive_begin(&master, master_key);
	KUNIT_EXPECT_EQ(test, 0, hex2bin(want, vector->key, length));
	sluice_derive(&master, vector->algorithm, vector->spi, key);
	KUNIT_EXPECT_EQ(test, 0, memcmp(key, want, length));
}

static struct kunit_case derive_cases[] = {
	KUNIT_CASE_PARAM(derive_known_keys, derive_vector_gen_params),
	{}
};

static struct kunit_suite derive_suite = { .name = "sluice_derive", .test_cases = derive_cases };

kunit_test_suite(derive_suite);
