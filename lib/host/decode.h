/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_DECODE_H
#define LIB_HOST_DECODE_H

#include "lib/host/tar.h"
#include "lib/proc.h"

/* A release has a fourth of its size when packed.  A little one may have more zeros than that. */
#define DECODE_RATIO_MAX 100
#define DECODE_SLACK     (16 * MIB)

#define DECODE_PIECE (256 * KIB)

/* Memory that two processes share: N pieces of DECODE_PIECE bytes, filled and taken in turn. */
struct pieces {
	char *memory; /* NULL: there is none */
	unsigned n;
};

/*
 * An archive, read by a child that can do nothing else (confine.h): it has the archive, a socket
 * and pieces of memory.  What comes through them is a stranger's: only its form was checked here.
 */
struct decoder {
	struct proc child;
	struct pieces pieces;
	int fd;     /* members, and how long their pieces are; what was taken goes back */
	int report; /* why it gave up */
	const char *archive;
	const struct cancel *cancel;
	uint64_t size; /* of the archive */
	uint64_t room; /* for bytes to come */
	uint64_t left; /* of the member's bytes */
	unsigned n_members;
	unsigned at;    /* the piece that comes next */
	bool has_piece; /* the one before it is in use */
};

/* One that decoder_done() has nothing to do with. */
#define DECODER_NONE                                       \
	{                                                  \
		.child.pidfd = -1, .fd = -1, .report = -1, \
	}

/* Parts of an archive. */
struct extents {
	struct extent *list;
	size_t n;
};

/* Starts with ARCHIVE, a regular file; CANCEL may be NULL, both are borrowed.  Of the file no more
 * is read than PARTS; NULL: all. */
int decoder_open(const char *archive, const struct extents *parts, const struct cancel *cancel,
		 struct decoder *ret_decoder, struct error *e);
/* Ends the child, wherever it is. */
void decoder_done(struct decoder *d);
#define _decoder_ _cleanup_(decoder_done)

/* The next file or link, with what is left of the one before passed over.  1, or 0 at the end of an
 * archive that was whole.  EFBIG: passing over it would be more than such an archive may hold. */
int decoder_next(struct decoder *d, struct tar_member *ret_member, struct error *e);
/* The next of the member's bytes, at RET_BYTES until the next call; 0 behind the last.  The child
 * can change them: who believes anything of them copies them first. */
ssize_t decoder_take(struct decoder *d, const void **ret_bytes, struct error *e);

/* What the child does: public for tests, which would see nothing of another process. */
int decode(int archive, const struct extents *parts, const struct pieces *pieces, int to,
	   struct error *e);
/* How many bytes tell of a member, and stand for the end. */
size_t decode_frame_size(void);

#endif
