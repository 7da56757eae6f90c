/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_PATH_H
#define DEPLOY_PATH_H

#include "deploy/install.h"

/* The link in the node's PATH (KATA_PATH_DIR), as a step makes it or takes it away: what both
 * assess, run, save and undo. */

/* Adds that the link to SHIM is there or not, WHY.  Nothing where the settings name no folder. */
int path_assess(const struct install *in, const char *shim, enum presence presence, const char *why,
		struct change *ret_change, struct error *e);
int path_run(void *context, const struct change *change, struct error *e);
int path_save(const void *context, const struct change *change, struct json_object *data,
	      struct error *e);
int path_undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e);

#endif
