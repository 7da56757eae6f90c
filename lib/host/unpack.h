/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_UNPACK_H
#define LIB_HOST_UNPACK_H

#include "lib/host/manifest.h"
#include "lib/wait.h"

struct decoder;
struct donors;

/* A packed release: a tar archive (tar.h), in zstd or as it is, whose members lie below "opt/kata/"
 * and whose first file is MANIFEST; MANIFEST.minisig may follow.  Whatever else it is refused for,
 * it is a child without rights that reads it (decode.h). */

/* Reads the manifest and its signature only; whose that is is for the caller to ask. */
int unpack_manifest(const char *archive, struct manifest *ret_manifest, struct error *e);

#define UNPACK_TEXT_MAX (4 * MIB)

/* Reads one file of the release, which ENTRY of its manifest names, without writing anything. */
int unpack_file(const char *archive, const struct manifest_entry *entry, char **ret_text,
		struct error *e);

/* The digest of each entry that was read back as it was written; an empty text for the others. */
typedef char unpack_sum[SHA256_HEX + 1];

/* Writes the release into the empty folder DIRFD: every file of M, with its size, and nothing else.
 * Digests are for the caller to compare: SUMS has a place for each entry.  Nothing is followed or
 * written outside.  On failure the folder holds a part; the caller removes it.
 *
 * What DONORS have is left to the caller and need not be in the archive, nor need links, then;
 * NULL: all has to be there. */
int unpack_into(const char *archive, const struct manifest *m, const struct donors *donors,
		int dirfd, unpack_sum *sums, const struct cancel *cancel, struct error *e);

/* The same with an archive that is being read: public for the fuzz target. */
int unpack_from(struct decoder *d, const struct manifest *m, const struct donors *donors, int dirfd,
		unpack_sum *sums, struct error *e);

/* Writes what ENTRY is to hold. */
typedef int unpack_fill(void *arg, int fd, const struct manifest_entry *entry, struct error *e);

/* How a folder becomes a version, wherever its files come from (source.h): each file by FILL, with
 * the mode of its entry, then links and lists. */
int unpack_place(int dirfd, const struct manifest_entry *entry, unpack_fill *fill, void *arg,
		 struct error *e);
int unpack_finish(const struct manifest *m, int dirfd, struct error *e);

/* The name of a member below the release, NULL for one that is not: public for the fuzz target. */
const char *unpack_member_path(const char *name);

#endif
