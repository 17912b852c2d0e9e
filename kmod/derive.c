// SPDX-License-Identifier: GPL-2.0-only
/*
 * K(i) = CMAC(M, [i]32 | 'S' 'K' | 0x30 + algorithm | 0x00 | [SPI]32 | [L]32), all big-endian (SP 800-108r1, 4.1):
 * the input is one block of AES, so is the output.
 */

#include <crypto/hash.h>
#include <linux/string.h>

#include "derive.h"
#include "kunit.h"
#include "netlink-gen.h"

#define SLUICE_DERIVE_BLOCK	16

struct crypto_shash *sluice_derive_create(const u8 key[SLUICE_MASTER_KEY_LENGTH])
{
	struct crypto_shash *master = crypto_alloc_shash("cmac(aes)", 0, 0);
	int err;

	if (IS_ERR(master))
		return master;
	err = crypto_shash_setkey(master, key, SLUICE_MASTER_KEY_LENGTH);
	if (!err)
		return master;
	crypto_free_shash(master);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_derive_create);

void sluice_derive_destroy(struct crypto_shash *master)
{
	crypto_free_shash(master);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_derive_destroy);

int sluice_derive(struct crypto_shash *master, u8 algorithm, u32 spi, u8 key[SLUICE_SESSION_KEY_MAX])
{
	unsigned int length = sluice_session_key_length(algorithm), done;
	u8 input[SLUICE_DERIVE_BLOCK], output[SLUICE_DERIVE_BLOCK];
	SHASH_DESC_ON_STACK(desc, master);
	int err = 0;

	desc->tfm = master;
	memcpy(input + 4, "SK\0\0", 4);
	input[6] = 0x30 + algorithm;
	put_unaligned_be32(spi, input + 8);
	put_unaligned_be32(length * 8, input + 12);
	for (done = 0; !err && done < length; done += SLUICE_DERIVE_BLOCK) {
		put_unaligned_be32(done / SLUICE_DERIVE_BLOCK + 1, input);
		err = crypto_shash_digest(desc, input, sizeof(input), output);
		if (!err)
			memcpy(key + done, output, min_t(unsigned int, length - done, sizeof(output)));
	}
	shash_desc_zero(desc);
	memzero_explicit(output, sizeof(output));
	return err;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_derive);
