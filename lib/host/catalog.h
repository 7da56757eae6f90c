/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_CATALOG_H
#define LIB_HOST_CATALOG_H

#include "lib/sha256.h"
#include "lib/str.h"

/*
 * What a mirror has: its index, signed as a MANIFEST is, and for each archive a list of its frames
 * (docs/formats.md).  Both are listings (listing.h).
 */

#define CATALOG_NAME      "kata-index"
#define CATALOG_SIGNATURE CATALOG_NAME ".minisig"
#define CATALOG_MAX       (1 * MIB)

/* A file of a mirror. */
struct catalog_file {
	char *name; /* without a slash */
	uint64_t size;
	char sha256[SHA256_HEX + 1];
};

struct catalog_release {
	char *version, *arch;
	char digest[SHA256_HEX + 1]; /* of its MANIFEST */
	struct catalog_file archive;
	struct catalog_file frames; /* name NULL: there is no such list */
};

struct catalog {
	uint64_t serial;
	struct catalog_release *releases; /* in the order of the text */
	size_t n_releases;
	strv withdrawn;  /* "VERSION=REASON", as stale_is_withdrawn() takes it */
	strv advisories; /* likewise */
};

int catalog_parse(const char *text, size_t len, const char *name, struct catalog *ret_catalog,
		  struct error *e);
void catalog_done(struct catalog *c);
#define _catalog_ _cleanup_(catalog_done)

/* The release for ARCH that VERSION ("1.2.0" or "1.2.0-DIGEST12") names; NULL: the newest that is
 * not withdrawn.  ENOENT if there is none. */
int catalog_find(const struct catalog *c, const char *version, const char *arch,
		 const struct catalog_release **ret_release, struct error *e);
/* "VERSION-DIGEST12".  Caller frees. */
char *catalog_folder(const struct catalog_release *r);
/* Below 0, 0 or above it, as A is older than B, the same or newer: numbers by their value, and
 * "1.0.0-rc1" is before "1.0.0". */
int catalog_compare(const char *a, const char *b);

/* ---- frames ---- */

#define FRAMES_MAX (1 * MIB)

/* A piece of an archive that zstd can read alone: the members from one file on to the next. */
struct frame {
	uint64_t offset, size;
	char sha256[SHA256_HEX + 1];
	char *path; /* of the file, as MANIFEST has it; NULL: none, it ends the archive */
};

struct frames {
	struct frame *list; /* one behind the other; the first has MANIFEST */
	size_t n;
	uint64_t size; /* of all, the archive's */
};

int frames_parse(const char *text, size_t len, const char *name, struct frames *ret_frames,
		 struct error *e);
void frames_done(struct frames *f);
#define _frames_ _cleanup_(frames_done)
/* NULL if there is none. */
const struct frame *frames_find(const struct frames *f, const char *path);

#endif
