/* SPDX-License-Identifier: Apache-2.0 */
/*
 * withdraw - take our handler away from the container engines.
 *
 * In journals it has the name of the step that brings it: both are undone in the same way.
 */
#include "manager/engines.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	(void)others;
	return engines_assess(context, "it leads to us", ret_change, e);
}

static int run_it(void *context, const struct change *change, struct error *e)
{
	(void)change;
	return engines_run(context, HANDLERS_ABSENT, e);
}

const struct step step_withdraw = {
	.name = "engines",
	.purpose = "take our handler away from the container engines",
	.assess = assess,
	.run = run_it,
	.save = engines_save,
	.undo = engines_undo,
};
