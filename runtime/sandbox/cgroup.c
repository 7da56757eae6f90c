/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup - account the shim, its VMM and its daemons to the pod.
 *
 * One folder beside the pod's containers, kata_ID, holds all of a sandbox's processes: what the
 * pod may use bounds its VM, and the node's own limits stay true.  Version 1 has a hierarchy per
 * controller, version 2 one; both are plain folders here.  A version 2 folder that has children
 * with controllers takes no processes, so nothing is ever put into the pod's folder itself.
 *
 * In version 2 each folder on the way gives all controllers to those below it, ours as well: its
 * processes are one further down, in "vm".  What the VM takes can be told apart so, and above all
 * systemd cannot take a controller away from a pod's slice that has no unit in it (a sandbox is
 * none): it tries whenever it looks at the slice above, and the kubelet ends a pod whose slice
 * lacks one, as if it had none.
 *
 * Before a folder can go it must be empty, so the shim moves back to where it came from.  Work
 * thread, or the main thread of `delete`.
 */

#include "runtime/sandbox/cgroup.h"

#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/wait.h"

#define CGROUP_ROOT    "/sys/fs/cgroup"
#define PROCS_MAX      (64 * KIB)
#define FORGET_WAIT_MS 2000
#define NS_PER_US      1000
#define COUNTS_MAX     (64 * KIB)
#define NO_LIMIT       (UINT64_MAX / 4)
#define LEAF           "vm" /* of a version 2 folder */

/* "a-b-c.slice" is the folder a.slice/a-b.slice/a-b-c.slice. */
static char *slice_path(const char *slice)
{
	char *path = NULL;
	size_t size;
	FILE *f = open_memstream(&path, &size);

	if (!f)
		abort();
	for (const char *dash = strchr(slice, '-'); dash; dash = strchr(dash + 1, '-'))
		(void)fprintf(f, "/%.*s.slice", (int)(dash - slice), slice);
	(void)fprintf(f, "/%s", slice);
	if (fclose(f) != 0)
		abort();
	return path;
}

static bool has_dotdot(const char *path)
{
	_strv_ strv parts = strv_split(path, "/");

	return strv_contains(parts, "..");
}

int cgroup_path(const char *cgroups_path, const char *id, char **ret_path, struct error *e)
{
	const char *given = str_empty(cgroups_path) ? "/kata/-" : cgroups_path;
	_free_ char *slice = NULL;
	_free_ char *parent = NULL;

	if (has_dotdot(given))
		return fail(e, EINVAL, "the cgroup path '%s' has a '..' in it", given);
	if (given[0] != '/' && strchr(given, ':')) {
		slice = xstrndup(given, (size_t)(strchr(given, ':') - given));
		parent = slice_path(slice[0] ? slice : "system.slice");
	} else {
		parent = path_parent(given);
	}
	*ret_path =
		xasprintf("%s%s/kata_%s", parent[0] == '/' ? "" : "/",
			  strcmp(parent, "/") == 0 || strcmp(parent, ".") == 0 ? "" : parent, id);
	return 0;
}

static bool is_unified(const char *root)
{
	struct statfs fs;

	return statfs(root, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* A version 1 cpuset takes no process before it has processors and memory nodes. */
static void cpuset_inherit(const char *dir, const char *knob)
{
	_free_ char *parent = path_parent(dir);
	_free_ char *from = path_join(parent, knob);
	_free_ char *to = path_join(dir, knob);
	_free_ char *value = NULL;
	struct error e;

	if (file_read(from, PROCS_MAX, &value, NULL, &e) >= 0 && file_write(to, value, &e) < 0)
		log_debug("%s", e.msg);
}

/* Lets the folders below DIR have what DIR has.  One by one: not every controller can be given
 * everywhere, and some may have been. */
static void give_controllers(const char *dir)
{
	_free_ char *has = path_join(dir, "cgroup.controllers");
	_free_ char *gives = path_join(dir, "cgroup.subtree_control");
	_free_ char *text = NULL;
	_strv_ strv names = NULL;
	struct error e;

	if (file_read(has, PROCS_MAX, &text, NULL, &e) < 0)
		return;
	names = strv_split(text, " \n");
	for (char **name = names; name && *name; name++) {
		_free_ char *order = xasprintf("+%s", *name);

		if (file_write(gives, order, &e) < 0)
			log_debug("%s", e.msg);
	}
}

enum version { VERSION_1, VERSION_2 };

/* mkdir -p of a cgroup whose levels can be used: of version 1 those that are made have a cpuset, of
 * version 2 each has what the one above it has. */
static int folder_make(const char *root, const char *path, enum version version, char **ret_dir,
		       struct error *e)
{
	_strv_ strv parts = strv_split(path, "/");
	_free_ char *dir = xstrdup(root);

	for (char **part = parts; part && *part; part++) {
		char *next = path_join(dir, *part);

		if (version == VERSION_2)
			give_controllers(dir);
		free(dir);
		dir = next;
		if (mkdir(dir, 0755) < 0) {
			if (errno != EEXIST)
				return fail(e, errno, "cannot make the cgroup '%s': %m", dir);
		} else if (version == VERSION_1) {
			cpuset_inherit(dir, "cpuset.cpus");
			cpuset_inherit(dir, "cpuset.mems");
		}
	}
	*ret_dir = TAKE_PTR(dir);
	return 0;
}

static int move_self(const char *dir, struct error *e)
{
	_free_ char *procs = path_join(dir, "cgroup.procs");

	return file_write(procs, "0", e);
}

/* LINE is "ID:CONTROLLERS:PATH" of /proc/self/cgroup.  The root of its hierarchy, or NULL if it is
 * not mounted below ROOT. */
static char *hierarchy_of(const char *root, const char *line, const char **ret_path)
{
	const char *names = strchr(line, ':');
	const char *path = names ? strchr(names + 1, ':') : NULL;
	_free_ char *name = NULL;
	char *dir;

	if (!path)
		return NULL;
	*ret_path = path + 1;
	name = xstrndup(names + 1, (size_t)(path - names - 1));
	if (is_unified(root))
		return name[0] ? NULL : xstrdup(root);
	if (!name[0])
		return NULL;
	dir = path_join(root, str_starts(name, "name=") ? name + strlen("name=") : name);
	if (file_exists(dir))
		return dir;
	free(dir);
	return NULL;
}

char *cgroup_home(const char *hierarchy, const char *path)
{
	/* Above the root that this process sees, as where it was moved into a namespace. */
	return has_dotdot(path) ? xstrdup(hierarchy) : path_join(hierarchy, path);
}

static void note_folder(struct cgroup *c, const char *dir, const char *hierarchy, const char *home)
{
	strv_add(&c->dirs, dir);
	strv_take(&c->homes, cgroup_home(hierarchy, home));
}

static int join_one(struct cgroup *c, const char *hierarchy, const char *home, const char *path,
		    enum version version, struct error *e)
{
	_free_ char *leaf = version == VERSION_2 ? path_join(path, LEAF) : xstrdup(path);
	_free_ char *dir = NULL;
	int r = folder_make(hierarchy, leaf, version, &dir, e);

	if (r < 0)
		return r;
	note_folder(c, dir, hierarchy, home);
	if (version == VERSION_2) {
		_free_ char *above = path_parent(dir);

		note_folder(c, above, hierarchy, home);
	}
	return move_self(dir, e);
}

int cgroup_join(const char *root, const char *path, struct cgroup *ret_cgroup, struct error *e)
{
	struct cgroup c = { 0 };
	enum version version = is_unified(root ? root : CGROUP_ROOT) ? VERSION_2 : VERSION_1;
	_free_ char *text = NULL;
	_strv_ strv lines = NULL;
	int r = file_read("/proc/self/cgroup", PROCS_MAX, &text, NULL, e);

	if (r < 0)
		return r;
	lines = strv_split(text, "\n");
	for (char **line = lines; r >= 0 && line && *line; line++) {
		const char *home;
		_free_ char *hierarchy = hierarchy_of(root ? root : CGROUP_ROOT, *line, &home);

		if (hierarchy)
			r = join_one(&c, hierarchy, home, path, version, e);
	}
	if (r < 0) {
		cgroup_leave(&c);
		return r;
	}
	*ret_cgroup = c;
	return 0;
}

/* A process that was killed and even reaped leaves its cgroup only once it has been torn down. */
static int remove_when_empty(const char *dir, uint64_t deadline)
{
	struct error e;

	while (rmdir(dir) < 0) {
		if (errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return -errno;
		if (wait_pause(10, "an empty cgroup", deadline, NULL, &e) < 0)
			return -EBUSY;
	}
	return 0;
}

void cgroup_leave(struct cgroup *c)
{
	uint64_t deadline = deadline_in(FORGET_WAIT_MS);
	struct error e;
	int r;

	for (size_t i = 0; i < strv_len(c->dirs); i++) {
		if (move_self(c->homes[i], &e) < 0)
			log_warn("this process stays in its cgroup: %s", e.msg);
		r = remove_when_empty(c->dirs[i], deadline);
		if (r < 0)
			log_warn("the cgroup '%s' stays: %s", c->dirs[i], strerror(-r));
	}
	cgroup_done(c);
}

/* The number after KEY ("" for a file of one number) in DIR/NAME; false if there is none. */
static bool read_count(const char *dir, const char *name, const char *key, uint64_t *ret_value)
{
	_free_ char *path = path_join(dir, name);
	_free_ char *text = NULL;
	_strv_ strv lines = NULL;
	struct error e;

	if (file_read(path, COUNTS_MAX, &text, NULL, &e) < 0)
		return false;
	lines = strv_split(text, "\n");
	for (char **line = lines; line && *line; line++)
		if (str_starts(*line, key) &&
		    parse_u64(*line + strlen(key), name, UINT64_MAX, ret_value, &e) >= 0)
			return true;
	return false;
}

uint64_t cgroup_memory_limit(char *const *dirs)
{
	uint64_t limit;

	for (char *const *dir = dirs; dir && *dir; dir++) {
		_free_ char *parent = path_parent(*dir);

		/* Version 2 says "max" for none, version 1 the largest number of pages. */
		if (read_count(parent, "memory.max", "", &limit) ||
		    (read_count(parent, "memory.limit_in_bytes", "", &limit) && limit < NO_LIMIT))
			return limit;
	}
	return 0;
}

uint64_t cgroup_pages_limit(char *const *dirs, const char *size)
{
	_free_ char *unified = xasprintf("hugetlb.%s.max", size);
	_free_ char *file = xasprintf("hugetlb.%s.limit_in_bytes", size);
	uint64_t limit;

	for (char *const *dir = dirs; dir && *dir; dir++) {
		_free_ char *parent = path_parent(*dir);

		if ((read_count(parent, unified, "", &limit) ||
		     read_count(parent, file, "", &limit)) &&
		    limit < NO_LIMIT)
			return limit;
	}
	return 0;
}

uint64_t cgroup_oom_kills(char *const *dirs)
{
	uint64_t kills;

	for (char *const *dir = dirs; dir && *dir; dir++) {
		_free_ char *parent = path_parent(*dir);

		if (read_count(*dir, "memory.events", "oom_kill ", &kills) ||
		    read_count(*dir, "memory.oom_control", "oom_kill ", &kills) ||
		    read_count(parent, "memory.events", "oom_kill ", &kills))
			return kills;
	}
	return 0;
}

void cgroup_usage(char *const *dirs, uint64_t *ret_cpu_ns, uint64_t *ret_memory)
{
	uint64_t cpu = 0, memory = 0, value;

	for (char *const *dir = dirs; dir && *dir; dir++) {
		if (cpu == 0 && read_count(*dir, "cpuacct.usage", "", &value))
			cpu = value;
		if (cpu == 0 && read_count(*dir, "cpu.stat", "usage_usec ", &value))
			cpu = value * NS_PER_US;
		if (memory == 0 && (read_count(*dir, "memory.usage_in_bytes", "", &value) ||
				    read_count(*dir, "memory.current", "", &value)))
			memory = value;
	}
	*ret_cpu_ns = cpu;
	*ret_memory = memory;
}

static void kill_members(const char *dir)
{
	_free_ char *procs = path_join(dir, "cgroup.procs");
	_free_ char *text = NULL;
	_strv_ strv pids = NULL;
	struct error e;
	int64_t pid;

	if (file_read(procs, PROCS_MAX, &text, NULL, &e) < 0)
		return;
	pids = strv_split(text, "\n");
	for (char **p = pids; p && *p; p++)
		if (parse_i64(*p, "process id", 2, INT32_MAX, &pid, &e) >= 0 && pid != getpid())
			(void)kill((pid_t)pid, SIGKILL);
}

void cgroup_forget(char *const *dirs)
{
	uint64_t deadline = deadline_in(FORGET_WAIT_MS);

	for (char *const *dir = dirs; dir && *dir; dir++) {
		kill_members(*dir);
		(void)remove_when_empty(*dir, deadline);
	}
}

void cgroup_done(struct cgroup *c)
{
	strv_free(c->dirs);
	strv_free(c->homes);
	*c = (struct cgroup){ 0 };
}
