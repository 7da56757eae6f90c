/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idmap - a user namespace that nobody lives in, for mounts that show other owners.
 *
 * The kernel takes the maps of such a mount from a user namespace, and only a process of its own
 * can have one: a child is born into it, does nothing, and is killed when its maps are written and
 * the namespace is open.  Work threads.
 */
#include "agent/container/idmap.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/file.h"
#include "lib/rpc/proto/oci.pb-c.h"
#include "lib/str.h"

#define MAPS_MAX 340 /* of the kernel, user_namespaces(7) */

static _noreturn_ void wait_for_the_end(void)
{
	for (;;)
		(void)pause();
}

static int write_map(pid_t pid, const char *file, Oci__LinuxIDMapping *const *maps, size_t n,
		     struct error *e)
{
	_free_ char *path = xasprintf("/proc/%d/%s", pid, file), *text = NULL;
	_strv_ strv lines = NULL;

	if (n == 0 || n > MAPS_MAX)
		return fail(e, EINVAL, "%zu lines of a map of owners are not within 1 and %d", n,
			    MAPS_MAX);
	for (size_t i = 0; i < n; i++)
		strv_addf(&lines, "%u %u %u", maps[i]->containerid, maps[i]->hostid, maps[i]->size);
	strv_add(&lines, "");
	text = strv_join(lines, "\n");
	return file_write(path, text, e);
}

static int fill(pid_t pid, const struct idmap *map, struct error *e)
{
	_free_ char *path = xasprintf("/proc/%d/ns/user", pid);
	int fd, r = write_map(pid, "uid_map", map->users, map->n_users, e);

	if (r >= 0)
		r = write_map(pid, "gid_map", map->groups, map->n_groups, e);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? fail(e, errno, "cannot open '%s': %m", path) : fd;
}

int idmap_open(const struct idmap *map, struct error *e)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
	int r;

	if (pid == 0)
		wait_for_the_end();
	if (pid < 0)
		return fail(e, errno, "cannot make a user namespace: %m");
	r = fill(pid, map, e);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r < 0 ? fail_wrap(e, "mapping owners") : r;
}
