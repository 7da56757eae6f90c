/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link - have containerd find the shim by the runtime's name alone.
 *
 * Pods need no such link, so it is made where the settings name a folder, and only after everything
 * else: it changes nothing for a sandbox.
 */
#include "deploy/install.h"
#include "lib/host/shim-link.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	const struct facts *f = in->facts;

	(void)others;
	if (str_empty(f->settings->path_dir) || f->n_offers == 0)
		return 0;
	if (shim_link_plan(f->settings->path_dir, f->handlers[0].runtime_path, HANDLERS_PRESENT,
			   &ret_change->edit, e) < 0)
		return fail_wrap(e, "KATA_PATH_DIR");
	change_add_edit(ret_change, &ret_change->edit, "ctr and nerdctl find the runtime by it");
	return 0;
}

static int run(void *context, const struct change *change, struct error *e)
{
	return install_edit(context, &change->edit, e);
}

static int save(const void *context, const struct change *change, struct json_object *data,
		struct error *e)
{
	(void)context;
	(void)e;
	edit_save(&change->edit, data);
	return 0;
}

static int undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	(void)context;
	(void)reason;
	return edit_restore(data, shim_link_merge, NULL, e);
}

const struct step step_link = {
	.name = "link",
	.purpose = "link the shim into the PATH",
	.order = ASSESS_AFTER,
	.assess = assess,
	.run = run,
	.save = save,
	.undo = undo,
};
