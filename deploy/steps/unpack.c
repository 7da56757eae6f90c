/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpack - put the release among the versions (lib/host/transition.h).
 */
#include "deploy/install.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	const struct transition t = facts_transition(in->facts);

	(void)others;
	return transition_assess_unpack(&t, ret_change, e);
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;
	const struct transition t = facts_transition(in->facts);

	(void)change;
	return transition_unpack(&t, in->cancel, &in->results.writes, e);
}

const struct step step_unpack = {
	.name = "unpack",
	.purpose = "unpack and verify the release",
	.assess = assess,
	.run = run,
};
