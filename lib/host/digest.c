/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest - the SHA-256 of files of any size.
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

void digest_begin(struct digest *d)
{
	if (!d->context)
		d->context = EVP_MD_CTX_new();
	(void)EVP_DigestInit_ex(d->context, EVP_sha256(), NULL);
}

void digest_add(struct digest *d, const void *bytes, size_t len)
{
	(void)EVP_DigestUpdate(d->context, bytes, len);
}

void digest_end(struct digest *d, char ret_hex[SHA256_HEX + 1])
{
	unsigned char digest[32];
	_free_ char *hex = NULL;

	(void)EVP_DigestFinal_ex(d->context, digest, NULL);
	hex = hex_encode(digest, sizeof(digest));
	memcpy(ret_hex, hex, SHA256_HEX + 1);
}

void digest_done(struct digest *d)
{
	EVP_MD_CTX_free(d->context);
	d->context = NULL;
}

static int add_all(struct digest *d, int fd, const char *name, struct error *e)
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
		digest_add(d, bytes, (size_t)n);
	}
}

int digest_fd(int fd, const char *name, char ret_hex[SHA256_HEX + 1], struct error *e)
{
	_digest_ struct digest d = { 0 };

	digest_begin(&d);
	if (add_all(&d, fd, name, e) < 0)
		return -e->code;
	digest_end(&d, ret_hex);
	return 0;
}
