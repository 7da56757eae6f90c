/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overrides - write the configuration of sandboxes that is this machine's own.
 */
#include "manager/run.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct run *run = context;

	(void)others;
	(void)e;
	change_add_edit(ret_change, &run->machine.configuration, "sandboxes shall read it");
	return 0;
}

static int run_it(void *context, const struct change *change, struct error *e)
{
	struct run *run = context;

	(void)change;
	return run_edit(run, &run->machine.configuration, e);
}

static int save(const void *context, const struct change *change, struct json_object *data,
		struct error *e)
{
	const struct run *run = context;

	(void)change;
	(void)e;
	edit_save(&run->machine.configuration, data);
	return 0;
}

static int undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	(void)context;
	(void)reason;
	return edit_restore(data, NULL, NULL, e);
}

const struct step step_overrides = {
	.name = "overrides",
	.purpose = "write this machine's own configuration",
	.assess = assess,
	.run = run_it,
	.save = save,
	.undo = undo,
};
