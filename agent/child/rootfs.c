/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootfs - build the file tree of a container and enter it.
 *
 * The image is hostile.  Every destination is resolved once with the container's root as "/"
 * (openat2) and used as a descriptor; file systems that hold the kernel's own files (proc, sysfs)
 * do not go through links at all; nothing is mounted over procfs but a few files that report
 * numbers.  What is bound, the root as well, was opened by the agent: here are only detached mounts
 * to be put in their places, and no path of the guest is walked.  What masks a file is a mount of
 * the guest's own /dev/null, whatever the image or another container calls so.
 *
 * The tree is attached on top of "/", which this process does not notice: its root is below.  To
 * enter, pivot_root(2) drops the old tree.  An initrd cannot be dropped, it has no parent; there
 * the mounts beside the new root are detached one by one and the root is changed, which leaves the
 * new root as the only tree a path can reach.
 *
 * Runs in the child that becomes the container's first process.
 */
#include "agent/child/rootfs.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "agent/child/copy-up.h"
#include "agent/child/rootfs-dev.h"
#include "agent/child/rootfs-path.h"
#include "agent/plan/plan.h"
#include "lib/file.h"
#include "lib/idmap.h"
#include "lib/mount.h"
#include "lib/mountinfo.h"
#include "lib/rpc/proto/oci.pb-c.h"
#include "lib/str.h"

/* Files of procfs that may be covered, as by LXCFS: they report numbers and configure nothing. */
static const char *const proc_files[] = {
	"/proc/cpuinfo",  "/proc/diskstats", "/proc/loadavg", "/proc/meminfo", "/proc/net/dev",
	"/proc/slabinfo", "/proc/stat",      "/proc/swaps",   "/proc/uptime",
};

/* Options that this file needs itself, by name as everybody's. */
static int options_of(const char *const *words, size_t n, struct mount_options *ret,
		      struct error *e)
{
	_strv_ strv list = NULL;

	for (size_t i = 0; i < n; i++)
		strv_add(&list, words[i]);
	return mount_options_parse(list, n, ret, e);
}

static bool is_kernel_fs(const char *type)
{
	return !strcmp(type, "proc") || !strcmp(type, "sysfs");
}

/* What is mounted inside procfs could hide or redirect what the agent and the container's own
 * programs trust. */
static int check_target(int targetfd, const char *path, struct error *e)
{
	struct statfs fs;

	if (fstatfs(targetfd, &fs) < 0)
		return fail(e, errno, "cannot look at '%s': %m", path);
	if (fs.f_type != PROC_SUPER_MAGIC)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(proc_files); i++)
		if (!strcmp(proc_files[i], path))
			return 0;
	return fail(e, EPERM, "'%s' is inside procfs, where nothing may be mounted", path);
}

/* What the kernel calls an invalid argument. */
static int check_kind(int targetfd, const char *path, enum rootfs_kind kind, struct error *e)
{
	struct stat st;

	if (fstat(targetfd, &st) < 0)
		return fail(e, errno, "cannot look at '%s': %m", path);
	if (S_ISDIR(st.st_mode) == (kind == ROOTFS_DIR))
		return 0;
	return kind == ROOTFS_DIR ? fail(e, ENOTDIR, "'%s' is not a directory", path)
				  : fail(e, EISDIR, "'%s' is a directory", path);
}

static int attach(int rootfd, int mountfd, const char *path, enum rootfs_kind kind, struct error *e)
{
	_close_ int targetfd = rootfs_place(rootfd, path, kind, e);
	int r;

	if (targetfd < 0)
		return targetfd;
	r = check_target(targetfd, path, e);
	if (r >= 0)
		r = check_kind(targetfd, path, kind, e);
	return r < 0 ? r : mount_attach(mountfd, targetfd, path, e);
}

/* Something else in the place of /proc would be believed by the container's own programs, and by
 * what enters it. */
static bool is_false_proc(int treefd, const char *path)
{
	struct statfs fs;

	return strcmp(path, "/proc") == 0 && fstatfs(treefd, &fs) == 0 &&
	       fs.f_type != PROC_SUPER_MAGIC;
}

static int mount_bind(int rootfd, int treefd, const char *path, struct error *e)
{
	struct stat st;

	if (fstat(treefd, &st) < 0)
		return fail(e, errno, "cannot look at what is bound: %m");
	if (is_false_proc(treefd, path))
		return fail(e, EPERM, "only procfs can be mounted on '%s'", path);
	return attach(rootfd, treefd, path, S_ISDIR(st.st_mode) ? ROOTFS_DIR : ROOTFS_FILE, e);
}

/* The guest has one hierarchy, whatever version the specification was written for.  It is
 * read-only unless asked otherwise. */
static int mount_cgroup(int rootfd, const Oci__Mount *m, struct error *e)
{
	static const char *const read_only[] = { "nosuid", "nodev", "noexec", "relatime", "ro" };
	static const char *const writable[] = { "nosuid", "nodev", "noexec", "relatime" };
	_mount_options_ struct mount_options o = { 0 };
	_close_ int mountfd = -1;
	bool is_writable = false;
	int r;

	for (size_t i = 0; i < m->n_options; i++)
		is_writable = is_writable || !strcmp(m->options[i], "rw");
	r = is_writable ? options_of(writable, ARRAY_SIZE(writable), &o, e)
			: options_of(read_only, ARRAY_SIZE(read_only), &o, e);
	if (r < 0)
		return r;
	o.super_flags = 0;
	mountfd = mount_new("cgroup2", "cgroup", &o, e);
	return mountfd < 0 ? mountfd : attach(rootfd, mountfd, m->destination, ROOTFS_DIR, e);
}

static int mount_kernel_fs(int rootfd, const Oci__Mount *m, const struct mount_options *o,
			   struct error *e)
{
	_close_ int targetfd = -1, made = -1;
	_close_ int mountfd = mount_new(m->type, m->type, o, e);

	if (mountfd < 0)
		return mountfd;
	made = rootfs_place(rootfd, m->destination, ROOTFS_DIR, e);
	if (made < 0)
		return made;
	targetfd = open_without_links(rootfd, m->destination, O_PATH | O_DIRECTORY, e);
	return targetfd < 0 ? targetfd : mount_attach(mountfd, targetfd, m->destination, e);
}

/* Read-only comes last, when it is full. */
static int mount_new_filled(const Oci__Mount *m, const struct mount_options *o, int fromfd,
			    struct error *e)
{
	struct mount_options first = *o;
	_close_ int mountfd = -1;
	int r;

	first.set &= ~(uint64_t)MOUNT_RDONLY;
	first.super_flags = 0;
	mountfd = mount_new(m->type, m->source, &first, e);
	if (mountfd < 0)
		return mountfd;
	r = copy_up(fromfd, mountfd, e);
	if (r >= 0)
		r = mount_change(mountfd, o, m->destination, e);
	return r < 0 ? fail_wrap(e, "copying what is in its place") : TAKE_FD(mountfd);
}

/* A tmpfs that is to show at first what the image has in its place. */
static int mount_copy_up(int rootfd, const Oci__Mount *m, struct mount_options *o, struct error *e)
{
	_close_ int mountfd = -1, targetfd = -1;
	int r;

	o->copies_up = false;
	if (strcmp(m->type, "tmpfs") != 0)
		return fail(e, EINVAL, "mount option 'tmpcopyup' is for a tmpfs");
	r = mount_options_check_plain(o, e);
	if (r < 0)
		return r;
	targetfd = rootfs_place(rootfd, m->destination, ROOTFS_DIR, e);
	if (targetfd < 0)
		return targetfd;
	mountfd = mount_new_filled(m, o, targetfd, e);
	return mountfd < 0 ? mountfd : mount_attach(mountfd, targetfd, m->destination, e);
}

/* Owners among the options of a file system ("gid=5") are of the container; it is mounted outside
 * of its user namespace. */
static int map_option(char **option, const struct idmap *map, struct error *e)
{
	bool is_user = str_starts(*option, "uid=");
	uint64_t inside;
	uint32_t id;
	int r;

	if (!is_user && !str_starts(*option, "gid="))
		return 0;
	r = parse_u64(*option + 4, *option, UINT32_MAX, &inside, e);
	if (r >= 0)
		r = is_user ? idmap_user(map, (uid_t)inside, &id, e)
			    : idmap_group(map, (gid_t)inside, &id, e);
	if (r < 0)
		return r;
	free(*option);
	*option = xasprintf("%s=%u", is_user ? "uid" : "gid", id);
	return 0;
}

/* Linux before 6.11 reads the options of a devpts as signed numbers.  Without its group a terminal
 * has that of who opens it. */
static void drop_large_group(struct mount_options *o)
{
	size_t kept = 0;

	for (size_t i = 0; o->data && o->data[i]; i++) {
		struct error ignored;
		uint64_t id;

		if (str_starts(o->data[i], "gid=") &&
		    parse_u64(o->data[i] + 4, "gid", INT32_MAX, &id, &ignored) < 0)
			free(o->data[i]);
		else
			o->data[kept++] = o->data[i];
	}
	if (o->data)
		o->data[kept] = NULL;
}

static int map_options(const char *type, struct mount_options *o, const struct idmap *map,
		       struct error *e)
{
	int r = 0;

	if (idmap_is_empty(map))
		return 0;
	for (char **option = o->data; r >= 0 && option && *option; option++)
		r = map_option(option, map, e);
	if (strcmp(type, "devpts") == 0)
		drop_large_group(o);
	return r;
}

static int mount_other(int rootfd, const Oci__Mount *m, const struct idmap *map, struct error *e)
{
	_mount_options_ struct mount_options o = { 0 };
	_close_ int mountfd = -1;
	int r = mount_options_parse(m->options, m->n_options, &o, e);

	if (r >= 0)
		r = map_options(m->type, &o, map, e);
	if (r >= 0 && o.copies_up)
		return mount_copy_up(rootfd, m, &o, e);
	if (r >= 0)
		r = mount_options_check_plain(&o, e);
	if (r < 0)
		return r;
	if (is_kernel_fs(m->type)) {
		/* The superblock may be the guest's own: read-only is this mount, not the rest. */
		o.super_flags = 0;
		return mount_kernel_fs(rootfd, m, &o, e);
	}
	mountfd = mount_new(m->type, m->source, &o, e);
	if (mountfd >= 0 && is_false_proc(mountfd, m->destination))
		return fail(e, EPERM, "only procfs can be mounted on '%s'", m->destination);
	return mountfd < 0 ? mountfd : attach(rootfd, mountfd, m->destination, ROOTFS_DIR, e);
}

/* TREE is the number of the next tree. */
static int mount_one(int rootfd, const Oci__Spec *spec, const Oci__Mount *m, int *tree,
		     struct error *e)
{
	const struct idmap map = idmap_of_container(spec->linux);

	if (m->destination[0] != '/' || !m->destination[strspn(m->destination, "/")])
		return fail(e, EINVAL, "bad destination");
	if (!strcmp(m->type, "cgroup") || !strcmp(m->type, "cgroup2"))
		return mount_cgroup(rootfd, m, e);
	if (launch_is_bind(m))
		return mount_bind(rootfd, (*tree)++, m->destination, e);
	return mount_other(rootfd, m, &map, e);
}

static int mount_all(int rootfd, const Oci__Spec *spec, struct error *e)
{
	int tree = N_LAUNCH_SLOT + 1;

	for (size_t i = 0; i < spec->n_mounts; i++) {
		int r = mount_one(rootfd, spec, spec->mounts[i], &tree, e);

		if (r < 0)
			return fail_wrap(e, "mounting '%s' (%s) on '%s'", spec->mounts[i]->source,
					 spec->mounts[i]->type, spec->mounts[i]->destination);
	}
	return 0;
}

/* A /dev that comes from outside has its nodes already. */
static bool brings_dev(const Oci__Spec *spec)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		const Oci__Mount *m = spec->mounts[i];

		if (strcmp(m->destination, "/dev") != 0)
			continue;
		if (launch_is_bind(m))
			return true;
	}
	return false;
}

static int attach_root(const char *path, struct error *e)
{
	_close_ int topfd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_close_ int rootfd = fcntl(N_LAUNCH_SLOT, F_DUPFD_CLOEXEC, 3);
	struct stat st;
	int r;

	if (topfd < 0 || rootfd < 0)
		return fail(e, errno, "cannot open '/': %m");
	if (fstat(rootfd, &st) < 0 || !S_ISDIR(st.st_mode))
		return fail(e, ENOTDIR, "root '%s' is not a directory", path);
	r = mount_attach(rootfd, topfd, "/", e);
	return r < 0 ? r : TAKE_FD(rootfd);
}

int rootfs_build(const Oci__Spec *spec, struct error *e)
{
	_close_ int rootfd = -1;
	int r;

	/* Mounts of the agent may come in, none of ours may go out. */
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return fail(e, errno, "cannot separate the mounts: %m");
	rootfd = attach_root(spec->root->path, e);
	if (rootfd < 0)
		return rootfd;
	r = mount_all(rootfd, spec, e);
	if (r >= 0 && !brings_dev(spec))
		r = rootfs_devices(rootfd, spec, e);
	return r < 0 ? r : TAKE_FD(rootfd);
}

int rootfs_console(int rootfd, int slavefd, struct error *e)
{
	struct mount_options o = { 0 };
	_close_ int mountfd = mount_clone(slavefd, "", &o, e);

	return mountfd < 0 ? mountfd : attach(rootfd, mountfd, "/dev/console", ROOTFS_FILE, e);
}

static int mask_dir(int targetfd, const char *path, struct error *e)
{
	static const char *const words[] = { "ro", "nosuid", "nodev", "noexec", "nr_inodes=1" };
	_mount_options_ struct mount_options o = { 0 };
	_close_ int mountfd = -1;
	int r = options_of(words, ARRAY_SIZE(words), &o, e);

	if (r < 0)
		return r;
	mountfd = mount_new("tmpfs", "tmpfs", &o, e);
	return mountfd < 0 ? mountfd : mount_attach(mountfd, targetfd, path, e);
}

/* The mount that the agent gave is for the first file; once it is part of this namespace the others
 * get clones of it. */
static int mask_file(int targetfd, const char *path, bool *is_used, struct error *e)
{
	struct mount_options o = { 0 };
	_close_ int mountfd = -1;

	if (!*is_used) {
		*is_used = true;
		return mount_attach(LAUNCH_SLOT_NULL, targetfd, path, e);
	}
	mountfd = mount_clone(LAUNCH_SLOT_NULL, "", &o, e);
	return mountfd < 0 ? mountfd : mount_attach(mountfd, targetfd, path, e);
}

static bool is_missing(int r)
{
	return r == -ENOENT || r == -ENOTDIR;
}

static int mask(int rootfd, const char *path, bool *is_null_used, struct error *e)
{
	_close_ int targetfd = open_in_root(rootfd, path, O_PATH, 0, e);
	struct stat st;

	if (targetfd < 0)
		return is_missing(targetfd) ? 0 : targetfd;
	if (fstat(targetfd, &st) < 0)
		return fail(e, errno, "cannot look at '%s': %m", path);
	return S_ISDIR(st.st_mode) ? mask_dir(targetfd, path, e)
				   : mask_file(targetfd, path, is_null_used, e);
}

static int make_readonly(int rootfd, const char *path, struct error *e)
{
	static const char *const words[] = { "rbind", "rro" };
	_mount_options_ struct mount_options o = { 0 };
	_close_ int targetfd = -1, mountfd = -1;
	int r = options_of(words, ARRAY_SIZE(words), &o, e);

	if (r < 0)
		return r;
	targetfd = open_in_root(rootfd, path, O_PATH, 0, e);
	if (targetfd < 0)
		return is_missing(targetfd) ? 0 : targetfd;
	mountfd = mount_clone(targetfd, "", &o, e);
	return mountfd < 0 ? mountfd : mount_attach(mountfd, targetfd, path, e);
}

static int make_cwd(int rootfd, const char *cwd, struct error *e)
{
	_close_ int fd = -1;

	if (cwd[0] != '/')
		return fail(e, EINVAL, "working directory '%s' is not an absolute path", cwd);
	fd = rootfs_place(rootfd, cwd, ROOTFS_DIR, e);
	return fd < 0 ? fail_wrap(e, "making the working directory") : 0;
}

int rootfs_finish(int rootfd, const Oci__Spec *spec, struct error *e)
{
	static const char *const words[] = { "ro" };
	_mount_options_ struct mount_options o = { 0 };
	bool is_null_used = false;
	int r = make_cwd(rootfd, spec->process->cwd, e);

	for (size_t i = 0; r >= 0 && i < spec->linux->n_readonlypaths; i++)
		r = make_readonly(rootfd, spec->linux->readonlypaths[i], e);
	for (size_t i = 0; r >= 0 && i < spec->linux->n_maskedpaths; i++)
		r = mask(rootfd, spec->linux->maskedpaths[i], &is_null_used, e);
	if (r < 0 || !spec->root->readonly)
		return r;
	r = options_of(words, ARRAY_SIZE(words), &o, e);
	return r < 0 ? r : mount_change(rootfd, &o, "/", e);
}

static uint64_t parent_of(const struct mountinfo *info, uint64_t id)
{
	for (size_t i = 0; i < info->n; i++)
		if (info->entries[i].id == id)
			return info->entries[i].parent;
	return UINT64_MAX;
}

char **rootfs_siblings(const char *text, uint64_t tree_id)
{
	_mountinfo_ struct mountinfo info = { 0 };
	strv points = NULL;
	uint64_t parent;

	mountinfo_parse(text, &info);
	parent = parent_of(&info, tree_id);
	for (size_t i = 0; i < info.n && parent != UINT64_MAX; i++) {
		const struct mountinfo_entry *m = &info.entries[i];

		if (m->parent == parent && m->id != tree_id && m->id != parent)
			strv_add(&points, m->point);
	}
	return points;
}

/* The guest's /proc, /sys, /run and the rest would stay alive in this namespace for as long as the
 * container does. */
static int detach_others(int rootfd, int procfd, struct error *e)
{
	_free_ char *text = NULL;
	_strv_ strv points = NULL;
	struct mount_place place;
	int r = mount_look(rootfd, &place, e);

	if (r >= 0)
		r = file_read_at(procfd, "self/mountinfo", MOUNTINFO_MAX, &text, NULL, e);
	if (r < 0)
		return r;
	points = rootfs_siblings(text, place.id);
	for (char *const *point = points; point && *point; point++)
		if (umount2(*point, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL)
			return fail(e, errno, "cannot let go of the mount '%s': %m", *point);
	return 0;
}

int rootfs_enter(int rootfd, int procfd, struct error *e)
{
	int r;

	if (fchdir(rootfd) < 0)
		return fail(e, errno, "cannot enter the root: %m");
	if (syscall(SYS_pivot_root, ".", ".") == 0) {
		/* Both are "." now; the old one is on top. */
		if (umount2(".", MNT_DETACH) < 0)
			return fail(e, errno, "cannot let go of the guest's root: %m");
	} else if (errno == EINVAL) {
		r = detach_others(rootfd, procfd, e);
		if (r < 0)
			return r;
		if (chroot(".") < 0)
			return fail(e, errno, "cannot change the root: %m");
	} else {
		return fail(e, errno, "cannot change the root: %m");
	}
	return chdir("/") < 0 ? fail(e, errno, "cannot enter the new root: %m") : 0;
}

int rootfs_propagate(const char *name, struct error *e)
{
	_mount_options_ struct mount_options o = { 0 };
	_close_ int fd = -1;
	int r;

	if (str_empty(name))
		return 0;
	r = options_of(&name, 1, &o, e);
	if (r < 0)
		return r;
	if (!o.propagation)
		return fail(e, EINVAL, "bad propagation of the root '%.32s'", name);
	fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "cannot open '/': %m");
	o.propagates_tree = false;
	return mount_change(fd, &o, "/", e);
}
