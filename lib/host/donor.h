/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_DONOR_H
#define LIB_HOST_DONOR_H

#include "lib/host/manifest.h"

struct frame;

/*
 * Which files of a release lie on this machine already, in versions that are there: with the same
 * bytes and the same mode.  A version is never written again, so they can be one file.
 */
struct donors {
	char **paths;     /* for each entry of the manifest: of such a file; NULL: there is none */
	bool *are_copied; /* for each of those given: it is another file now */
	size_t n;
	uint64_t n_bytes; /* of all that are there */
	/* ---- once one was given ---- */
	bool was_tried, shares_blocks; /* the file system that all are in */
};

/* Looks in all versions of ROOT but that of M itself.  What was touched since its version was
 * complete is read and compared. */
void donors_find(const char *root, const struct manifest *m, struct donors *ret_donors);
void donors_done(struct donors *d);
#define _donors_ _cleanup_(donors_done)

/* Whether entry I has one; D may be NULL. */
bool donors_have(const struct donors *d, size_t i);
/* Whether FRAME, of an archive of the release M, holds what D, which may be NULL, lacks.  What
 * holds a file that M does not list is needed; the end of an archive is not. */
bool donors_need(const struct donors *d, const struct manifest *m, const struct frame *frame);
/* Whether what was given of it needs no second look: it is the very bytes that are known. */
bool donors_vouch(const struct donors *d, size_t i);
/* Puts the file of entry I, which is ENTRY, into DIRFD: the same blocks where the file system can
 * share them, else the same file, else a copy. */
int donors_give(struct donors *d, size_t i, const struct manifest_entry *entry, int dirfd,
		struct error *e);

#endif
