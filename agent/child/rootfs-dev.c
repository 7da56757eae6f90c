/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootfs-dev - the device nodes of a container.
 *
 * The directory of a node is resolved inside the container's root, and what an image has in place
 * of a device is an error, not something to be opened.  The rules by which the nodes may be used
 * come from the same table (agent/plan/devices.h).
 *
 * Runs in the child that becomes the container's first process.
 */
#include "agent/child/rootfs-dev.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/plan/devices.h"
#include "lib/file.h"
#include "lib/idmap.h"
#include "lib/rpc/proto/oci.pb-c.h"
#include "lib/str.h"

#define DEVICES_MAX 4096 /* a privileged container of a large host names them all */
#define DEPTH_MAX   4

static const struct link {
	const char *name;
	const char *target;
} links[] = {
	{ "fd", "/proc/self/fd" },       { "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
	{ "ptmx", "pts/ptmx" },
};

/* Of the guest's /dev: what a container has of its own. */
static const char *const skipped[] = { ".", "..", "pts", "shm", "mqueue", "console", "ptmx", "fd" };

#define LOOP_MAJOR 7
#define LOOPS      8

struct node {
	const char *path;
	mode_t mode; /* with the type */
	dev_t device;
	uid_t uid;
	gid_t gid;
};

/* An image may bring the right node along; anything else of that name is refused. */
static int check_existing(int dirfd, const struct node *node, struct error *e)
{
	struct stat st;

	if (fstatat(dirfd, path_base(node->path), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "cannot look at '%s': %m", node->path);
	if ((st.st_mode & S_IFMT) == (node->mode & S_IFMT) &&
	    (S_ISFIFO(st.st_mode) || st.st_rdev == node->device))
		return 0;
	return fail(e, EEXIST, "'%s' of the image is not the device it is named after", node->path);
}

enum existing { EXISTING_CHECKED, EXISTING_KEPT };

static int make_node_as(int rootfd, const struct node *node, enum existing existing,
			struct error *e)
{
	_free_ char *parent = path_parent(node->path);
	const char *name = path_base(node->path);
	_close_ int dirfd = -1;

	if (node->path[0] != '/' || !*name || !strcmp(name, "..") || !strcmp(name, "."))
		return fail(e, EINVAL, "bad path of a device '%s'", node->path);
	dirfd = dir_make_in_root(rootfd, parent, 0755, e);
	if (dirfd < 0)
		return fail_wrap(e, "making the device '%s'", node->path);
	if (mknodat(dirfd, name, node->mode, node->device) < 0) {
		if (errno == EEXIST)
			return existing == EXISTING_KEPT ? 0 : check_existing(dirfd, node, e);
		return fail(e, errno, "cannot make the device '%s': %m", node->path);
	}
	/* O_EXCL semantics of mknod: the node is ours, so these reach nothing else. */
	if (fchownat(dirfd, name, node->uid, node->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "cannot give away the device '%s': %m", node->path);
	if (fchmodat(dirfd, name, node->mode & 07777, 0) < 0)
		return fail(e, errno, "cannot set the mode of the device '%s': %m", node->path);
	return 0;
}

static int make_node(int rootfd, const struct node *node, struct error *e)
{
	return make_node_as(rootfd, node, EXISTING_CHECKED, e);
}

/* What is there already, the container was given by name. */
static int make_new_node(int rootfd, const struct node *node, struct error *e)
{
	return make_node_as(rootfd, node, EXISTING_KEPT, e);
}

static int node_of(const Oci__LinuxDevice *device, const struct idmap *map, struct node *ret,
		   struct error *e)
{
	mode_t type;

	if (!strcmp(device->type, "c") || !strcmp(device->type, "u"))
		type = S_IFCHR;
	else if (!strcmp(device->type, "b"))
		type = S_IFBLK;
	else if (!strcmp(device->type, "p"))
		type = S_IFIFO;
	else
		return fail(e, EINVAL, "device '%s' has a bad type '%.16s'", device->path,
			    device->type);
	if (device->major < 0 || device->major > INT32_MAX || device->minor < 0 ||
	    device->minor > INT32_MAX)
		return fail(e, EINVAL, "device '%s' has bad numbers", device->path);
	*ret = (struct node){
		.path = device->path,
		.mode = type | (device->filemode ? device->filemode & 0777 : 0666),
		.device = makedev((unsigned)device->major, (unsigned)device->minor),
	};
	if (idmap_user(map, device->uid, &ret->uid, e) < 0 ||
	    idmap_group(map, device->gid, &ret->gid, e) < 0)
		return fail_wrap(e, "device '%s'", device->path);
	return 0;
}

/* A node of the container's root, which is whom this process acts as. */
static struct node own_node(const char *path, mode_t mode)
{
	return (struct node){ .path = path,
			      .mode = mode,
			      .uid = (uid_t)setfsuid((uid_t)-1),
			      .gid = (gid_t)setfsgid((gid_t)-1) };
}

static int make_defaults(int rootfd, struct error *e)
{
	for (size_t i = 0; i < n_default_devices; i++) {
		const struct default_device *d = &default_devices[i];
		struct node node = own_node(d->path, S_IFCHR | 0666);
		int r;

		if (!d->path)
			continue;
		node.device = makedev((unsigned)d->major, (unsigned)d->minor);
		r = make_node(rootfd, &node, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What a machine has for a loop device to be mounted without anybody making its node. */
static int make_loops(int rootfd, struct error *e)
{
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < LOOPS; i++) {
		_free_ char *path = xasprintf("/dev/loop%u", i);
		struct node node = own_node(path, S_IFBLK | 0660);

		node.device = makedev(LOOP_MAJOR, i);
		r = make_new_node(rootfd, &node, e);
	}
	return r;
}

static bool is_skipped(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(skipped); i++)
		if (!strcmp(skipped[i], name))
			return true;
	return false;
}

static int copy_nodes(int rootfd, int dirfd, const char *path, unsigned depth, struct error *e);

static int copy_node(int rootfd, int dirfd, const char *path, unsigned depth, struct error *e)
{
	struct node node;
	struct stat st;
	_close_ int fd = -1;

	if (fstatat(dirfd, path_base(path), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
		fd = openat(dirfd, path_base(path),
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		return fd < 0 ? 0 : copy_nodes(rootfd, fd, path, depth + 1, e);
	}
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return 0;
	node = own_node(path, st.st_mode);
	node.device = st.st_rdev;
	return make_new_node(rootfd, &node, e);
}

static int copy_nodes(int rootfd, int dirfd, const char *path, unsigned depth, struct error *e)
{
	int copy = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;
	int r = 0;

	if (!dir) {
		(void)close_fd(copy);
		return fail(e, errno, "cannot list '%s' of the guest: %m", path);
	}
	for (entry = readdir(dir); entry && r >= 0; entry = readdir(dir)) {
		_free_ char *below = path_join(path, entry->d_name);

		if (!is_skipped(entry->d_name))
			r = copy_node(rootfd, dirfd, below, depth, e);
	}
	(void)closedir(dir);
	return r;
}

/* Who may use every device finds them: those of the guest, as it would those of a host. */
static int make_guest_devices(int rootfd, struct error *e)
{
	_close_ int dirfd = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dirfd < 0 ? fail(e, errno, "cannot open '/dev' of the guest: %m")
			  : copy_nodes(rootfd, dirfd, "/dev", 0, e);

	if (r >= 0 && faccessat(dirfd, "loop-control", F_OK, 0) == 0)
		r = make_loops(rootfd, e);
	return r;
}

/* A link the image has already is its own affair: it leads nowhere outside the root. */
static int make_links(int rootfd, struct error *e)
{
	_close_ int dirfd = dir_make_in_root(rootfd, "/dev", 0755, e);

	if (dirfd < 0)
		return dirfd;
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlinkat(links[i].target, dirfd, links[i].name) < 0 && errno != EEXIST)
			return fail(e, errno, "cannot make the link '/dev/%s': %m", links[i].name);
	return 0;
}

int rootfs_devices(int rootfd, const Oci__Spec *spec, struct error *e)
{
	const struct idmap map = idmap_of_container(spec->linux);
	int r = make_defaults(rootfd, e);

	if (r >= 0 && spec->linux->n_devices > DEVICES_MAX)
		return fail(e, E2BIG, "%zu devices, at most %d are allowed", spec->linux->n_devices,
			    DEVICES_MAX);
	for (size_t i = 0; r >= 0 && i < spec->linux->n_devices; i++) {
		struct node node;

		r = node_of(spec->linux->devices[i], &map, &node, e);
		if (r >= 0)
			r = make_node(rootfd, &node, e);
	}
	if (r >= 0 && devices_are_all_allowed(spec))
		r = make_guest_devices(rootfd, e);
	return r < 0 ? r : make_links(rootfd, e);
}
