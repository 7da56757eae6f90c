/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run - the actions apply, rollback, cleanup and reset.
 *
 * Recovery comes before anything is looked at, because what an interrupted run left is not a state
 * to plan from.  The outcome is told in three places: the log, an Event, and the node's condition.
 * One thread; may block for minutes, ends soon after the cancel.
 */
#include "deploy/run.h"

#include <string.h>

#include "deploy/adopt.h"
#include "deploy/advice.h"
#include "deploy/attempt.h"
#include "deploy/drift.h"
#include "deploy/failure.h"
#include "deploy/install.h"
#include "deploy/node.h"
#include "deploy/restarts.h"
#include "deploy/runtime.h"
#include "deploy/wish.h"
#include "lib/file.h"
#include "lib/host/envoy.h"
#include "lib/host/writer.h"
#include "lib/log.h"

#define LOCK_MS (5 * 60 * UINT64_C(1000))
#define TRIES   3

static void on_step(void *context, const struct step *step, unsigned number, unsigned total)
{
	struct install *in = context;

	in->results.step = step;
	log_info("step %u of %u: %s", number, total, step->purpose);
}

/* Undoes what an interrupted run left.  Not with the means of an installation: what that needs,
 * such as an answer of containerd or a drop-in without a mistake, may be what the undo brings back.
 */
static int recover(const struct settings *s, struct journal *j, const struct cancel *cancel,
		   struct error *e)
{
	_facts_ struct facts facts = { 0 };
	_install_ struct install in = { 0 };
	const struct plan plan = { .steps = install_steps, .context = &in };
	struct error why;
	int r;

	if (journal_len(j) == 0)
		return 0;
	if (facts_open(s, &facts, e) < 0 || install_open(&facts, cancel, &in, e) < 0)
		return -e->code;
	runtime_recall(&facts, j);
	r = plan_recover(&plan, j, e);
	/* Its sandbox, which no later step has to have found. */
	if (r >= 0 && envoy_clear(&facts.engine, &why) < 0)
		log_warn("%s", why.msg);
	return r;
}

/* A journal of which this version cannot make sense: a damaged one, or a newer version's.  Retries
 * change nothing about it, and guesses would. */
static bool is_unreadable(int r)
{
	return r == -EPROTONOSUPPORT;
}

/* With the lock, and nothing left of an interrupted run. */
static int try_journal(const struct settings *s, const struct cancel *cancel,
		       struct journal **ret_journal, struct error *e)
{
	_free_ char *root = settings_root(s);
	_cleanup_(journal_closep) struct journal *j = NULL;
	int r = journal_open(&s->owner, root, deadline_in(LOCK_MS), cancel, &j, e);

	if (r >= 0)
		r = recover(s, j, cancel, e);
	if (r >= 0)
		*ret_journal = TAKE_PTR(j);
	return r;
}

/* The same; what this version cannot take back is taken back by the one that wrote it.  Where that
 * is not there either, the first reason stands. */
static int open_journal(const struct settings *s, const struct cancel *cancel,
			struct journal **ret_journal, struct error *e)
{
	_free_ char *root = settings_root(s);
	int r = try_journal(s, cancel, ret_journal, e);
	struct error why;

	if (!is_unreadable(r))
		return r;
	if (writer_finish(root, cancel, &why) >= 0)
		return try_journal(s, cancel, ret_journal, e);
	log_warn("%s", why.msg);
	return r;
}

/* What every real run has: the lock with the journal, the facts and the means. */
struct run {
	struct journal *journal;
	struct facts facts;
	struct install in;
};

static void run_done(struct run *run)
{
	install_done(&run->in);
	facts_done(&run->facts);
	journal_close(run->journal);
}

static int run_open(const struct settings *s, const struct cancel *cancel, struct run *run,
		    struct error *e)
{
	int r = open_journal(s, cancel, &run->journal, e);

	if (is_unreadable(r))
		advice_add_text(e,
				"install the version that wrote the journal, or let "
				"'kata-deploy reset' in this pod put it aside");
	if (r < 0 || facts_open(s, &run->facts, e) < 0)
		return -e->code;
	facts_read_image(&run->facts);
	return install_open(&run->facts, cancel, &run->in, e);
}

/* The same for the one action that may forget what an interrupted run left: what is on the node is
 * looked at anew by the next installation or removal. */
static int run_open_anyway(const struct settings *s, const struct cancel *cancel, struct run *run,
			   struct error *e)
{
	_free_ char *root = settings_root(s);
	int r = open_journal(s, cancel, &run->journal, e);

	if (is_unreadable(r)) {
		log_warn("%s; it is put aside as '%s/" JOURNAL_ASIDE "'", e->msg, root);
		r = journal_open_afresh(&s->owner, root, deadline_in(LOCK_MS), cancel,
					&run->journal, e);
	}
	if (r < 0 || facts_open(s, &run->facts, e) < 0)
		return -e->code;
	facts_read_image(&run->facts);
	return install_open(&run->facts, cancel, &run->in, e);
}

static int run_steps(struct run *run, const struct step *const *steps, struct error *e)
{
	const struct plan plan = {
		.steps = steps,
		.context = &run->in,
		.writer = run->facts.program,
		.progress = on_step,
	};
	_assessment_ struct assessment a = { 0 };

	return plan_assess(&plan, &a, e) < 0 ? -e->code : plan_run(&plan, &a, run->journal, e);
}

/* What is installed already stays: sandboxes that run may need it. */
static int tell_unsuitable(struct run *run, struct error *e)
{
	struct error why = *e;

	if (node_tell_unsuitable(&run->in, run->facts.unsuitable, why.msg, e) < 0)
		return -e->code;
	return fail(e, RUN_UNSUITABLE, "%s", why.msg);
}

/* Why the node is brought to what the settings say. */
enum occasion {
	FOR_SETTINGS, /* they may be new */
	FOR_CHECK,    /* it was so, some minutes ago */
	FOR_CHANGE,   /* the same, and something on the node has changed just now */
	FOR_ENGINE,   /* the same, and that is that the engine was started */
};

static void tell_engine(const struct run *run)
{
	_free_ char *note = xasprintf("%s %s was started", run->facts.engine.driver->name,
				      run->facts.engine.version);

	node_event(&run->in, KUBE_EVENT_NORMAL, "KataEngineStarted", note);
}

/* Upkeep has its time: a shim that was just started from an old version has not told so yet. */
static int run_occasion(struct run *run, enum occasion occasion, struct error *e)
{
	const struct plan plan = {
		.steps = install_steps,
		.context = &run->in,
		.writer = run->facts.program,
		.progress = on_step,
	};
	_assessment_ struct assessment a = { 0 };
	_strv_ strv things = NULL;
	int r = plan_assess(&plan, &a, e);

	if (r >= 0 && occasion == FOR_ENGINE)
		tell_engine(run);
	if (r >= 0 && occasion != FOR_SETTINGS)
		r = drift_judge(&run->in, &a, &things, e);
	if (r < 0)
		return r;
	if (occasion == FOR_CHANGE || occasion == FOR_ENGINE)
		assessment_drop_upkeep(&a);
	r = plan_run(&plan, &a, run->journal, e);
	if (r >= 0)
		run->in.results.steps = (unsigned)r;
	if (r < 0 || !things)
		return r;
	drift_repaired(&run->in, things);
	return RUN_REPAIRED;
}

static void log_done(const struct run *run, uint64_t began)
{
	const struct results *results = &run->in.results;

	log_info("version '%s' is installed in %llu ms%s: %u steps, %u writes, %u restarts",
		 run->facts.folder, (unsigned long long)(now_ms() - began),
		 results->steps == 0 ? ", nothing to do" : "", results->steps, results->writes,
		 results->restarts);
}

typedef int read_facts(struct facts *f, const struct install *in, struct error *e);

/* Reads the facts by READ and has the steps make the node so. */
static int bring(struct run *run, read_facts *read, enum occasion occasion, struct failure *failure,
		 struct error *e)
{
	const struct facts *f = &run->facts;
	const struct results *results = &run->in.results;
	uint64_t began = now_ms();
	int r = read(&run->facts, &run->in, e);

	if (r < 0 && f->unsuitable)
		return tell_unsuitable(run, e);
	if (r >= 0)
		r = run_occasion(run, occasion, e);
	if (r < 0 && results->restarts > 0)
		log_warn("%s was restarted %u times for this", f->engine.driver->name,
			 results->restarts);
	failure->reason = failure_reason(results->step);
	if (r < 0)
		return r;
	attempt_forget(f);
	restarts_forget(f->root);
	log_done(run, began);
	return r;
}

static int install_once(const struct settings *s, enum occasion occasion,
			const struct cancel *cancel, struct failure *failure, struct error *e)
{
	_cleanup_(run_done) struct run run = { 0 };
	int r = run_open(s, cancel, &run, e);

	if (r >= 0)
		r = bring(&run, facts_read_install, occasion, failure, e);
	if (r < 0 || facts_is_wanted(&run.facts))
		return r;
	return fail(e, RUN_HELD,
		    "version '%s' is current, as somebody went back from '%s' with 'kata-deploy "
		    "rollback'; do so once more, or use another image",
		    run.facts.folder, run.facts.held);
}

static int apply_once(const struct settings *s, const struct cancel *cancel,
		      struct failure *failure, struct error *e)
{
	return install_once(s, FOR_SETTINGS, cancel, failure, e);
}

static int check_once(const struct settings *s, const struct cancel *cancel,
		      struct failure *failure, struct error *e)
{
	return install_once(s, FOR_CHECK, cancel, failure, e);
}

static int keep_once(const struct settings *s, const struct cancel *cancel, struct failure *failure,
		     struct error *e)
{
	return install_once(s, FOR_CHANGE, cancel, failure, e);
}

static int keep_engine_once(const struct settings *s, const struct cancel *cancel,
			    struct failure *failure, struct error *e)
{
	return install_once(s, FOR_ENGINE, cancel, failure, e);
}

static int rollback_once(const struct settings *s, const struct cancel *cancel,
			 struct failure *failure, struct error *e)
{
	_cleanup_(run_done) struct run run = { 0 };
	int r = run_open(s, cancel, &run, e);

	return r < 0 ? r : bring(&run, facts_read_rollback, FOR_SETTINGS, failure, e);
}

/* What somebody else changed between the assessment and the run is assessed anew. */
typedef int action_once(const struct settings *s, const struct cancel *cancel,
			struct failure *failure, struct error *e);

static int again_while_stale(action_once *once, const struct settings *s,
			     const struct cancel *cancel, struct failure *failure, struct error *e)
{
	int r = once(s, cancel, failure, e);

	for (unsigned i = 1; r == -ESTALE && i < TRIES; i++) {
		log_warn("%s", e->msg);
		r = once(s, cancel, failure, e);
	}
	return r;
}

static int install(action_once *once, const struct settings *s, const struct cancel *cancel,
		   struct error *e)
{
	struct failure failure = { "KataInstallFailed", failure_reason(NULL) };
	int r = again_while_stale(once, s, cancel, &failure, e);

	if (r < 0 && r != -RUN_UNSUITABLE && r != -RUN_DRIFT && r != -RUN_CONTESTED &&
	    r != -RUN_HELD)
		failure_tell(s, cancel, &failure, e);
	return r;
}

int run_rollback(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	struct failure failure = { "KataRollbackFailed", failure_reason(NULL) };
	int r = again_while_stale(rollback_once, s, cancel, &failure, e);

	if (r < 0 && r != -RUN_UNSUITABLE)
		failure_tell(s, cancel, &failure, e);
	return r;
}

int run_apply(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	return install(apply_once, s, cancel, e);
}

int run_check(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	return install(check_once, s, cancel, e);
}

int run_keep(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	return install(keep_once, s, cancel, e);
}

int run_keep_engine(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	return install(keep_engine_once, s, cancel, e);
}

/* Whoever takes the rights away before the pods has to clean the API up himself. */
static void say_what_stays(const struct settings *s)
{
	log_warn(
		"the right to change node '%s' went before this pod: its labels stay, the "
		"annotation '%s', the conditions %s and %s, and RuntimeClasses that do not go with "
		"the namespace; take them away with \"kubectl label node %s "
		"katacontainers.io/kata-runtime- %s-\", \"kubectl annotate node %s %s-\" and "
		"\"kubectl patch node %s --subresource=status -p "
		"'{\"status\":{\"conditions\":[{\"type\":\"%s\",\"$patch\":\"delete\"},"
		"{\"type\":\"%s\",\"$patch\":\"delete\"}]}}'\"",
		s->node_name, s->owner.label, s->condition, s->upgraded, s->node_name,
		s->owner.label, s->node_name, s->owner.label, s->node_name, s->condition,
		s->upgraded);
}

static int remove_all(struct run *run, struct error *e)
{
	int r = facts_read_removal(&run->facts, &run->in, e);

	if (r >= 0)
		r = run_steps(run, cleanup_steps, e);
	if (!run->facts.node || run->in.results.is_refused)
		say_what_stays(run->facts.settings);
	return r;
}

static int cleanup_once(const struct settings *s, const struct cancel *cancel,
			struct failure *failure, struct error *e)
{
	_cleanup_(run_done) struct run run = { 0 };
	int r;

	(void)failure;
	if (run_open(s, cancel, &run, e) < 0 || wish_read(&run.facts, &run.in, e) < 0)
		return -e->code;
	if (run.facts.wish == WISH_STAY) {
		log_info("DaemonSet '%s' still wants node '%s': everything stays",
			 s->daemonset_name, s->node_name);
		return 0;
	}
	r = remove_all(&run, e);
	if (r < 0)
		return r;
	adopt_end(&run.facts);
	log_info("removed from node '%s': %d steps", s->node_name, r);
	return r;
}

int run_cleanup(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	struct failure failure = { "KataRemoveFailed", "RemoveFailed" };
	int r = again_while_stale(cleanup_once, s, cancel, &failure, e);

	if (r < 0)
		failure_tell(s, cancel, &failure, e);
	return r;
}

int run_recover(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	_cleanup_(journal_closep) struct journal *j = NULL;

	return try_journal(s, cancel, &j, e);
}

static int reset_once(const struct settings *s, const struct cancel *cancel,
		      struct failure *failure, struct error *e)
{
	_cleanup_(run_done) struct run run = { 0 };
	_free_ char *root = settings_root(s);

	(void)failure;
	/* Before the undo of an interrupted run, which may want one. */
	restarts_forget(root);
	if (run_open_anyway(s, cancel, &run, e) < 0 || wish_read(&run.facts, &run.in, e) < 0 ||
	    facts_read_removal(&run.facts, &run.in, e) < 0)
		return -e->code;
	return run_steps(&run, reset_steps, e);
}

int run_reset(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	struct failure failure = { "KataResetFailed", "ResetFailed" };
	int r = again_while_stale(reset_once, s, cancel, &failure, e);

	if (r < 0)
		failure_tell(s, cancel, &failure, e);
	return r;
}
