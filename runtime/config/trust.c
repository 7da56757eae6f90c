/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust - refuse files that somebody else could have written.
 *
 * The configuration names programs that run as root, so whoever can write it, or replace a folder
 * on the way to it, is root.  For what is read the answer is about the open descriptor; for what
 * the VMM opens later it is about the path, whose folders are then not anybody else's to change.
 */

#include "runtime/config/trust.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "lib/str.h"

static int check_owner(const char *path, const struct stat *st, struct error *e)
{
	bool is_shared = (st->st_mode & S_IWGRP && st->st_gid != 0) || st->st_mode & S_IWOTH;

	if (st->st_uid != 0 && st->st_uid != geteuid())
		return fail(e, EPERM, "'%s' belongs to user %u, not to root; run: chown root %s",
			    path, st->st_uid, path);
	if (is_shared && !(S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX))
		return fail(e, EPERM,
			    "'%s' can be written by others than root (mode %04o); run: "
			    "chmod go-w %s",
			    path, st->st_mode & 07777U, path);
	return 0;
}

int trust_open(const char *path, struct error *e)
{
	_close_ int fd = -1;
	struct stat st;
	int r;

	/* O_NONBLOCK: a fifo must not hold us up before it is refused. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fail(e, errno, "cannot open '%s': %m", path);
	if (fstat(fd, &st) < 0)
		return fail(e, errno, "cannot look at '%s': %m", path);
	if (!S_ISREG(st.st_mode))
		return fail(e, EPERM, "'%s' is not a regular file", path);
	r = check_owner(path, &st, e);
	return r < 0 ? r : TAKE_FD(fd);
}

static int check_one(const char *path, mode_t kind, struct error *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return fail(e, errno, "cannot look at '%s': %m", path);
	if ((st.st_mode & S_IFMT) != kind)
		return fail(e, EINVAL, "'%s' is not a %s", path,
			    kind == S_IFREG   ? "regular file"
			    : kind == S_IFDIR ? "folder"
					      : "character device");
	/* Everybody may write to the kernel's random devices: that changes nothing. */
	return kind == S_IFCHR ? 0 : check_owner(path, &st, e);
}

int trust_check_path(const char *path, mode_t kind, struct error *e)
{
	_free_ char *real = realpath(path, NULL);
	int r;

	if (!real)
		return fail(e, errno, "cannot find '%s': %m", path);
	r = check_one(real, kind, e);
	while (r >= 0 && strcmp(real, "/")) {
		char *parent = path_parent(real);

		free(real);
		real = parent;
		r = check_one(real, S_IFDIR, e);
	}
	return r < 0 ? r : 0;
}
