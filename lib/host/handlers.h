/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_HANDLERS_H
#define LIB_HOST_HANDLERS_H

#include "lib/str.h"

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

#endif
