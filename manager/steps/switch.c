/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch - make the version current (lib/host/transition.h).
 */
#include "manager/run.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct run *run = context;
	const struct transition t = machine_transition(&run->machine);

	(void)others;
	return transition_assess_switch(&t, ret_change, e);
}

static int run_it(void *context, const struct change *change, struct error *e)
{
	struct run *run = context;
	const struct transition t = machine_transition(&run->machine);

	(void)change;
	return transition_switch(&t, &run->results.writes, e);
}

static int save(const void *context, const struct change *change, struct json_object *data,
		struct error *e)
{
	const struct run *run = context;
	const struct transition t = machine_transition(&run->machine);

	(void)change;
	return transition_save_switch(&t, data, e);
}

static int undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	const struct run *run = context;

	(void)reason;
	return transition_undo_switch(run->machine.root, data, e);
}

const struct step step_switch = {
	.name = "switch",
	.purpose = "make the version current",
	.assess = assess,
	.run = run_it,
	.save = save,
	.undo = undo,
};
