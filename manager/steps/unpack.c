/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpack - put the release among the versions (lib/host/transition.h).
 */
#include "manager/run.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct run *run = context;
	const struct transition t = machine_transition(&run->machine);

	(void)others;
	return transition_assess_unpack(&t, ret_change, e);
}

static int run_it(void *context, const struct change *change, struct error *e)
{
	struct run *run = context;
	const struct transition t = machine_transition(&run->machine);

	(void)change;
	return transition_unpack(&t, run->manager->cancel, &run->results.writes, e);
}

const struct step step_unpack = {
	.name = "unpack",
	.purpose = "unpack and verify the release",
	.assess = assess,
	.run = run_it,
};
