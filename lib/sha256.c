/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256 - the digest of FIPS 180-4, for a few kilobytes.
 *
 * For programs without OpenSSL: libcrypto adds 4 MB to a static program that calls it for this one
 * function, eight times the shim's size.  It is plain C and reaches 150 MB/s where libcrypto, with
 * the processor's instructions for it, reaches 1,400; so lib/host/digest.c, for the files of whole
 * releases, uses that.  Any thread.
 */
#include "lib/sha256.h"

#include <string.h>

#include "lib/str.h"

#define BLOCK_SIZE  64
#define LENGTH_AT   56 /* in the last block: its last eight bytes are the length in bits */
#define DIGEST_SIZE 32

/* The first 32 bits of the fractions of the cube roots of the first 64 primes. */
static const uint32_t round_constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static void store_be32(uint8_t *to, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* The message schedule, W in the standard. */
static void expand(const uint8_t block[BLOCK_SIZE], uint32_t words[64])
{
	for (unsigned i = 0; i < 16; i++)
		words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
			   (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
	for (unsigned i = 16; i < 64; i++) {
		uint32_t a = words[i - 15], b = words[i - 2];

		words[i] = words[i - 16] + words[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
			   (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
	}
}

/* The letters are those of the standard. */
static void digest_block(uint32_t state[8], const uint8_t block[BLOCK_SIZE])
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
	uint32_t words[64];

	expand(block, words);
	for (unsigned i = 0; i < 64; i++) {
		uint32_t t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
			      ((e & f) ^ (~e & g)) + round_constants[i] + words[i];
		uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
			      ((a & b) ^ (a & c) ^ (b & c));

		h = g;
		g = f;
		f = e;
		e = d + t1;
		d = c;
		c = b;
		b = a;
		a = t1 + t2;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

void sha256_init(struct sha256 *s)
{
	/* The same of the square roots of the first eight primes. */
	static const uint32_t start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memset(s, 0, sizeof(*s));
	memcpy(s->state, start, sizeof(start));
}

void sha256_add(struct sha256 *s, const void *bytes, size_t len)
{
	const uint8_t *from = bytes;

	while (len > 0) {
		size_t used = s->len % BLOCK_SIZE;
		size_t n = min_size(len, BLOCK_SIZE - used);

		memcpy(s->block + used, from, n);
		s->len += n;
		from += n;
		len -= n;
		if (used + n == BLOCK_SIZE)
			digest_block(s->state, s->block);
	}
}

void sha256_end(struct sha256 *s, char ret_hex[SHA256_HEX + 1])
{
	static const uint8_t padding[BLOCK_SIZE] = { 0x80 };
	uint8_t bits[8], digest[DIGEST_SIZE];
	size_t used = s->len % BLOCK_SIZE;
	_free_ char *hex = NULL;

	store_be32(bits, (uint32_t)(s->len * 8 >> 32));
	store_be32(bits + 4, (uint32_t)(s->len * 8));
	sha256_add(s, padding, (used < LENGTH_AT ? LENGTH_AT : LENGTH_AT + BLOCK_SIZE) - used);
	sha256_add(s, bits, sizeof(bits));
	for (unsigned i = 0; i < 8; i++)
		store_be32(digest + 4 * i, s->state[i]);
	hex = hex_encode(digest, sizeof(digest));
	memcpy(ret_hex, hex, SHA256_HEX + 1);
}

void sha256_bytes(const void *bytes, size_t len, char ret_hex[SHA256_HEX + 1])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, bytes, len);
	sha256_end(&s, ret_hex);
}
