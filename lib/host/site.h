/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_SITE_H
#define LIB_HOST_SITE_H

#include "lib/host/engine.h"
#include "lib/host/transition.h"

/*
 * Where an installer works and what shall be there, for the steps that every installer has
 * (lib/host/steps/).  All borrowed; what is not known, or not of this kind of run, is NULL.
 */
struct site {
	struct transition way; /* its root is always there */
	const struct owner *owner;
	const struct scope *scope;
	const char *etc; /* folder of sandbox configuration that is the machine's own */
	const struct edit *configuration; /* of it */
	const char *pin;                  /* keys that shall be trusted from now on */
	bool keeps_pin;                   /* though the versions go */
	const struct engine *runner;      /* that canaries run in */
	const struct cancel *cancel;
};

/* The context of a plan that has such steps begins with this. */
struct site_context {
	/* As it is known by now. */
	struct site (*look)(const void *context);
	unsigned writes; /* files written and links moved so far */
};

struct site site_of(const void *context);

/* Makes an edit of the assessment.  ESTALE, with nothing written, if somebody else changed one of
 * its files since: the whole must be assessed anew. */
int site_edit(void *context, const struct edit *edit, struct error *e);

/* Whether a crash left anything: adds it to C, which may be NULL. */
bool site_has_rest(const struct site *s, struct change *c);
/* Removes that, but for what the engine runs (envoy_clear()). */
int site_sweep(const struct site *s, struct error *e);

/* Removes everything of an installation but what a sandbox uses. */
int site_remove(const struct site *s, struct error *e);
/* ... and what says that there is something to be removed: the last. */
void site_leave(const struct site *s);

#endif
