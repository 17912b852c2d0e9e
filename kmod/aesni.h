/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AES-GCM for ESP (RFC 4106) by the processor's instructions AES-NI and PCLMULQDQ, whose keys cost little to set: where clients
 * take turns, no driver's setkey() is affordable (Documentation/esp.rst).
 */
#ifndef _SLUICE_AESNI_H
#define _SLUICE_AESNI_H

#include <linux/types.h>

#define SLUICE_AESNI_STRIDE	4	/* blocks at once: with their hashes they fit into 16 registers, and hide most of AESENC's latency */

/**
 * struct sluice_aesni_key - a key; nothing in it needs to be aligned
 * @round: its schedule, each a block (FIPS 197, 5.2)
 * @power: H, H^2 .. H^4, each as it is multiplied with, see aesni.c
 * @rounds: how many rounds: 10 or 14
 * @salt: RFC 4106, section 4
 */
struct sluice_aesni_key {
	u8 round[15][16];
	u8 power[SLUICE_AESNI_STRIDE][16];
	u8 rounds;
	u8 salt[4];
};

#ifdef SLUICE_HAVE_AESNI	/* by Kbuild */

/* All of it: between kernel_fpu_begin() and kernel_fpu_end(). */

/* @key: AES key, then salt, @length bytes together, 20 or 36. */
void sluice_aesni_set_key(struct sluice_aesni_key *aesni, const u8 *key, unsigned int length);

/* @round: the schedule of an AES-256 key, of 15 blocks; @data: @count blocks, in place. */
void sluice_aesni_encrypt_blocks(const u8 *round, u8 *data, unsigned int count);

/*
 * @packet: 8 bytes of ESP header, 8 of initialization vector, @length - 32 of text, 16 of ICV; @length: 32 at least.
 * Decrypt: true: the ICV is right; else the text is garbage.  Encrypt: the ICV's old bytes are read, and mean nothing.
 */
bool sluice_aesni_decrypt(const struct sluice_aesni_key *aesni, u8 *packet, unsigned int length);
void sluice_aesni_encrypt(const struct sluice_aesni_key *aesni, u8 *packet, unsigned int length);

#else

static inline void sluice_aesni_set_key(struct sluice_aesni_key *aesni, const u8 *key, unsigned int length)
{
}

static inline void sluice_aesni_encrypt_blocks(const u8 *round, u8 *data, unsigned int count)
{
}

static inline bool sluice_aesni_decrypt(const struct sluice_aesni_key *aesni, u8 *packet, unsigned int length)
{
	return false;
}

static inline void sluice_aesni_encrypt(const struct sluice_aesni_key *aesni, u8 *packet, unsigned int length)
{
}

#endif /* SLUICE_HAVE_AESNI */

#endif /* _SLUICE_AESNI_H */
