/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guestfs - the kernel's own file systems that a machine has mounted, for who binds them.
 *
 * On a node its system manager mounts them all at boot, and a hostPath of /sys/kernel/debug or
 * /dev/mqueue shows the guest's.  Few pods ask, so they are mounted when one does.  Two containers
 * may come at once and mount one twice, which does no harm.  Any thread.
 */

#include "agent/storage/guestfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/mount.h"
#include "lib/str.h"

#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static const struct {
	const char *path;
	const char *type;
} kinds[] = {
	{ "/dev/mqueue", "mqueue" },
	{ "/sys/fs/bpf", "bpf" },
	{ "/sys/fs/fuse/connections", "fusectl" },
	{ "/sys/kernel/config", "configfs" },
	{ "/sys/kernel/debug", "debugfs" },
	{ "/sys/kernel/security", "securityfs" },
	{ "/sys/kernel/tracing", "tracefs" },
};

static bool is_mounted(const char *path)
{
	_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct mount_place place;
	struct error ignored;

	return fd >= 0 && mount_look(fd, &place, &ignored) >= 0 && place.is_root;
}

static void provide(const char *path, const char *type)
{
	if (is_mounted(path))
		return;
	if (str_starts(path, "/dev/"))
		(void)mkdir(path, 0755);
	if (mount(type, path, type, SAFE, NULL) < 0 && errno != EBUSY)
		log_debug("cannot mount %s on '%s': %s", type, path, strerror(errno));
}

void guestfs_provide(const char *path)
{
	_free_ char *tidied = path_tidy(path);

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (path_is_within(kinds[i].path, tidied) || path_is_within(tidied, kinds[i].path))
			provide(kinds[i].path, kinds[i].type);
}
