/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_MIRROR_H
#define LIB_HOST_MIRROR_H

#include "lib/host/catalog.h"
#include "lib/http/fetch.h"

/* A folder of releases with an index, on this machine or behind a web server. */
struct mirror;

struct mirror_place {
	const char *from; /* a URL, or the path of a folder */
	const char *ca_file;
	const struct fetch_patience *patience; /* NULL: what is usual */
};

int mirror_open(const struct mirror_place *place, struct mirror **ret_mirror, struct error *e);
void mirror_close(struct mirror *m);
DEFINE_CLEANUP(mirror_closep, struct mirror *, mirror_close)

/* Its address for a person; borrowed. */
const char *mirror_name(const struct mirror *m);
/* Bytes of files that have come from it. */
uint64_t mirror_moved(const struct mirror *m);

/* Where FILE is, if it lies in a folder that only we, or root, may change, and has its size; NULL
 * if not.  Caller frees. */
char *mirror_path(const struct mirror *m, const struct catalog_file *file);
/* That BYTES of it were read there. */
void mirror_count(struct mirror *m, uint64_t bytes);

/* As fetch(), which says how it fails. */
int mirror_get(struct mirror *m, const struct fetch *what, struct error *e);
/* The whole of a small file of at most MAX bytes, with a NUL behind. */
int mirror_text(struct mirror *m, const char *name, uint64_t max, const struct cancel *cancel,
		char **ret_text, size_t *ret_len, struct error *e);
/* The same for FILE, with its size and digest compared (EBADMSG). */
int mirror_file(struct mirror *m, const struct catalog_file *file, const struct cancel *cancel,
		char **ret_text, struct error *e);

/* The text of the index, and its signature; NULL: there is none.  ENOENT: this is no mirror. */
int mirror_index(struct mirror *m, const struct cancel *cancel, char **ret_text,
		 char **ret_signature, struct error *e);

#endif
