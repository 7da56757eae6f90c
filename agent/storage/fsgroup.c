/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fsgroup - give a volume to a group.
 *
 * The tree is walked by descriptors from its root; the volume's own links cannot lead out.  A
 * folder is changed after what is in it, the root last: if the walk is cut short, the root does not
 * claim that it was finished.  Depth is limited, because every level costs a descriptor.  Work
 * threads.
 */

#include "agent/storage/fsgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 256
#define FILE_BITS 0660
#define DIR_BITS  (FILE_BITS | 0110 | S_ISGID)

struct walk {
	uint32_t gid;
	dev_t device;
};

static bool is_right(const struct walk *w, const struct stat *st)
{
	mode_t bits = S_ISDIR(st->st_mode) ? DIR_BITS : FILE_BITS;

	return st->st_gid == w->gid && (st->st_mode & bits) == bits;
}

/* FD is open, not O_PATH.  The change of group comes first: it may take bits of the mode away. */
static int give(const struct walk *w, int fd, const char *name, const struct stat *st,
		struct error *e)
{
	mode_t bits = S_ISDIR(st->st_mode) ? DIR_BITS : FILE_BITS;

	if (is_right(w, st))
		return 0;
	if (fchown(fd, (uid_t)-1, w->gid) < 0)
		return fail(e, errno, "cannot give '%.128s' to group %u: %m", name, w->gid);
	if (fchmod(fd, (st->st_mode & 07777) | bits) < 0)
		return fail(e, errno, "cannot change the mode of '%.128s': %m", name);
	return 0;
}

static int give_entry(const struct walk *w, int dirfd, const char *name, unsigned depth,
		      struct error *e);

static int give_below(const struct walk *w, int fd, const char *name, unsigned depth,
		      struct error *e)
{
	_close_ int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own < 0 ? NULL : fdopendir(own);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return fail(e, errno, "cannot list '%.128s': %m", name);
	own = -1;
	for (entry = readdir(dir); entry && r == 0; entry = readdir(dir))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			r = give_entry(w, dirfd(dir), entry->d_name, depth + 1, e);
	(void)closedir(dir);
	return r;
}

/* Links, devices and the like belong to the group and stay as they are. */
static int give_special(const struct walk *w, int dirfd, const char *name, struct error *e)
{
	if (fchownat(dirfd, name, (uid_t)-1, w->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "cannot give '%.128s' to group %u: %m", name, w->gid);
	return 0;
}

static int give_entry(const struct walk *w, int dirfd, const char *name, unsigned depth,
		      struct error *e)
{
	_close_ int fd = -1;
	struct stat st;
	int r = 0;

	if (depth > DEPTH_MAX)
		return fail(e, ELOOP, "'%.128s' is more than %d folders deep", name, DEPTH_MAX);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(e, errno, "cannot stat '%.128s': %m", name);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return give_special(w, dirfd, name, e);
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(e, errno, "cannot open '%.128s': %m", name);
	if (st.st_dev != w->device)
		return 0;
	if (S_ISDIR(st.st_mode))
		r = give_below(w, fd, name, depth, e);
	return r < 0 ? r : give(w, fd, name, &st, e);
}

int fsgroup_apply(int rootfd, uint32_t gid, enum fsgroup_policy policy, struct error *e)
{
	struct walk w = { .gid = gid };
	_close_ int fd = openat(rootfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(e, errno, "cannot open the volume: %m");
	w.device = st.st_dev;
	if (policy == FSGROUP_ON_ROOT_MISMATCH && is_right(&w, &st))
		return 0;
	r = give_below(&w, fd, ".", 0, e);
	return r < 0 ? r : give(&w, fd, ".", &st, e);
}
