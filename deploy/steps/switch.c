/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch - make the version current (lib/host/transition.h).
 *
 * Whether the known paths may be ours has been asked by the step before (adopt).
 */
#include "deploy/install.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	const struct transition t = facts_transition(in->facts);

	(void)others;
	return transition_assess_switch(&t, ret_change, e);
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;
	const struct transition t = facts_transition(in->facts);

	(void)change;
	return transition_switch(&t, &in->results.writes, e);
}

static int save(const void *context, const struct change *change, struct json_object *data,
		struct error *e)
{
	const struct install *in = context;
	const struct transition t = facts_transition(in->facts);

	(void)change;
	return transition_save_switch(&t, data, e);
}

static int undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	const struct install *in = context;

	(void)reason;
	return transition_undo_switch(in->facts->root, data, e);
}

const struct step step_switch = {
	.name = "switch",
	.purpose = "make the version current",
	.assess = assess,
	.run = run,
	.save = save,
	.undo = undo,
};
