/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shares - what the host shares with the guest, and the trees that containers get of it.
 *
 * Each mount of the host's below the exported folder is a file system of its own in the guest, made
 * when somebody first walks into its directory, an automount point, and in the mount namespace of
 * whoever walks.  A container that found one unentered would get a second file system for a volume
 * that others use as well, and one whose root it is would see its own mounts disappear behind it at
 * the first "..".  So the daemon enters every share when it arrives, in its own namespace, and
 * keeps the mount until the last container that uses it is removed: then the host's files are let
 * go of. Containers get detached copies of that mount, made here, and walk no path for them.
 *
 * The mount of a share is a shared one (mount_namespaces(7)), so that what one container mounts in
 * its copy can be seen in another's, and a mount that is entered later is entered for all copies
 * that follow.  A copy that asks for nothing follows, as with other runtimes.
 *
 * A share is the first part of a path that is a mount, an automount point, or a file; users of a
 * part of it hold the whole.  Any work thread.
 */
#include "agent/storage/shares.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "agent/plan/run-dir.h"
#include "agent/sandbox.h"
#include "agent/storage/guestfs.h"
#include "agent/storage/points.h"
#include "agent/storage/storage.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mount.h"
#include "lib/mountinfo.h"

#define NESTED_MAX 4096 /* paths of one container */

/* Where our runtime's shares are: those that others change as well, and those of the pod alone. */
static const char *const tops[] = { SANDBOX_SHARED_DIR, SANDBOX_PRIVATE_DIR };

/* The folder of shares that PATH lies in, or NULL. */
static const char *top_of(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(tops); i++)
		if (str_starts(path, tops[i]) && path[strlen(tops[i])] == '/')
			return tops[i];
	return NULL;
}

static bool is_shared_path(const char *path)
{
	return top_of(path) != NULL;
}

int share_open_entered(const char *path, struct error *e)
{
	int fd = run_dir_open(path, O_PATH | O_DIRECTORY, e);

	return fd == -ENOTDIR ? run_dir_open(path, O_PATH, e) : fd;
}

static int is_share(const char *path, uint64_t above, struct error *e)
{
	_close_ int fd = run_dir_open(path, O_PATH, e);
	struct mount_place place;
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	r = mount_look(fd, &place, e);
	if (r < 0)
		return r;
	if (place.is_automount || place.id != above)
		return 1;
	if (fstat(fd, &st) < 0)
		return fail(e, errno, "cannot look at '%s': %m", path);
	return !S_ISDIR(st.st_mode);
}

/* The share that PATH lies in, NULL if it lies in none.  Caller frees. */
static int find_share(const char *path, char **ret_share, struct error *e)
{
	_close_ int top = run_dir_open(top_of(path), O_PATH | O_DIRECTORY, e);
	const char *end = path + strlen(top_of(path));
	struct mount_place place;
	int r = top < 0 ? top : mount_look(top, &place, e);

	while (r == 0 && *(end += strspn(end, "/"))) {
		_free_ char *part = NULL;

		end += strcspn(end, "/");
		part = xstrndup(path, (size_t)(end - path));
		r = is_share(part, place.id, e);
		if (r > 0)
			*ret_share = TAKE_PTR(part);
	}
	return r < 0 ? r : 0;
}

static int let_propagate(int fd, const char *path, struct error *e)
{
	const struct mount_options shared = { .propagation = MS_SHARED };

	return mount_change(fd, &shared, path, e);
}

static int enter(struct point *p, void *arg, struct error *e)
{
	_close_ int fd = share_open_entered(p->path, e);
	struct mount_place place;
	struct statfs fs;
	int r;

	(void)arg;
	if (fd < 0)
		return fd;
	r = mount_look(fd, &place, e);
	if (r < 0 || !place.is_root)
		return r;
	if (fstatfs(fd, &fs) < 0)
		return fail(e, errno, "cannot look at '%s': %m", p->path);
	/* What somebody else mounted there is somebody else's to unmount. */
	if (fs.f_type != FUSE_FILESYSTEM)
		return 0;
	r = let_propagate(fd, p->path, e);
	if (r >= 0)
		p->mount_fd = TAKE_FD(fd);
	return r;
}

int share_hold(struct points *ps, const char *path, uint64_t deadline_ms, strv *mounts,
	       struct error *e)
{
	_free_ char *share = NULL;
	int r;

	if (!is_shared_path(path))
		return 0;
	r = find_share(path, &share, e);
	if (r < 0 || !share)
		return r;
	r = points_take(ps, share, 1, enter, NULL, deadline_ms, e);
	if (r < 0)
		return r;
	if (mounts)
		strv_add(mounts, share);
	return 0;
}

static bool is_in(const char *path, char *const *mounts)
{
	for (; mounts && *mounts; mounts++)
		if (str_starts(path, *mounts) && path[strlen(*mounts)] == '/')
			return true;
	return false;
}

/* WORDS are mount options that forbid something. */
static int forbid(int fd, const char *words, const char *path, struct error *e)
{
	_mount_options_ struct mount_options o = { 0 };
	_strv_ strv list = strv_split(words, ",");
	struct mount_place place;
	int r = mount_look(fd, &place, e);

	if (r < 0 || !place.is_root || strv_len(list) == 0)
		return r;
	r = mount_options_parse(list, strv_len(list), &o, e);
	if (r >= 0)
		r = mount_options_check_plain(&o, e);
	o.super_flags = 0;
	return r < 0 ? r : mount_change(fd, &o, path, e);
}

static int enter_one(const char *line, char *const *mounts, struct error *e)
{
	size_t len = strcspn(line, "/");
	_free_ char *words = xstrndup(line, len);
	const char *path = line + len;
	_close_ int fd = -1;

	if (!is_shared_path(path) || !is_in(path, mounts)) {
		log_warn("'%.256s' is in no share of the container", path);
		return 0;
	}
	fd = share_open_entered(path, e);
	if (fd >= 0)
		return forbid(fd, words, path, e);
	return fd == -ENOENT ? 0 : fd;
}

int share_enter_nested(const char *text, char *const *mounts, struct error *e)
{
	_strv_ strv paths = strv_split(text, "\n");
	int r = 0;

	if (strv_len(paths) > NESTED_MAX)
		return fail(e, E2BIG, "%zu mounts below its shares, at most %d are allowed",
			    strv_len(paths), NESTED_MAX);
	for (size_t i = 0; r >= 0 && i < strv_len(paths); i++)
		r = enter_one(paths[i], mounts, e);
	return r;
}

/* Asks the host whether it has PATH.  If not, the kernel lets go of what it knows of it.  A name
 * that is to be made is looked for anew, whatever is remembered; this one is not made, as a link
 * cannot lead to another file system. */
static bool is_on_host(const char *path)
{
	_free_ char *parent = path_parent(path);
	struct error ignored;
	_close_ int dir = run_dir_open(parent, O_PATH | O_DIRECTORY, &ignored);

	return dir >= 0 && linkat(AT_FDCWD, "/", dir, path_base(path), 0) < 0 && errno == EEXIST;
}

void shares_forget_gone(struct points *ps)
{
	_strv_ strv gone = points_take_gone(ps);

	for (char *const *path = gone; path && *path; path++) {
		const char *top = top_of(*path);

		if (top && is_on_host(*path) && !points_cover(ps, top, *path))
			points_add_gone(ps, *path);
	}
}

/* Who holds descriptors of it keeps it until they are closed. */
static int drop(const char *path, struct error *e)
{
	_close_ int fd = run_dir_open(path, O_PATH, e);
	struct mount_place place;
	struct statfs fs;
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = mount_look(fd, &place, e);
	if (r < 0 || !place.is_root)
		return r;
	if (fstatfs(fd, &fs) < 0)
		return fail(e, errno, "cannot look at '%s': %m", path);
	if (fs.f_type != FUSE_FILESYSTEM)
		return 0;
	log_info("the share '%.256s' is used by no container", path);
	if (umount2(fd_path(fd).s, MNT_DETACH) < 0)
		return fail(e, errno, "cannot unmount '%s': %m", path);
	return 0;
}

int shares_drop_stale(struct points *ps, struct error *e)
{
	_mountinfo_ struct mountinfo info = { 0 };
	int r = mountinfo_read(&info, e);

	for (size_t i = 0; r >= 0 && i < info.n; i++) {
		const char *point = info.entries[i].point;

		if (is_shared_path(point) && !points_cover(ps, top_of(point), point))
			r = drop(point, e);
	}
	shares_forget_gone(ps);
	return r;
}

int share_rpc_remove_stale(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	struct sandbox *sb = rpc_context(req);

	(void)in;
	(void)out;
	return shares_drop_stale(storages_points(sb->storages), e);
}

int share_tree(const char *path, const struct mount_options *o, struct error *e)
{
	_close_ int fd = -1;

	if (!str_starts(path, SANDBOX_RUN_DIR "/")) {
		guestfs_provide(path);
		return mount_clone(AT_FDCWD, path, o, e);
	}
	fd = share_open_entered(path, e);
	return fd < 0 ? fd : mount_clone(fd, "", o, e);
}
