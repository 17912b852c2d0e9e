/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AES-GCM for ESP (RFC 4106) from the kernel's AES and GF(2^128) libraries: for processors without a driver of their own, and
 * where the vector unit may not be used.  The kernel's generic template is no alternative: its setkey() sleeps.
 */
#ifndef _SLUICE_GCM_H
#define _SLUICE_GCM_H

#include <crypto/aes.h>
#include <crypto/gf128mul.h>

/**
 * struct sluice_gcm - a key
 * @aes: its schedule
 * @subkey: H = E(K, 0) (NIST SP 800-38D, 6.3)
 * @salt: RFC 4106, section 4
 */
struct sluice_gcm {
	struct crypto_aes_ctx aes;
	be128 subkey;
	u8 salt[4];
};

/* Any context.  @key: AES key, then salt, @length bytes together.  -EINVAL: no such length. */
int sluice_gcm_set_key(struct sluice_gcm *gcm, const u8 *key, unsigned int length);

/*
 * Any context.  @packet: 8 bytes of ESP header, 8 of initialization vector, @length - 32 of text, 16 of ICV; @length: 32 at
 * least.
 * -EBADMSG: the ICV is wrong, nothing has changed.
 */
int sluice_gcm_decrypt(const struct sluice_gcm *gcm, u8 *packet, unsigned int length);
void sluice_gcm_encrypt(const struct sluice_gcm *gcm, u8 *packet, unsigned int length);

#endif /* _SLUICE_GCM_H */
