/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run - bring this machine to what is wanted, or tell what that would change.
 *
 * Recovery comes before anything is looked at, because what an interrupted run left is not a state
 * to plan from.  An error before the first step is a refusal: nothing was changed.  One thread; may
 * block for minutes, ends soon after the cancel.
 */
#include "manager/run.h"

#include <unistd.h>

#include "lib/file.h"
#include "lib/host/holder.h"
#include "lib/host/plan-show.h"
#include "lib/host/writer.h"

#define LOCK_MS (60 * UINT64_C(1000))

static void run_done(struct run *run)
{
	machine_done(&run->machine);
	free(run->results.guest_kernel);
}

static void on_step(void *context, const struct step *step, unsigned number, unsigned total)
{
	(void)context;
	view_say("step %u of %u: %s", number, total, step->purpose);
}

int run_edit(struct run *run, const struct edit *edit, struct error *e)
{
	if (edit_apply(edit, e) < 0) {
		if (e->code == EAGAIN)
			e->code = ESTALE;
		return -e->code;
	}
	run->results.writes += edit_changes(edit);
	return 0;
}

/* ---- the journal ---- */

/* Not with the means of an installation: what that needs may be what the undo brings back. */
static int recover(struct manager *m, struct journal *j, struct error *e)
{
	_cleanup_(run_done) struct run run = { .manager = m };
	const struct plan plan = { .steps = install_steps, .context = &run };

	if (journal_len(j) == 0)
		return 0;
	view_say("an interrupted run is taken back first");
	if (machine_open(m->options, &run.machine, e) < 0)
		return -e->code;
	machine_find_engines(&run.machine, m->cancel);
	return plan_recover(&plan, j, e);
}

static int try_journal(struct manager *m, const struct machine *k, struct journal **ret_journal,
		       struct error *e)
{
	_cleanup_(journal_closep) struct journal *j = NULL;
	int r = journal_open(&k->owner, k->root, deadline_in(LOCK_MS), m->cancel, &j, e);

	if (r >= 0)
		r = recover(m, j, e);
	if (r >= 0)
		*ret_journal = TAKE_PTR(j);
	return r;
}

/* What this version cannot take back is taken back by the one that wrote it. */
static int open_journal(struct manager *m, const struct machine *k, struct journal **ret_journal,
			struct error *e)
{
	int r = try_journal(m, k, ret_journal, e);
	struct error why;

	if (r != -EPROTONOSUPPORT)
		return r;
	if (writer_finish(k->root, m->cancel, &why) >= 0)
		return try_journal(m, k, ret_journal, e);
	view_say("%s", why.msg);
	return r;
}

/* Folders that the lock made and nobody uses. */
static void remove_empty(const struct machine *k)
{
	holder_forget(k->root);
	(void)rmdir(k->root);
	(void)rmdir(k->etc);
	for (size_t i = 0; k->locks[i]; i++)
		(void)rmdir(k->locks[i]);
}

int run_recover(struct manager *m, struct error *e)
{
	_machine_ struct machine k = { 0 };
	_cleanup_(journal_closep) struct journal *j = NULL;

	if (machine_open(m->options, &k, e) < 0)
		return -e->code;
	m->is_understood = true;
	return try_journal(m, &k, &j, e);
}

/* ---- what is told ---- */

static int read_machine(struct manager *m, const struct action *action, struct machine *k,
			struct error *e)
{
	if (holder_check(&k->owner, k->root, e) < 0)
		return -e->code;
	if (action->asks_nobody)
		machine_add_link(k);
	else
		machine_find_engines(k, m->cancel);
	if (action->want && action->want(k, action->arg, e) < 0)
		return -e->code;
	return machine_plan(k, action->presence, e);
}

static int show_plan(struct manager *m, const struct action *action, const struct machine *k,
		     const struct assessment *a)
{
	_free_ char *journal = path_join(k->root, "journal");
	const struct plan_subject subject = {
		.program = k->owner.program,
		.action = action->name,
		.version = k->folder,
		.is_after_interrupt = file_exists(journal),
	};

	plan_show(a, &subject, m->format == VIEW_TABLE ? PLAN_TEXT : PLAN_JSON, m->out);
	return plan_has_changes(a, &subject) ? EXIT_FOUND : 0;
}

int run_tell(struct manager *m, const struct action *action, const struct machine *k,
	     struct error *e)
{
	struct run run = { .manager = m, .machine = *k };
	_assessment_ struct assessment a = { 0 };
	const struct plan plan = { .steps = action->steps, .context = &run };

	return plan_assess(&plan, &a, e) < 0 ? -e->code : show_plan(m, action, k, &a);
}

static int tell(struct manager *m, const struct action *action, struct error *e)
{
	_machine_ struct machine k = { 0 };

	m->is_refused = true;
	if (machine_open(m->options, &k, e) < 0 || read_machine(m, action, &k, e) < 0)
		return -e->code;
	return run_tell(m, action, &k, e);
}

static void show_results(struct manager *m, const struct action *action, const struct run *run)
{
	const struct results *r = &run->results;
	_json_ struct json_object *o = json_object_new_object();

	if (m->format == VIEW_TABLE) {
		(void)fprintf(m->out, "%s: %s%s%u steps, %u writes, %u restarts\n", action->name,
			      run->machine.folder ? run->machine.folder : "",
			      run->machine.folder ? ": " : "", r->steps, r->writes, r->restarts);
		return;
	}
	json_set_str(o, "apiVersion", MANAGER_API);
	json_set_str(o, "kind", "Result");
	json_set_str(o, "action", action->name);
	json_set_str(o, "version", run->machine.folder);
	json_set_int(o, "steps", r->steps);
	json_set_int(o, "writes", r->writes);
	json_set_int(o, "restarts", r->restarts);
	json_set_str(o, "guestKernel", r->guest_kernel);
	view_object(o, m->format, m->out);
}

static int run_steps(struct run *run, const struct action *action, struct journal *j,
		     struct error *e)
{
	struct manager *m = run->manager;
	_assessment_ struct assessment a = { 0 };
	struct plan plan = { .steps = action->steps, .context = run, .progress = on_step };
	int r;

	if (read_machine(m, action, &run->machine, e) < 0 || plan_assess(&plan, &a, e) < 0)
		return -e->code;
	if (action->presence == HANDLERS_PRESENT && !assessment_is_empty(&a) &&
	    holder_mark(&run->machine.owner, run->machine.root, e) < 0)
		return -e->code;
	m->is_refused = false;
	m->is_understood = true;
	plan.writer = run->machine.program;
	r = plan_run(&plan, &a, j, e);
	if (r >= 0)
		run->results.steps = (unsigned)r;
	return r;
}

int run_action(struct manager *m, const struct action *action, struct error *e)
{
	_cleanup_(run_done) struct run run = { .manager = m };
	struct journal *j = NULL;
	int r;

	if (m->options->is_dry)
		return tell(m, action, e);
	m->is_refused = true;
	if (machine_open(m->options, &run.machine, e) < 0 ||
	    open_journal(m, &run.machine, &j, e) < 0)
		return -e->code;
	r = run_steps(&run, action, j, e);
	if (action->presence == HANDLERS_ABSENT || r < 0)
		remove_empty(&run.machine);
	journal_close(j);
	if (r < 0)
		return r;
	show_results(m, action, &run);
	return 0;
}
