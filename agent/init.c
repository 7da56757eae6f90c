/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init - the duties of the first process of a guest.
 *
 * An initrd is the kernel's rootfs, which pivot_root(2) refuses to leave.  Hence the first thing
 * done is to put a bind of it over itself and move there: containers then leave it as they would
 * any root, and nothing of the guest's root stays reachable behind theirs.  A file system that is
 * mounted already (a disk image, a kernel with its own devtmpfs) is success.  Runs before threads.
 */

#include "agent/init.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/str.h"

#define CONSOLE       "/dev/console"
#define PATH_OF_GUEST "/bin:/sbin/:/usr/bin/:/usr/sbin/"
#define HOSTNAME_MAX  64
#define SAFE          (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static const struct {
	const char *type;
	const char *path;
	unsigned long flags;
	const char *data;
} mounts[] = {
	{ "proc", "/proc", SAFE, NULL },
	{ "sysfs", "/sys", SAFE, NULL },
	{ "devtmpfs", "/dev", MS_NOSUID, "mode=0755" },
	{ "tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, NULL },
	{ "devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666,gid=5" },
	{ "tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755" },
	{ "cgroup2", "/sys/fs/cgroup", SAFE | MS_RELATIME, "nsdelegate" },
};

/* The modes that a machine's device manager gives what the kernel makes for root alone. */
static const struct {
	const char *path;
	mode_t mode;
} modes[] = {
	{ "/dev/fuse", 0666 },
	{ "/dev/net/tun", 0666 },
	{ "/dev/vsock", 0666 },
	{ "/dev/kvm", 0666 },
};

static bool is_rootfs(void)
{
	struct statfs root;

	return statfs("/", &root) == 0 &&
	       (root.f_type == RAMFS_MAGIC || root.f_type == TMPFS_MAGIC);
}

static int leave_rootfs(struct error *e)
{
	static const char *const over = "/root";

	if (!is_rootfs())
		return 0;
	if (mkdir(over, 0700) < 0 && errno != EEXIST)
		return fail(e, errno, "cannot make '%s': %m", over);
	if (mount("/", over, NULL, MS_BIND, NULL) < 0)
		return fail(e, errno, "cannot bind '/' to '%s': %m", over);
	if (chdir(over) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0)
		return fail(e, errno, "cannot make '%s' the root: %m", over);
	return 0;
}

static int mount_one(size_t i, struct error *e)
{
	if (mkdir(mounts[i].path, 0755) < 0 && errno != EEXIST)
		return fail(e, errno, "cannot make '%s': %m", mounts[i].path);
	if (mount(mounts[i].type, mounts[i].path, mounts[i].type, mounts[i].flags, mounts[i].data) <
		    0 &&
	    errno != EBUSY)
		return fail(e, errno, "cannot mount %s on '%s': %m", mounts[i].type,
			    mounts[i].path);
	return 0;
}

/* A console that nobody reads must not stop the agent, so it does not block: lines are lost then.
 */
static void open_console(void)
{
	int fd = open(CONSOLE, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return;
	for (int to = 0; to <= 2; to++)
		if (fd != to)
			(void)dup2(fd, to);
	if (fd > 2)
		(void)close(fd);
}

/* The kernel's own /dev/ptmx is of the first devpts only if it is the one at /dev/pts. */
static void link_ptmx(void)
{
	(void)unlink("/dev/ptmx");
	if (symlink("pts/ptmx", "/dev/ptmx") < 0)
		log_warn("cannot link '/dev/ptmx': %s", strerror(errno));
}

int init_mount(struct error *e)
{
	int r = leave_rootfs(e);

	for (size_t i = 0; i < ARRAY_SIZE(mounts) && r == 0; i++)
		r = mount_one(i, e);
	open_console();
	return r;
}

static void set_hostname(void)
{
	_free_ char *text = NULL;
	const char *name = "localhost";
	struct error e;

	if (file_read("/etc/hostname", HOSTNAME_MAX, &text, NULL, &e) == 0 && *str_trim(text))
		name = str_trim(text);
	if (sethostname(name, strlen(name)) < 0)
		log_warn("cannot set hostname '%s': %s", name, strerror(errno));
}

void init_environment(void)
{
	link_ptmx();
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		(void)chmod(modes[i].path, modes[i].mode);
	(void)umask(0022);
	(void)setsid();
	if (ioctl(STDIN_FILENO, TIOCSCTTY, 1) < 0)
		log_debug("no controlling terminal: %s", strerror(errno));
	(void)setenv("PATH", PATH_OF_GUEST, 1);
	set_hostname();
}

void init_power_off(void)
{
	sync();
	(void)reboot(RB_POWER_OFF);
	/* A machine without a switch. */
	(void)reboot(RB_AUTOBOOT);
	for (;;)
		(void)pause();
}
