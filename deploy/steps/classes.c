/* SPDX-License-Identifier: Apache-2.0 */
/*
 * classes - apply the RuntimeClasses that are not as they should be.
 *
 * Those of this installation need no undo: the next run makes them right.  The undo is for those
 * that were adopted.
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

static int save(const void *context, const struct change *change, struct json_object *data,
		struct error *e)
{
	return classes_save(context, change, data, e);
}

static int undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	(void)reason;
	return classes_restore(context, data, e);
}

const struct step step_classes = {
	.name = "classes",
	.purpose = "apply the RuntimeClasses",
	.assess = assess,
	.run = run,
	.save = save,
	.undo = undo,
};
