/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_SHA256_H
#define LIB_SHA256_H

#include "lib/base.h"

#define SHA256_HEX 64

/* A digest in the making.  Any thread. */
struct sha256 {
	uint32_t state[8];
	uint64_t len; /* bytes so far */
	uint8_t block[64];
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *bytes, size_t len);
/* Gives the digest in lower-case hexadecimal.  *S is used up: sha256_init() before it is used
 * again. */
void sha256_end(struct sha256 *s, char ret_hex[SHA256_HEX + 1]);
/* All three at once. */
void sha256_bytes(const void *bytes, size_t len, char ret_hex[SHA256_HEX + 1]);

#endif
