/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jail - a root for one process with nothing in it but what it is to use.
 *
 * The root is a small tmpfs, into which each path is bound under its own name, so that a command
 * line means the same inside.  Links are followed outside, once: there are none inside.  A device
 * is made anew for its user, whoever may open the host's; where devices cannot be made it is bound,
 * too.  Then the root changes places with the host's (pivot_root(2); where that is an initramfs,
 * which cannot be left in that way, it is moved over it), which is taken off.  Nothing of this
 * reaches the host: the mount namespace is the process's own, and ends with it.
 *
 * Between fork(2) and execve(2), so there are system calls and nothing else.
 */
#include "lib/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROOT_OPTIONS "mode=0755,size=256k,nr_inodes=256"
#define CLOSED       (MS_RDONLY | MS_NOSUID)
#define WRITABLE     (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static int make_parents(const char *relative)
{
	char path[PATH_MAX];
	size_t len = strlen(relative);

	if (len >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(path, relative, len + 1);
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -1;
		*slash = '/';
	}
	return 0;
}

static int make_device(const char *relative, const struct stat *like, uid_t owner)
{
	if (mknod(relative, (like->st_mode & S_IFMT) | 0600, like->st_rdev) < 0)
		return -1;
	return chown(relative, owner, owner);
}

static int make_place(const char *relative, mode_t mode)
{
	int fd;

	if (S_ISDIR(mode))
		return mkdir(relative, 0755);
	fd = open(relative, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (fd >= 0)
		(void)close(fd);
	return fd < 0 ? -1 : 0;
}

/* What a mount forbids already stays forbidden: whoever is root of a user namespace only must not
 * change it, and would be refused. */
static unsigned long limits_of(const char *relative)
{
	static const struct {
		unsigned long of_statvfs, of_mount;
	} limits[] = { { ST_NOEXEC, MS_NOEXEC },
		       { ST_NODEV, MS_NODEV },
		       { ST_NOATIME, MS_NOATIME },
		       { ST_NODIRATIME, MS_NODIRATIME },
		       { ST_RELATIME, MS_RELATIME } };
	struct statvfs fs;
	unsigned long flags = 0;

	if (statvfs(relative, &fs) < 0)
		return 0;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (fs.f_flag & limits[i].of_statvfs)
			flags |= limits[i].of_mount;
	return flags;
}

static int bind_to(const char *path, const char *relative, unsigned long flags)
{
	if (mount(path, relative, NULL, MS_BIND, NULL) < 0)
		return -1;
	return mount(NULL, relative, NULL, MS_REMOUNT | MS_BIND | flags | limits_of(relative),
		     NULL);
}

/* What lies in a folder that is shown already is there. */
static int show(const char *path, uid_t owner)
{
	const char *relative = path + strspn(path, "/");
	unsigned long devices = MS_NODEV;
	struct stat st, there;
	bool is_device;

	if (stat(path, &st) < 0)
		return -1;
	if (lstat(relative, &there) == 0)
		return 0;
	is_device = S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode);
	if (is_device)
		devices = 0;
	if (make_parents(relative) < 0)
		return -1;
	if (is_device && make_device(relative, &st, owner) == 0)
		return 0;
	if (make_place(relative, st.st_mode) < 0)
		return -1;
	return bind_to(path, relative, CLOSED | devices);
}

static int show_writable(const char *path)
{
	const char *relative = path + strspn(path, "/");

	if (make_parents(relative) < 0 || make_place(relative, S_IFDIR) < 0)
		return -1;
	return bind_to(path, relative, WRITABLE);
}

static int change_root(void)
{
	if (syscall(SYS_pivot_root, ".", ".") == 0)
		return umount2(".", MNT_DETACH);
	if (errno != EINVAL || mount(".", "/", NULL, MS_MOVE, NULL) < 0)
		return -1;
	return chroot(".");
}

const char *jail_enter(const struct jail *jail)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return "make a mount namespace for";
	if (mount("tmpfs", jail->dir, "tmpfs", MS_NOSUID | MS_NOEXEC, ROOT_OPTIONS) < 0 ||
	    chdir(jail->dir) < 0)
		return "make a root for";
	for (char *const *path = jail->paths; *path; path++)
		if (show(*path, jail->owner) < 0)
			return "show a file to";
	if (jail->folder && show_writable(jail->folder) < 0)
		return "show a folder to";
	if (change_root() < 0 || chdir("/") < 0 ||
	    mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | CLOSED | MS_NOEXEC, NULL) < 0)
		return "change the root of";
	return NULL;
}
