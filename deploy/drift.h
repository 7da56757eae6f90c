/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_DRIFT_H
#define DEPLOY_DRIFT_H

#include "deploy/install.h"

/* Looks at what A would change on a node where this installation was whole.  Returns 0 if it may
 * be done: *ret_things names what somebody else has changed, NULL if nobody has.  Otherwise it is
 * told (log, Event) and left: -RUN_DRIFT where the settings want that, -RUN_CONTESTED where the
 * same was repaired too often. */
int drift_judge(const struct install *in, const struct assessment *a, strv *ret_things,
		struct error *e);
/* Tells and remembers that THINGS are repaired. */
void drift_repaired(const struct install *in, char *const *things);

/* Forgets what was repaired. */
void drift_forget(const struct facts *f);

/* Follows the Node of this pod until its labels or annotation are not those of an installation that
 * is ready: then returns 0. */
int run_follow(const struct settings *s, const struct cancel *cancel, struct error *e);

#endif
