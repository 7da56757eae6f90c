/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_CONTAINERD_H
#define LIB_HOST_CONTAINERD_H

#include "lib/host/engine.h"

extern const struct engine_driver containerd_driver;

/* Parts of the driver (containerd-plan.c), public for its other file and the tests. */
int containerd_plan(const struct engine *engine, const struct handlers *handlers,
		    struct edit *ret_edit, struct error *e);
edit_merge containerd_merge;

/* The text of a main configuration that is as valid as the edit, although the edit's other files
 * are only at STAND_INS (in their order, NULL for the main file).  Caller frees. */
int containerd_candidate(const struct engine *engine, const struct edit *edit,
			 char *const *stand_ins, char **ret_text, struct error *e);

/* The handler names in a configuration as containerd itself prints it ("config dump"). */
int containerd_dump_handlers(const char *dump, size_t len, strv *ret_names, struct error *e);

#endif
