/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpack - put the release among the versions (transition.h).
 */
#include "lib/host/site.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct site s = site_of(context);

	(void)others;
	return transition_assess_unpack(&s.way, ret_change, e);
}

static int run(void *context, const struct change *change, struct error *e)
{
	const struct site s = site_of(context);
	struct site_context *c = context;

	(void)change;
	return transition_unpack(&s.way, s.cancel, &c->writes, e);
}

const struct step step_unpack = {
	.name = "unpack",
	.purpose = "unpack and verify the release",
	.assess = assess,
	.run = run,
};
