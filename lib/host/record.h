/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_RECORD_H
#define LIB_HOST_RECORD_H

#include "lib/host/scope.h"

/* What shims note of their sandboxes in DIR/ID (live.h), as much as says what each runs. */

struct record_asset {
	char *name; /* "kernel" */
	char *path;
	char *sha256; /* "": no version has it, so the next three say what it was */
	uint64_t size;
	uint64_t inode;
	int64_t mtime_ns;
};

enum record_life {
	RECORD_ALIVE, /* or nobody can say */
	RECORD_GONE,  /* the shim ended and left the record */
};

/* No text is NULL; "": the record does not say. */
struct record {
	char *id;
	char *pod_namespace;
	char *pod_name;
	char *pod_uid;
	char *started;
	char *version_dir;
	char *config_source;
	char *config_path;
	char *config_digest;
	char *configuration; /* paths of files, and below each what it sets (toml_flatten()) */
	struct record_asset *assets;
	size_t n_assets;
	enum record_life life;
};

/* One that says nothing but the id. */
void record_init(struct record *r, const char *id);
/* The record of the sandbox ID.  ENOENT if there is none, EBADMSG if it cannot be understood. */
int record_read(const char *dir, const char *id, struct record *ret_record, struct error *e);
void record_done(struct record *r);
#define _record_ _cleanup_(record_done)

/* The ids of all folders in DIR, sorted; none if there is no DIR. */
int record_list(const char *dir, strv *ret_ids, struct error *e);

#endif
