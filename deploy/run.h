/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_RUN_H
#define DEPLOY_RUN_H

#include "deploy/settings.h"
#include "lib/wait.h"

/* The error of an installation that is nothing for this node, which has been told so: no failure.
 * And the exit status that says the same. */
#define RUN_UNSUITABLE        EMEDIUMTYPE
#define RUN_STATUS_UNSUITABLE 3

/* What somebody else has changed was left as it is, because the settings want that, or because it
 * is always the same; or it was repaired.  None is a failure. */
#define RUN_DRIFT            EUCLEAN
#define RUN_CONTESTED        EDEADLK
#define RUN_REPAIRED         1000
#define RUN_STATUS_DRIFT     4
#define RUN_STATUS_CONTESTED 5
#define RUN_STATUS_REPAIRED  6
/* The same of a node that works and has another version than the image, as somebody went back. */
#define RUN_HELD        EREMCHG
#define RUN_STATUS_HELD 7

/* The actions that do something and end.  Each opens the journal, takes back what an interrupted
 * run left, and runs its table of steps. */

/* Brings the node to what the settings say.  Returns the number of steps that had to run, or
 * -RUN_UNSUITABLE, or -RUN_HELD. */
int run_apply(const struct settings *s, const struct cancel *cancel, struct error *e);
/* The same on a node where that was done: what is to be done now is what somebody else has changed
 * (drift.h).  -RUN_DRIFT, -RUN_CONTESTED, RUN_REPAIRED.  Without upkeep, but for run_check(). */
int run_keep(const struct settings *s, const struct cancel *cancel, struct error *e);
int run_check(const struct settings *s, const struct cancel *cancel, struct error *e);
/* And the engine was started anew, which is told. */
int run_keep_engine(const struct settings *s, const struct cancel *cancel, struct error *e);
/* Goes back to the version that was current before, which stays until another image comes or this
 * is done once more.  ENOENT if there is none. */
int run_rollback(const struct settings *s, const struct cancel *cancel, struct error *e);
/* Takes back what an interrupted run left, and no more. */
int run_recover(const struct settings *s, const struct cancel *cancel, struct error *e);
/* Removes everything, unless the DaemonSet still wants this node (a restart or an upgrade).  What
 * the nodes share, the RuntimeClasses, goes only if the DaemonSet does. */
int run_cleanup(const struct settings *s, const struct cancel *cancel, struct error *e);
/* Removes the labels, and the RuntimeClasses if the DaemonSet is gone, and restarts the container
 * runtime; files stay. */
int run_reset(const struct settings *s, const struct cancel *cancel, struct error *e);

#endif
