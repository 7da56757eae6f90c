/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remove - remove every file of this installation from the node.
 *
 * Half of them gone, handlers that lead to them would be worse than none: once it has begun nothing
 * comes back, and the next removal goes on.
 */
#include "deploy/attempt.h"
#include "deploy/drift.h"
#include "deploy/restarts.h"
#include "deploy/usage.h"
#include "lib/host/envoy.h"
#include "lib/host/store.h"

/* Of an installation that was killed before it had any version, there may be something, too.  An
 * engine that does not answer shall not hold a removal up for that. */
static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	const struct site s = site_of(in);

	(void)others;
	(void)e;
	if (store_exists(s.way.root))
		change_add(ret_change, EFFECT_REMOVAL, s.way.root, "all versions go");
	else if (!in->facts->silence.code)
		(void)site_has_rest(&s, ret_change);
	return 0;
}

static int may_begin(void *context, struct error *e)
{
	struct install *in = context;
	const struct facts *f = in->facts;

	f->engine.driver->clear(&f->engine);
	return usage_must_be_none(in, e) < 0 ? -e->code : envoy_clear(&f->engine, e);
}

static int run(void *context, const struct change *change, struct error *e)
{
	const struct install *in = context;
	const struct facts *f = in->facts;
	const struct site s = site_of(in);

	(void)change;
	if (site_remove(&s, e) < 0)
		return -e->code;
	for (size_t i = 0; i < f->n_offers; i++)
		if (offer_remove(&f->offers[i], f->settings, e) < 0)
			return -e->code;
	attempt_forget(f);
	restarts_forget(f->root);
	drift_forget(f);
	site_leave(&s);
	return 0;
}

const struct step step_remove = {
	.name = "remove",
	.purpose = "remove the files",
	.assess = assess,
	.may_begin = may_begin,
	.run = run,
};
