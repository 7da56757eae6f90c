/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nerdctl - the driver of a containerd on a machine of its own, without Kubernetes.
 *
 * nerdctl and ctr name a runtime by its type, and containerd looks in its PATH for the shim that
 * belongs to it: "io.containerd.kata.v2" is the program containerd-shim-kata-v2.  So nothing is
 * configured and nothing is activated; there is one link.  The sandbox has the configuration that
 * the shim finds by itself.  Any thread; may block.
 */
#include "lib/host/nerdctl.h"

#include "lib/host/endpoint.h"
#include "lib/host/live.h"
#include "lib/host/shim-link.h"
#include "lib/host/task.h"

static bool has_drop_ins(const struct engine *engine)
{
	(void)engine;
	return false;
}

static int plan(const struct engine *engine, const struct handlers *handlers, struct edit *ret_edit,
		struct error *e)
{
	_edit_ struct edit edit = { 0 };

	if (handlers->n > 0 && shim_link_plan(engine->dir, handlers->list[0].runtime_path,
					      handlers->presence, &edit, e) < 0)
		return -e->code;
	*ret_edit = edit;
	edit = (struct edit){ 0 };
	return 0;
}

const struct engine_driver nerdctl_driver = {
	.name = "nerdctl",
	.program = "containerd",
	.min_major = 1,
	.max_major = 2,
	.ask_version = endpoint_version,
	.has_drop_ins = has_drop_ins,
	.plan = plan,
	.merge = shim_link_merge,
	.live = live_containers,
	.run = task_run,
	.clear_tasks = task_clear,
};
