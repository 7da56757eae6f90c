/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MANAGER_ENGINES_H
#define MANAGER_ENGINES_H

#include "manager/run.h"

/* The container engines under the hands of the steps that bring our handler and take it away. */

/* Adds what the planned edits change, and that the engines take it up. */
int engines_assess(const struct run *run, const char *why, struct change *ret_change,
		   struct error *e);
/* Has each engine judge its edit, makes it and has it taken up. */
int engines_run(struct run *run, enum presence presence, struct error *e);
int engines_save(const void *context, const struct change *change, struct json_object *data,
		 struct error *e);
/* Never looks at the cancel: it must end. */
int engines_undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e);

/* Removes what killed runs had the engines judge. */
void engines_clear(const struct run *run);

/* Adds what uses a sandbox of ours now, for struct unused; ARG is the run. */
struct live;
int engines_live(const void *arg, struct live *l, struct error *e);

#endif
