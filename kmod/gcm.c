// SPDX-License-Identifier: GPL-2.0-only
/* AES-GCM of an ESP packet in one piece (NIST SP 800-38D; RFC 4106). */

#include <crypto/algapi.h>
#include <linux/string.h>

#include "gcm.h"
#include "kunit.h"
#include "layout.h"

int sluice_gcm_set_key(struct sluice_gcm *gcm, const u8 *key, unsigned int length)
{
	int err = aes_expandkey(&gcm->aes, key, length - sizeof(gcm->salt));

	if (err)
		return err;
	memcpy(gcm->salt, key + length - sizeof(gcm->salt), sizeof(gcm->salt));
	memset(&gcm->subkey, 0, sizeof(gcm->subkey));
	aes_encrypt(&gcm->aes, (u8 *)&gcm->subkey, (u8 *)&gcm->subkey);
	return 0;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_gcm_set_key);

static void hash(const struct sluice_gcm *gcm, be128 *sum, const u8 *data, unsigned int length)
{
	while (length) {
		unsigned int piece = min_t(unsigned int, length, AES_BLOCK_SIZE);

		crypto_xor((u8 *)sum, data, piece);
		gf128mul_lle(sum, &gcm->subkey);
		data += piece;
		length -= piece;
	}
}

/* Counter block: salt, initialization vector, block number (SP 800-38D, 7.1; RFC 4106, 3.1 and 4). */
static void counter_block(const struct sluice_gcm *gcm, const u8 *packet, u32 number, u8 block[AES_BLOCK_SIZE])
{
	memcpy(block, gcm->salt, sizeof(gcm->salt));
	memcpy(block + 4, packet + SLUICE_ESP_HEADER, SLUICE_ESP_IV);
	put_unaligned_be32(number, block + 12);
	aes_encrypt(&gcm->aes, block, block);
}

static void crypt(const struct sluice_gcm *gcm, u8 *packet, unsigned int length)
{
	u8 block[AES_BLOCK_SIZE], *text = packet + SLUICE_ESP_OVERHEAD;
	unsigned int left = length - SLUICE_ESP_OVERHEAD - SLUICE_ESP_ICV;
	u32 number = 2;

	while (left) {
		unsigned int piece = min_t(unsigned int, left, AES_BLOCK_SIZE);

		counter_block(gcm, packet, number++, block);
		crypto_xor(text, block, piece);
		text += piece;
		left -= piece;
	}
	memzero_explicit(block, sizeof(block));
}

static void compute_icv(const struct sluice_gcm *gcm, const u8 *packet, unsigned int length, u8 icv[SLUICE_ESP_ICV])
{
	unsigned int text = length - SLUICE_ESP_OVERHEAD - SLUICE_ESP_ICV;
	be128 sum = {}, lengths = { cpu_to_be64(SLUICE_ESP_HEADER * 8), cpu_to_be64((u64)text * 8) };

	/* Additional data: SPI and sequence number (RFC 4106, 5); the vector is in the counter blocks. */
	hash(gcm, &sum, packet, SLUICE_ESP_HEADER);
	hash(gcm, &sum, packet + SLUICE_ESP_OVERHEAD, text);
	hash(gcm, &sum, (const u8 *)&lengths, sizeof(lengths));
	counter_block(gcm, packet, 1, icv);
	crypto_xor(icv, (const u8 *)&sum, SLUICE_ESP_ICV);
}

int sluice_gcm_decrypt(const struct sluice_gcm *gcm, u8 *packet, unsigned int length)
{
	u8 icv[SLUICE_ESP_ICV];

	compute_icv(gcm, packet, length, icv);
	if (crypto_memneq(icv, packet + length - SLUICE_ESP_ICV, SLUICE_ESP_ICV))
		return -EBADMSG;
	crypt(gcm, packet, length);
	return 0;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_gcm_decrypt);

void sluice_gcm_encrypt(const struct sluice_gcm *gcm, u8 *packet, unsigned int length)
{
	crypt(gcm, packet, length);
	compute_icv(gcm, packet, length, packet + length - SLUICE_ESP_ICV);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_gcm_encrypt);
