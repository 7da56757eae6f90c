/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootfs - mount a container's root file system.
 *
 * containerd hands over what its snapshotter made: a bind or an overlay, rarely anything else.  It
 * is mounted in a copy of the host's mount namespace that lasts as long as that takes, and comes
 * out as a detached tree: the node never has these mounts in its list.  A mount inside the root is
 * put where the image's links lead to with the root as "/", never outside.
 *
 * mount(2) takes one page of options and an overlay of many layers needs more, so an overlay's
 * layers are named relative to the folder they have in common, which the kernel resolves against
 * the working directory; the thread that works in a mount namespace has one of its own.
 *
 * Where users are mapped, snapshotters keep the owners of an image's layers and ask for a mount
 * that shows others (options uidmap= and gidmap=).  An overlay cannot, but its layers can: each is
 * covered by such a mount of itself before the overlay takes it.
 *
 * Work thread.
 */

#include "runtime/sandbox/rootfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "lib/file.h"
#include "lib/idmap.h"
#include "lib/mount.h"
#include "runtime/sandbox/mountns.h"

#define LOWER_OPTION   "lowerdir="
#define USERS_OPTION   "uidmap="
#define GROUPS_OPTION  "gidmap="
#define STACKED_MOUNTS 64

static const struct {
	const char *name;
	unsigned long set;
	unsigned long clear;
} flags[] = {
	{ "async", 0, MS_SYNCHRONOUS },
	{ "atime", 0, MS_NOATIME },
	{ "bind", MS_BIND, 0 },
	{ "defaults", 0, 0 },
	{ "dev", 0, MS_NODEV },
	{ "diratime", 0, MS_NODIRATIME },
	{ "dirsync", MS_DIRSYNC, 0 },
	{ "exec", 0, MS_NOEXEC },
	{ "noatime", MS_NOATIME, 0 },
	{ "nodev", MS_NODEV, 0 },
	{ "nodiratime", MS_NODIRATIME, 0 },
	{ "noexec", MS_NOEXEC, 0 },
	{ "norelatime", 0, MS_RELATIME },
	{ "nostrictatime", 0, MS_STRICTATIME },
	{ "nosuid", MS_NOSUID, 0 },
	{ "rbind", MS_BIND | MS_REC, 0 },
	{ "relatime", MS_RELATIME, 0 },
	{ "ro", MS_RDONLY, 0 },
	{ "rw", 0, MS_RDONLY },
	{ "strictatime", MS_STRICTATIME, 0 },
	{ "suid", 0, MS_NOSUID },
	{ "sync", MS_SYNCHRONOUS, 0 },
};

static bool apply_flag(const char *option, unsigned long *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (strcmp(flags[i].name, option) == 0) {
			*value = (*value | flags[i].set) & ~flags[i].clear;
			return true;
		}
	return false;
}

static bool is_map(const char *option)
{
	return str_starts(option, USERS_OPTION) || str_starts(option, GROUPS_OPTION);
}

char *rootfs_options(char *const *options, size_t n_options, unsigned long *ret_flags)
{
	_strv_ strv data = NULL;

	*ret_flags = 0;
	for (size_t i = 0; i < n_options; i++)
		if (!is_map(options[i]) && !apply_flag(options[i], ret_flags))
			strv_add(&data, options[i]);
	return strv_join(data, ",");
}

/* The folder that all layers of LOWER ("a:b:c") have in common, or NULL. */
static char *common_folder(const char *lower)
{
	_strv_ strv layers = strv_split(lower, ":");
	size_t common = layers ? strlen(layers[0]) : 0;

	for (char **layer = layers; layer && *layer; layer++) {
		size_t same = 0;

		while (same < common && (*layer)[same] == layers[0][same] && (*layer)[same])
			same++;
		common = same;
	}
	while (common > 0 && layers[0][common - 1] != '/')
		common--;
	return common > 1 ? xstrndup(layers[0], common) : NULL;
}

/* DATA with the layers of its lowerdir relative to *RET_FOLDER, or NULL if nothing is gained. */
static char *shorten(const char *data, char **ret_folder)
{
	_strv_ strv options = strv_split(data, ",");
	_strv_ strv result = NULL;

	*ret_folder = NULL;
	for (char **option = options; option && *option; option++) {
		const char *lower = *option + strlen(LOWER_OPTION);
		_strv_ strv layers = NULL;
		_strv_ strv names = NULL;
		_free_ char *joined = NULL;

		if (!str_starts(*option, LOWER_OPTION) || *ret_folder) {
			strv_add(&result, *option);
			continue;
		}
		*ret_folder = common_folder(lower);
		if (!*ret_folder)
			return NULL;
		layers = strv_split(lower, ":");
		for (char **layer = layers; layer && *layer; layer++)
			strv_add(&names, *layer + strlen(*ret_folder));
		joined = strv_join(names, ":");
		strv_addf(&result, "%s%s", LOWER_OPTION, joined);
	}
	return *ret_folder ? strv_join(result, ",") : NULL;
}

/* The value of M's option that begins with NAME, borrowed; NULL without. */
static const char *option_of(const struct rootfs_mount *m, const char *name)
{
	for (size_t i = 0; i < m->n_options; i++)
		if (str_starts(m->options[i], name))
			return m->options[i] + strlen(name);
	return NULL;
}

/* A user namespace with the maps that M asks for, -ENOENT if it asks for none. */
static int open_map(const struct rootfs_mount *m, struct error *e)
{
	const char *users = option_of(m, USERS_OPTION), *groups = option_of(m, GROUPS_OPTION);
	_cleanup_(idmap_done) struct idmap map = { 0 };
	int r;

	if (!users && !groups)
		return -ENOENT;
	if (!users || !groups)
		return fail(e, EINVAL, "maps of owners need both, uidmap and gidmap");
	r = idmap_parse(users, groups, &map, e);
	return r < 0 ? r : idmap_open(&map, e);
}

/* Mounts SOURCE with mapped owners on TARGET, which may be SOURCE. */
static int bind_mapped(const char *source, const char *target, bool is_tree, int userns,
		       struct error *e)
{
	const struct mount_options o = { .is_bind_tree = is_tree };
	_close_ int treefd = mount_clone(AT_FDCWD, source, &o, e);
	_close_ int targetfd = -1;
	int r = treefd;

	if (r >= 0)
		r = mount_map_ids(treefd, MOUNT_IDMAP_ONE, userns, source, e);
	if (r < 0)
		return r;
	targetfd = open(target, O_PATH | O_CLOEXEC);
	if (targetfd < 0)
		return fail(e, errno, "cannot open '%s': %m", target);
	return mount_attach(treefd, targetfd, target, e);
}

static int map_layers(const struct rootfs_mount *m, int userns, struct error *e)
{
	const char *lower = option_of(m, LOWER_OPTION);
	_strv_ strv layers = lower ? strv_split(lower, ":") : NULL;
	int r = 0;

	for (char **layer = layers; r >= 0 && layer && *layer; layer++)
		r = bind_mapped(*layer, *layer, false, userns, e);
	return r;
}

/* A root file system to be mounted. */
struct root {
	const struct rootfs_mount *mounts;
	size_t n_mounts;
	const char *dir;
	int treefd;
};

/* mount(2) with the working directory FOLDER. */
static int mount_in(const char *folder, const struct rootfs_mount *m, const char *target,
		    unsigned long bits, const char *data, struct error *e)
{
	int code;

	if (chdir(folder) < 0)
		return fail(e, errno, "cannot enter '%s': %m", folder);
	code = mount(m->source, target, m->type, bits, data) < 0 ? errno : 0;
	(void)!chdir("/");
	return code ? fail(e, code, "cannot mount %s on '%s': %m", m->type, target) : 0;
}

static int mount_plain(const struct rootfs_mount *m, const char *target, struct error *e)
{
	unsigned long bits;
	_free_ char *data = rootfs_options(m->options, m->n_options, &bits);
	_free_ char *folder = NULL;
	_free_ char *shorter = NULL;
	const unsigned long bind_bits = bits & (MS_BIND | MS_REC);

	if (strlen(data) >= (size_t)sysconf(_SC_PAGESIZE))
		shorter = shorten(data, &folder);
	if (shorter)
		return mount_in(folder, m, target, bits, shorter, e);
	if (mount(m->source, target, m->type, bind_bits ? bind_bits : bits, data) < 0)
		return fail(e, errno, "cannot mount %s '%s' on '%s': %m", m->type, m->source,
			    target);
	return 0;
}

static int mount_one(const struct rootfs_mount *m, const char *target, struct error *e)
{
	_close_ int userns = open_map(m, e);
	unsigned long bits;
	_free_ char *data = NULL;
	int r;

	if (userns == -ENOENT)
		return mount_plain(m, target, e);
	if (userns < 0)
		return userns;
	data = rootfs_options(m->options, m->n_options, &bits);
	if (bits & MS_BIND)
		return bind_mapped(m->source, target, bits & MS_REC, userns, e);
	if (strcmp(m->type, "overlay") != 0)
		return fail(e, ENOTSUP, "cannot map the owners of a mount of type '%s'", m->type);
	r = map_layers(m, userns, e);
	return r < 0 ? r : mount_plain(m, target, e);
}

/* A bind ignores the other flags the first time. */
static int set_bind_flags(const struct rootfs_mount *m, const char *target, struct error *e)
{
	unsigned long bits;
	_free_ char *data = rootfs_options(m->options, m->n_options, &bits);
	const unsigned long rest = bits & ~(unsigned long)(MS_BIND | MS_REC);

	if (rest == bits || !rest)
		return 0;
	if (mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | rest, NULL) < 0)
		return fail(e, errno, "cannot set the mount flags of '%s': %m", target);
	return 0;
}

/* Where M belongs, seen from the root that is mounted on DIR so far. */
static int open_target(const char *dir, const struct rootfs_mount *m, struct error *e)
{
	_close_ int rootfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (rootfd < 0)
		return fail(e, errno, "cannot open '%s': %m", dir);
	if (str_empty(m->target))
		return TAKE_FD(rootfd);
	return open_in_root(rootfd, m->target, O_PATH, 0, e);
}

static int mount_there(const struct root *root, const struct rootfs_mount *m, struct error *e)
{
	_close_ int target = open_target(root->dir, m, e);
	_close_ int mounted = -1;
	int r = target < 0 ? target : mount_one(m, fd_path(target).s, e);

	if (r < 0)
		return r;
	mounted = open_target(root->dir, m, e);
	return mounted < 0 ? mounted : set_bind_flags(m, fd_path(mounted).s, e);
}

static int mount_all(void *arg, struct error *e)
{
	const struct root *root = arg;
	int r = dir_make(root->dir, 0711, e);

	for (size_t i = 0; r >= 0 && i < root->n_mounts; i++)
		r = mount_there(root, &root->mounts[i], e);
	return r;
}

static int mount_and_copy(void *arg, struct error *e)
{
	const struct mount_options whole = { .is_bind_tree = true,
					     .propagation = MS_PRIVATE,
					     .propagates_tree = true };
	struct root *root = arg;
	int r = mount_all(root, e);

	if (r >= 0)
		r = root->treefd = mount_clone(AT_FDCWD, root->dir, &whole, e);
	return r;
}

int rootfs_tree(const struct rootfs_mount *mounts, size_t n_mounts, const char *dir,
		struct error *e)
{
	struct root root = { .mounts = mounts, .n_mounts = n_mounts, .dir = dir, .treefd = -1 };
	_close_ int ns = mountns_new(mount_and_copy, &root, e);

	return ns < 0 ? ns : root.treefd;
}

int rootfs_mount(const struct rootfs_mount *mounts, size_t n_mounts, const char *dir,
		 struct error *e)
{
	struct root root = { .mounts = mounts, .n_mounts = n_mounts, .dir = dir };
	_close_ int here = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int r;

	if (here < 0)
		return fail(e, errno, "cannot open the mount namespace: %m");
	r = mountns_run(here, mount_all, &root, e);
	if (r < 0)
		rootfs_unmount(dir);
	return r;
}

void rootfs_unmount(const char *dir)
{
	for (int i = 0; i < STACKED_MOUNTS; i++)
		if (umount2(dir, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			return;
}
