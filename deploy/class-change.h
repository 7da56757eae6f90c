/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_CLASS_CHANGE_H
#define DEPLOY_CLASS_CHANGE_H

#include "deploy/install.h"

#define CLASSES_PATH "/apis/node.k8s.io/v1/runtimeclasses"

/* CLASS may be NULL. */
bool class_is_ours(const struct install *in, struct json_object *class);
/* Whether ACTUAL may become what is WANTED; EEXIST says what its owner can do. */
int class_may_have(const struct install *in, struct json_object *actual, struct json_object *wanted,
		   struct error *e);
/* Makes of ACTUAL (NULL: there is none) at PATH what CLASS says.  EBUSY if another node did so
 * meanwhile. */
int class_change(const struct install *in, const char *path, struct json_object *actual,
		 struct json_object *class, struct error *e);
/* Removes CLASS, which is ours, or hands it back.  EBUSY if it is not that one any more. */
int class_leave(const struct install *in, const char *path, struct json_object *class,
		struct error *e);

/* Adds to DATA how CLASS was before it became ours, or is before it may. */
void class_save(const struct install *in, struct json_object *class, struct json_object *data);
/* Takes back what a run did to CLASS (NULL: it is not there), as its ENTRY in the saved data has
 * it.  One that was ours stays so, but for what a run left between deleting and creating; one that
 * somebody else made since is left alone. */
int class_restore(const struct install *in, const char *path, struct json_object *class,
		  struct json_object *entry, struct error *e);

#endif
