/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_RUNTIME_H
#define DEPLOY_RUNTIME_H

#include "deploy/install.h"

/* The node's container engine under the hands of the steps: planned, configured, restarted, and
 * brought back. */

/* Plans that our handlers are there, or that none is, in ret_change->edit. */
int runtime_plan(const struct facts *f, enum presence presence, struct change *ret_change,
		 struct error *e);
/* Adds what makes the engine take up its configuration. */
void runtime_add_restart(const struct facts *f, struct change *c, const char *why);

/* Makes the edit that CHANGE has, and the engine take it up.  Nobody waits for more than was there:
 * where the CRI service did not answer before, a removal does not ask it afterwards. */
int runtime_configure(struct install *in, const struct change *change, enum presence presence,
		      struct error *e);
int runtime_save(const void *context, const struct change *change, struct json_object *data,
		 struct error *e);
/* Never looks at the cancel: it must end. */
int runtime_undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e);

/* Which engine the entries of an interrupted run are about: the kubelet may not be there to ask. */
void runtime_recall(struct facts *f, const struct journal *j);

/* Restarts the engine, or what stands for that, and waits until its CRI service works. */
int runtime_restart(struct install *in, struct error *e);

#endif
