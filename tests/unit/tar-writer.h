/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_TAR_WRITER_H
#define TESTS_UNIT_TAR_WRITER_H

/* Archives of the format ustar, byte by byte, good ones and others. */

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <zstd.h>

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/str.h"

#define TAR_BLOCK 512
#define TAR_MAX   (64 * MIB)

/* One member.  What is 0 is as it is in a release: a file of mode 0644 with the size of its text.
 */
struct tar_writer_member {
	const char *path;
	const char *text;   /* NULL: no bytes */
	const char *target; /* of a link */
	char type;          /* '0', with a target '2' */
	unsigned mode;
	uint64_t size;     /* what the header says */
	const char *magic; /* of 8 bytes */
};

static inline void tar_put_bytes(struct buf *b, const void *bytes, size_t len)
{
	struct error e;

	if (buf_add(b, bytes, len, &e) < 0)
		fail_msg("%s", e.msg);
}

/* Zeros up to a whole block; a whole block where there is none. */
static inline void tar_put_zeros(struct buf *b, size_t len)
{
	static const char zeros[TAR_BLOCK];

	for (; len > TAR_BLOCK; len -= TAR_BLOCK)
		tar_put_bytes(b, zeros, TAR_BLOCK);
	tar_put_bytes(b, zeros, len);
}

static inline void tar_put(struct buf *b, const struct tar_writer_member *m)
{
	size_t text_len = m->text ? strlen(m->text) : 0;
	char header[TAR_BLOCK] = "";
	unsigned sum = 0;

	memcpy(header, m->path, min_size(strlen(m->path), 100));
	(void)snprintf(header + 100, 8, "%07o", (m->mode ? m->mode : 0644U) & 07777777U);
	(void)snprintf(header + 124, 12, "%011llo",
		       (unsigned long long)(m->size ? m->size : text_len) & 077777777777ULL);
	memset(header + 148, ' ', 8);
	header[156] = m->type ? m->type : m->target ? '2' : '0';
	if (m->target)
		memcpy(header + 157, m->target, min_size(strlen(m->target), 100));
	memcpy(header + 257, m->magic ? m->magic : "ustar\00000", 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += (uint8_t)header[i];
	(void)snprintf(header + 148, 8, "%06o", sum);
	tar_put_bytes(b, header, TAR_BLOCK);
	tar_put_bytes(b, m->text ? m->text : "", text_len);
	tar_put_zeros(b, (TAR_BLOCK - text_len % TAR_BLOCK) % TAR_BLOCK);
}

/* As zstd has it.  *TO is appended to. */
static inline void tar_compress(const void *bytes, size_t len, struct buf *to)
{
	size_t max = ZSTD_compressBound(len);
	_free_ char *packed = xmalloc(max);
	size_t n = ZSTD_compress(packed, max, bytes, len, 1);

	assert_false(ZSTD_isError(n));
	tar_put_bytes(to, packed, n);
}

/* Ends the archive, packs it and writes it to PATH. */
static inline void tar_finish(struct buf *b, const char *path)
{
	_buf_ struct buf packed = { .max = TAR_MAX };
	struct error e;

	tar_put_zeros(b, 2 * TAR_BLOCK);
	tar_compress(b->data, b->len, &packed);
	if (file_replace(path, packed.data, packed.len, 0644, &e) < 0)
		fail_msg("%s", e.msg);
}

#endif
