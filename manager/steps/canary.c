/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canary - boot a sandbox and have it answer.
 *
 * It runs from the version's own folder and a copy of the configuration, before anything that
 * sandboxes read is another.  One that has answered since the machine was started is believed.
 * Where no engine runs a program for us, nothing can be tried, which is said.
 */
#include "lib/file.h"
#include "lib/host/envoy.h"
#include "lib/host/proven.h"
#include "manager/configuration.h"
#include "manager/run.h"

#define KIND      "canary"
#define CANARY_MS (180 * UINT64_C(1000))

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct run *run = context;
	const struct machine *k = &run->machine;

	(void)e;
	if (!assessment_has_what(others, EFFECT_FILE, k->version_dir) &&
	    proven_has(k->root, KIND, k->evidence, NULL))
		return 0;
	if (machine_runner(k))
		change_add(ret_change, EFFECT_PROBE, k->handler.name,
			   "a sandbox has to answer before anything else changes");
	else
		view_say("warning: no container engine answers, so no sandbox can be tried");
	return 0;
}

static int boot(struct run *run, const char *config_path, struct error *e)
{
	const struct machine *k = &run->machine;
	const struct engine *engine = machine_runner(k);
	_free_ char *shim = path_join(k->version_dir, "bin/containerd-shim-kata-v2");
	struct handler handler = k->handler;
	uint64_t began = now_ms();

	if (!engine)
		return fail(e, ENOENT, "no container engine answers any more");
	handler.runtime_path = shim;
	handler.config_path = config_path;
	if (envoy_canary(engine, &handler, deadline_in(CANARY_MS), run->manager->cancel,
			 &run->results.guest_kernel, e) < 0)
		return -e->code;
	view_say("a sandbox with kernel %s answered after %llu ms", run->results.guest_kernel,
		 (unsigned long long)(now_ms() - began));
	return 0;
}

static int run_it(void *context, const struct change *change, struct error *e)
{
	struct run *run = context;
	const struct machine *k = &run->machine;
	_candidate_ struct candidate c = { 0 };
	_free_ char *path = NULL;
	struct error ignored;
	int r = configuration_candidate(k, &c, e);

	(void)change;
	if (r >= 0 && !candidate_is_empty(&c))
		r = configuration_write(k, &c, &path, e);
	if (r >= 0)
		r = boot(run, path, e);
	if (r >= 0)
		proven_note(k->root, KIND, k->evidence, run->results.guest_kernel);
	if (candidate_clear(k->etc, &k->owner, &ignored) < 0)
		view_say("%s", ignored.msg);
	return r;
}

const struct step step_canary = {
	.name = "canary",
	.purpose = "boot a sandbox",
	.order = ASSESS_AFTER,
	.assess = assess,
	.run = run_it,
};
