/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared-root - a root file system of the host, shared by virtio-fs.
 *
 * What containerd's snapshotter describes is mounted here first; without that, the specification's
 * own folder is the root.
 *
 * Work thread.
 */

#include "lib/file.h"
#include "lib/log.h"
#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/way.h"

static int match_folder(const struct arrival *a, struct error *e)
{
	(void)e;
	return sandbox_share(a->sandbox)->dir != NULL;
}

static int match_mounts(const struct arrival *a, struct error *e)
{
	return a->n_root_mounts > 0 && match_folder(a, e);
}

static int give_folder(const struct arrival *a, struct gifts *g, struct error *e)
{
	_free_ char *name = path_join(a->container, "rootfs");
	_free_ char *guest = share_guest_path(name);
	int r;

	gifts_note(g, &way_root_folder, name);
	r = share_bind(sandbox_share(a->sandbox), a->root, name, SHARE_READ_WRITE, e);
	if (r >= 0)
		spec_set(&a->spec->root->path, guest);
	return r;
}

static void undo_folder(struct sandbox *s, const char *what)
{
	share_unbind(sandbox_share(s), what);
}

static int give_mounts(const struct arrival *a, struct gifts *g, struct error *e)
{
	int r;

	gifts_note(g, &way_root_mounts, a->root);
	r = sandbox_note_mount(a->sandbox, a->root, SANDBOX_MOUNTED, e);
	if (r >= 0)
		r = rootfs_mount(a->root_mounts, a->n_root_mounts, a->root, e);
	return r < 0 ? r : give_folder(a, g, e);
}

static void undo_mounts(struct sandbox *s, const char *what)
{
	struct error e;

	share_detach_below(what);
	if (sandbox_note_mount(s, what, SANDBOX_UNMOUNTED, &e) < 0)
		log_warn("%s", e.msg);
}

const struct way way_root_mounts = {
	.name = "mounted here, shared by virtio-fs",
	.kind = WAY_ROOT,
	.match = match_mounts,
	.give = give_mounts,
	.undo = undo_mounts,
};

const struct way way_root_folder = {
	.name = "shared by virtio-fs",
	.kind = WAY_ROOT,
	.match = match_folder,
	.give = give_folder,
	.undo = undo_folder,
};
