/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_CONTAINERD_H
#define LIB_HOST_CONTAINERD_H

#include "lib/host/engine.h"

extern const struct engine_driver containerd_driver;

/* Parts of the driver, a file each. */
int containerd_plan(const struct engine *engine, const struct handlers *handlers,
		    struct edit *ret_edit, struct error *e);
edit_merge containerd_merge;
/* Of the driver, public for the tests. */
int containerd_must_read(const struct engine *engine, uint64_t deadline_ms,
			 const struct cancel *cancel, struct error *e);

/* The text of a main configuration that is as valid as the edit, although the drop-in, of which
 * *ret_drop_in is the new text (NULL: there is none), is only at STAND_IN.  Caller frees both. */
int containerd_candidate(const struct engine *engine, const struct edit *edit, const char *stand_in,
			 char **ret_drop_in, char **ret_text, struct error *e);

#endif
