/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_HANDLERS_H
#define LIB_HOST_HANDLERS_H

#include "lib/error.h"
#include "lib/str.h"

struct flavour;

/* What the container engines of this machine have of Kata: read from their files, asking none. */

/* A configuration of sandboxes and who uses it. */
struct handlers_config {
	char *path;   /* NULL: what the shim's own search finds */
	strv used_by; /* "kata-qemu (/etc/containerd/config.toml)" */
};

struct handlers_found {
	struct handlers_config *list;
	size_t n;
	strv problems; /* files that could not be read or understood */
};

/* Looks where each flavour has its engine.  PREFIX stands before each of these folders: "" but in
 * tests. */
void handlers_find(const char *prefix, struct handlers_found *ret_found);
void handlers_found_done(struct handlers_found *found);
#define _handlers_found_ _cleanup_(handlers_found_done)

/* Where a handler of some name leads. */
struct handler_place {
	char *file; /* that says it last */
	char *type; /* its runtime's; NULL: not said, as of the next */
	char *path; /* its program's */
};

/* 1 if the engine that FLAVOUR lives in DIR by its files has a handler NAME; 0 if not.  EINVAL: a
 * file cannot be understood. */
int handlers_look(const char *name, const struct flavour *flavour, const char *dir,
		  struct handler_place *ret_place, struct error *e);
void handler_place_done(struct handler_place *place);
#define _handler_place_ _cleanup_(handler_place_done)

#endif
