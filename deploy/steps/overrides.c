/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overrides - write the configuration of sandboxes that is this node's own, see shim.h.
 */
#include "deploy/install.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;

	(void)others;
	(void)e;
	change_add_edit(ret_change, &in->facts->configuration, "it is not what the settings say");
	return 0;
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;

	(void)change;
	return install_edit(in, &in->facts->configuration, e);
}

static int save(const void *context, const struct change *change, struct json_object *data,
		struct error *e)
{
	const struct install *in = context;

	(void)change;
	(void)e;
	edit_save(&in->facts->configuration, data);
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
	.purpose = "write the node's own configuration",
	.assess = assess,
	.run = run,
	.save = save,
	.undo = undo,
};
