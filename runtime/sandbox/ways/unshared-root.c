/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unshared-root - a root file system that only sharing could give, where nothing is shared.
 *
 * It is refused with what to do instead: a copy of an image would be memory of the guest's, and a
 * disk is what snapshotters can give.
 *
 * Work thread.
 */

#include "runtime/sandbox/ways/way.h"

static int match(const struct arrival *a, struct error *e)
{
	(void)e;
	return !sandbox_share(a->sandbox);
}

static int give(const struct arrival *a, struct gifts *g, struct error *e)
{
	(void)g;
	return fail(
		e, ENOTSUP,
		"the host gives it as '%.32s', and nothing is shared with the guest (shared_fs = "
		"\"none\"): use a snapshotter that gives disks: blockfile, devmapper, or "
		"erofs with default_size",
		a->n_root_mounts ? a->root_mounts[0].type : "folder");
}

const struct way way_unshared_root = {
	.name = "refused",
	.kind = WAY_ROOT,
	.match = match,
	.give = give,
};
