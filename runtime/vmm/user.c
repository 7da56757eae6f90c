/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user - a user id of its own for each VM.
 *
 * A VMM that a guest has taken over must find nothing that its user may touch, no other VMM least
 * of all, so no two have the same id.  An id is reserved by a lock on a file of its name, which the
 * shim holds as long as the VM is; the kernel gives it back when a shim dies.  A file without a
 * lock is a leftover and taken again.  The search begins where the name says, so that many that
 * start at once do not all ask for the same.
 */

#include "runtime/vmm/user.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/str.h"

/* FNV-1a, 32 bits. */
static uint32_t hash(const char *name)
{
	uint32_t h = UINT32_C(2166136261);

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * UINT32_C(16777619);
	return h;
}

static bool is_somebody(FILE *passwd, uid_t uid)
{
	struct passwd *entry;

	rewind(passwd);
	while ((entry = fgetpwent(passwd)))
		if (entry->pw_uid == uid)
			return true;
	return false;
}

/* Its holder removes the file before it lets the lock go: then what was locked here is gone. */
static bool is_there(int fd, const char *path)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
	       ours.st_ino == there.st_ino;
}

/* 1 if it is another's. */
static int lock_one(const char *path, int *ret_fd, struct error *e)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return fail(e, errno, "cannot open '%s': %m", path);
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
		return errno == EAGAIN || errno == EACCES
			       ? 1
			       : fail(e, errno, "cannot lock '%s': %m", path);
	if (!is_there(fd, path))
		return 1;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int take_one(const char *dir, uid_t uid, struct vmm_user *ret, struct error *e)
{
	_free_ char *path = xasprintf("%s/%u", dir, uid);
	int fd = -1;
	int r = lock_one(path, &fd, e);

	if (r == 0)
		*ret = (struct vmm_user){ .uid = uid, .lock_fd = fd, .lock = TAKE_PTR(path) };
	return r;
}

static int take_any(const char *dir, FILE *passwd, uid_t first, uid_t count, uint32_t start,
		    struct vmm_user *ret, struct error *e)
{
	int r = 1;

	for (uid_t i = 0; i < count && r > 0; i++) {
		uid_t uid = first + (start + i) % count;

		if (!passwd || !is_somebody(passwd, uid))
			r = take_one(dir, uid, ret, e);
	}
	if (r <= 0)
		return r;
	return fail(e, EUSERS, "each of the %u user ids from %u on has a VM or a user", count,
		    first);
}

int vmm_user_take(const char *dir, const char *passwd, uid_t first, uid_t count, const char *name,
		  struct vmm_user *ret, struct error *e)
{
	FILE *file;
	int r = dir_make(dir, 0700, e);

	if (r < 0)
		return r;
	file = fopen(passwd, "re");
	r = take_any(dir, file, first, count, hash(name) % count, ret, e);
	if (file)
		(void)fclose(file);
	return r;
}

void vmm_user_release(struct vmm_user *user)
{
	if (user->lock)
		(void)unlink(user->lock);
	free(user->lock);
	(void)close_fd(user->lock_fd);
	*user = VMM_USER_NONE;
}
