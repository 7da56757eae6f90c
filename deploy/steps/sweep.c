/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep - remove the versions that nobody uses, and the rest of a crash.
 *
 * The one before the current one stays, so that going back unpacks nothing, and what live sandboxes
 * name; nothing else does.
 * Not in the run that makes another version current: a shim that was just started from the old one
 * has then had minutes to write its record.
 */
#include "deploy/candidate.h"
#include "deploy/install.h"
#include "deploy/usage.h"
#include "lib/host/envoy.h"
#include "lib/host/store.h"
#include "lib/log.h"

static strv kept(const struct facts *f)
{
	const struct transition t = facts_transition(f);

	return transition_kept(&t);
}

/* What cannot be swept now is swept later: no reason to call an installation failed. */
static int only_warn(int r, const struct error *e)
{
	if (r < 0)
		log_warn("old versions stay for now: %s", e->msg);
	return 0;
}

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	const struct facts *f = in->facts;
	_strv_ strv keep = kept(f);
	_strv_ strv unused = NULL;
	int r;

	if (candidate_has_rest(f->settings))
		change_add(ret_change, EFFECT_REMOVAL, f->settings->etc,
			   "a crash left the configuration of a canary");
	if (store_has_rest(f->root))
		change_add(ret_change, EFFECT_REMOVAL, f->root,
			   "a crash left half a version, or half a file");
	if (envoy_has_rest(&f->engine))
		change_add(ret_change, EFFECT_REMOVAL, f->engine.socket,
			   "a crash left what a canary, or something run on the node, had");
	if (assessment_matters(others))
		return 0;
	r = usage_unused_versions(f, keep, &unused, e);
	for (char **folder = unused; folder && *folder; folder++)
		change_add(ret_change, EFFECT_REMOVAL, *folder, "no sandbox uses this version");
	return only_warn(r, e);
}

static int run(void *context, const struct change *change, struct error *e)
{
	const struct install *in = context;
	const struct facts *f = in->facts;
	_strv_ strv keep = kept(f);
	int r = store_sweep(f->root, e);

	if (r >= 0)
		r = candidate_clear(f->settings, e);
	if (r >= 0 && envoy_has_rest(&f->engine))
		r = envoy_clear(&f->engine, e);
	if (r >= 0)
		r = usage_remove_unused(f, keep, change, e);
	return only_warn(r, e);
}

const struct step step_sweep = {
	.name = "sweep",
	.purpose = "remove versions nobody uses",
	.order = ASSESS_AFTER,
	.is_upkeep = true,
	.assess = assess,
	.run = run,
};
