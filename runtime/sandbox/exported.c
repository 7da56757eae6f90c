/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exported - the folder of a sandbox that virtiofsd serves, and the mounts in it.
 *
 * The guest is hostile and reaches this folder as root through virtiofsd.  So its top is a
 * read-only mount: nothing can be created, renamed or replaced by a link beside the names we make,
 * and these are made below it, through a descriptor of the file system that the top covers.  A
 * mount is made as a detached tree that gets its flags before it appears, so there is no moment in
 * which a read-only volume can be written; flags hold for the mounts below it as well.  nodev,
 * nosuid and noexec are for virtiofsd, which must never open a device or run a file of the guest.
 * What the host mounts below a source later would come with the flags it has there, so a tree is
 * cut off from its origin, but for one that is to follow.
 *
 * The folder lies on a tmpfs in a mount namespace of our own.  virtiofsd starts in that namespace
 * and makes one for itself that follows it: as the top is a shared mount, what we mount on a name
 * appears there, too.  Once it has, the namespace keeps nothing but the tmpfs: it neither holds a
 * mount of the host busy nor is asked when the host mounts something.  A source is always opened in
 * the host's namespace, by whose list of mounts it is what its path says.  Unmounting takes a whole
 * tree off its name at once (MNT_DETACH), so no path inside a volume is resolved.
 *
 * Kernels before 5.12 cannot set flags on a detached tree.  There the folder is on the host, a
 * source is bound aside first, gets its flags, and is bound from there.
 */

#include "runtime/sandbox/exported.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/mount.h"
#include "lib/mountinfo.h"
#include "runtime/sandbox/mountns.h"

#define SERVED         "shared"
#define WATCHABLE      "watchable" /* where the agent mounts, and cannot make a folder */
#define TMPFS_OPTIONS  "mode=0700,size=8m,nr_inodes=65536"
#define TREE_FLAGS     (MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC)
#define OLD_FLAGS      ((unsigned long)(MS_NODEV | MS_NOSUID | MS_NOEXEC))
#define STACKED_MOUNTS 64

/* A piece of work on X's mounts, in the namespace where they are. */
struct task {
	struct exported *x;
	const char *name;
	int treefd;
	const struct mount_options *options;
};

static int in_namespace(struct exported *x, mountns_work *work, struct task *t, struct error *e)
{
	return x->ns_fd < 0 ? work(t, e) : mountns_run(x->ns_fd, work, t, e);
}

static int make_top(void *arg, struct error *e)
{
	struct task *t = arg;
	struct exported *x = t->x;

	if (mount("tmpfs", x->dir, "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, TMPFS_OPTIONS) < 0)
		return fail(e, errno, "cannot mount on '%s': %m", x->dir);
	if (mkdir(x->served, 0755) < 0)
		return fail(e, errno, "cannot make '%s': %m", x->served);
	x->under_fd = open(x->served, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (x->under_fd < 0)
		return fail(e, errno, "cannot open '%s': %m", x->served);
	if (mkdirat(x->under_fd, WATCHABLE, 0755) < 0)
		return fail(e, errno, "cannot make '%s/" WATCHABLE "': %m", x->served);
	if (mount(x->served, x->served, NULL, MS_BIND, NULL) < 0)
		return fail(e, errno, "cannot bind '%s' on itself: %m", x->served);
	/* virtiofsd makes its namespace a slave of this one: it follows only what is shared. */
	if (mount(NULL, x->served, NULL, MS_SHARED, NULL) < 0)
		return fail(e, errno, "cannot share mounts below '%s': %m", x->served);
	if (mount(NULL, x->served, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | OLD_FLAGS, NULL) < 0)
		return fail(e, errno, "cannot make '%s' read-only: %m", x->served);
	x->top_fd = open(x->served, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (x->top_fd < 0)
		return fail(e, errno, "cannot open '%s': %m", x->served);
	return 0;
}

/* True if this kernel makes trees that are whole before they appear. */
static bool has_trees(void)
{
	const struct mount_options o = { .set = MOUNT_NOEXEC };
	struct error ignored;
	_close_ int fd = mount_clone(AT_FDCWD, "/proc/self", &o, &ignored);

	return fd != -ENOSYS;
}

int exported_open(struct exported *x, const char *root, const char *id, struct error *e)
{
	struct task t = { .x = x };
	int r = dir_make(root, 0750, e);

	*x = (struct exported)EXPORTED_INIT;
	if (r < 0)
		return r;
	x->dir = path_join(root, id);
	x->served = path_join(x->dir, SERVED);
	if (mkdir(x->dir, 0700) < 0) {
		r = fail(e, errno, "cannot make '%s': %m", x->dir);
		exported_done(x);
		return r;
	}
	if (has_trees())
		r = x->ns_fd = mountns_new(make_top, &t, e);
	else
		r = make_top(&t, e);
	if (r < 0)
		exported_close(x);
	return r < 0 ? r : 0;
}

static int make_parent(const struct exported *x, const char *name, struct error *e)
{
	_free_ char *parent = path_parent(name);

	if (strcmp(parent, ".") == 0)
		return 0;
	if (mkdirat(x->under_fd, parent, 0755) < 0 && errno != EEXIST)
		return fail(e, errno, "cannot make '%s' in the shared folder: %m", parent);
	return 0;
}

static int make_name(const struct exported *x, const char *name, int sourcefd, struct error *e)
{
	_close_ int fd = -1;
	struct stat st;
	int r = make_parent(x, name, e);

	if (r < 0)
		return r;
	if (fstat(sourcefd, &st) < 0)
		return fail(e, errno, "cannot look at what '%s' is to be: %m", name);
	if (S_ISDIR(st.st_mode)) {
		r = mkdirat(x->under_fd, name, 0755);
	} else {
		fd = openat(x->under_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    0644);
		r = fd;
	}
	return r < 0 ? fail(e, errno, "cannot make '%s' in the shared folder: %m", name) : 0;
}

static int attach(void *arg, struct error *e)
{
	struct task *t = arg;
	_close_ int place = openat(t->x->top_fd, t->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (place < 0)
		return fail(e, errno, "cannot open '%s' in the shared folder: %m", t->name);
	return mount_attach(t->treefd, place, t->name, e);
}

static struct mount_options tree_options(enum exported_write write, enum exported_follow follow)
{
	return (struct mount_options){
		.is_bind_tree = true,
		.set_tree = TREE_FLAGS | (write == EXPORTED_READ_ONLY ? MOUNT_RDONLY : 0),
		.propagation = follow == EXPORTED_FOLLOWING ? MS_SLAVE : MS_PRIVATE,
		.propagates_tree = true,
	};
}

int exported_attach(struct exported *x, int treefd, const char *name, struct error *e)
{
	const struct mount_options o = tree_options(EXPORTED_READ_WRITE, EXPORTED_CUT_OFF);
	struct task t = { .x = x, .name = name, .treefd = treefd };
	int r = mount_change(treefd, &o, name, e);

	if (r >= 0)
		r = make_name(x, name, treefd, e);
	return r < 0 ? r : in_namespace(x, attach, &t, e);
}

/* The mount points at or below DIR, in the order they were made. */
static int mounts_below(const char *dir, strv *ret_found, struct error *e)
{
	_mountinfo_ struct mountinfo info = { 0 };
	size_t len = strlen(dir);
	int r = mountinfo_read(&info, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < info.n; i++) {
		const char *point = info.entries[i].point;

		if (strncmp(point, dir, len) == 0 && (point[len] == '/' || point[len] == '\0'))
			strv_add(ret_found, point);
	}
	return 0;
}

static int set_old_flags(const char *place, unsigned long flags, struct error *e)
{
	_strv_ strv found = NULL;
	int r = mounts_below(place, &found, e);

	if (r >= 0 && !found)
		r = fail(e, ENOENT, "'%s' is not mounted", place);
	for (size_t i = 0; r >= 0 && i < strv_len(found); i++)
		if (mount(NULL, found[i], NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0)
			r = fail(e, errno, "cannot set the mount flags of '%s': %m", found[i]);
	return r;
}

static int stage(const char *source, const char *place, const struct mount_options *o,
		 struct error *e)
{
	unsigned long flags = OLD_FLAGS | (o->set_tree & MOUNT_RDONLY ? MS_RDONLY : 0);

	if (mount(source, place, NULL, MS_BIND | MS_REC, NULL) < 0)
		return fail(e, errno, "cannot bind '%s' on '%s': %m", source, place);
	if (mount(NULL, place, NULL, o->propagation | MS_REC, NULL) < 0)
		return fail(e, errno, "cannot set the propagation of '%s': %m", place);
	return set_old_flags(place, flags, e);
}

/* Makes PLACE a file or a folder, as NAME is. */
static int make_stage(const struct exported *x, const char *name, const char *place,
		      struct error *e)
{
	_close_ int fd = -1;
	struct stat st;
	int r;

	if (fstatat(x->under_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "cannot look at '%s': %m", name);
	r = S_ISDIR(st.st_mode) ? mkdir(place, 0700)
				: (fd = open(place, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	return r < 0 ? fail(e, errno, "cannot make '%s': %m", place) : 0;
}

/* Binds the old way. */
static int bind_staged(const struct exported *x, int sourcefd, const char *name,
		       const struct mount_options *o, struct error *e)
{
	_free_ char *dir = path_join(x->dir, "stage.XXXXXX");
	_free_ char *target = path_join(x->served, name);
	_free_ char *place = NULL;
	int r;

	if (!mkdtemp(dir))
		return fail(e, errno, "cannot make '%s': %m", dir);
	place = path_join(dir, "volume");
	r = make_stage(x, name, place, e);
	if (r >= 0)
		r = stage(fd_path(sourcefd).s, place, o, e);
	if (r >= 0 && mount(place, target, NULL, MS_BIND | MS_REC, NULL) < 0)
		r = fail(e, errno, "cannot bind on '%s': %m", target);
	(void)umount2(place, MNT_DETACH | UMOUNT_NOFOLLOW);
	if (unlink(place) < 0)
		(void)rmdir(place);
	(void)rmdir(dir);
	return r;
}

int exported_bind(struct exported *x, int sourcefd, const char *name, enum exported_write write,
		  enum exported_follow follow, struct error *e)
{
	const struct mount_options o = tree_options(write, follow);
	struct task t = { .x = x, .name = name };
	_close_ int treefd = -1;
	int r = make_name(x, name, sourcefd, e);

	if (r < 0)
		return r;
	if (x->ns_fd < 0)
		return bind_staged(x, sourcefd, name, &o, e);
	treefd = t.treefd = mount_clone(sourcefd, "", &o, e);
	return treefd < 0 ? treefd : in_namespace(x, attach, &t, e);
}

static int change(void *arg, struct error *e)
{
	struct task *t = arg;
	_close_ int fd = openat(t->x->top_fd, t->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return fail(e, errno, "cannot open '%s' in the shared folder: %m", t->name);
	return mount_change(fd, t->options, t->name, e);
}

/* In virtiofsd's namespace, whose root is the folder. */
static int change_served(void *arg, struct error *e)
{
	struct task *t = arg;
	_close_ int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_close_ int fd = -1;

	if (top >= 0)
		fd = openat(top, t->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "cannot open '%s' where virtiofsd is: %m", t->name);
	return mount_change(fd, t->options, t->name, e);
}

int exported_allow(struct exported *x, const char *name, enum exported_write write, struct error *e)
{
	const struct mount_options o = {
		.set_tree = write == EXPORTED_READ_ONLY ? MOUNT_RDONLY : 0,
		.clear_tree = write == EXPORTED_READ_WRITE ? MOUNT_RDONLY : 0,
	};
	struct task t = { .x = x, .name = name, .options = &o };
	int r;

	if (x->ns_fd < 0)
		return fail(e, ENOTSUP, "this kernel cannot change a mount in place");
	r = in_namespace(x, change, &t, e);
	if (r >= 0 && x->server_ns_fd >= 0)
		r = mountns_run(x->server_ns_fd, change_served, &t, e);
	return r;
}

int exported_look(const struct exported *x, const char *name, struct error *e)
{
	int fd = openat(x->top_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? fail(e, errno, "cannot open '%s' in the shared folder: %m", name) : fd;
}

static int detach(void *arg, struct error *e)
{
	struct task *t = arg;

	if (t->x->ns_fd < 0) {
		_free_ char *target = path_join(t->x->served, t->name);

		if (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			return fail(e, errno, "cannot unmount '%s': %m", target);
		return 0;
	}
	if (fchdir(t->x->top_fd) < 0 || umount2(t->name, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return fail(e, errno, "cannot unmount '%s' in the shared folder: %m", t->name);
	return 0;
}

void exported_unbind(struct exported *x, const char *name)
{
	_free_ char *parent = path_parent(name);
	struct task t = { .x = x, .name = name };
	struct error e;
	int r = in_namespace(x, detach, &t, &e);

	if (r < 0 && r != -EINVAL && r != -ENOENT)
		log_warn("%s", e.msg);
	if (unlinkat(x->under_fd, name, 0) < 0)
		(void)unlinkat(x->under_fd, name, AT_REMOVEDIR);
	if (strcmp(parent, ".") != 0)
		(void)unlinkat(x->under_fd, parent, AT_REMOVEDIR);
}

/* The tmpfs becomes the root, and the host's mounts go. */
static int drop_host(void *arg, struct error *e)
{
	struct task *t = arg;

	if (fchdir(t->x->under_fd) < 0 || chdir("..") < 0)
		return fail(e, errno, "cannot enter the shared folder: %m");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return fail(e, errno, "cannot change the root of a mount namespace: %m");
	if (umount2(".", MNT_DETACH) < 0)
		return fail(e, errno, "cannot drop the mounts of the host: %m");
	return 0;
}

void exported_is_served(struct exported *x, pid_t pid)
{
	_free_ char *path = xasprintf("/proc/%d/ns/mnt", (int)pid);
	_close_ int fd = -1;
	struct task t = { .x = x };
	struct stat ours, its;
	struct error e;

	if (x->ns_fd < 0)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &its) < 0 || fstat(x->ns_fd, &ours) < 0) {
		log_warn("the mounts of process %d are not known: %s", (int)pid, strerror(errno));
		return;
	}
	/* It may be configured to have none of its own: then it needs the host's files here. */
	if (its.st_ino == ours.st_ino)
		return;
	x->server_ns_fd = TAKE_FD(fd);
	if (mountns_run(x->ns_fd, drop_host, &t, &e) < 0)
		log_debug("mounts of the host stay in the sandbox's namespace: %s", e.msg);
}

/* On the host itself, where an old kernel or an older version put them. */
static void unmount_all(const char *place)
{
	for (int i = 0; i < STACKED_MOUNTS; i++)
		if (umount2(place, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			return;
}

/* Every place in DIR on which an older kernel or version mounts has a name that is known: none is
 * read from a list in which the guest's or a neighbour's names are. */
static void remove_dir(const char *dir)
{
	static const char *const places[] = { SERVED, "mounts", "" };
	struct error e;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_free_ char *place = places[i][0] ? path_join(dir, places[i]) : xstrdup(dir);

		unmount_all(place);
	}
	if (tree_remove(dir, &e) < 0)
		log_warn("'%s' stays: %s", dir, e.msg);
}

void exported_close(struct exported *x)
{
	x->top_fd = close_fd(x->top_fd);
	x->under_fd = close_fd(x->under_fd);
	x->ns_fd = close_fd(x->ns_fd);
	x->server_ns_fd = close_fd(x->server_ns_fd);
	if (x->dir)
		remove_dir(x->dir);
	exported_done(x);
}

void exported_forget(const char *root, const char *id)
{
	_free_ char *dir = path_join(root, id);

	remove_dir(dir);
}

void exported_done(struct exported *x)
{
	(void)close_fd(x->top_fd);
	(void)close_fd(x->under_fd);
	(void)close_fd(x->ns_fd);
	(void)close_fd(x->server_ns_fd);
	free(x->dir);
	free(x->served);
	*x = (struct exported)EXPORTED_INIT;
}
