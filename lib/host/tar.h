/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_TAR_H
#define LIB_HOST_TAR_H

#include "lib/host/unzstd.h"

/*
 * A tar archive of the format ustar (POSIX.1-1988), with files, symbolic links and folders and
 * nothing else: one with hard links, devices, extended headers (extended attributes, sparse files),
 * set-id bits, more after its end or no end is no release.
 */

#define TAR_NAME_MAX    256
#define TAR_LINK_MAX    100
#define TAR_MEMBERS_MAX 16384

enum tar_type { TAR_FILE, TAR_LINK, TAR_FOLDER };

struct tar_member {
	enum tar_type type;
	uint64_t size; /* 0 but for a file */
	char path[TAR_NAME_MAX + 1];
	char target[TAR_LINK_MAX + 1]; /* of a link; "" otherwise */
};

struct tar {
	struct unzstd bytes;
	uint64_t left; /* of the member's bytes */
	unsigned padding, n_members;
};

void tar_init(struct tar *t, int fd);
void tar_done(struct tar *t);
#define _tar_ _cleanup_(tar_done)

/* The next member, with what is left of the one before passed over.  1, or 0 at the end, which was
 * there. */
int tar_next(struct tar *t, struct tar_member *ret_member, struct error *e);
/* Up to LEN of the member's bytes, 0 behind the last. */
ssize_t tar_read(struct tar *t, void *bytes, size_t len, struct error *e);

#endif
