/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_DRIFT_H
#define LIB_HOST_DRIFT_H

#include "lib/host/plan.h"

/*
 * What somebody else has changed of an installation that was whole, and how often it was repaired.
 * A thing is what an effect names: a file, a label, an object of the cluster.
 */

#define DRIFT_PATIENCE 2 /* repairs of one thing within an hour; the next finds another writer */

/* The things of A that are somebody's doing.  Those of upkeep (struct step) are not; labels and
 * probes that only follow from others are not named beside them.  Caller frees. */
strv drift_find(const struct assessment *a);

/* The file PATH remembers repairs; a missing one has none.  Those of THINGS that have been repaired
 * DRIFT_PATIENCE times within the hour before NOW (seconds).  Caller frees. */
strv drift_contested(const char *path, char *const *things, int64_t now);
/* Adds a repair of each of THINGS, and forgets what is older than an hour. */
int drift_note(const char *path, char *const *things, int64_t now, struct error *e);

#endif
