/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain - see that nothing uses a sandbox, before handlers or files go that it needs.
 *
 * Nobody waits here, as nothing is about to end by itself: who runs containers is named, and
 * everything stays.
 */
#include "lib/host/unused.h"

#include "lib/host/envoy.h"
#include "manager/engines.h"

#define REMEDY "remove once more"

static int must_be_unused(const struct run *run, struct error *e)
{
	_live_ struct live l = { 0 };

	if (engines_live(run, &l, e) < 0)
		return -e->code;
	return live_is_used(&l) ? unused_fail(&l, REMEDY, e) : 0;
}

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct run *run = context;

	if (!assessment_has(others, EFFECT_REMOVAL) && !assessment_has(others, EFFECT_FILE))
		return 0;
	change_add(ret_change, EFFECT_PROBE, run->machine.root, "nothing may use a sandbox of it");
	return must_be_unused(run, e);
}

static int run_it(void *context, const struct change *change, struct error *e)
{
	const struct run *run = context;
	const struct engine *engine = machine_runner(&run->machine);

	(void)change;
	/* The canary of a killed run is nobody's but ours. */
	if (engine && envoy_clear(engine, e) < 0)
		return -e->code;
	return must_be_unused(run, e);
}

const struct step step_drain = {
	.name = "drain",
	.purpose = "see that nothing uses a sandbox",
	.order = ASSESS_AFTER,
	.assess = assess,
	.run = run_it,
};
