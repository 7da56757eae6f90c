/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_UNZSTD_H
#define LIB_HOST_UNZSTD_H

#include <sys/types.h>

#include "lib/error.h"

/* A part of a file. */
struct extent {
	uint64_t at, len;
};

/* The bytes of a file, or of parts of it, decoded if they are zstd's, one frame behind the other.
 */
struct unzstd {
	int fd;                      /* borrowed */
	const struct extent *extent; /* that is read, of N_EXTENTS still; NULL: all is, in order */
	size_t n_extents;
	uint64_t gone; /* of the extent */
	struct ZSTD_DCtx_s *decoder;
	char *bytes; /* of the file, as they come */
	size_t at, len;
	bool has_begun, is_plain, is_inside; /* of a frame */
};

void unzstd_init(struct unzstd *z, int fd);
/* Of the file no more than these N extents, one behind the other; borrowed. */
void unzstd_choose(struct unzstd *z, const struct extent *extents, size_t n);
void unzstd_done(struct unzstd *z);

/* The next LEN bytes, fewer only at the end.  EBADMSG if the file is cut off, or goes on with
 * something else. */
ssize_t unzstd_read(struct unzstd *z, void *bytes, size_t len, struct error *e);

#endif
