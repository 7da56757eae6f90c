/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block-root - a root file system that is a disk: the snapshotters devmapper and blockfile.
 *
 * containerd describes it as one mount of a block device, or of a file by a loop device, and nobody
 * has mounted it yet.  One that the host has mounted is not taken: a mount of an empty folder of
 * the host's own disk must never become a way to that disk.
 *
 * Work thread.
 */

#include <sys/stat.h>

#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/disk.h"

#define GUEST_RUN "/run/kata-containers"

static bool has_option(const struct rootfs_mount *m, const char *option)
{
	for (size_t i = 0; i < m->n_options; i++)
		if (str_equal(m->options[i], option))
			return true;
	return false;
}

static int match(const struct arrival *a, struct error *e)
{
	const struct rootfs_mount *m = a->root_mounts;
	struct stat st;

	(void)e;
	if (a->n_root_mounts != 1 || !str_empty(m->target) || !disk_can_have(m->type) ||
	    sandbox_config(a->sandbox)->hypervisor.disable_block_device_use ||
	    stat(m->source, &st) < 0)
		return 0;
	return S_ISBLK(st.st_mode) || (S_ISREG(st.st_mode) && has_option(m, "loop"));
}

static int give(const struct arrival *a, struct gifts *g, struct error *e)
{
	const struct rootfs_mount *m = a->root_mounts;
	_free_ char *point = xasprintf(GUEST_RUN "/%s/rootfs", a->container);
	_strv_ strv options = NULL;
	struct disk disk = { .source = m->source, .fstype = m->type, .point = point };
	int r;

	for (size_t i = 0; i < m->n_options; i++)
		strv_add(&options, m->options[i]);
	disk.options = options;
	r = disk_give(a, g, &way_block_root, &disk, NULL, e);
	if (r >= 0)
		spec_set(&a->spec->root->path, point);
	return r;
}

const struct way way_block_root = {
	.name = "a disk that the guest mounts",
	.kind = WAY_ROOT,
	.match = match,
	.give = give,
	.undo = disk_undo,
};
