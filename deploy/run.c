/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run - the actions apply, rollback, cleanup and reset.
 *
 * The cycle is every installer's (lib/host/cycle.h).  The outcome is told in three places: the log,
 * an Event, and the node's condition.  One thread; may block for minutes, ends soon after the
 * cancel.
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
#include "deploy/proof.h"
#include "deploy/restarts.h"
#include "deploy/runtime.h"
#include "deploy/wish.h"
#include "lib/file.h"
#include "lib/host/cycle.h"
#include "lib/host/envoy.h"
#include "lib/host/holder.h"
#include "lib/log.h"

#define LOCK_MS (5 * 60 * UINT64_C(1000))

static void on_step(void *context, const struct step *step, unsigned number, unsigned total)
{
	struct install *in = context;

	in->results.step = step;
	log_info("step %u of %u: %s", number, total, step->purpose);
}

/* What recovery is given. */
struct means {
	const struct settings *settings;
	const struct cancel *cancel;
};

/* Not with the means of an installation: what that needs, such as an answer of containerd or a
 * drop-in without a mistake, may be what the undo brings back. */
static int recover(const void *arg, struct journal *j, struct error *e)
{
	const struct means *means = arg;
	_facts_ struct facts facts = { 0 };
	_install_ struct install in = { 0 };
	const struct plan plan = { .steps = install_steps, .context = &in };
	struct error why;
	int r;

	if (facts_open(means->settings, &facts, e) < 0 ||
	    install_open(&facts, means->cancel, &in, e) < 0)
		return -e->code;
	runtime_recall(&facts, j);
	r = plan_recover(&plan, j, e);
	/* Its sandbox, which no later step has to have found. */
	if (r >= 0 && envoy_clear(&facts.engine, &why) < 0)
		log_warn("%s", why.msg);
	return r;
}

static struct cycle cycle_of(const struct means *means, const char *root)
{
	return (struct cycle){
		.owner = &means->settings->owner,
		.root = root,
		.lock_ms = LOCK_MS,
		.cancel = means->cancel,
		.recover = recover,
		.arg = means,
	};
}

/* Why the node is brought to what the settings say. */
enum occasion {
	FOR_SETTINGS, /* they may be new */
	FOR_CHECK,    /* it was so, some minutes ago */
	FOR_CHANGE,   /* the same, and something on the node has changed just now */
	FOR_ENGINE,   /* the same, and that is that the engine was started */
};

/* What every real run has: the lock with the journal, the facts and the means. */
struct run {
	struct install in; /* the context of the steps */
	struct journal *journal;
	struct facts facts;
	enum occasion occasion;
	strv things; /* what somebody else has changed */
};

static void run_done(struct run *run)
{
	install_done(&run->in);
	facts_done(&run->facts);
	strv_free(run->things);
	journal_close(run->journal);
}

static int run_read(struct run *run, const struct means *means, struct error *e)
{
	if (facts_open(means->settings, &run->facts, e) < 0)
		return -e->code;
	facts_read_image(&run->facts);
	return install_open(&run->facts, means->cancel, &run->in, e);
}

static int run_open(const struct means *means, struct run *run, struct error *e)
{
	_free_ char *root = settings_root(means->settings);
	const struct cycle cycle = cycle_of(means, root);
	int r = cycle_open(&cycle, &run->journal, e);

	if (cycle_is_unreadable(r))
		advice_add_text(e,
				"install the version that wrote the journal, or let "
				"'kata-deploy reset' in this pod put it aside");
	return r < 0 ? r : run_read(run, means, e);
}

/* The same for the one action that may forget what an interrupted run left: what is on the node is
 * looked at anew by the next installation or removal. */
static int run_open_anyway(const struct means *means, struct run *run, struct error *e)
{
	_free_ char *root = settings_root(means->settings);
	const struct cycle cycle = cycle_of(means, root);
	int r = cycle_open_afresh(&cycle, &run->journal, e);

	return r < 0 ? r : run_read(run, means, e);
}

static void tell_engine(const struct run *run)
{
	_free_ char *note = xasprintf("%s %s was started", run->facts.engine.driver->name,
				      run->facts.engine.version);

	node_event(&run->in, KUBE_EVENT_NORMAL, "KataEngineStarted", note);
}

/* Upkeep has its time: a shim that was just started from an old version has not told so yet. */
static int decide(void *context, struct assessment *a, struct error *e)
{
	struct run *run = CONTAINER_OF(context, struct run, in);

	if (run->occasion == FOR_ENGINE)
		tell_engine(run);
	if (run->occasion != FOR_SETTINGS && drift_judge(&run->in, a, &run->things, e) < 0)
		return -e->code;
	if (run->occasion == FOR_CHANGE || run->occasion == FOR_ENGINE)
		assessment_drop_upkeep(a);
	return 0;
}

static int run_steps(struct run *run, const struct step *const *steps, struct error *e)
{
	const struct plan plan = {
		.steps = steps,
		.context = &run->in,
		.writer = run->facts.program,
		.decide = decide,
		.progress = on_step,
	};

	return cycle_run(&plan, run->journal, e);
}

/* What is installed already stays: sandboxes that run may need it.  What has answered says nothing
 * any more: when KVM comes back, it may be another. */
static int tell_unsuitable(struct run *run, struct error *e)
{
	struct error why = *e;

	proof_forget(&run->facts);
	if (node_tell_unsuitable(&run->in, run->facts.unsuitable, why.msg, e) < 0)
		return -e->code;
	return fail(e, RUN_UNSUITABLE, "%s", why.msg);
}

static int run_occasion(struct run *run, struct error *e)
{
	int r = run_steps(run, install_steps, e);

	if (r < 0)
		return r;
	run->in.results.steps = (unsigned)r;
	if (!run->things)
		return r;
	drift_repaired(&run->in, run->things);
	return RUN_REPAIRED;
}

static void log_done(const struct run *run, uint64_t began)
{
	const struct results *results = &run->in.results;

	log_info("version '%s' is installed in %llu ms%s: %u steps, %u writes, %u restarts",
		 run->facts.folder, (unsigned long long)(now_ms() - began),
		 results->steps == 0 ? ", nothing to do" : "", results->steps,
		 run->in.common.writes, results->restarts);
}

/* Reads the facts by READ and has the steps make the node so. */
static int bring(struct run *run, facts_reader *read, struct failure *failure, struct error *e)
{
	const struct facts *f = &run->facts;
	const struct results *results = &run->in.results;
	uint64_t began = now_ms();
	int r = read(&run->facts, &run->in, e);

	if (r < 0 && f->unsuitable)
		return tell_unsuitable(run, e);
	if (r >= 0)
		r = run_occasion(run, e);
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

/* One action, as often as it is begun anew. */
struct errand {
	struct means means;
	enum occasion occasion;
	struct failure failure;
};

static int install_once(void *arg, struct error *e)
{
	struct errand *errand = arg;
	_cleanup_(run_done) struct run run = { .occasion = errand->occasion };
	int r = run_open(&errand->means, &run, e);

	if (r >= 0)
		r = bring(&run, facts_read_install, &errand->failure, e);
	if (r < 0 || r == RUN_REPAIRED || facts_is_wanted(&run.facts))
		return r;
	return fail(e, RUN_HELD,
		    "version '%s' is current, as somebody went back from '%s' with 'kata-deploy "
		    "rollback'; do so once more, or use another image",
		    run.facts.folder, run.facts.held);
}

static int rollback_once(void *arg, struct error *e)
{
	struct errand *errand = arg;
	_cleanup_(run_done) struct run run = { .occasion = errand->occasion };
	int r = run_open(&errand->means, &run, e);

	return r < 0 ? r : bring(&run, facts_read_rollback, &errand->failure, e);
}

static int install(enum occasion occasion, const struct settings *s, const struct cancel *cancel,
		   struct error *e)
{
	struct errand errand = {
		.means = { s, cancel },
		.occasion = occasion,
		.failure = { "KataInstallFailed", failure_reason(NULL) },
	};
	int r = cycle_again(install_once, &errand, e);

	if (r < 0 && r != -RUN_UNSUITABLE && r != -RUN_DRIFT && r != -RUN_CONTESTED &&
	    r != -RUN_HELD)
		failure_tell(s, cancel, &errand.failure, e);
	return r;
}

int run_rollback(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	struct errand errand = {
		.means = { s, cancel },
		.failure = { "KataRollbackFailed", failure_reason(NULL) },
	};
	int r = cycle_again(rollback_once, &errand, e);

	if (r < 0 && r != -RUN_UNSUITABLE)
		failure_tell(s, cancel, &errand.failure, e);
	return r;
}

int run_apply(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	return install(FOR_SETTINGS, s, cancel, e);
}

int run_check(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	return install(FOR_CHECK, s, cancel, e);
}

int run_keep(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	return install(FOR_CHANGE, s, cancel, e);
}

int run_keep_engine(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	return install(FOR_ENGINE, s, cancel, e);
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

/* Whether another pod follows: then nothing is to be removed. */
static bool must_stay(const struct run *run)
{
	const struct settings *s = run->facts.settings;

	if (run->facts.wish != WISH_STAY)
		return false;
	log_info("DaemonSet '%s' still wants node '%s': everything stays", s->daemonset_name,
		 s->node_name);
	return true;
}

/* With a journal of its own: the one in the root may be the other program's, interrupted. */
static int leave_cluster(const struct means *means, const char *journal_root, struct error *e)
{
	const struct cycle cycle = cycle_of(means, journal_root);
	_cleanup_(run_done) struct run run = { 0 };

	if (cycle_open(&cycle, &run.journal, e) < 0 || run_read(&run, means, e) < 0 ||
	    wish_read(&run.facts, &run.in, e) < 0)
		return -e->code;
	if (must_stay(&run))
		return 0;
	return facts_read_removal(&run.facts, &run.in, e) < 0 ? -e->code
							      : run_steps(&run, leave_steps, e);
}

/* Nothing in ROOT is ours, nor is the engine, which leads there: only what the cluster says of a
 * node where we were refused. */
static int leave_to(const char *holder, const char *root, const struct means *means,
		    struct error *e)
{
	_free_ char *beside = path_join(root, ".leaving");
	struct error ignored;
	int r;

	log_info("nothing in '%s' is of %s: it has an installation of %s, which is left alone",
		 root, means->settings->owner.program, holder);
	r = leave_cluster(means, beside, e);
	(void)tree_remove(beside, &ignored);
	return r;
}

static int cleanup_once(void *arg, struct error *e)
{
	const struct means *means = arg;
	const struct settings *s = means->settings;
	_free_ char *root = settings_root(s);
	_free_ char *holder = holder_other(&s->owner, root);
	_cleanup_(run_done) struct run run = { 0 };
	int r;

	if (holder)
		return leave_to(holder, root, means, e);
	if (run_open(means, &run, e) < 0 || wish_read(&run.facts, &run.in, e) < 0)
		return -e->code;
	if (must_stay(&run))
		return 0;
	r = remove_all(&run, e);
	if (r < 0)
		return r;
	adopt_end(&run.facts);
	log_info("removed from node '%s': %d steps", s->node_name, r);
	return r;
}

static int reset_once(void *arg, struct error *e)
{
	const struct means *means = arg;
	_cleanup_(run_done) struct run run = { 0 };
	_free_ char *root = settings_root(means->settings);

	/* Before the undo of an interrupted run, which may want one. */
	restarts_forget(root);
	if (run_open_anyway(means, &run, e) < 0 || wish_read(&run.facts, &run.in, e) < 0 ||
	    facts_read_removal(&run.facts, &run.in, e) < 0)
		return -e->code;
	return run_steps(&run, reset_steps, e);
}

/* Does ONCE and tells a failure. */
static int take(int (*once)(void *arg, struct error *e), const struct failure *failure,
		const struct settings *s, const struct cancel *cancel, struct error *e)
{
	struct means means = { s, cancel };
	int r = cycle_again(once, &means, e);

	if (r < 0)
		failure_tell(s, cancel, failure, e);
	return r;
}

int run_cleanup(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	static const struct failure failure = { "KataRemoveFailed", "RemoveFailed" };

	return take(cleanup_once, &failure, s, cancel, e);
}

int run_reset(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	static const struct failure failure = { "KataResetFailed", "ResetFailed" };

	return take(reset_once, &failure, s, cancel, e);
}

int run_recover(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	_free_ char *root = settings_root(s);
	const struct means means = { s, cancel };
	const struct cycle cycle = cycle_of(&means, root);
	_cleanup_(journal_closep) struct journal *j = NULL;

	return cycle_open_alone(&cycle, &j, e);
}
