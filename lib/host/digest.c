/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest - the SHA-256 of a file of any size.
 *
 * By libcrypto, which kata-deploy has for HTTPS anyway and which uses the processor's instructions:
 * 1,400 MB/s where lib/sha256 reaches 150, and a release has 150 MB.  What is in memory is small
 * and takes that one.  May block, on reading.
 */
#include "lib/host/digest.h"

#include <openssl/evp.h>
#include <string.h>

#include "lib/str.h"

#define READ_SIZE 65536

static int add_all(EVP_MD_CTX *ctx, int fd, const char *name, struct error *e)
{
	_free_ char *bytes = xmalloc(READ_SIZE);
	ssize_t n;

	for (;;) {
		n = read(fd, bytes, READ_SIZE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(e, errno, "cannot read '%s': %m", name);
		if (n == 0)
			return 0;
		(void)EVP_DigestUpdate(ctx, bytes, (size_t)n);
	}
}

int digest_fd(int fd, const char *name, char ret_hex[SHA256_HEX + 1], struct error *e)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char digest[32];
	_free_ char *hex = NULL;
	int r;

	(void)EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
	r = add_all(ctx, fd, name, e);
	(void)EVP_DigestFinal_ex(ctx, digest, NULL);
	EVP_MD_CTX_free(ctx);
	if (r < 0)
		return r;
	hex = hex_encode(digest, sizeof(digest));
	memcpy(ret_hex, hex, SHA256_HEX + 1);
	return 0;
}
