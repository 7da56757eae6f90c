/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest - mounts and devices that the guest has itself.
 *
 * What has no place on the host (proc, tmpfs, devpts and the like) is left for the agent to mount,
 * as is a bind of the host's proc, sys or dev: the guest has its own, and those of the host would
 * be lies there.  A character device is made by the agent, if the guest's kernel has it.
 *
 * Work thread.
 */

#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/way.h"

static int match_mount(const struct arrival *a, struct error *e)
{
	(void)e;
	return !spec_mount_is_shared(a->mount);
}

static int match_device(const struct arrival *a, struct error *e)
{
	(void)a;
	(void)e;
	return 1;
}

static int leave(const struct arrival *a, struct gifts *g, struct error *e)
{
	(void)a;
	(void)g;
	(void)e;
	return 0;
}

const struct way way_guest_mount = {
	.name = "mounted by the agent",
	.kind = WAY_MOUNT,
	.match = match_mount,
	.give = leave,
};

const struct way way_guest_device = {
	.name = "made by the agent",
	.kind = WAY_DEVICE,
	.match = match_device,
	.give = leave,
};
