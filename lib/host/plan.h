/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_PLAN_H
#define LIB_HOST_PLAN_H

#include "lib/host/journal.h"

/*
 * A plan is a table of steps.  Each says whether it is needed, does it, and can take it back; the
 * journal in between makes the whole survive anything.  CONTEXT is the owner's.
 */
struct step {
	const char *name;
	const char *what; /* for a person: "unpack the release" */
	/* 1: must run, 0: everything is as it should be. */
	int (*check)(void *context, struct error *e);
	int (*run)(void *context, struct error *e);
	/* Puts what undo() needs into DATA; NULL with undo NULL: a step that changes nothing that
	 * would have to be taken back, or takes back its own failure. */
	int (*save)(void *context, struct json_object *data, struct error *e);
	/* Must do the right thing whether run() has not begun, is half done, or complete, and when
	 * called again. */
	int (*undo)(void *context, struct json_object *data, struct error *e);
};

struct plan {
	const struct step *steps; /* ends with a NULL name */
	void *context;
	/* Told before each step that must run, and before each undo; may be NULL. */
	void (*progress)(void *context, const struct step *step, unsigned number, unsigned total);
};

/* Undoes what an interrupted run left.  Returns the number of steps undone.  EPROTONOSUPPORT: a
 * step that no row knows, of a newer version; what was done after it is undone. */
int plan_recover(const struct plan *plan, struct journal *j, struct error *e);

/* Runs the steps that are needed, in order.  On failure everything done is taken back, newest
 * first, and the error is that of the step; if taking back fails too, the journal stays for the
 * next run and the message says so.  Returns the number of steps that ran. */
int plan_run(const struct plan *plan, struct journal *j, struct error *e);

#endif
