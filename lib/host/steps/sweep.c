/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep - remove the versions that nobody uses, and the rest of a crash.
 *
 * The one before the current one stays, so that going back unpacks nothing, and what live sandboxes
 * name; nothing else does.  Not in the run that makes another version current: a shim that was just
 * started from the old one has then had minutes to write its record.
 */
#include "lib/host/envoy.h"
#include "lib/host/live.h"
#include "lib/host/site.h"
#include "lib/host/unused.h"
#include "lib/log.h"

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
	const struct site s = site_of(context);
	_strv_ strv keep = transition_kept(&s.way);
	_strv_ strv unused = NULL;
	int r;

	(void)site_has_rest(&s, ret_change);
	if (assessment_matters(others))
		return 0;
	r = unused_versions(s.way.root, LIVE_RECORDS, s.scope, keep, &unused, e);
	for (char **folder = unused; folder && *folder; folder++)
		change_add(ret_change, EFFECT_REMOVAL, *folder, "no sandbox uses this version");
	return only_warn(r, e);
}

static int run(void *context, const struct change *change, struct error *e)
{
	const struct site s = site_of(context);
	_strv_ strv keep = transition_kept(&s.way);
	int r = site_sweep(&s, e);

	if (r >= 0 && s.runner && envoy_has_rest(s.runner))
		r = envoy_clear(s.runner, e);
	if (r >= 0)
		r = unused_remove(s.way.root, LIVE_RECORDS, s.scope, keep, change, e);
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
