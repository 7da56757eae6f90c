/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_RUNTIME_H
#define DEPLOY_RUNTIME_H

#include "deploy/install.h"

/* The node's container engine under the hands of the steps: configured, restarted, and brought
 * back. */

/* Adds what makes the engine take up its configuration. */
void runtime_add_restart(const struct facts *f, struct change *c, const char *why);

/* Makes the edit that CHANGE has, the engine take it up, and waits for our handlers. */
int runtime_configure(struct install *in, const struct change *change, struct error *e);
/* The same without them.  Nobody waits for more than was there: where the CRI service did not
 * answer before, it is not asked afterwards. */
int runtime_withdraw(struct install *in, const struct change *change, struct error *e);
int runtime_save(const void *context, const struct change *change, struct json_object *data,
		 struct error *e);
/* Never looks at the cancel: it must end. */
int runtime_undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e);

/* Which engine the entries of an interrupted run are about: the kubelet may not be there to ask. */
void runtime_recall(struct facts *f, const struct journal *j);

/* Restarts the engine, or what stands for that, and waits until its CRI service works. */
int runtime_restart(struct install *in, struct error *e);

#endif
