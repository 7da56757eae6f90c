/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared-root - a root file system of the host, shared by virtio-fs.
 *
 * What containerd's snapshotter describes becomes a tree that is mounted nowhere but in the share;
 * without that, the specification's own folder is the root.  A kernel that has no such trees mounts
 * on the host, which is recorded first.
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
	return sandbox_share(a->sandbox) != NULL;
}

static int match_mounts(const struct arrival *a, struct error *e)
{
	return a->n_root_mounts > 0 && match_folder(a, e);
}

static int give_folder(const struct arrival *a, struct gifts *g, struct error *e)
{
	_free_ char *ticket = xasprintf("%s root", a->container);
	const struct share_use use = {
		.ticket = ticket, .source = a->root, .hint = "rootfs", .writes = true
	};
	_free_ char *guest = NULL;
	int r;

	gifts_note(g, &way_root_folder, ticket);
	r = share_get(sandbox_share(a->sandbox), &use, &guest, &g->nested, e);
	if (r >= 0)
		spec_set(&a->spec->root->path, guest);
	return r;
}

static void undo_share(struct sandbox *s, const char *what)
{
	share_put(sandbox_share(s), what);
}

static int give_tree(const struct arrival *a, struct gifts *g, struct error *e)
{
	_free_ char *ticket = xasprintf("%s root", a->container);
	_free_ char *name = path_join(a->container, "rootfs");
	_free_ char *guest = NULL;
	_close_ int treefd = rootfs_tree(a->root_mounts, a->n_root_mounts, a->root, e);
	int r = treefd;

	if (r < 0)
		return r;
	gifts_note(g, &way_root_folder, ticket);
	r = share_get_tree(sandbox_share(a->sandbox), ticket, treefd, name, &guest, e);
	if (r >= 0)
		spec_set(&a->spec->root->path, guest);
	return r;
}

static int give_mounts(const struct arrival *a, struct gifts *g, struct error *e)
{
	int r;

	if (share_namespace(sandbox_share(a->sandbox)) >= 0)
		return give_tree(a, g, e);
	gifts_note(g, &way_root_mounts, a->root);
	r = sandbox_note_mount(a->sandbox, a->root, SANDBOX_MOUNTED, e);
	if (r >= 0)
		r = rootfs_mount(a->root_mounts, a->n_root_mounts, a->root, e);
	return r < 0 ? r : give_folder(a, g, e);
}

static void undo_mounts(struct sandbox *s, const char *what)
{
	struct error e;

	rootfs_unmount(what);
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
	.undo = undo_share,
};
