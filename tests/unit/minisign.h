/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_MINISIGN_H
#define TESTS_UNIT_MINISIGN_H

/* Signs as minisign does.  That it is minisign's form is what test_sign.c and the program itself
 * say. */

#include "tests/unit/unit.h"

#include <openssl/evp.h>
#include <string.h>

#include "lib/str.h"

#define MINISIGN_LEN 64

/* Key NUMBER of as many as a test wants. */
static inline EVP_PKEY *minisign_key(unsigned char number)
{
	unsigned char seed[32];
	EVP_PKEY *key;

	memset(seed, number, sizeof(seed));
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
	assert_non_null(key);
	return key;
}

static inline char *minisign_line(const void *bytes, size_t len)
{
	char *line = xmalloc(len * 2 + 8);

	(void)EVP_EncodeBlock((unsigned char *)line, bytes, (int)len);
	return line;
}

/* What `minisign -G` calls the public key; the bytes of its name are NUMBER. */
static inline char *minisign_public(unsigned char number)
{
	EVP_PKEY *key = minisign_key(number);
	unsigned char bytes[42] = "Ed";
	size_t len = 32;

	memset(bytes + 2, number, 8);
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, bytes + 10, &len), 1);
	EVP_PKEY_free(key);
	return minisign_line(bytes, sizeof(bytes));
}

static inline void minisign_raw(EVP_PKEY *key, const void *bytes, size_t len,
				unsigned char ret_signature[MINISIGN_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = MINISIGN_LEN;

	assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(ctx, ret_signature, &n, bytes, len), 1);
	EVP_MD_CTX_free(ctx);
}

/* The text of FILE.minisig by key NUMBER, for a file that holds TEXT. */
static inline char *minisign(unsigned char number, const char *text, const char *comment)
{
	EVP_PKEY *key = minisign_key(number);
	unsigned char bytes[74] = "ED", all[MINISIGN_LEN + 256], of_all[MINISIGN_LEN], digest[64];
	_free_ char *first = NULL, *second = NULL;
	unsigned n;

	memset(bytes + 2, number, 8);
	assert_int_equal(EVP_Digest(text, strlen(text), digest, &n, EVP_blake2b512(), NULL), 1);
	minisign_raw(key, digest, sizeof(digest), bytes + 10);
	memcpy(all, bytes + 10, MINISIGN_LEN);
	assert_true(strlen(comment) <= 256);
	memcpy(all + MINISIGN_LEN, comment, strlen(comment));
	minisign_raw(key, all, MINISIGN_LEN + strlen(comment), of_all);
	EVP_PKEY_free(key);
	first = minisign_line(bytes, sizeof(bytes));
	second = minisign_line(of_all, sizeof(of_all));
	return xasprintf("untrusted comment: a test's\n%s\ntrusted comment: %s\n%s\n", first,
			 comment, second);
}

#endif
