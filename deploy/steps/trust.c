/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust - pin the key that releases are signed with (lib/host/trust.h).
 *
 * Whether this release may be installed was asked before anything of it was read (facts.c).  The
 * pin comes before the release, so that no moment has a signed version and no key; no sandbox
 * notices.
 */
#include "lib/host/trust.h"
#include "deploy/install.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct facts *f = ((const struct install *)context)->facts;

	(void)others;
	(void)e;
	trust_assess(f->root, f->pin, ret_change);
	return 0;
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;

	(void)change;
	in->results.writes++;
	return trust_pin(in->facts->root, in->facts->pin, e);
}

static int save(const void *context, const struct change *change, struct json_object *data,
		struct error *e)
{
	const struct install *in = context;

	(void)change;
	return trust_save(in->facts->root, data, e);
}

static int undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	const struct install *in = context;

	(void)reason;
	return trust_undo(in->facts->root, data, e);
}

const struct step step_trust = {
	.name = "trust",
	.purpose = "pin the key of releases",
	.assess = assess,
	.run = run,
	.save = save,
	.undo = undo,
};
