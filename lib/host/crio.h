/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_CRIO_H
#define LIB_HOST_CRIO_H

#include "lib/host/engine.h"

extern const struct engine_driver crio_driver;

/* The files that CRI-O reads below DIR, in its order; without it (crio-files.c). */
int crio_list_files(const struct flavour *flavour, const char *dir, strv *ret_paths,
		    struct error *e);

/* Parts of the driver (crio-plan.c), public for its other file and the tests. */
int crio_plan(const struct engine *engine, const struct handlers *handlers, struct edit *ret_edit,
	      struct error *e);
int crio_bare(char **text, const char *path, const struct known_handler *list, size_t n,
	      struct error *e);
edit_merge crio_merge;
/* EINVAL if CRI-O would not start again with the files as EDIT makes them, of whomever they are: it
 * reads each file of its folder, and needs the runtime that is the default one. */
int crio_must_start(const struct engine *engine, const struct edit *edit, struct error *e);

/* What CRI-O says of its configuration, in the words in which containerd says it.  NULL if it says
 * nothing; the caller owns a reference. */
struct json_object *crio_translate(struct json_object *config);

#endif
