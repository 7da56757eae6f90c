/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock - one installer at a time on a machine.
 *
 * A lock file can be removed while somebody holds it, and the next one to come makes another and
 * holds that.  So the folders themselves are locked, which are there for something else and are in
 * use; and several of them, because one can be removed and made anew, too.  Whoever has waited
 * looks whether the name still leads to what it waited for.  The kernel drops the locks with the
 * process.  Limits: whoever may open a folder can hold it, which delays an installation and harms
 * nothing else.  May block, with a deadline.
 */
#include "lib/host/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "lib/file.h"

#define POLL_MS 200

struct lock {
	int *fds;
	size_t n;
};

static bool is_still(int fd, const char *path)
{
	struct stat held, named;

	return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_dev == named.st_dev &&
	       held.st_ino == named.st_ino;
}

/* The folder as it is called now, locked or not; -EWOULDBLOCK while somebody else holds it. */
static int try_folder(const char *path, int *ret_fd, struct error *e)
{
	_close_ int fd = -1;

	if (dir_make(path, 0755, e) < 0)
		return -e->code;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "cannot open '%s': %m", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return fail(e, errno, "cannot lock '%s': %m", path);
	if (!is_still(fd, path))
		return fail(e, EWOULDBLOCK, "'%s' was replaced", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int take_folder(const char *path, uint64_t deadline_ms, const struct cancel *cancel,
		       int *ret_fd, struct error *e)
{
	int r = try_folder(path, ret_fd, e);

	while (r == -EWOULDBLOCK || r == -EINTR) {
		r = wait_pause(POLL_MS, path, deadline_ms, cancel, e);
		if (r < 0)
			return fail_wrap(e, "another installer works on this node");
		r = try_folder(path, ret_fd, e);
	}
	return r;
}

int lock_take(char *const *folders, uint64_t deadline_ms, const struct cancel *cancel,
	      struct lock **ret_lock, struct error *e)
{
	_cleanup_(lock_releasep) struct lock *lock = xcalloc(1, sizeof(*lock));

	lock->fds = xcalloc(strv_len(folders) + 1, sizeof(*lock->fds));
	for (; folders && *folders; folders++) {
		if (take_folder(*folders, deadline_ms, cancel, &lock->fds[lock->n], e) < 0)
			return -e->code;
		lock->n++;
	}
	*ret_lock = TAKE_PTR(lock);
	return 0;
}

void lock_release(struct lock *lock)
{
	if (!lock)
		return;
	while (lock->n > 0)
		(void)close(lock->fds[--lock->n]);
	free(lock->fds);
	free(lock);
}
