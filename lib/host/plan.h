/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_PLAN_H
#define LIB_HOST_PLAN_H

#include "lib/host/edit.h"
#include "lib/host/journal.h"

/*
 * A plan is a table of steps.  All are assessed before the first one runs, and the assessment says
 * everything that they will do: it is what a dry run prints and what a real run follows.  The
 * journal makes the whole survive anything.  CONTEXT is the owner's.
 */

/* What a step does to the machine or the cluster. */
enum effect_kind {
	EFFECT_FILE,    /* a file written, a link moved */
	EFFECT_REMOVAL, /* of files */
	EFFECT_RESTART, /* of a unit, or what stands for one */
	EFFECT_LABEL,   /* or an annotation or a condition */
	EFFECT_OBJECT,  /* of the cluster: made, changed or deleted */
	EFFECT_PROBE,   /* something asked, tried or waited for that leaves nothing behind */
	N_EFFECT_KIND
};

struct effect {
	enum effect_kind kind;
	/* A sandbox could notice: what it reads, or which engine starts it, is another afterwards.
	 */
	bool matters;
	char *what; /* "/etc/containerd/config.toml" */
	char *why;
	/* The value of a label, the text of a file or an object, as it is and as it will be.  NULL:
	 * there is none, or both are: they are not told. */
	char *before;
	char *after;
};

struct step;

/* Everything that one step will do; nothing means that it need not run. */
struct change {
	const struct step *step;
	struct effect *effects;
	size_t n_effects;
	struct edit edit; /* of the step's own; may be empty */
};

/* One change per step, in the order of the table. */
struct assessment {
	struct change *changes;
	size_t n_changes;
};

enum assess_order {
	ASSESS_ALONE, /* from what the machine is and shall be */
	ASSESS_AFTER, /* from what the other steps will do, once all of those are assessed */
};

/* Why something is taken back. */
enum undo_reason {
	UNDO_FAILED,      /* a step of this very run failed */
	UNDO_INTERRUPTED, /* an earlier run ended, who knows where */
};

struct step {
	const char *name;    /* in journals: once released, it stays */
	const char *purpose; /* for a person: "unpack the release" */
	enum assess_order order;
	/* What it does follows from what runs or is old, never from somebody's hand. */
	bool is_upkeep;
	/* Adds to *ret_change what the step will do.  Read only.  OTHERS has the changes that are
	 * known so far.  An error refuses the whole plan. */
	int (*assess)(const void *context, const struct assessment *others,
		      struct change *ret_change, struct error *e);
	/* Does what CHANGE says.  NULL: a step that only refuses. */
	int (*run)(void *context, const struct change *change, struct error *e);
	/* Of a step that cannot be taken back, nor can the ones before it once it has begun:
	 * whether it may begin.  If so what was done stays, however it ends.  NULL for all others.
	 */
	int (*may_begin)(void *context, struct error *e);
	/* Puts what undo() needs into DATA; NULL with undo NULL: a step that changes nothing that
	 * would have to be taken back, or takes back its own failure. */
	int (*save)(const void *context, const struct change *change, struct json_object *data,
		    struct error *e);
	/* Must do the right thing whether run() has not begun, is half done, or complete, and when
	 * called again.  DATA is what save() put, and nothing else. */
	int (*undo)(void *context, struct json_object *data, enum undo_reason reason,
		    struct error *e);
};

/* A table ends with NULL. */
typedef const struct step *const step_table[];

struct plan {
	const struct step *const *steps;
	void *context;
	/* The program that can take back what it journals: its path on the machine, for one of
	 * another version that cannot (JOURNAL_WRITER).  NULL: it has none. */
	const char *writer;
	/* Asked once all is assessed and nothing done: it may refuse, or take something out.  May
	 * be NULL. */
	int (*decide)(void *context, struct assessment *a, struct error *e);
	/* Told before each step that must run, the NUMBER-th of TOTAL such; may be NULL. */
	void (*progress)(void *context, const struct step *step, unsigned number, unsigned total);
};

/* Adds an effect, for an assess().  A file and a restart matter to sandboxes. */
void change_add(struct change *c, enum effect_kind kind, const char *what, const char *why);
/* The same, with what is and what will be; one of them may be NULL. */
void change_add_values(struct change *c, enum effect_kind kind, const char *what,
		       const char *before, const char *after, const char *why);
/* Adds one for each file that EDIT changes. */
void change_add_edit(struct change *c, const struct edit *edit, const char *why);
/* None of those that C has so far can be noticed. */
void change_set_aside(struct change *c);
bool change_has(const struct change *c, enum effect_kind kind, const char *what);
bool change_is_needed(const struct change *c);

/* Asks every step of the plan, read only. */
int plan_assess(const struct plan *plan, struct assessment *ret_assessment, struct error *e);
/* Whether any step has an effect of this kind. */
bool assessment_has(const struct assessment *a, enum effect_kind kind);
/* Whether any step has this effect on WHAT. */
bool assessment_has_what(const struct assessment *a, enum effect_kind kind, const char *what);
/* Whether any effect matters to sandboxes. */
bool assessment_matters(const struct assessment *a);
bool assessment_is_empty(const struct assessment *a);
/* Takes out what upkeep would do. */
void assessment_drop_upkeep(struct assessment *a);
/* "file", "restart", ... */
const char *effect_kind_name(enum effect_kind kind);
void assessment_done(struct assessment *a);
#define _assessment_ _cleanup_(assessment_done)

/* Undoes what an interrupted run left.  Returns the number of steps undone.  EPROTONOSUPPORT: a
 * step that no row knows, of a newer version; what was done after it is undone. */
int plan_recover(const struct plan *plan, struct journal *j, struct error *e);

/* Runs the steps that A says are needed, in order.  On failure everything done is taken back,
 * newest first, and the error is that of the step; if taking back fails too, the journal stays for
 * the next run and the message says so.  Returns the number of steps that ran. */
int plan_run(const struct plan *plan, const struct assessment *a, struct journal *j,
	     struct error *e);

#endif
