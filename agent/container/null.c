/* SPDX-License-Identifier: Apache-2.0 */
/*
 * null - a null device of the agent's own.
 *
 * A container that is given the guest's /dev may put anything in the place of /dev/null, and what
 * masks files of the next one, or is its standard input, must be the device still.  A descriptor
 * that was opened in time is not enough: the kernel does not mount a file that has lost its name.
 * So the node is on a small file system that nothing else is on.  Where that cannot be made, as in
 * tests without the right, it is /dev/null, opened once.  Before threads.
 */
#include "agent/container/null.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/file.h"
#include "lib/mount.h"

#define NULL_DIR "/run/kata-agent.null"

static int check(int fd, struct error *e)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(e, errno, "cannot open '/dev/null': %m");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return fail(e, ENODEV, "'/dev/null' is not the device of that name");
	return 0;
}

/* Returns the node of a new file system that is mounted on NULL_DIR. */
static int make(int mountfd, struct error *e)
{
	_close_ int at = -1;

	if (mknodat(mountfd, "null", S_IFCHR | 0666, makedev(1, 3)) < 0 ||
	    fchmodat(mountfd, "null", 0666, 0) < 0)
		return fail(e, errno, "cannot make a null device: %m");
	if (dir_make(NULL_DIR, 0700, e) < 0)
		return -e->code;
	at = open(NULL_DIR, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (at < 0)
		return fail(e, errno, "cannot open '" NULL_DIR "': %m");
	if (mount_attach(mountfd, at, NULL_DIR, e) < 0)
		return -e->code;
	return openat(mountfd, "null", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
}

int null_open(struct null *n, struct error *e)
{
	const struct mount_options o = { .set = MOUNT_NOSUID | MOUNT_NOEXEC };
	int r;

	*n = (struct null){ .fd = -1, .mountfd = mount_new("tmpfs", "null", &o, e) };
	if (n->mountfd >= 0)
		n->fd = make(n->mountfd, e);
	if (n->fd < 0) {
		null_close(n);
		n->fd = open("/dev/null", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	}
	r = check(n->fd, e);
	if (r < 0)
		null_close(n);
	return r;
}

void null_close(struct null *n)
{
	n->fd = close_fd(n->fd);
	if (n->mountfd < 0)
		return;
	(void)umount2(fd_path(n->mountfd).s, MNT_DETACH);
	(void)rmdir(NULL_DIR);
	n->mountfd = close_fd(n->mountfd);
}
