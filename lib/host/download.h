/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_DOWNLOAD_H
#define LIB_HOST_DOWNLOAD_H

#include "lib/host/manifest.h"
#include "lib/host/mirror.h"

/*
 * A release of a mirror on its way to this machine.  Its list comes first, by itself; the rest when
 * it is wanted, and of that only the frames of files that no version here has.  What has come is an
 * archive as any other, with fewer members.
 */
struct download;

struct download_spec {
	struct mirror *mirror; /* borrowed */
	/* A release of its index, or, with no more than the name of its archive, what nothing is
	 * known of: then the whole comes at once.  Copied. */
	const struct catalog_release *release;
	const char *cache; /* folder for what is on its way */
	const struct cancel *cancel;
};

int download_open(const struct download_spec *spec, struct download **ret_download,
		  struct error *e);
/* Leaves what is on its way for the next time. */
void download_close(struct download *d);
DEFINE_CLEANUP(download_closep, struct download *, download_close)

/* Its MANIFEST, which is the one that the index has, and valid until download_close(); whose it is,
 * is for the caller to ask. */
int download_manifest(struct download *d, struct manifest *ret_manifest, struct error *e);
/* One small file of the release that ENTRY names. */
int download_text(struct download *d, const struct manifest_entry *entry, char **ret_text,
		  struct error *e);

struct download_sizes {
	uint64_t archive; /* the whole */
	uint64_t needed;  /* of it, for what is not here */
};

/* What is needed for M, the release's manifest, where the versions in ROOT are. */
struct download_sizes download_measure(struct download *d, const struct manifest *m,
				       const char *root);
uint64_t download_archive_size(const struct download *d);
/* Brings it.  EBADMSG: something is not what the index says; it is gone then. */
int download_run(struct download *d, const struct manifest *m, const char *root, struct error *e);
/* Where it is, then. */
const char *download_path(const struct download *d);
/* Once it is of no use any more. */
void download_discard(struct download *d);

#endif
