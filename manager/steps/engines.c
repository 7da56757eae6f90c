/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engines - make our handler known to the container engines.
 */
#include "manager/engines.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	(void)others;
	return engines_assess(context, "its containers find the runtime by it", ret_change, e);
}

static int run_it(void *context, const struct change *change, struct error *e)
{
	(void)change;
	return engines_run(context, HANDLERS_PRESENT, e);
}

const struct step step_engines = {
	.name = "engines",
	.purpose = "configure the container engines",
	.assess = assess,
	.run = run_it,
	.save = engines_save,
	.undo = engines_undo,
};
