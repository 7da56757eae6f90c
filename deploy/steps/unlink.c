/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unlink - take the shim's link away again.
 *
 * In journals it has the name of the step that brings it: both are undone in the same way.
 */
#include "deploy/path.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;

	(void)others;
	return path_assess(in, in->facts->known[0].runtime_path, HANDLERS_ABSENT, "it leads to us",
			   ret_change, e);
}

const struct step step_unlink = {
	.name = "link",
	.purpose = "take the link out of the PATH",
	.assess = assess,
	.run = path_run,
	.save = path_save,
	.undo = path_undo,
};
