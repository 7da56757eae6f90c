/* SPDX-License-Identifier: Apache-2.0 */
/*
 * classes - apply the RuntimeClasses that are not as they should be.
 */
#include "deploy/runtimeclass.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	(void)others;
	return classes_assess(context, ret_change, e);
}

static int run(void *context, const struct change *change, struct error *e)
{
	return classes_apply(context, change, e);
}

const struct step step_classes = {
	.name = "classes",
	.purpose = "apply the RuntimeClasses",
	.assess = assess,
	.run = run,
};
