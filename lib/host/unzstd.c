/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unzstd - a stream of bytes out of a file that zstd packed.
 *
 * A file that does not begin as zstd's frames do is taken as it is.  A frame may ask for a window
 * of 128 MiB, what `zstd --ultra` makes; that is all the memory it gets.  Needs no system call but
 * read(2), pread(2) and those for memory.  One thread; blocks as the file does.
 */
#include "lib/host/unzstd.h"

#include <string.h>
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#define IN_SIZE    (128 * KIB)
#define WINDOW_LOG 27

static const unsigned char magic[] = { 0x28, 0xb5, 0x2f, 0xfd };

void unzstd_init(struct unzstd *z, int fd)
{
	*z = (struct unzstd){ .fd = fd, .bytes = xmalloc(IN_SIZE) };
}

void unzstd_done(struct unzstd *z)
{
	(void)ZSTD_freeDCtx(z->decoder);
	free(z->bytes);
}

void unzstd_choose(struct unzstd *z, const struct extent *extents, size_t n)
{
	z->extent = extents;
	z->n_extents = n;
}

/* A file that ends within an extent ends there. */
static ssize_t read_extent(struct unzstd *z, char *to, size_t len)
{
	ssize_t n;

	while (z->n_extents > 0 && z->gone == z->extent->len) {
		z->extent++;
		z->n_extents--;
		z->gone = 0;
	}
	if (z->n_extents == 0)
		return 0;
	n = pread(z->fd, to, (size_t)min_u64(len, z->extent->len - z->gone),
		  (off_t)(z->extent->at + z->gone));
	z->gone += n > 0 ? (uint64_t)n : 0;
	return n;
}

/* More of the file behind what there is; 0 at its end. */
static ssize_t fill(struct unzstd *z, struct error *e)
{
	ssize_t n;

	if (z->at == z->len)
		z->at = z->len = 0;
	do
		n = z->extent ? read_extent(z, z->bytes + z->len, IN_SIZE - z->len)
			      : read(z->fd, z->bytes + z->len, IN_SIZE - z->len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail(e, errno, "cannot read: %m");
	z->len += (size_t)n;
	return n;
}

static int begin(struct unzstd *z, struct error *e)
{
	ssize_t n = 1;

	while (z->len < sizeof(magic) && n > 0)
		n = fill(z, e);
	if (n < 0)
		return (int)n;
	z->has_begun = true;
	z->is_plain = z->len < sizeof(magic) || memcmp(z->bytes, magic, sizeof(magic)) != 0;
	if (z->is_plain)
		return 0;
	z->decoder = ZSTD_createDCtx();
	if (!z->decoder)
		return fail(e, ENOMEM, "no memory for zstd");
	(void)ZSTD_DCtx_setParameter(z->decoder, ZSTD_d_windowLogMax, WINDOW_LOG);
	/* What comes out is compared by better digests. */
	(void)ZSTD_DCtx_setParameter(z->decoder, ZSTD_d_forceIgnoreChecksum, ZSTD_d_ignoreChecksum);
	return 0;
}

static size_t copy(struct unzstd *z, void *bytes, size_t len)
{
	size_t n = min_size(len, z->len - z->at);

	memcpy(bytes, z->bytes + z->at, n);
	z->at += n;
	return n;
}

static ssize_t decode(struct unzstd *z, void *bytes, size_t len, struct error *e)
{
	ZSTD_inBuffer in = { z->bytes, z->len, z->at };
	ZSTD_outBuffer out = { bytes, len, 0 };
	size_t left = ZSTD_decompressStream(z->decoder, &out, &in);

	if (ZSTD_isError(left))
		return fail(e, EBADMSG, "zstd: %s", ZSTD_getErrorName(left));
	z->at = in.pos;
	z->is_inside = left != 0;
	return (ssize_t)out.pos;
}

ssize_t unzstd_read(struct unzstd *z, void *bytes, size_t len, struct error *e)
{
	ssize_t n = z->has_begun ? 0 : begin(z, e);
	size_t got = 0;

	while (n >= 0 && got < len) {
		char *to = (char *)bytes + got;
		bool is_over = z->at == z->len && (n = fill(z, e)) == 0;

		/* The decoder may still have some of what it was given before. */
		if (n < 0 || (is_over && !z->is_inside))
			break;
		n = z->is_plain ? (ssize_t)copy(z, to, len - got) : decode(z, to, len - got, e);
		if (n == 0 && is_over)
			return fail(e, EBADMSG, "it is cut off");
		got += n > 0 ? (size_t)n : 0;
	}
	return n < 0 ? n : (ssize_t)got;
}
