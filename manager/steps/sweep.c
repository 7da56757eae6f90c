/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep - remove the versions that nobody uses, and the rest of a crash.
 *
 * The one before the current one stays, so that going back unpacks nothing, and what live sandboxes
 * name.  Not in the run that makes another version current: a shim that was just started from the
 * old one may not have written its record.
 */
#include "lib/host/live.h"
#include "lib/host/store.h"
#include "lib/host/unused.h"
#include "manager/configuration.h"
#include "manager/run.h"

static int find(const struct machine *k, strv *ret_folders, struct error *e)
{
	const struct transition t = machine_transition(k);
	_strv_ strv keep = NULL;

	if (k->is_leaving)
		strv_add(&keep, k->folder);
	else
		keep = transition_kept(&t);
	return unused_versions(k->root, LIVE_RECORDS, &k->scope, keep, ret_folders, e);
}

/* What cannot be swept now is swept later: no reason to call an installation failed. */
static int only_warn(int r, const struct error *e)
{
	if (r < 0)
		view_say("warning: old versions stay for now: %s", e->msg);
	return 0;
}

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct run *run = context;
	const struct machine *k = &run->machine;
	_strv_ strv unused = NULL;
	int r;

	if (configuration_has_rest(k))
		change_add(ret_change, EFFECT_REMOVAL, k->etc,
			   "a crash left the configuration of a canary");
	if (store_has_rest(k->root))
		change_add(ret_change, EFFECT_REMOVAL, k->root, "a crash left half a version");
	if (assessment_matters(others))
		return 0;
	r = find(k, &unused, e);
	for (char **folder = unused; folder && *folder; folder++)
		change_add(ret_change, EFFECT_REMOVAL, *folder, "no sandbox uses this version");
	return only_warn(r, e);
}

static int run_it(void *context, const struct change *change, struct error *e)
{
	struct run *run = context;
	const struct machine *k = &run->machine;
	_strv_ strv unused = NULL;
	int r = store_sweep(k->root, e);

	if (r >= 0)
		r = configuration_clear(k, e);
	if (r >= 0)
		r = find(k, &unused, e);
	for (char **folder = unused; r >= 0 && folder && *folder; folder++)
		if (change_has(change, EFFECT_REMOVAL, *folder))
			r = store_remove(k->root, *folder, e);
	return only_warn(r, e);
}

const struct step step_sweep = {
	.name = "sweep",
	.purpose = "remove versions nobody uses",
	.order = ASSESS_AFTER,
	.is_upkeep = true,
	.assess = assess,
	.run = run_it,
};
