/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link - have containerd find the shim by the runtime's name alone.
 *
 * Pods need no such link, so it is made where the settings name a folder, and only after everything
 * else: it changes nothing for a sandbox.
 */
#include "deploy/path.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	int r = path_assess(in, in->facts->handlers[0].runtime_path, HANDLERS_PRESENT,
			    "ctr and nerdctl find the runtime by it", ret_change, e);

	(void)others;
	change_set_aside(ret_change);
	return r;
}

const struct step step_link = {
	.name = "link",
	.purpose = "link the shim into the PATH",
	.assess = assess,
	.run = path_run,
	.save = path_save,
	.undo = path_undo,
};
