/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overrides - write the configuration of sandboxes that is this machine's own.
 */
#include "lib/host/site.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct site s = site_of(context);

	(void)others;
	(void)e;
	change_add_edit(ret_change, s.configuration, "sandboxes shall read it");
	return 0;
}

static int run(void *context, const struct change *change, struct error *e)
{
	const struct site s = site_of(context);

	(void)change;
	return site_edit(context, s.configuration, e);
}

static int save(const void *context, const struct change *change, struct json_object *data,
		struct error *e)
{
	const struct site s = site_of(context);

	(void)change;
	(void)e;
	edit_save(s.configuration, data);
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
	.run = run,
	.save = save,
	.undo = undo,
};
