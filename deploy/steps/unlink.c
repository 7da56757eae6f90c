/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unlink - take the shim's link away again.
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
	if (shim_link_plan(f->settings->path_dir, f->known[0].runtime_path, HANDLERS_ABSENT,
			   &ret_change->edit, e) < 0)
		return fail_wrap(e, "KATA_PATH_DIR");
	change_add_edit(ret_change, &ret_change->edit, "it leads to us");
	return 0;
}

static int run(void *context, const struct change *change, struct error *e)
{
	return install_edit(context, &change->edit, e);
}

const struct step step_unlink = {
	.name = "unlink",
	.purpose = "take the link out of the PATH",
	.assess = assess,
	.run = run,
};
