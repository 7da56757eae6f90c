/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust - pin the key that releases are signed with (lib/host/trust.h).
 *
 * Whose the release is was asked when its list was read (manager/trust.c).  The pin comes before
 * the release, so that no moment has a signed version and no key.
 */
#include "lib/host/trust.h"
#include "manager/run.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct machine *k = &((const struct run *)context)->machine;

	(void)others;
	(void)e;
	trust_assess(k->root, k->pin, ret_change);
	return 0;
}

static int run_it(void *context, const struct change *change, struct error *e)
{
	struct run *run = context;

	(void)change;
	run->results.writes++;
	return trust_pin(run->machine.root, run->machine.pin, e);
}

static int save(const void *context, const struct change *change, struct json_object *data,
		struct error *e)
{
	const struct run *run = context;

	(void)change;
	return trust_save(run->machine.root, data, e);
}

static int undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	const struct run *run = context;

	(void)reason;
	return trust_undo(run->machine.root, data, e);
}

const struct step step_trust = {
	.name = "trust",
	.purpose = "pin the key of releases",
	.assess = assess,
	.run = run_it,
	.save = save,
	.undo = undo,
};
