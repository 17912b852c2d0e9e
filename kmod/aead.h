/* SPDX-License-Identifier: GPL-2.0-only */
/* AES-GCM of ESP packets, by whichever of three engines this host has: the processor's instructions, a driver, the library. */
#ifndef _SLUICE_AEAD_H
#define _SLUICE_AEAD_H

#include <linux/types.h>

struct aead_request;
struct crypto_aead;
struct sluice_aesni_key;
struct sluice_gcm;
struct sluice_master;

/**
 * enum sluice_engine - in the order of preference
 * @SLUICE_ENGINE_AESNI: aesni.c
 * @SLUICE_ENGINE_INTERNAL: a driver of the crypto API for use where the vector unit may be used
 * @SLUICE_ENGINE_DRIVER: a driver of the crypto API that is synchronous everywhere
 * @SLUICE_ENGINE_LIBRARY: gcm.c
 */
enum sluice_engine {
	SLUICE_ENGINE_AESNI,
	SLUICE_ENGINE_INTERNAL,
	SLUICE_ENGINE_DRIVER,
	SLUICE_ENGINE_LIBRARY,
};

/* A cipher with room for a key; used by one CPU at a time, BH off. */
struct sluice_aead {
	union {
		struct sluice_aesni_key *aesni;
		struct crypto_aead *driver;
		struct sluice_gcm *library;
	};
	enum sluice_engine engine;
};

/*
 * Process context, this and the next four; may load modules.  The host's engine: the first that is there when it is first asked
 * for, or what the module parameter names.
 */
enum sluice_engine sluice_engine(void);
/* Has this host @engine? */
bool sluice_engine_present(enum sluice_engine engine);
/* Its name, or the driver's. */
const char *sluice_engine_name(void);
/* What takes its place where the vector unit is in use by whom a softirq interrupted.  NULL: it needs none. */
const char *sluice_engine_fallback(void);
/* The module parameter names an engine: 0.  Otherwise -EINVAL, and it is said. */
int sluice_engine_check(void);

/* Process context.  -ENOMEM, or what the crypto API says; then, and of zeros, it may be destroyed as well. */
int sluice_aead_create(struct sluice_aead *aead, enum sluice_engine engine);
/* With what it knows of keys. */
void sluice_aead_destroy(struct sluice_aead *aead);
/* Process context.  For @aead and all of its engine on this CPU; NULL if it needs none, ERR_PTR(-ENOMEM). */
struct aead_request *sluice_aead_request_create(const struct sluice_aead *aead);

/* May it be used here? */
bool sluice_aead_usable(const struct sluice_aead *aead);

/* Sets the key of an SPI, host byte order; @algorithm: enum sluice_algorithm.  What a driver says. */
int sluice_aead_set_key(struct sluice_aead *aead, const struct sluice_master *master, u8 algorithm, u32 spi);
/* No key is left in it. */
void sluice_aead_wipe(struct sluice_aead *aead);

/*
 * @packet: ESP header, initialization vector, text, ICV, in one piece of memory that nobody else has; @length: of all of it.
 * -EBADMSG: the ICV is wrong, and the text is garbage.
 */
int sluice_aead_decrypt(struct sluice_aead *aead, struct aead_request *request, u8 *packet, unsigned int length);
int sluice_aead_encrypt(struct sluice_aead *aead, struct aead_request *request, u8 *packet, unsigned int length);

#endif /* _SLUICE_AEAD_H */
