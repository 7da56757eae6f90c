/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run - bring this machine to what is wanted, or tell what that would change.
 *
 * The cycle is every installer's (lib/host/cycle.h).  An error before the first step is a refusal:
 * nothing was changed.  One thread; may block for minutes, ends soon after the cancel.
 */
#include "manager/run.h"

#include <unistd.h>

#include "lib/file.h"
#include "lib/host/cycle.h"
#include "lib/host/holder.h"
#include "manager/configuration.h"
#include "manager/known.h"
#include "manager/show.h"

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

static struct site look(const void *context)
{
	const struct run *run = context;
	const struct machine *k = &run->machine;

	return (struct site){
		.way = machine_transition(k),
		.owner = &k->owner,
		.scope = &k->scope,
		.etc = k->etc,
		.configuration = &k->configuration,
		.pin = k->pin,
		.keeps_pin = k->keeps_settings,
		.runner = machine_runner(k),
		.cancel = run->manager->cancel,
	};
}

/* ---- the journal ---- */

/* Not with the means of an installation: what that needs may be what the undo brings back. */
static int recover(const void *arg, struct journal *j, struct error *e)
{
	const struct manager *m = arg;
	struct manager own = *m;
	_cleanup_(run_done) struct run run = { .common.look = look, .manager = &own };
	const struct plan plan = { .steps = install_steps, .context = &run };

	view_say("an interrupted run is taken back first");
	if (machine_open(m->options, &run.machine, e) < 0)
		return -e->code;
	present_find(&run.machine, m->cancel);
	return plan_recover(&plan, j, e);
}

static struct cycle cycle_of(const struct manager *m, const struct machine *k)
{
	return (struct cycle){
		.owner = &k->owner,
		.root = k->root,
		.lock_ms = LOCK_MS,
		.cancel = m->cancel,
		.recover = recover,
		.arg = m,
	};
}

/* Folders that the lock made and nobody uses. */
static void remove_empty(const struct machine *k)
{
	holder_forget(k->root);
	(void)rmdir(k->root);
	(void)rmdir(k->etc);
	for (char *const *folder = k->locks; folder && *folder; folder++)
		(void)rmdir(*folder);
}

static bool journal_is_left(const struct machine *k)
{
	_free_ char *journal = path_join(k->root, "journal");

	return file_exists(journal);
}

static int take_back(struct manager *m, const struct machine *k, struct error *e)
{
	const struct cycle cycle = cycle_of(m, k);
	struct journal *j = NULL;

	if (cycle_open_alone(&cycle, &j, e) < 0)
		return -e->code;
	remove_empty(k);
	journal_close(j);
	return 0;
}

int run_recover(struct manager *m, struct error *e)
{
	_machine_ struct machine k = { 0 };
	bool is_there;

	if (machine_open(m->options, &k, e) < 0)
		return -e->code;
	m->is_understood = true;
	is_there = journal_is_left(&k);
	if (!m->options->is_dry && take_back(m, &k, e) < 0)
		return -e->code;
	show_end(m, "recover", 0,
		 !is_there            ? "no run was interrupted"
		 : m->options->is_dry ? "what an interrupted run left would be taken back"
				      : "what an interrupted run left was taken back");
	return is_there && m->options->is_dry ? EXIT_FOUND : 0;
}

/* ---- what is told ---- */

static int read_machine(struct manager *m, const struct action *action, struct machine *k,
			struct error *e)
{
	if (holder_check(&k->owner, k->root, e) < 0)
		return -e->code;
	if (action->note)
		return action->want(k, action->arg, e) < 0
			       ? -e->code
			       : configuration_plan(k, action->presence, e);
	if (action->asks_nobody)
		present_link_only(k);
	else
		present_find(k, m->cancel);
	if (action->want && action->want(k, action->arg, e) < 0)
		return -e->code;
	return machine_plan(k, action->presence, e);
}

static int tell_steps(struct manager *m, const struct action *action, const struct machine *k,
		      struct error *e)
{
	struct run run = { .common.look = look, .manager = m, .machine = *k };
	const struct plan plan = { .steps = action->steps, .context = &run };
	struct plan_subject subject = {
		.program = k->owner.program,
		.action = action->name,
		.version = k->folder,
	};
	int r = cycle_tell(&plan, &subject, k->root, show_is_for_people(m) ? PLAN_TEXT : PLAN_JSON,
			   m->out, e);

	return r > 0 ? EXIT_FOUND : r;
}

static int tell(struct manager *m, const struct action *action, struct error *e)
{
	_machine_ struct machine k = { 0 };

	m->is_refused = true;
	if (machine_open(m->options, &k, e) < 0 || read_machine(m, action, &k, e) < 0)
		return -e->code;
	return tell_steps(m, action, &k, e);
}

static void show_results(struct manager *m, const struct action *action, const struct run *run)
{
	const struct results *r = &run->results;
	_json_ struct json_object *o = json_object_new_object();

	if (show_is_for_people(m)) {
		(void)fprintf(m->out, "%s: %s%s%u steps, %u writes, %u restarts\n", action->name,
			      run->machine.folder ? run->machine.folder : "",
			      run->machine.folder ? ": " : "", r->steps, run->common.writes,
			      r->restarts);
		return;
	}
	json_set_str(o, "apiVersion", MANAGER_API);
	json_set_str(o, "kind", "Result");
	json_set_str(o, "action", action->name);
	json_set_str(o, "version", run->machine.folder);
	json_set_int(o, "steps", r->steps);
	json_set_int(o, "writes", run->common.writes);
	json_set_int(o, "restarts", r->restarts);
	json_set_str(o, "guestKernel", r->guest_kernel);
	if (r->moved) {
		json_set_int(o, "bytesMoved", (int64_t)r->moved);
		json_set_int(o, "bytesSaved", (int64_t)r->saved);
	}
	view_object(o, m->format, m->out);
}

/* Nothing was changed so far. */
static int decide(void *context, struct assessment *a, struct error *e)
{
	struct run *run = context;
	struct manager *m = run->manager;

	if (run->action->presence == HANDLERS_PRESENT && !assessment_is_empty(a) &&
	    holder_mark(&run->machine.owner, run->machine.root, e) < 0)
		return -e->code;
	m->is_refused = false;
	m->is_understood = true;
	return 0;
}

static int run_steps(struct run *run, struct journal *j, struct error *e)
{
	struct plan plan = {
		.steps = run->action->steps,
		.context = run,
		.decide = decide,
		.progress = on_step,
	};
	int r = read_machine(run->manager, run->action, &run->machine, e);

	if (r < 0)
		return r;
	plan.writer = run->machine.program;
	r = cycle_run(&plan, j, e);
	if (r >= 0)
		run->results.steps = (unsigned)r;
	return r;
}

/* What is done, as often as it is begun anew. */
struct errand {
	struct manager *manager;
	const struct action *action;
};

static int act_once(void *arg, struct error *e)
{
	const struct errand *errand = arg;
	struct manager *m = errand->manager;
	_cleanup_(run_done) struct run run = {
		.common.look = look,
		.manager = m,
		.action = errand->action,
	};
	struct journal *j = NULL;
	struct cycle cycle;
	int r;

	m->is_refused = true;
	if (machine_open(m->options, &run.machine, e) < 0)
		return -e->code;
	cycle = cycle_of(m, &run.machine);
	if (cycle_open(&cycle, &j, e) < 0)
		return -e->code;
	r = run_steps(&run, j, e);
	if (run.action->presence == HANDLERS_ABSENT || run.action->note || r < 0)
		remove_empty(&run.machine);
	journal_close(j);
	if (r < 0)
		return r;
	if (run.machine.download)
		download_discard(run.machine.download);
	if (run.action->note) {
		show_end(m, run.action->name, run.common.writes, run.action->note);
		return 0;
	}
	known_keep(&run.machine);
	show_results(m, run.action, &run);
	return 0;
}

int run_action(struct manager *m, const struct action *action, struct error *e)
{
	struct errand errand = { m, action };

	return m->options->is_dry ? tell(m, action, e) : cycle_again(act_once, &errand, e);
}
