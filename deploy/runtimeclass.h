/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_RUNTIMECLASS_H
#define DEPLOY_RUNTIMECLASS_H

#include "deploy/install.h"

/* The RuntimeClasses of this installation, one effect each. */

/* Adds those that are not as they should be.  EEXIST if one is somebody else's. */
int classes_assess(const struct install *in, struct change *ret_change, struct error *e);
/* Applies those that CHANGE has. */
int classes_apply(const struct install *in, const struct change *change, struct error *e);
/* Keeps in DATA what the classes of CHANGE were before they were ours, or are before they may be,
 * and brings that back. */
int classes_save(const struct install *in, const struct change *change, struct json_object *data,
		 struct error *e);
int classes_restore(const struct install *in, struct json_object *data, struct error *e);
/* Adds all; those without the mark of this installation stay. */
void classes_add_removal(const struct install *in, struct change *ret_change);
int classes_remove(const struct install *in, struct error *e);

#endif
