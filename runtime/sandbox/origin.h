/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_ORIGIN_H
#define RUNTIME_SANDBOX_ORIGIN_H

#include <sys/types.h>

#include "lib/str.h"

/*
 * origin - what a path of the host is, whichever path leads there.
 */

#define ORIGIN_MOUNTS_MAX 4096 /* below one volume */

struct origin {
	int fd; /* O_PATH */
	bool is_dir;
	bool is_read_only; /* by the mount it was found in, or its file system */
	dev_t dev;
	ino_t ino;
	uint64_t mount; /* number of its mount; 0 where the kernel does not say */
	char *inside;   /* its path inside its file system; NULL where that is not known */
	strv nested;    /* mounts below it, relative to it, parents first */
	strv forbids;   /* of each, what it does not allow: "nosuid,noexec", "" */
};

#define ORIGIN_INIT      \
	{                \
		.fd = -1 \
	}

/* Looks at SOURCE.  ENOTSUP for a device, E2BIG if more than ORIGIN_MOUNTS_MAX mounts are below it:
 * each is copied, and would be a file system of its own in the guest. */
int origin_find(const char *source, struct origin *ret, struct error *e);
void origin_done(struct origin *o);
#define _origin_ _cleanup_(origin_done)

/* True if A and B are one object, with the same mounts below it. */
bool origin_is_same(const struct origin *a, const struct origin *b);
/* The path of INNER relative to OUTER ("a/b") by what the kernel says of their file system, or NULL
 * if it does not lie in there with the same mounts below it.  Borrowed from INNER.  The folders in
 * between may be changed meanwhile: who uses the path has to look what it leads to. */
const char *origin_part(const struct origin *outer, const struct origin *inner);

#endif
