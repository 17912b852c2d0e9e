/* SPDX-License-Identifier: GPL-2.0-only */
/* Session keys from a master key and an SPI: NIST SP 800-108r1, counter mode, PRF AES-256-CMAC. */
#ifndef _SLUICE_DERIVE_H
#define _SLUICE_DERIVE_H

#include <linux/types.h>

#include <linux/sluice.h>

struct crypto_shash;

#define SLUICE_MASTER_KEY_LENGTH	32
#define SLUICE_SESSION_KEY_MAX		36	/* AES-256 key and the salt of RFC 4106, section 4 */

/* Process context.  Takes a copy of @key; an ERR_PTR: the kernel has no cmac(aes), or no memory. */
struct crypto_shash *sluice_derive_create(const u8 key[SLUICE_MASTER_KEY_LENGTH]);
/* Wipes the copy. */
void sluice_derive_destroy(struct crypto_shash *master);

/* Bytes of key and salt of an enum sluice_algorithm. */
static inline unsigned int sluice_session_key_length(u8 algorithm)
{
	return algorithm == SLUICE_ALGORITHM_AES_128_GCM ? 20 : 36;
}

/**
 * sluice_derive() - the session key of one SPI
 * @master: from sluice_derive_create()
 * @algorithm: enum sluice_algorithm
 * @spi: host byte order
 * @key: receives key and salt, sluice_session_key_length() bytes; the caller wipes it
 *
 * Context: any but hard interrupts.
 * Return: 0, or what the hash says.
 */
int sluice_derive(struct crypto_shash *master, u8 algorithm, u32 spi, u8 key[SLUICE_SESSION_KEY_MAX]);

#endif /* _SLUICE_DERIVE_H */
