/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_SOURCE_H
#define LIB_HOST_SOURCE_H

#include "lib/host/unpack.h"

/*
 * Where a release comes from: the file it is packed in (unpack.h), or a folder in which its files
 * lie as they will lie on the machine, MANIFEST among them.  Packages of a distribution bring such
 * a folder, each a part; what else is in it is nobody's concern.
 */

/* Whether SOURCE is such a folder. */
bool source_is_laid_out(const char *source);

/* As unpack_manifest(), unpack_file() and unpack_into() have it for an archive.  What is copied out
 * of a folder is not read back. */
int source_manifest(const char *source, struct manifest *ret_manifest, struct error *e);
int source_file(const char *source, const struct manifest_entry *entry, char **ret_text,
		struct error *e);
int source_into(const char *source, const struct manifest *m, const struct donors *donors,
		int dirfd, unpack_sum *sums, const struct cancel *cancel, struct error *e);

#endif
