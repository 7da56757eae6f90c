/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remove - remove every file of the installation.
 *
 * Half of them gone, handlers that lead to them would be worse than none: once it has begun nothing
 * comes back, and the next removal goes on.
 */
#include "lib/host/envoy.h"
#include "lib/host/store.h"
#include "lib/host/unused.h"
#include "manager/engines.h"
#include "manager/known.h"
#include "manager/origin.h"

/* Of an installation that was killed before it had any version, there may be something, too. */
static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct site s = site_of(context);

	(void)others;
	(void)e;
	change_add_edit(ret_change, s.configuration, "nobody reads it any more");
	if (edit_has_rest(s.configuration))
		change_add(ret_change, EFFECT_REMOVAL, s.etc, "a crash left half a configuration");
	if (store_exists(s.way.root))
		change_add(ret_change, EFFECT_REMOVAL, s.way.root, "all versions go");
	else
		(void)site_has_rest(&s, ret_change);
	return 0;
}

static int may_begin(void *context, struct error *e)
{
	const struct site s = site_of(context);
	_live_ struct live l = { 0 };

	engines_clear(context);
	if (engines_live(context, &l, e) < 0)
		return -e->code;
	if (live_is_used(&l))
		return unused_fail(&l, "remove once more", e);
	return s.runner ? envoy_clear(s.runner, e) : 0;
}

static int run_it(void *context, const struct change *change, struct error *e)
{
	const struct site s = site_of(context);

	(void)change;
	if (site_remove(&s, e) < 0 || site_edit(context, s.configuration, e) < 0)
		return -e->code;
	known_forget(s.way.root);
	origin_clear();
	site_leave(&s);
	return 0;
}

const struct step step_remove = {
	.name = "remove",
	.purpose = "remove the files",
	.assess = assess,
	.may_begin = may_begin,
	.run = run_it,
};
