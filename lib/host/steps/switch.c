/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch - make the version current (transition.h).
 *
 * Whether the known paths may be ours is asked by a step before this one.
 */
#include "lib/host/site.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct site s = site_of(context);

	(void)others;
	return transition_assess_switch(&s.way, ret_change, e);
}

static int run(void *context, const struct change *change, struct error *e)
{
	const struct site s = site_of(context);
	struct site_context *c = context;

	(void)change;
	return transition_switch(&s.way, &c->writes, e);
}

static int save(const void *context, const struct change *change, struct json_object *data,
		struct error *e)
{
	const struct site s = site_of(context);

	(void)change;
	return transition_save_switch(&s.way, data, e);
}

static int undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	const struct site s = site_of(context);

	(void)reason;
	return transition_undo_switch(s.way.root, data, e);
}

const struct step step_switch = {
	.name = "switch",
	.purpose = "make the version current",
	.assess = assess,
	.run = run,
	.save = save,
	.undo = undo,
};
