/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - assess a table of steps, then run it, all or nothing.
 *
 * Steps are assessed in two rounds: first those that look at the machine alone, then those that
 * follow from what others will do, such as a label that is taken away while something changes. A
 * step without an effect is not run, so a repeated plan is free.  A needed one is journalled, run,
 * marked.  The journal is removed only when all steps are done: a half-installed node would be
 * worse than the old version, so an interrupted plan is taken back rather than continued.  One
 * thread.
 */
#include "lib/host/plan.h"

#include <string.h>

#include "lib/log.h"

static const char *const kind_names[] = {
	[EFFECT_FILE] = "file",   [EFFECT_REMOVAL] = "removal", [EFFECT_RESTART] = "restart",
	[EFFECT_LABEL] = "label", [EFFECT_OBJECT] = "object",   [EFFECT_PROBE] = "probe",
};
_Static_assert(ARRAY_SIZE(kind_names) == N_EFFECT_KIND, "a kind of effect has no name");

/* ---- the assessment ---- */

const char *effect_kind_name(enum effect_kind kind)
{
	return kind_names[kind];
}

void change_add_values(struct change *c, enum effect_kind kind, const char *what,
		       const char *before, const char *after, const char *why)
{
	c->effects = xrealloc(c->effects, c->n_effects + 1, sizeof(*c->effects));
	c->effects[c->n_effects++] = (struct effect){
		.kind = kind,
		.matters = kind == EFFECT_FILE || kind == EFFECT_RESTART,
		.what = xstrdup(what),
		.why = xstrdup(why),
		.before = before ? xstrdup(before) : NULL,
		.after = after ? xstrdup(after) : NULL,
	};
}

void change_add(struct change *c, enum effect_kind kind, const char *what, const char *why)
{
	change_add_values(c, kind, what, NULL, NULL, why);
}

void change_set_aside(struct change *c)
{
	for (size_t i = 0; i < c->n_effects; i++)
		c->effects[i].matters = false;
}

void change_add_edit(struct change *c, const struct edit *edit, const char *why)
{
	for (size_t i = 0; i < edit->n_files; i++) {
		const struct edit_file *f = &edit->files[i];

		if (edit_changes_file(f))
			change_add_values(c, EFFECT_FILE, f->path, f->old_text, f->new_text,
					  f->new_text ? why : "it is not wanted any more");
	}
}

bool change_has(const struct change *c, enum effect_kind kind, const char *what)
{
	for (size_t i = 0; i < c->n_effects; i++)
		if (c->effects[i].kind == kind && strcmp(c->effects[i].what, what) == 0)
			return true;
	return false;
}

bool change_is_needed(const struct change *c)
{
	return c->n_effects > 0;
}

static unsigned count(const struct step *const *steps)
{
	unsigned n = 0;

	while (steps[n])
		n++;
	return n;
}

int plan_assess(const struct plan *plan, struct assessment *ret_assessment, struct error *e)
{
	static const enum assess_order rounds[] = { ASSESS_ALONE, ASSESS_AFTER };
	_assessment_ struct assessment a = { .n_changes = count(plan->steps) };

	a.changes = xcalloc(a.n_changes, sizeof(*a.changes));
	for (size_t i = 0; i < a.n_changes; i++)
		a.changes[i].step = plan->steps[i];
	for (size_t round = 0; round < ARRAY_SIZE(rounds); round++)
		for (size_t i = 0; i < a.n_changes; i++) {
			struct change *c = &a.changes[i];

			if (c->step->order == rounds[round] &&
			    c->step->assess(plan->context, &a, c, e) < 0)
				return fail_wrap(e, "%s", c->step->purpose);
		}
	*ret_assessment = a;
	a = (struct assessment){ 0 };
	return 0;
}

bool assessment_has(const struct assessment *a, enum effect_kind kind)
{
	for (size_t i = 0; i < a->n_changes; i++)
		for (size_t j = 0; j < a->changes[i].n_effects; j++)
			if (a->changes[i].effects[j].kind == kind)
				return true;
	return false;
}

bool assessment_has_what(const struct assessment *a, enum effect_kind kind, const char *what)
{
	for (size_t i = 0; i < a->n_changes; i++)
		if (change_has(&a->changes[i], kind, what))
			return true;
	return false;
}

bool assessment_matters(const struct assessment *a)
{
	for (size_t i = 0; i < a->n_changes; i++)
		for (size_t j = 0; j < a->changes[i].n_effects; j++)
			if (a->changes[i].effects[j].matters)
				return true;
	return false;
}

static unsigned count_needed(const struct assessment *a)
{
	unsigned n = 0;

	for (size_t i = 0; i < a->n_changes; i++)
		n += change_is_needed(&a->changes[i]);
	return n;
}

bool assessment_is_empty(const struct assessment *a)
{
	return count_needed(a) == 0;
}

static void change_done(struct change *c)
{
	for (size_t i = 0; i < c->n_effects; i++) {
		free(c->effects[i].what);
		free(c->effects[i].why);
		free(c->effects[i].before);
		free(c->effects[i].after);
	}
	free(c->effects);
	edit_done(&c->edit);
}

void assessment_drop_upkeep(struct assessment *a)
{
	for (size_t i = 0; i < a->n_changes; i++) {
		const struct step *step = a->changes[i].step;

		if (!step->is_upkeep)
			continue;
		change_done(&a->changes[i]);
		a->changes[i] = (struct change){ .step = step };
	}
}

void assessment_done(struct assessment *a)
{
	for (size_t i = 0; i < a->n_changes; i++)
		change_done(&a->changes[i]);
	free(a->changes);
	*a = (struct assessment){ 0 };
}

/* ---- the journal ---- */

static const struct step *find(const struct plan *plan, const char *name)
{
	for (const struct step *const *s = plan->steps; *s; s++)
		if (strcmp((*s)->name, name) == 0)
			return *s;
	return NULL;
}

static int undo_last(const struct plan *plan, struct journal *j, enum undo_reason reason,
		     struct error *e)
{
	const struct journal_entry *entry = journal_at(j, journal_len(j) - 1);
	const struct step *step = find(plan, entry->step);

	if (!step || !step->undo)
		return fail(e, EPROTONOSUPPORT, "this version cannot undo the step '%s'",
			    entry->step);
	log_info("undoing: %s", step->purpose);
	/* It is no word of the step's, which may take each member for one. */
	json_object_object_del(entry->data, JOURNAL_WRITER);
	if (step->undo(plan->context, entry->data, reason, e) < 0)
		return fail_wrap(e, "undoing '%s'", step->name);
	return journal_pop(j, e);
}

/* Ends with an empty, removed journal or an error. */
static int undo_all(const struct plan *plan, struct journal *j, enum undo_reason reason,
		    struct error *e)
{
	while (journal_len(j) > 0)
		if (undo_last(plan, j, reason, e) < 0)
			return -e->code;
	return journal_finish(j, e);
}

int plan_recover(const struct plan *plan, struct journal *j, struct error *e)
{
	int n = (int)journal_len(j);

	if (n == 0)
		return 0;
	log_warn("an earlier run was interrupted in step '%s': undoing it",
		 journal_at(j, (size_t)n - 1)->step);
	return undo_all(plan, j, UNDO_INTERRUPTED, e) < 0 ? -e->code : n;
}

/* ---- the run ---- */

static int run_journalled(const struct plan *plan, const struct change *c, struct journal *j,
			  struct error *e)
{
	_json_ struct json_object *data = json_object_new_object();

	json_set_str(data, JOURNAL_WRITER, plan->writer);
	if (c->step->save(plan->context, c, data, e) < 0 ||
	    journal_begin(j, c->step->name, data, e) < 0 || c->step->run(plan->context, c, e) < 0)
		return -e->code;
	return journal_done(j, e);
}

/* The point of no return. */
static int leave_behind(const struct plan *plan, const struct step *step, struct journal *j,
			struct error *e)
{
	return step->may_begin(plan->context, e) < 0 ? -e->code : journal_finish(j, e);
}

static int run_step(const struct plan *plan, const struct change *c, struct journal *j,
		    unsigned number, unsigned total, struct error *e)
{
	if (plan->progress)
		plan->progress(plan->context, c->step, number, total);
	if (c->step->may_begin && leave_behind(plan, c->step, j, e) < 0)
		return -e->code;
	return c->step->undo ? run_journalled(plan, c, j, e) : c->step->run(plan->context, c, e);
}

static int take_back(const struct plan *plan, struct journal *j, struct error *e)
{
	const struct error why = *e;
	struct error undo;

	if (undo_all(plan, j, UNDO_FAILED, &undo) >= 0)
		return -e->code;
	return fail(e, why.code, "%.240s; not taken back, the next run tries again: %.200s",
		    why.msg, undo.msg);
}

int plan_run(const struct plan *plan, const struct assessment *a, struct journal *j,
	     struct error *e)
{
	unsigned total = count_needed(a), ran = 0;

	for (size_t i = 0; i < a->n_changes; i++) {
		const struct change *c = &a->changes[i];

		if (!change_is_needed(c))
			continue;
		if (run_step(plan, c, j, ++ran, total, e) < 0) {
			(void)fail_wrap(e, "%s", c->step->purpose);
			return take_back(plan, j, e);
		}
	}
	if (journal_len(j) > 0 && journal_finish(j, e) < 0)
		return -e->code;
	return (int)ran;
}
