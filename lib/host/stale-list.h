/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_STALE_LIST_H
#define LIB_HOST_STALE_LIST_H

#include <stdio.h>

#include "lib/host/pods.h"
#include "lib/host/stale.h"

/* The stale sandboxes of one installation on this machine, and its foreign ones. */

/* A handler that the machine offers: what starts its shim, and the configuration that it names. */
struct stale_handler {
	const char *launcher;
	const char *config;
};

/* Where to look.  Borrowed. */
struct stale_places {
	const char *root;
	const struct scope *scope;
	const char *records; /* LIVE_RECORDS */
	const char *run;     /* FOREIGN_RUN */
	const char *proc;    /* "/proc" */
	const char *etc;     /* "/etc/kata-containers" */
	const struct stale_handler *handlers;
	size_t n_handlers;
	char *const *withdrawn; /* stale.h */
	char *const
		*leftovers; /* ids of those that are known: others are believed when they stay */
	/* Sets *ret_pods, once, if there are sandboxes that only the engine can name. */
	void (*ask_pods)(void *arg, struct pods *ret_pods);
	void *arg;
};

struct stale_sandbox {
	struct record record;
	char *runs; /* folder of its version, or what made it */
	struct stale stale;
};

struct stale_list {
	char *current; /* folder of the current version; "": there is none */
	struct stale_sandbox *list;
	size_t n;
};

int stale_list_read(const struct stale_places *places, struct stale_list *ret_list,
		    struct error *e);
void stale_list_done(struct stale_list *l);
#define _stale_list_ _cleanup_(stale_list_done)

/* How many sandboxes have a cause of KIND. */
unsigned stale_list_count(const struct stale_list *l, enum stale_kind kind);
/* {"node","installation","current","sandboxes":[{"id","namespace","name","uid","started","runs",
 * "causes":[{"cause","detail"}]}]}.  Caller owns a reference. */
struct json_object *stale_list_json(const struct stale_list *l, const char *node,
				    const char *installation);
/* For people: a line for each cause. */
void stale_list_print(const struct stale_list *l, FILE *out);

#endif
