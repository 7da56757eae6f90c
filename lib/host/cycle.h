/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_CYCLE_H
#define LIB_HOST_CYCLE_H

#include "lib/host/plan-show.h"

/*
 * How every installer changes a machine: with the lock, after what an interrupted run left was
 * taken back, by steps that were all assessed before the first one, and all or nothing.  Without
 * the lock the same is told and not done.
 */
struct cycle {
	const struct owner *owner;
	const char *root;
	uint64_t lock_ms; /* how long another installer is waited for */
	const struct cancel *cancel;
	/* Undoes what J has (plan_recover()) with means that it opens itself: those of an
	 * installation may be what the undo brings back.  J is never empty. */
	int (*recover)(const void *arg, struct journal *j, struct error *e);
	const void *arg;
};

/* Whether R says that this version can make no sense of the journal: it is damaged, or a newer
 * version's.  Retries change nothing about it, and guesses would. */
bool cycle_is_unreadable(int r);

/* Takes the lock and takes back what an interrupted run left; what this version cannot take back is
 * taken back by the one that wrote it.  Where that is not there either, the first reason stands. */
int cycle_open(const struct cycle *c, struct journal **ret_journal, struct error *e);
/* The same, but a journal of which nobody makes sense is put aside and forgotten, as a warning
 * says. */
int cycle_open_afresh(const struct cycle *c, struct journal **ret_journal, struct error *e);
/* The same, but no other version is asked: this one is. */
int cycle_open_alone(const struct cycle *c, struct journal **ret_journal, struct error *e);

/* Assesses PLAN, has it decided and does it.  Returns the number of steps that ran. */
int cycle_run(const struct plan *plan, struct journal *j, struct error *e);
/* Tells OUT what PLAN would do in ROOT; it fills what SUBJECT says of an interrupted run.  Returns
 * whether that changes anything. */
int cycle_tell(const struct plan *plan, struct plan_subject *subject, const char *root,
	       enum plan_format format, FILE *out, struct error *e);
/* The same of what was assessed. */
int cycle_show(const struct assessment *a, struct plan_subject *subject, const char *root,
	       enum plan_format format, FILE *out);

/* Does ONCE, and anew, from the lock on, where it ends with ESTALE: what somebody else changed
 * between the assessment and the run is assessed anew.  Not without an end. */
int cycle_again(int (*once)(void *arg, struct error *e), void *arg, struct error *e);

#endif
