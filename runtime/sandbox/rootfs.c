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
 * Layers (layers.h) are mounted on folders of a tmpfs on the root's folder, and the last of them,
 * which names those, covers it.  A file is mounted as it is where its file system can that, else
 * by a loop device, which goes with the mount.
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
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/idmap.h"
#include "lib/mount.h"
#include "runtime/sandbox/layers.h"
#include "runtime/sandbox/loopdev.h"
#include "runtime/sandbox/mountns.h"

#define LOWER_OPTION   "lowerdir="
#define USERS_OPTION   "uidmap="
#define GROUPS_OPTION  "gidmap="
#define DEVICE_OPTION  "device="
#define FILE_OPTION    "loop"
#define STACKED_MOUNTS 64
#define FILES_MAX      64 /* of one file system */

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

static unsigned long flags_of(const struct rootfs_mount *m)
{
	unsigned long bits;

	free(rootfs_options(m->options, m->n_options, &bits));
	return bits;
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

static int mount_device(const struct rootfs_mount *m, const char *target, struct error *e)
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

/* A file system that lies in files, and the loop devices of them. */
struct image {
	strv options;
	strv nodes;
	int fds[FILES_MAX];
	size_t n;
};

static void image_done(struct image *image)
{
	while (image->n > 0)
		(void)close_fd(image->fds[--image->n]);
	strv_free(image->options);
	strv_free(image->nodes);
}

/* *ret_node is borrowed from IMAGE. */
static int add_loop(struct image *image, const char *file, enum loopdev_access access,
		    const char **ret_node, struct error *e)
{
	char *node = NULL;
	int fd = image->n < FILES_MAX ? loopdev_attach(file, access, &node, e)
				      : fail(e, E2BIG, "a file system of too many files");

	if (fd < 0)
		return fd;
	image->fds[image->n++] = fd;
	strv_take(&image->nodes, node);
	*ret_node = node;
	return 0;
}

static int mount_by_loops(const struct rootfs_mount *m, const char *target, struct error *e)
{
	_cleanup_(image_done) struct image image = { 0 };
	struct rootfs_mount by_loops = *m;
	enum loopdev_access access =
		flags_of(m) & MS_RDONLY ? LOOPDEV_READ_ONLY : LOOPDEV_READ_WRITE;
	int r = add_loop(&image, m->source, access, &by_loops.source, e);

	for (size_t i = 0; r >= 0 && i < m->n_options; i++) {
		const char *node = m->options[i];

		if (!str_starts(node, DEVICE_OPTION)) {
			strv_add(&image.options, node);
			continue;
		}
		r = add_loop(&image, node + strlen(DEVICE_OPTION), access, &node, e);
		if (r >= 0)
			strv_addf(&image.options, "%s%s", DEVICE_OPTION, node);
	}
	by_loops.options = image.options;
	by_loops.n_options = strv_len(image.options);
	return r < 0 ? r : mount_device(&by_loops, target, e);
}

static int mount_file(const struct rootfs_mount *m, const char *target, struct error *e)
{
	struct rootfs_mount plain = *m;
	_strv_ strv options = NULL;
	int r;

	for (size_t i = 0; i < m->n_options; i++)
		if (!str_equal(m->options[i], FILE_OPTION))
			strv_add(&options, m->options[i]);
	plain.options = options;
	plain.n_options = strv_len(options);
	r = mount_device(&plain, target, e);
	return r == -ENOTBLK ? mount_by_loops(&plain, target, e) : r;
}

static int mount_plain(const struct rootfs_mount *m, const char *target, struct error *e)
{
	for (size_t i = 0; i < m->n_options; i++)
		if (str_equal(m->options[i], FILE_OPTION))
			return mount_file(m, target, e);
	return mount_device(m, target, e);
}

static int mount_one(const struct rootfs_mount *m, const char *target, struct error *e)
{
	_close_ int userns = open_map(m, e);
	unsigned long bits;
	int r;

	if (userns == -ENOENT)
		return mount_plain(m, target, e);
	if (userns < 0)
		return userns;
	bits = flags_of(m);
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
	const unsigned long bits = flags_of(m);
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

static int make_folders(const struct layers_mount *m, struct error *e)
{
	for (char *const *folder = m->folders; folder && *folder; folder++) {
		_free_ char *path = NULL;
		mode_t mode;
		int r = layers_folder(*folder, &path, &mode, e);

		if (r >= 0 && mkdir(path, mode) < 0 && errno != EEXIST)
			r = fail(e, errno, "cannot make '%s': %m", path);
		if (r < 0)
			return r;
	}
	return 0;
}

/* PLACES are those of the mounts before it, and get this one's. */
static int mount_layer(const struct rootfs_mount *raw, struct layers_place *places, size_t number,
		       const char *point, struct error *e)
{
	_layers_mount_ struct layers_mount m = { 0 };
	struct rootfs_mount filled;
	int r = layers_fill(raw, places, number, &m, e);

	if (r >= 0)
		r = make_folders(&m, e);
	if (r < 0)
		return r;
	filled = (struct rootfs_mount){ .type = m.type,
					.source = m.source,
					.options = m.options,
					.n_options = strv_len(m.options) };
	r = mount_one(&filled, point, e);
	if (r >= 0)
		r = set_bind_flags(&filled, point, e);
	if (r >= 0)
		places[number] = (struct layers_place){ xstrdup(m.source), xstrdup(point) };
	return r;
}

static int mount_layers(const struct root *root, struct error *e)
{
	_free_ struct layers_place *places = xcalloc(root->n_mounts, sizeof(*places));
	size_t last = root->n_mounts - 1;
	int r = 0;

	if (mount("layers", root->dir, "tmpfs", 0, "mode=0700") < 0)
		return fail(e, errno, "cannot mount a tmpfs on '%s': %m", root->dir);
	for (size_t i = 0; r >= 0 && i < last; i++) {
		_free_ char *point = xasprintf("%s/%zu", root->dir, i);

		r = dir_make(point, 0700, e);
		if (r >= 0)
			r = mount_layer(&root->mounts[i], places, i, point, e);
	}
	if (r >= 0)
		r = mount_layer(&root->mounts[last], places, last, root->dir, e);
	for (size_t i = 0; i <= last; i++) {
		free(places[i].source);
		free(places[i].point);
	}
	return r;
}

static int mount_all(void *arg, struct error *e)
{
	const struct root *root = arg;
	int r = dir_make(root->dir, 0711, e);

	if (r >= 0 && layers_are(root->mounts, root->n_mounts))
		return mount_layers(root, e);
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

static size_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static size_t copy_size(const struct rootfs_mount *m)
{
	size_t size = sizeof(*m) + m->n_options * sizeof(*m->options);

	for (size_t i = 0; i < m->n_options; i++)
		size += text_size(m->options[i]);
	return size + text_size(m->type) + text_size(m->source) + text_size(m->target);
}

static char *copy_text(char **at, const char *text)
{
	char *copy = *at;

	if (!text)
		return NULL;
	memcpy(copy, text, text_size(text));
	*at += text_size(text);
	return copy;
}

struct rootfs_mount *rootfs_mounts_copy(const struct rootfs_mount *mounts, size_t n_mounts)
{
	size_t size = 0, n_options = 0;
	struct rootfs_mount *copies;
	char **options, *text;

	for (size_t i = 0; i < n_mounts; i++) {
		size += copy_size(&mounts[i]);
		n_options += mounts[i].n_options;
	}
	copies = xcalloc(1, size + 1);
	options = (char **)(void *)(copies + n_mounts);
	text = (char *)(options + n_options);
	for (size_t i = 0; i < n_mounts; i++) {
		const struct rootfs_mount *m = &mounts[i];

		copies[i] = (struct rootfs_mount){ .type = copy_text(&text, m->type),
						   .source = copy_text(&text, m->source),
						   .target = copy_text(&text, m->target),
						   .options = options,
						   .n_options = m->n_options };
		for (size_t k = 0; k < m->n_options; k++)
			*options++ = copy_text(&text, m->options[k]);
	}
	return copies;
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
