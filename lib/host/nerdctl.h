/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_NERDCTL_H
#define LIB_HOST_NERDCTL_H

#include "lib/host/engine.h"

extern const struct engine_driver nerdctl_driver;

/* Adds to EDIT that DIR has a link to SHIM under its own name, or none to it.  EEXIST if something
 * of somebody else's is there. */
int shim_link_plan(const char *dir, const char *shim, enum presence presence, struct edit *edit,
		   struct error *e);

#endif
