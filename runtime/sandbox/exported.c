/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exported - the folders of a sandbox that are served by a virtiofsd each, and the mounts in them.
 *
 * The guest is hostile and reaches a folder as root through virtiofsd.  So its top is a
 * read-only mount: nothing can be created, renamed or replaced by a link beside the names we make,
 * and these are made below it, through a descriptor of the file system that the top covers.  A
 * mount is made as a detached tree that gets its flags before it appears, so there is no moment in
 * which a read-only volume can be written; flags hold for the mounts below it as well.  nodev,
 * nosuid and noexec are for virtiofsd, which must never open a device or run a file of the guest.
 * What the host mounts below a source later would come with the flags it has there, so a tree is
 * cut off from its origin, but for one that is to follow.
 *
 * The folders lie on a tmpfs in a mount namespace of our own.  Each virtiofsd starts in that
 * namespace and makes one for itself that follows it: as the top is a shared mount, what we mount
 * on a name appears there, too.  Once all have, the namespace keeps nothing but the tmpfs: it
 * neither holds a mount of the host busy nor is asked when the host mounts something.  A source is
 * always opened in the host's namespace, by whose list of mounts it is what its path says.
 * Unmounting takes a whole tree off its name at once (MNT_DETACH), so no path inside a volume is
 * resolved.
 *
 * Kernels before 5.12 cannot set flags on a detached tree.  There the folders are on the host, a
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

#define WATCHABLE      "watchable" /* where the agent mounts, and cannot make a folder */
#define TMPFS_OPTIONS  "mode=0700,size=8m,nr_inodes=65536"
#define TREE_FLAGS     (MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC)
#define OLD_FLAGS      ((unsigned long)(MS_NODEV | MS_NOSUID | MS_NOEXEC))
#define STACKED_MOUNTS 64

static const char *const folder_names[EXPORTED_FOLDERS_MAX] = { "shared", "private" };

/* A piece of work on mounts, in the namespace where they are. */
struct task {
	struct exported *x;
	struct exported_folder *f;
	const char *name;
	int treefd;
	const struct mount_options *options;
};

static int in_namespace(const struct exported_folder *f, mountns_work *work, struct task *t,
			struct error *e)
{
	return f->ns_fd < 0 ? work(t, e) : mountns_run(f->ns_fd, work, t, e);
}

static int make_top(struct exported_folder *f, struct error *e)
{
	if (mkdir(f->served, 0755) < 0)
		return fail(e, errno, "cannot make '%s': %m", f->served);
	f->under_fd = open(f->served, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (f->under_fd < 0)
		return fail(e, errno, "cannot open '%s': %m", f->served);
	if (mkdirat(f->under_fd, WATCHABLE, 0755) < 0)
		return fail(e, errno, "cannot make '%s/" WATCHABLE "': %m", f->served);
	if (mount(f->served, f->served, NULL, MS_BIND, NULL) < 0)
		return fail(e, errno, "cannot bind '%s' on itself: %m", f->served);
	/* virtiofsd makes its namespace a slave of this one: it follows only what is shared. */
	if (mount(NULL, f->served, NULL, MS_SHARED, NULL) < 0)
		return fail(e, errno, "cannot share mounts below '%s': %m", f->served);
	if (mount(NULL, f->served, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | OLD_FLAGS, NULL) < 0)
		return fail(e, errno, "cannot make '%s' read-only: %m", f->served);
	f->top_fd = open(f->served, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (f->top_fd < 0)
		return fail(e, errno, "cannot open '%s': %m", f->served);
	return 0;
}

static int make_tops(void *arg, struct error *e)
{
	struct task *t = arg;
	struct exported *x = t->x;
	int r = 0;

	if (mount("tmpfs", x->dir, "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, TMPFS_OPTIONS) < 0)
		return fail(e, errno, "cannot mount on '%s': %m", x->dir);
	for (size_t i = 0; r >= 0 && i < x->n_folders; i++)
		r = make_top(&x->folders[i], e);
	return r;
}

/* True if this kernel makes trees that are whole before they appear. */
static bool has_trees(void)
{
	const struct mount_options o = { .set = MOUNT_NOEXEC };
	struct error ignored;
	_close_ int fd = mount_clone(AT_FDCWD, "/proc/self", &o, &ignored);

	return fd != -ENOSYS;
}

static void describe(struct exported *x, const char *root, const char *id, size_t n_folders)
{
	*x = (struct exported){ .dir = path_join(root, id), .ns_fd = -1, .n_folders = n_folders };
	for (size_t i = 0; i < n_folders; i++)
		x->folders[i] = (struct exported_folder){
			.served = path_join(x->dir, folder_names[i]),
			.ns_fd = -1,
			.server_ns_fd = -1,
			.top_fd = -1,
			.under_fd = -1,
		};
}

int exported_open(struct exported *x, const char *root, const char *id, size_t n_folders,
		  struct error *e)
{
	struct task t = { .x = x };
	int r = dir_make(root, 0750, e);

	describe(x, root, id, n_folders);
	if (r >= 0 && mkdir(x->dir, 0700) < 0)
		r = fail(e, errno, "cannot make '%s': %m", x->dir);
	if (r < 0) {
		exported_done(x);
		return r;
	}
	if (has_trees())
		r = x->ns_fd = mountns_new(make_tops, &t, e);
	else
		r = make_tops(&t, e);
	for (size_t i = 0; i < x->n_folders; i++)
		x->folders[i].ns_fd = x->ns_fd;
	if (r < 0)
		exported_close(x);
	return r < 0 ? r : 0;
}

static int make_parent(const struct exported_folder *f, const char *name, struct error *e)
{
	_free_ char *parent = path_parent(name);

	if (strcmp(parent, ".") == 0)
		return 0;
	if (mkdirat(f->under_fd, parent, 0755) < 0 && errno != EEXIST)
		return fail(e, errno, "cannot make '%s' in the shared folder: %m", parent);
	return 0;
}

static int make_name(const struct exported_folder *f, const char *name, int sourcefd,
		     struct error *e)
{
	_close_ int fd = -1;
	struct stat st;
	int r = make_parent(f, name, e);

	if (r < 0)
		return r;
	if (fstat(sourcefd, &st) < 0)
		return fail(e, errno, "cannot look at what '%s' is to be: %m", name);
	if (S_ISDIR(st.st_mode)) {
		r = mkdirat(f->under_fd, name, 0755);
	} else {
		fd = openat(f->under_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    0644);
		r = fd;
	}
	return r < 0 ? fail(e, errno, "cannot make '%s' in the shared folder: %m", name) : 0;
}

static int attach(void *arg, struct error *e)
{
	struct task *t = arg;
	_close_ int place = openat(t->f->top_fd, t->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

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

int exported_attach(struct exported_folder *f, int treefd, const char *name, struct error *e)
{
	const struct mount_options o = tree_options(EXPORTED_READ_WRITE, EXPORTED_CUT_OFF);
	struct task t = { .f = f, .name = name, .treefd = treefd };
	int r = mount_change(treefd, &o, name, e);

	if (r >= 0)
		r = make_name(f, name, treefd, e);
	return r < 0 ? r : in_namespace(f, attach, &t, e);
}

/* The mount points at or below DIR, in the order they were made. */
static int mounts_below(const char *dir, strv *ret_found, struct error *e)
{
	_mountinfo_ struct mountinfo info = { 0 };
	int r = mountinfo_read(&info, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < info.n; i++) {
		const char *point = info.entries[i].point;

		if (path_is_within(point, dir))
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
static int make_stage(const struct exported_folder *f, const char *name, const char *place,
		      struct error *e)
{
	_close_ int fd = -1;
	struct stat st;
	int r;

	if (fstatat(f->under_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "cannot look at '%s': %m", name);
	r = S_ISDIR(st.st_mode) ? mkdir(place, 0700)
				: (fd = open(place, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	return r < 0 ? fail(e, errno, "cannot make '%s': %m", place) : 0;
}

/* Binds the old way. */
static int bind_staged(const struct exported_folder *f, int sourcefd, const char *name,
		       const struct mount_options *o, struct error *e)
{
	_free_ char *parent = path_parent(f->served);
	_free_ char *dir = path_join(parent, "stage.XXXXXX");
	_free_ char *target = path_join(f->served, name);
	_free_ char *place = NULL;
	int r;

	if (!mkdtemp(dir))
		return fail(e, errno, "cannot make '%s': %m", dir);
	place = path_join(dir, "volume");
	r = make_stage(f, name, place, e);
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

int exported_bind(struct exported_folder *f, int sourcefd, const char *name,
		  const struct exported_view *view, struct error *e)
{
	const struct mount_options o = tree_options(view->write, view->follow);
	struct task t = { .f = f, .name = name };
	_close_ int treefd = -1;
	int r = make_name(f, name, sourcefd, e);

	if (r < 0)
		return r;
	if (f->ns_fd < 0 && view->idmap != MOUNT_IDMAP_NONE)
		return fail(e, ENOTSUP, "this kernel cannot map the owners of files");
	if (f->ns_fd < 0)
		return bind_staged(f, sourcefd, name, &o, e);
	treefd = t.treefd = mount_clone(sourcefd, "", &o, e);
	if (treefd < 0)
		return treefd;
	r = mount_map_ids(treefd, view->idmap, view->userns, name, e);
	return r < 0 ? r : in_namespace(f, attach, &t, e);
}

static int change(void *arg, struct error *e)
{
	struct task *t = arg;
	_close_ int fd = openat(t->f->top_fd, t->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

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

int exported_allow(struct exported_folder *f, const char *name, enum exported_write write,
		   struct error *e)
{
	const struct mount_options o = {
		.set_tree = write == EXPORTED_READ_ONLY ? MOUNT_RDONLY : 0,
		.clear_tree = write == EXPORTED_READ_WRITE ? MOUNT_RDONLY : 0,
	};
	struct task t = { .f = f, .name = name, .options = &o };
	int r;

	if (f->ns_fd < 0)
		return fail(e, ENOTSUP, "this kernel cannot change a mount in place");
	r = in_namespace(f, change, &t, e);
	if (r >= 0 && f->server_ns_fd >= 0)
		r = mountns_run(f->server_ns_fd, change_served, &t, e);
	return r;
}

int exported_look(const struct exported_folder *f, const char *name, struct error *e)
{
	int fd = openat(f->top_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? fail(e, errno, "cannot open '%s' in the shared folder: %m", name) : fd;
}

static int detach(void *arg, struct error *e)
{
	struct task *t = arg;

	if (t->f->ns_fd < 0) {
		_free_ char *target = path_join(t->f->served, t->name);

		if (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			return fail(e, errno, "cannot unmount '%s': %m", target);
		return 0;
	}
	if (fchdir(t->f->top_fd) < 0 || umount2(t->name, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return fail(e, errno, "cannot unmount '%s' in the shared folder: %m", t->name);
	return 0;
}

void exported_unbind(struct exported_folder *f, const char *name)
{
	_free_ char *parent = path_parent(name);
	struct task t = { .f = f, .name = name };
	struct error e;
	int r = in_namespace(f, detach, &t, &e);

	if (r < 0 && r != -EINVAL && r != -ENOENT)
		log_warn("%s", e.msg);
	if (unlinkat(f->under_fd, name, 0) < 0)
		(void)unlinkat(f->under_fd, name, AT_REMOVEDIR);
	if (strcmp(parent, ".") != 0)
		(void)unlinkat(f->under_fd, parent, AT_REMOVEDIR);
}

/* The tmpfs becomes the root, and the host's mounts go. */
static int drop_host(void *arg, struct error *e)
{
	struct task *t = arg;

	if (fchdir(t->x->folders[0].under_fd) < 0 || chdir("..") < 0)
		return fail(e, errno, "cannot enter the shared folder: %m");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return fail(e, errno, "cannot change the root of a mount namespace: %m");
	if (umount2(".", MNT_DETACH) < 0)
		return fail(e, errno, "cannot drop the mounts of the host: %m");
	return 0;
}

/* The mount namespace of process PID, if it is not OURS: it may be configured to have none. */
static int open_own_namespace(pid_t pid, int ours)
{
	_free_ char *path = xasprintf("/proc/%d/ns/mnt", (int)pid);
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat of_it, of_us;

	if (fd < 0 || fstat(fd, &of_it) < 0 || fstat(ours, &of_us) < 0) {
		log_warn("the mounts of process %d are not known: %s", (int)pid, strerror(errno));
		return -1;
	}
	return of_it.st_ino == of_us.st_ino ? -1 : TAKE_FD(fd);
}

void exported_is_served(struct exported *x, const pid_t *pids)
{
	struct task t = { .x = x };
	bool have_all = true;
	struct error e;

	if (x->ns_fd < 0)
		return;
	for (size_t i = 0; i < x->n_folders; i++) {
		x->folders[i].server_ns_fd = open_own_namespace(pids[i], x->ns_fd);
		have_all &= x->folders[i].server_ns_fd >= 0;
	}
	/* One without needs the host's files here. */
	if (have_all && mountns_run(x->ns_fd, drop_host, &t, &e) < 0)
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
	static const char *const places[] = { "shared", "private", "mounts", "" };
	struct error e;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_free_ char *place = places[i][0] ? path_join(dir, places[i]) : xstrdup(dir);

		unmount_all(place);
	}
	if (tree_remove(dir, &e) < 0)
		log_warn("'%s' stays: %s", dir, e.msg);
}

static void close_all(struct exported *x)
{
	for (size_t i = 0; i < x->n_folders; i++) {
		struct exported_folder *f = &x->folders[i];

		f->top_fd = close_fd(f->top_fd);
		f->under_fd = close_fd(f->under_fd);
		f->server_ns_fd = close_fd(f->server_ns_fd);
	}
	x->ns_fd = close_fd(x->ns_fd);
}

void exported_close(struct exported *x)
{
	close_all(x);
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
	close_all(x);
	for (size_t i = 0; i < x->n_folders; i++)
		free(x->folders[i].served);
	free(x->dir);
	*x = (struct exported){ .ns_fd = -1 };
}
