/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - run a table of steps, all or nothing.
 *
 * A step that is not needed costs its check and writes nothing, so a repeated plan is free.  A
 * needed one is journalled, run, marked.  The journal is removed only when all steps are done: a
 * half-installed node would be worse than the old version, so an interrupted plan is taken back
 * rather than continued.  One thread.
 */
#include "lib/host/plan.h"

#include <string.h>

#include "lib/log.h"

static const struct step *find(const struct plan *plan, const char *name)
{
	for (const struct step *s = plan->steps; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

static unsigned count(const struct plan *plan)
{
	unsigned n = 0;

	while (plan->steps[n].name)
		n++;
	return n;
}

static int undo_last(const struct plan *plan, struct journal *j, struct error *e)
{
	const struct journal_entry *entry = journal_at(j, journal_len(j) - 1);
	const struct step *step = find(plan, entry->step);

	if (!step || !step->undo)
		return fail(e, EPROTONOSUPPORT, "this version cannot undo the step '%s'",
			    entry->step);
	log_info("undoing: %s", step->what);
	if (step->undo(plan->context, entry->data, e) < 0)
		return fail_wrap(e, "undoing '%s'", step->name);
	return journal_pop(j, e);
}

/* Ends with an empty, removed journal or an error. */
static int undo_all(const struct plan *plan, struct journal *j, struct error *e)
{
	while (journal_len(j) > 0)
		if (undo_last(plan, j, e) < 0)
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
	return undo_all(plan, j, e) < 0 ? -e->code : n;
}

static int run_journalled(const struct plan *plan, const struct step *step, struct journal *j,
			  struct error *e)
{
	_json_ struct json_object *data = json_object_new_object();

	if (step->save(plan->context, data, e) < 0 || journal_begin(j, step->name, data, e) < 0 ||
	    step->run(plan->context, e) < 0)
		return -e->code;
	return journal_done(j, e);
}

/* 1 if the step ran. */
static int run_step(const struct plan *plan, const struct step *step, struct journal *j,
		    unsigned number, struct error *e)
{
	int needed = step->check(plan->context, e);

	if (needed <= 0)
		return needed;
	if (plan->progress)
		plan->progress(plan->context, step, number, count(plan));
	if (!step->undo)
		return step->run(plan->context, e) < 0 ? -e->code : 1;
	return run_journalled(plan, step, j, e) < 0 ? -e->code : 1;
}

static int take_back(const struct plan *plan, struct journal *j, struct error *e)
{
	struct error undo;

	if (undo_all(plan, j, &undo) >= 0)
		return -e->code;
	log_error("%s; the next run will try again", undo.msg);
	return -e->code;
}

int plan_run(const struct plan *plan, struct journal *j, struct error *e)
{
	unsigned number = 0;
	int ran = 0;
	int r;

	for (const struct step *s = plan->steps; s->name; s++) {
		r = run_step(plan, s, j, ++number, e);
		if (r < 0) {
			(void)fail_wrap(e, "%s", s->what);
			return take_back(plan, j, e);
		}
		ran += r;
	}
	if (journal_len(j) > 0 && journal_finish(j, e) < 0)
		return -e->code;
	return ran;
}
