/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy-up - fill a new tmpfs with what the image has in its place (the mount option tmpcopyup).
 *
 * The image chose the tree, so its depth is bounded; how much it is, the tmpfs bounds.  Nothing of
 * it is followed.  Runs in the child that becomes the container's first process.
 */
#include "agent/child/copy-up.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "lib/file.h"

#define DEPTH_MAX 64
#define CHUNK     (1 * MIB)

static int own(int dirfd, const char *name, const struct stat *st, struct error *e)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchownat(dirfd, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "cannot give '%s' away: %m", name);
	if (!S_ISLNK(st->st_mode) && fchmodat(dirfd, name, st->st_mode & 07777, 0) < 0)
		return fail(e, errno, "cannot set the mode of '%s': %m", name);
	(void)utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW);
	return 0;
}

static int copy_bytes(int from, int to, const char *name, struct error *e)
{
	ssize_t n;

	do
		n = sendfile(to, from, NULL, CHUNK);
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? fail(e, errno, "cannot copy '%s': %m", name) : 0;
}

static int copy_file(int from, int to, const char *name, struct error *e)
{
	_close_ int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_close_ int out = -1;

	if (in < 0)
		return fail(e, errno, "cannot open '%s': %m", name);
	out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return fail(e, errno, "cannot make '%s': %m", name);
	return copy_bytes(in, out, name, e);
}

static int copy_link(int from, int to, const char *name, struct error *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return fail(e, errno, "cannot read the link '%s': %m", name);
	target[n] = '\0';
	if (symlinkat(target, to, name) < 0)
		return fail(e, errno, "cannot make the link '%s': %m", name);
	return 0;
}

static int copy_folder(int from, int to, dev_t device, unsigned depth, struct error *e);

static int copy_below(int from, int to, const char *name, dev_t device, unsigned depth,
		      struct error *e)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	_close_ int source = -1, target = -1;

	if (depth == DEPTH_MAX)
		return fail(e, ELOOP, "'%s' is deeper than %d folders", name, DEPTH_MAX);
	if (mkdirat(to, name, 0700) < 0)
		return fail(e, errno, "cannot make '%s': %m", name);
	source = openat(from, name, flags);
	target = openat(to, name, flags);
	if (source < 0 || target < 0)
		return fail(e, errno, "cannot open '%s': %m", name);
	return copy_folder(source, target, device, depth + 1, e);
}

static int copy_one(int from, int to, const char *name, dev_t device, unsigned depth,
		    struct error *e)
{
	struct stat st;
	int r = 0;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "cannot look at '%s': %m", name);
	if (st.st_dev != device || S_ISSOCK(st.st_mode))
		return 0;
	if (S_ISDIR(st.st_mode))
		r = copy_below(from, to, name, device, depth, e);
	else if (S_ISREG(st.st_mode))
		r = copy_file(from, to, name, e);
	else if (S_ISLNK(st.st_mode))
		r = copy_link(from, to, name, e);
	else if (mknodat(to, name, st.st_mode & (S_IFMT | 0777), st.st_rdev) < 0)
		r = fail(e, errno, "cannot make '%s': %m", name);
	return r < 0 ? r : own(to, name, &st, e);
}

static int copy_folder(int from, int to, dev_t device, unsigned depth, struct error *e)
{
	int r = 0, fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		r = fail(e, errno, "cannot list a folder: %m");
		(void)close_fd(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			r = copy_one(from, to, entry->d_name, device, depth, e);
	(void)closedir(dir);
	return r;
}

int copy_up(int fromfd, int tofd, struct error *e)
{
	_close_ int to = openat(tofd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int r;

	if (to < 0 || fstat(fromfd, &st) < 0)
		return fail(e, errno, "cannot open the folder: %m");
	r = copy_folder(fromfd, to, st.st_dev, 0, e);
	return r < 0 ? r : own(to, ".", &st, e);
}
