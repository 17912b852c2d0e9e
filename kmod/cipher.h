/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keyed ciphers, a bounded cache of them for each CPU; what is not in it is derived again.  sluice_cipher_*(): BH off, and no
 * longer than that.
 */
#ifndef _SLUICE_CIPHER_H
#define _SLUICE_CIPHER_H

#include <linux/types.h>

#include "aead.h"

struct sluice_ciphers;
struct sluice_generation;

/**
 * struct sluice_cipher - a cipher keyed for one SPI of one generation
 * @aead: with the key
 * @home: the CPU's ciphers that it is one of
 * @owner: the generation's unique number; 0: it has no key
 * @spi: host byte order
 */
struct sluice_cipher {
	struct sluice_aead aead;
	struct sluice_ciphers *home;
	u64 owner;
	u32 spi;
};

/*
 * Process context.  @all receives the caches of all CPUs, for a generation to keep: who finds that finds them filled.  The first
 * caller makes them, and they stay until sluice_ciphers_destroy().  -ENOMEM.
 */
int sluice_ciphers_get(struct sluice_ciphers __percpu **all);
void sluice_ciphers_destroy(void);

/* How many keyed ciphers a CPU keeps. */
u32 sluice_ciphers_kept(void);

/* Process context.  No CPU has a key of @owner any more when it returns; nobody must look for one any more. */
void sluice_ciphers_flush(u64 owner);

/**
 * sluice_cipher_get() - a cipher with the key of an SPI
 * @generation: whose master key
 * @spi: host byte order
 *
 * One that is not in the cache is derived, and not put there: see sluice_cipher_keep().
 *
 * Return: the cipher, until the next call on this CPU; NULL: the key cannot be derived or set.
 */
struct sluice_cipher *sluice_cipher_get(struct sluice_generation *generation, u32 spi);

/* The key has been shown to be of use: a packet authenticated with it, or is being sent.  Forged SPIs push nothing out. */
void sluice_cipher_keep(struct sluice_cipher *cipher);

/*
 * @packet: ESP header, initialization vector, text, ICV, in one piece of memory that nobody else has; @length: of all of it.
 * -EBADMSG: the ICV is wrong, and the text is garbage.
 */
int sluice_cipher_decrypt(struct sluice_cipher *cipher, u8 *packet, unsigned int length);
int sluice_cipher_encrypt(struct sluice_cipher *cipher, u8 *packet, unsigned int length);

#endif /* _SLUICE_CIPHER_H */
