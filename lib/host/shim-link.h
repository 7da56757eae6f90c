/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_SHIM_LINK_H
#define LIB_HOST_SHIM_LINK_H

#include "lib/host/engine.h"

/* Adds to EDIT that DIR has a link to SHIM under its own name, or none to it.  EEXIST if something
 * of somebody else's is there that should not be. */
int shim_link_plan(const char *dir, const char *shim, enum presence presence, struct edit *edit,
		   struct error *e);
/* One that somebody else changed is left to him. */
edit_merge shim_link_merge;

#endif
