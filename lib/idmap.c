/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idmap - maps of owners, and a user namespace that nobody lives in.
 *
 * The kernel takes the map of a mount, or of a container, from a user namespace, and only a process
 * of its own can have one: a child is born into it, does nothing, and is killed when its maps are
 * written and the namespaces are open.  Work threads.
 */
#include "lib/idmap.h"

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

static const struct {
	const char *name;
	unsigned long flag;
} namespaces[] = {
	[IDMAP_NS_USER] = { "user", CLONE_NEWUSER },
	[IDMAP_NS_IPC] = { "ipc", CLONE_NEWIPC },
	[IDMAP_NS_UTS] = { "uts", CLONE_NEWUTS },
	[IDMAP_NS_NET] = { "net", CLONE_NEWNET },
};
_Static_assert(ARRAY_SIZE(namespaces) == N_IDMAP_NS, "one row each");

struct idmap idmap_of_container(const Oci__Linux *l)
{
	return (struct idmap){ l->uidmappings, l->n_uidmappings, l->gidmappings, l->n_gidmappings };
}

struct idmap idmap_of_mount(const Oci__Mount *m)
{
	return (struct idmap){ m->uidmappings, m->n_uidmappings, m->gidmappings, m->n_gidmappings };
}

static _noreturn_ void wait_for_the_end(void)
{
	for (;;)
		(void)pause();
}

static char *text_of(Oci__LinuxIDMapping *const *maps, size_t n)
{
	_strv_ strv lines = NULL;

	for (size_t i = 0; i < n; i++)
		strv_addf(&lines, "%u %u %u", maps[i]->containerid, maps[i]->hostid, maps[i]->size);
	strv_add(&lines, "");
	return strv_join(lines, "\n");
}

static int write_map(pid_t pid, const char *file, Oci__LinuxIDMapping *const *maps, size_t n,
		     struct error *e)
{
	_free_ char *path = xasprintf("/proc/%d/%s", pid, file), *text = NULL;

	if (n == 0 || n > MAPS_MAX)
		return fail(e, EINVAL, "%zu lines of a map of owners are not within 1 and %d", n,
			    MAPS_MAX);
	text = text_of(maps, n);
	return file_write(path, text, e);
}

static int open_ns(pid_t pid, enum idmap_ns ns, struct error *e)
{
	_free_ char *path = xasprintf("/proc/%d/ns/%s", pid, namespaces[ns].name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? fail(e, errno, "cannot open '%s': %m", path) : fd;
}

static int fill(pid_t pid, const struct idmap *map, int *fds, size_t n, struct error *e)
{
	int r = write_map(pid, "uid_map", map->users, map->n_users, e);

	if (r >= 0)
		r = write_map(pid, "gid_map", map->groups, map->n_groups, e);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = fds[i] = open_ns(pid, (enum idmap_ns)i, e);
	return r;
}

/* The first N namespaces of the table; what is open after a failure is the caller's to close. */
static int open_first(const struct idmap *map, int *fds, size_t n, struct error *e)
{
	unsigned long flags = SIGCHLD;
	pid_t pid;
	int r;

	for (size_t i = 0; i < n; i++) {
		fds[i] = -1;
		flags |= namespaces[i].flag;
	}
	pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
	if (pid == 0)
		wait_for_the_end();
	if (pid < 0)
		return fail(e, errno, "cannot make a user namespace: %m");
	r = fill(pid, map, fds, n, e);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r < 0 ? fail_wrap(e, "mapping owners") : 0;
}

int idmap_open(const struct idmap *map, struct error *e)
{
	int fd, r = open_first(map, &fd, 1, e);

	if (r < 0)
		(void)close_fd(fd);
	return r < 0 ? r : fd;
}

int idmap_open_all(const struct idmap *map, int ret_fds[N_IDMAP_NS], struct error *e)
{
	int fds[N_IDMAP_NS];
	int r = open_first(map, fds, N_IDMAP_NS, e);

	for (size_t i = 0; i < N_IDMAP_NS; i++)
		if (r < 0)
			(void)close_fd(fds[i]);
		else
			ret_fds[i] = fds[i];
	return r;
}

static int outside(Oci__LinuxIDMapping *const *maps, size_t n, uint32_t id, uint32_t *ret_id)
{
	for (size_t i = 0; i < n; i++)
		if (id >= maps[i]->containerid && id - maps[i]->containerid < maps[i]->size) {
			*ret_id = maps[i]->hostid + (id - maps[i]->containerid);
			return 0;
		}
	return -EINVAL;
}

int idmap_user(const struct idmap *map, uid_t id, uid_t *ret_id, struct error *e)
{
	*ret_id = id;
	if (idmap_is_empty(map) || outside(map->users, map->n_users, id, ret_id) >= 0)
		return 0;
	return fail(e, EINVAL, "user %u is not in the map of users", id);
}

int idmap_group(const struct idmap *map, gid_t id, gid_t *ret_id, struct error *e)
{
	*ret_id = id;
	if (idmap_is_empty(map) || outside(map->groups, map->n_groups, id, ret_id) >= 0)
		return 0;
	return fail(e, EINVAL, "group %u is not in the map of groups", id);
}

static int parse_line(const char *text, Oci__LinuxIDMapping *line, struct error *e)
{
	_strv_ strv parts = strv_split(text, ":");
	uint64_t values[3];

	if (strv_len(parts) != ARRAY_SIZE(values))
		return fail(e, EINVAL, "'%.64s' is no map of owners", text);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (parse_u64(parts[i], "map of owners", UINT32_MAX, &values[i], e) < 0)
			return -e->code;
	line->containerid = (uint32_t)values[0];
	line->hostid = (uint32_t)values[1];
	line->size = (uint32_t)values[2];
	return 0;
}

/* What there is of the list after a failure, idmap_done() frees. */
static int parse_lines(const char *text, Oci__LinuxIDMapping ***ret, size_t *ret_n, struct error *e)
{
	static const Oci__LinuxIDMapping none = OCI__LINUX_IDMAPPING__INIT;
	_strv_ strv lines = strv_split(text, ",");
	int r = 0;

	*ret = xcalloc(strv_len(lines) + 1, sizeof(**ret));
	for (*ret_n = 0; r >= 0 && *ret_n < strv_len(lines); ++*ret_n) {
		(*ret)[*ret_n] = xcalloc(1, sizeof(none));
		*(*ret)[*ret_n] = none;
		r = parse_line(lines[*ret_n], (*ret)[*ret_n], e);
	}
	return r;
}

int idmap_parse(const char *users, const char *groups, struct idmap *ret_map, struct error *e)
{
	struct idmap map = { 0 };
	int r = parse_lines(users, &map.users, &map.n_users, e);

	if (r >= 0)
		r = parse_lines(groups, &map.groups, &map.n_groups, e);
	if (r < 0)
		idmap_done(&map);
	else
		*ret_map = map;
	return r;
}

void idmap_done(struct idmap *map)
{
	for (size_t i = 0; i < map->n_users; i++)
		free(map->users[i]);
	for (size_t i = 0; i < map->n_groups; i++)
		free(map->groups[i]);
	free(map->users);
	free(map->groups);
	*map = (struct idmap){ 0 };
}

static Oci__LinuxIDMapping **copy_lines(Oci__LinuxIDMapping *const *lines, size_t n)
{
	Oci__LinuxIDMapping **copy = xcalloc(n + 1, sizeof(*copy));

	for (size_t i = 0; i < n; i++) {
		copy[i] = xcalloc(1, sizeof(**copy));
		*copy[i] = *lines[i];
	}
	return copy;
}

struct idmap idmap_copy(const struct idmap *map)
{
	return (struct idmap){ .users = copy_lines(map->users, map->n_users),
			       .n_users = map->n_users,
			       .groups = copy_lines(map->groups, map->n_groups),
			       .n_groups = map->n_groups };
}

char *idmap_text(const struct idmap *map)
{
	_free_ char *users = text_of(map->users, map->n_users);
	_free_ char *groups = text_of(map->groups, map->n_groups);

	return xasprintf("%s/%s", users, groups);
}
