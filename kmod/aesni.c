// SPDX-License-Identifier: GPL-2.0-only
/*
 * AES-GCM of an ESP packet in one piece (FIPS 197; NIST SP 800-38D; RFC 4106) on AES-NI and PCLMULQDQ.
 *
 * This file alone is compiled with SSE: the compiler may use its registers anywhere in it, so it is called from other files only,
 * between kernel_fpu_begin() and kernel_fpu_end().  Secrets stay in registers that the next user overwrites; they must not be
 * spilled to the stack, which is why memory is read through a type that needs no alignment, and not by memcpy().
 *
 * GHASH: a block, its bytes swapped, is an integer whose bit 127 - i is the coefficient of x^i.  The product of two such integers
 * without carries has its coefficients one bit too low; instead of shifting each, one factor is kept times x^-1, which is what
 * "power" holds.  x^-1 = x^127 + x^6 + x + 1, as an integer 0xc2000000000000000000000000000001: what is at the low 64 bits of a
 * product is moved up by 128 bits (swap_halves()) and, times the rest of that integer, by 64; that twice is the reduction.
 */

#include <linux/compiler.h>
#include <linux/types.h>

#include "aesni.h"
#include "layout.h"

#ifndef __CHECKER__	/* sparse knows no vectors */

#define block		long long __attribute__((vector_size(16)))
#define bytes		char __attribute__((vector_size(16)))
#define words		int __attribute__((vector_size(16)))

/* In memory, wherever. */
struct unaligned_block {
	block value;
} __packed __attribute__((may_alias));

#define LOW_LOW		0x00	/* which halves PCLMULQDQ multiplies */
#define HIGH_LOW	0x01
#define LOW_HIGH	0x10
#define HIGH_HIGH	0x11
#define SWAP_HALVES	0x4e	/* PSHUFD */

static const block reduction = { 1, 0xc200000000000000 };

static __always_inline block halves(u64 low, u64 high)
{
	const block value = { (long long)low, (long long)high };

	return value;
}

static __always_inline block load(const void *from)
{
	return ((const struct unaligned_block *)from)->value;
}

static __always_inline void store(void *to, block value)
{
	((struct unaligned_block *)to)->value = value;
}

static __always_inline block swap_bytes(block value)
{
	const bytes order = { 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0 };

	return (block)__builtin_ia32_pshufb128((bytes)value, order);
}

static __always_inline block swap_halves(block value)
{
	return (block)__builtin_ia32_pshufd((words)value, SWAP_HALVES);
}

/* ---- AES ---- */

static __always_inline void add(block key, block *value, unsigned int count)
{
	unsigned int i;

#pragma GCC unroll 4
	for (i = 0; i < count; i++)
		value[i] ^= key;
}

static __always_inline void encrypt_rounds(const u8 *round, unsigned int first, unsigned int last, block *value, unsigned int count)
{
	unsigned int i, n;
	block key;

#pragma GCC unroll 10
	for (n = first; n <= last; n++) {
		key = load(round + 16 * n);
#pragma GCC unroll 4
		for (i = 0; i < count; i++)
			value[i] = __builtin_ia32_aesenc128(value[i], key);
	}
}

/* FIPS 197, 5.1, of @count blocks at once, a constant. */
static __always_inline void encrypt(const u8 *round, unsigned int rounds, block *value, unsigned int count)
{
	unsigned int i;
	block key;

	add(load(round), value, count);
	encrypt_rounds(round, 1, 9, value, count);
	if (rounds == 14)
		encrypt_rounds(round, 10, 13, value, count);
	key = load(round + 16 * rounds);
#pragma GCC unroll 4
	for (i = 0; i < count; i++)
		value[i] = __builtin_ia32_aesenclast128(value[i], key);
}

/* The words of @key, each added to all that follow it, and @assist to all of them (FIPS 197, figure 11). */
static __always_inline block next_round_key(block key, block assist)
{
	const words zero = { 0 };

	key ^= (block)__builtin_shufflevector(zero, (words)key, 0, 4, 5, 6);
	key ^= (block)__builtin_shufflevector(zero, (words)key, 0, 1, 4, 5);
	return key ^ assist;
}

/* The instruction's word 3 is SubWord(RotWord(w)) + Rcon, its word 2 SubWord(w); Rcon is a constant in it. */
#define ASSIST_3(key, rcon) \
	((block)__builtin_ia32_pshufd((words)__builtin_ia32_aeskeygenassist128(key, rcon), 0xff))
#define ASSIST_2(key) \
	((block)__builtin_ia32_pshufd((words)__builtin_ia32_aeskeygenassist128(key, 0), 0xaa))

static void expand_128(u8 (*round)[16], block key)
{
#define NEXT(n, rcon) do { \
		key = next_round_key(key, ASSIST_3(key, rcon)); \
		store(round[n], key); \
	} while (0)

	store(round[0], key);
	NEXT(1, 0x01);
	NEXT(2, 0x02);
	NEXT(3, 0x04);
	NEXT(4, 0x08);
	NEXT(5, 0x10);
	NEXT(6, 0x20);
	NEXT(7, 0x40);
	NEXT(8, 0x80);
	NEXT(9, 0x1b);
	NEXT(10, 0x36);
#undef NEXT
}

static void expand_256(u8 (*round)[16], block even, block odd)
{
#define NEXT_EVEN(n, rcon) do { \
		even = next_round_key(even, ASSIST_3(odd, rcon)); \
		store(round[n], even); \
	} while (0)
#define NEXT(n, rcon) do { \
		NEXT_EVEN(n, rcon); \
		odd = next_round_key(odd, ASSIST_2(even)); \
		store(round[(n) + 1], odd); \
	} while (0)

	store(round[0], even);
	store(round[1], odd);
	NEXT(2, 0x01);
	NEXT(4, 0x02);
	NEXT(6, 0x04);
	NEXT(8, 0x08);
	NEXT(10, 0x10);
	NEXT(12, 0x20);
	NEXT_EVEN(14, 0x40);
#undef NEXT
#undef NEXT_EVEN
}

/* ---- GHASH ---- */

/* A product of 256 bits, the middle one being added at bit 64. */
struct product {
	block low, middle, high;
};

static __always_inline void multiply_add(struct product *sum, block a, block b)
{
	sum->low ^= __builtin_ia32_pclmulqdq128(a, b, LOW_LOW);
	sum->middle ^= __builtin_ia32_pclmulqdq128(a, b, HIGH_LOW);
	sum->middle ^= __builtin_ia32_pclmulqdq128(a, b, LOW_HIGH);
	sum->high ^= __builtin_ia32_pclmulqdq128(a, b, HIGH_HIGH);
}

static __always_inline block reduce(const struct product *sum)
{
	block middle = sum->middle ^ swap_halves(sum->low) ^ __builtin_ia32_pclmulqdq128(sum->low, reduction, LOW_HIGH);

	return sum->high ^ swap_halves(middle) ^ __builtin_ia32_pclmulqdq128(middle, reduction, LOW_HIGH);
}

static __always_inline block multiply(block a, block b)
{
	struct product sum = {};

	multiply_add(&sum, a, b);
	return reduce(&sum);
}

/* Times x^-1: the coefficient of x^0 is bit 127. */
static __always_inline block divide_by_x(block value)
{
	u64 low = value[0], high = value[1], carry = -(high >> 63);

	return halves(low << 1 ^ (carry & 1), high << 1 ^ low >> 63 ^ (carry & 0xc200000000000000));
}

/* ---- GCM ---- */

/* The last bytes of a text that is no multiple of a block: from [16 - n] on, n bytes of ones, then zeros. */
static const u8 ones_then_zeros[32] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 };

/* What the counter blocks have in common, its bytes swapped so that the counter is word 0 (SP 800-38D, 7.1; RFC 4106, 4). */
static __always_inline block first_counter(const struct sluice_aesni_key *aesni, const u8 *packet)
{
	u64 vector;
	u32 salt;

	__builtin_memcpy(&salt, aesni->salt, sizeof(salt));
	__builtin_memcpy(&vector, packet + SLUICE_ESP_HEADER, sizeof(vector));
	return swap_bytes(halves(salt | vector << 32, vector >> 32));
}

static __always_inline block counter_block(block first, unsigned int number)
{
	const words count = { (int)number };

	return swap_bytes((block)((words)first + count));
}

/* The text in place.  Returns its GHASH with the additional data's, and the lengths'; @packet has 16 bytes more. */
static __always_inline block crypt(const struct sluice_aesni_key *aesni, u8 *packet, unsigned int length, bool decrypts)
{
	unsigned int left = length - SLUICE_ESP_OVERHEAD - SLUICE_ESP_ICV, number = 2, i;
	block first = first_counter(aesni, packet), key[SLUICE_AESNI_STRIDE], hash, one, mask, text;
	block lengths = halves(left * 8, SLUICE_ESP_HEADER * 8);
	u8 *at = packet + SLUICE_ESP_OVERHEAD;
	u64 header;

	/* Additional data: SPI and sequence number (RFC 4106, 5); the vector is in the counter blocks. */
	__builtin_memcpy(&header, packet, sizeof(header));
	hash = multiply(swap_bytes(halves(header, 0)), load(aesni->power[0]));

	while (left >= 16 * SLUICE_AESNI_STRIDE) {
		struct product sum = {};

#pragma GCC unroll 4
		for (i = 0; i < SLUICE_AESNI_STRIDE; i++)
			key[i] = counter_block(first, number + i);
		encrypt(aesni->round[0], aesni->rounds, key, SLUICE_AESNI_STRIDE);
#pragma GCC unroll 4
		for (i = 0; i < SLUICE_AESNI_STRIDE; i++) {
			text = load(at + 16 * i);
			key[i] ^= text;
			store(at + 16 * i, key[i]);
			text = swap_bytes(decrypts ? text : key[i]);
			multiply_add(&sum, i ? text : text ^ hash, load(aesni->power[SLUICE_AESNI_STRIDE - 1 - i]));
		}
		hash = reduce(&sum);
		number += SLUICE_AESNI_STRIDE;
		at += 16 * SLUICE_AESNI_STRIDE;
		left -= 16 * SLUICE_AESNI_STRIDE;
	}
	barrier();	/* or H would be kept across the loop, on the stack */
	one = load(aesni->power[0]);
	for (; left; left -= i, at += 16) {
		i = left < 16 ? left : 16;
		mask = load(ones_then_zeros + 16 - i);
		key[0] = counter_block(first, number++);
		encrypt(aesni->round[0], aesni->rounds, key, 1);
		text = load(at);
		key[0] = text ^ (key[0] & mask);	/* what follows the text stays */
		store(at, key[0]);
		hash = multiply(hash ^ swap_bytes((decrypts ? text : key[0]) & mask), one);
	}
	hash = multiply(hash ^ lengths, one);
	key[0] = counter_block(first, 1);
	encrypt(aesni->round[0], aesni->rounds, key, 1);
	return swap_bytes(hash) ^ key[0];
}

bool sluice_aesni_decrypt(const struct sluice_aesni_key *aesni, u8 *packet, unsigned int length)
{
	block icv = load(packet + length - SLUICE_ESP_ICV);

	icv ^= crypt(aesni, packet, length, true);
	return !(icv[0] | icv[1]);
}

void sluice_aesni_encrypt(const struct sluice_aesni_key *aesni, u8 *packet, unsigned int length)
{
	store(packet + length - SLUICE_ESP_ICV, crypt(aesni, packet, length, false));
}

void sluice_aesni_set_key(struct sluice_aesni_key *aesni, const u8 *key, unsigned int length)
{
	block power, one, zero[1] = { halves(0, 0) };
	unsigned int i;

	__builtin_memcpy(aesni->salt, key + length - sizeof(aesni->salt), sizeof(aesni->salt));
	aesni->rounds = length == 16 + sizeof(aesni->salt) ? 10 : 14;
	if (aesni->rounds == 10)
		expand_128(aesni->round, load(key));
	else
		expand_256(aesni->round, load(key), load(key + 16));
	encrypt(aesni->round[0], aesni->rounds, zero, 1);
	one = power = divide_by_x(swap_bytes(zero[0]));
	store(aesni->power[0], power);
	for (i = 1; i < SLUICE_AESNI_STRIDE; i++) {
		power = multiply(power, one);
		store(aesni->power[i], power);
	}
}

void sluice_aesni_encrypt_blocks(const u8 *round, u8 *data, unsigned int count)
{
	block value[1];

	for (; count; count--, data += 16) {
		value[0] = load(data);
		encrypt(round, 14, value, 1);
		store(data, value[0]);
	}
}

#endif /* __CHECKER__ */
