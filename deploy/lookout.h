/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_LOOKOUT_H
#define DEPLOY_LOOKOUT_H

#include "deploy/settings.h"
#include "lib/loop.h"

/*
 * lookout - notices on the node what the installation depends on, while nothing is done there, and
 * has the stale sandboxes listed and published.
 */
struct lookout;

/* What has changed. */
enum lookout_change {
	LOOKOUT_SANDBOXES = 1, /* records of sandboxes, of anybody */
	LOOKOUT_FILES = 2,     /* of the installation, or of the engine's configuration */
	LOOKOUT_ENGINE = 4,    /* it has a new socket: it was started anew */
	LOOKOUT_WISHES = 8,    /* drop-ins of the cluster's */
};

/* CHANGED is told at most every second, and soon enough; not of what happens while there is a
 * reason to look away (lookout_rest()). */
int lookout_new(struct loop *loop, const struct settings *settings,
		void (*changed)(void *arg, unsigned changes), void *arg,
		struct lookout **ret_lookout, struct error *e);
void lookout_free(struct lookout *l);

/* From now until lookout_resume() the node is changed by us. */
void lookout_rest(struct lookout *l);
/* Returns what has changed meanwhile, by us or others, and has the sandboxes looked at. */
unsigned lookout_resume(struct lookout *l);

/* Neither tells nor publishes any more. */
void lookout_stop(struct lookout *l);

/* A folder of the node that was removed, and that this container, which has it mounted, sees
 * without an entry for ever, whatever comes in its place; NULL: none.  Borrowed. */
const char *lookout_lost(const struct lookout *l);

/* The list of stale sandboxes as it was found last, JSON; NULL: not yet.  Caller frees. */
char *lookout_list(const struct lookout *l);
/* Metrics of it, "" before.  Caller frees. */
char *lookout_metrics(const struct lookout *l);

#endif
