/* SPDX-License-Identifier: GPL-2.0-only */
/* Session keys from a master key and an SPI: NIST SP 800-108r1, counter mode, PRF AES-256-CMAC. */
#ifndef _SLUICE_DERIVE_H
#define _SLUICE_DERIVE_H

#include <crypto/aes.h>
#include <linux/types.h>

#include <linux/sluice.h>

#define SLUICE_MASTER_KEY_LENGTH	32
#define SLUICE_SESSION_KEY_MAX		36	/* AES-256 key and the salt of RFC 4106, section 4 */
#define SLUICE_SESSION_KEY_BLOCKS	3	/* of AES, that are computed for it */

/**
 * struct sluice_master - a master key, ready to derive from
 * @aes: its schedule
 * @subkey: K1 of CMAC (NIST SP 800-38B, 6.1)
 */
struct sluice_master {
	struct crypto_aes_ctx aes;
	u8 subkey[AES_BLOCK_SIZE];
};

/* Any context.  The caller wipes @master. */
void sluice_derive_begin(struct sluice_master *master, const u8 key[SLUICE_MASTER_KEY_LENGTH]);

/* Bytes of key and salt of an enum sluice_algorithm. */
static inline unsigned int sluice_session_key_length(u8 algorithm)
{
	return algorithm == SLUICE_ALGORITHM_AES_128_GCM ? 20 : 36;
}

/**
 * sluice_derive_blocks() - what, encrypted block for block under the master key, is the session key of one SPI
 * @master: from sluice_derive_begin()
 * @algorithm: enum sluice_algorithm
 * @spi: host byte order
 * @block: receives them
 *
 * Context: any.
 * Return: how many blocks; of the key, the first sluice_session_key_length() bytes count.
 */
unsigned int sluice_derive_blocks(const struct sluice_master *master, u8 algorithm, u32 spi,
				  u8 block[SLUICE_SESSION_KEY_BLOCKS][AES_BLOCK_SIZE]);

/* The same, encrypted by the kernel's library.  The caller wipes @block. */
void sluice_derive(const struct sluice_master *master, u8 algorithm, u32 spi,
		   u8 block[SLUICE_SESSION_KEY_BLOCKS][AES_BLOCK_SIZE]);

#endif /* _SLUICE_DERIVE_H */
