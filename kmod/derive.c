// SPDX-License-Identifier: GPL-2.0-only
/*
 * K(i) = CMAC(M, [i]32 | 'S' 'K' | 0x30 + algorithm | 0x00 | [SPI]32 | [L]32), all big-endian (SP 800-108r1, 4.1):
 * the input is one block of AES, so is the output.  CMAC of one block is that block, K1 added, encrypted (SP 800-38B, 6.2).
 */

#include <crypto/algapi.h>
#include <linux/string.h>

#include "derive.h"
#include "kunit.h"

/* Twice an element of GF(2^128), big-endian (SP 800-38B, 6.1). */
static void double_block(u8 block[AES_BLOCK_SIZE])
{
	u64 high = get_unaligned_be64(block), low = get_unaligned_be64(block + 8);

	put_unaligned_be64(high << 1 | low >> 63, block);
	put_unaligned_be64(low << 1 ^ (-(high >> 63) & 0x87), block + 8);
}

void sluice_derive_begin(struct sluice_master *master, const u8 key[SLUICE_MASTER_KEY_LENGTH])
{
	/* It refuses wrong lengths only. */
	WARN_ON_ONCE(aes_expandkey(&master->aes, key, SLUICE_MASTER_KEY_LENGTH));
	memset(master->subkey, 0, sizeof(master->subkey));
	aes_encrypt(&master->aes, master->subkey, master->subkey);
	double_block(master->subkey);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_derive_begin);

unsigned int sluice_derive_blocks(const struct sluice_master *master, u8 algorithm, u32 spi,
				  u8 block[SLUICE_SESSION_KEY_BLOCKS][AES_BLOCK_SIZE])
{
	unsigned int length = sluice_session_key_length(algorithm), count = DIV_ROUND_UP(length, AES_BLOCK_SIZE), i;

	for (i = 0; i < count; i++) {
		put_unaligned_be32(i + 1, block[i]);
		put_unaligned_be32('S' << 24 | 'K' << 16 | (0x30 + algorithm) << 8, block[i] + 4);
		put_unaligned_be32(spi, block[i] + 8);
		put_unaligned_be32(length * 8, block[i] + 12);
		crypto_xor(block[i], master->subkey, AES_BLOCK_SIZE);
	}
	return count;
}

void sluice_derive(const struct sluice_master *master, u8 algorithm, u32 spi,
		   u8 block[SLUICE_SESSION_KEY_BLOCKS][AES_BLOCK_SIZE])
{
	unsigned int count = sluice_derive_blocks(master, algorithm, spi, block), i;

	for (i = 0; i < count; i++)
		aes_encrypt(&master->aes, block[i], block[i]);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_derive);
