/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host - find out whether this machine can run sandboxes, before anything changes.
 *
 * What is wrong with a machine is said here; one of another kind has been recognised before
 * (facts.h).  An installation that stands is not looked at: it works as long as nothing says
 * otherwise.  What can be read happens while the plan is assessed.  What only a program on the node
 * can see, the words with which the container engine was started, and what the engine itself has to
 * try, is asked when the plan runs, before the first change.
 */
#include "deploy/install.h"
#include "lib/host/hostcheck.h"
#include "lib/log.h"

#define ASK_MS     (60 * UINT64_C(1000))
#define PREPARE_MS (180 * UINT64_C(1000))

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	const struct facts *f = in->facts;
	_strv_ strv warnings = NULL;
	const struct host_facts host = facts_host(f);
	int r;

	if (!assessment_matters(others))
		return 0;
	if (assessment_has(others, EFFECT_RESTART) && f->engine.driver->must_read)
		change_add(ret_change, EFFECT_PROBE, f->engine.socket,
			   "who listens there must read the configuration that changes");
	if (assessment_has(others, EFFECT_RESTART) && f->engine.driver->prepare)
		change_add(ret_change, EFFECT_PROBE, f->engine.socket,
			   "it must run a sandbox of others before it is to run ours");
	r = hostcheck_run(&host, &warnings, e);
	for (char **w = warnings; w && *w; w++)
		log_warn("%s", *w);
	return r;
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;
	const struct engine *engine = &in->facts->engine;
	const struct engine_driver *driver = engine->driver;
	int r = 0;

	(void)change;
	if (driver->must_read)
		r = driver->must_read(engine, deadline_in(ASK_MS), in->cancel, e);
	if (r >= 0 && driver->prepare)
		r = driver->prepare(engine, deadline_in(PREPARE_MS), in->cancel, e);
	return r;
}

const struct step step_host = {
	.name = "host",
	.purpose = "check the node",
	.order = ASSESS_AFTER,
	.assess = assess,
	.run = run,
};
