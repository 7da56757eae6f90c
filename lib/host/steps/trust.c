/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust - pin the key that releases are signed with (trust.h).
 *
 * Whether this release may be installed was asked before anything but its list was read of it.  The
 * pin comes before the release, so that no moment has a signed version and no key; no sandbox
 * notices.
 */
#include "lib/host/trust.h"
#include "lib/host/site.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct site s = site_of(context);

	(void)others;
	(void)e;
	trust_assess(s.way.root, s.pin, ret_change);
	return 0;
}

static int run(void *context, const struct change *change, struct error *e)
{
	const struct site s = site_of(context);
	struct site_context *c = context;

	(void)change;
	c->writes++;
	return trust_pin(s.way.root, s.pin, e);
}

static int save(const void *context, const struct change *change, struct json_object *data,
		struct error *e)
{
	const struct site s = site_of(context);

	(void)change;
	return trust_save(s.way.root, data, e);
}

static int undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	const struct site s = site_of(context);

	(void)reason;
	return trust_undo(s.way.root, data, e);
}

const struct step step_trust = {
	.name = "trust",
	.purpose = "pin the key of releases",
	.assess = assess,
	.run = run,
	.save = save,
	.undo = undo,
};
