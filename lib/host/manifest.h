/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_MANIFEST_H
#define LIB_HOST_MANIFEST_H

#include <sys/types.h>

#include "lib/sha256.h"
#include "lib/str.h"

/*
 * What a release consists of.  MANIFEST is text, one fact per line, fields separated by one space:
 *
 *   kata-manifest 1                      the format
 *   version VERSION                      [A-Za-z0-9][A-Za-z0-9_.-]*
 *   arch ARCH                            as uname(2) says it: x86_64, aarch64, ...
 *   file MODE SIZE SHA256 PATH           octal, decimal, 64 hexadecimal digits
 *   link TARGET PATH                     a relative symbolic link that stays inside the release
 *   digest SHA256                        last line: of all bytes before this line
 *
 * PATH is relative, without empty, "." or ".." parts, of printable ASCII without spaces, at most
 * 255 bytes, and appears once.  Folders are implied (mode 0755).  MODE has no bits but 0777.
 */

#define MANIFEST_NAME        "MANIFEST"
#define MANIFEST_SIGNATURE   "MANIFEST.minisig" /* of MANIFEST, see sign.h */
#define MANIFEST_MAX         (1 * MIB)
#define MANIFEST_MAX_ENTRIES 4096

struct manifest_entry {
	unsigned line;
	char *path;
	char *target; /* of a link; NULL for a file */
	mode_t mode;
	uint64_t size;
	char sha256[SHA256_HEX + 1];
};

struct frames;

struct manifest {
	char *text;      /* as it was read */
	char *signature; /* text of MANIFEST.minisig, as it was found; NULL: there is none */
	char *version;
	char *arch;
	char digest[SHA256_HEX + 1];
	struct manifest_entry *entries;
	size_t n_entries;
	uint64_t total_size; /* of all files */
	/* Where they lie in the archive, of which then only what is needed is read; borrowed.
	 * NULL: that is not known (catalog.h). */
	const struct frames *frames;
};

/* Parses and checks LEN bytes, the digest included; NAME is for messages. */
int manifest_parse(const char *text, size_t len, const char *name, struct manifest *ret_manifest,
		   struct error *e);
int manifest_read(const char *path, struct manifest *ret_manifest, struct error *e);
void manifest_done(struct manifest *m);
#define _manifest_ _cleanup_(manifest_done)

/* NULL if the release has no such path. */
const struct manifest_entry *manifest_find(const struct manifest *m, const char *path);
/* "VERSION-DIGEST12", the name of the folder the release is installed in.  Caller frees. */
char *manifest_folder(const struct manifest *m);

#endif
