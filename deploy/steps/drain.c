/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain - wait for what still uses a sandbox, before handlers or files go that it needs.
 *
 * What runs is not ours to end: it is waited for as long as the settings say, a pod's usual grace
 * period and what comes after it by default, and then everything that it needs stays.
 * From here on a removal needs the container engine; what comes before does not.  Where neither a
 * version is nor a handler of ours in the engine's files, there is nothing to wait for: an engine
 * that is too old for us shall not hold a removal up.
 */
#include "lib/host/unused.h"

#include "deploy/install.h"
#include "deploy/usage.h"
#include "lib/host/envoy.h"
#include "lib/host/store.h"

#define LOOK_MS 1000

/* Before anything is changed, where it was chosen so. */
static int must_not_run(const struct install *in, struct error *e)
{
	_live_ struct live l = { 0 };

	if (in->facts->settings->running_wait_s > 0)
		return 0;
	if (usage_look(in, &l, e) < 0)
		return -e->code;
	return l.running > 0 ? unused_fail(&l, USAGE_REMEDY, e) : 0;
}

/* Of an engine that does not say which version it is: as any of those that we support reads its
 * files, as far as they can be read. */
static bool has_handlers(const struct facts *f)
{
	struct engine engine = f->engine;

	engine.exec = NULL;
	for (unsigned major = engine.driver->min_major; major <= engine.driver->max_major;
	     major++) {
		_edit_ struct edit edit = { 0 };
		struct error ignored;

		engine.major = major;
		if (engine_plan_removal(&engine, f->known, f->n_offers, &edit, &ignored) >= 0 &&
		    edit_is_needed(&edit))
			return true;
	}
	return false;
}

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	const struct facts *f = in->facts;

	if (f->silence.code && !store_exists(f->root) && !has_handlers(f))
		return 0;
	if (!f->silence.code && must_not_run(in, e) < 0)
		return -e->code;
	if (f->silence.code)
		change_add(ret_change, EFFECT_PROBE, f->engine.socket, f->silence.msg);
	else if (assessment_has(others, EFFECT_RESTART) || assessment_has(others, EFFECT_FILE) ||
		 assessment_has(others, EFFECT_REMOVAL))
		change_add(ret_change, EFFECT_PROBE, f->engine.socket,
			   "what still uses a sandbox is waited for");
	return 0;
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;
	const struct facts *f = in->facts;
	const struct unused d = {
		.look = usage_look,
		.arg = in,
		.wait_ms = f->settings->remove_wait_s * UINT64_C(1000),
		.running_ms = f->settings->running_wait_s * UINT64_C(1000),
		.poll_ms = LOOK_MS,
		.cancel = in->cancel,
		.remedy = USAGE_REMEDY,
	};

	(void)change;
	if (f->silence.code) {
		*e = f->silence;
		return -e->code;
	}
	/* The canary of a killed run is nobody's but ours. */
	return envoy_clear(&f->engine, e) < 0 ? -e->code : unused_wait(&d, e);
}

const struct step step_drain = {
	.name = "drain",
	.purpose = "wait for what still uses a sandbox",
	.order = ASSESS_AFTER,
	.assess = assess,
	.run = run,
};
