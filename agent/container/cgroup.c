/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup - a container's control group: making, limits, killing, freezing, removing.
 *
 * The guest's kernel is ours and has version 2 only.  The group is made where the specification
 * puts it, below a root that a test may choose; every part of that path is one directory opened by
 * its parent's descriptor, so no link or ".." leads elsewhere.  Limits are one table from the
 * specification to files.  A file that is missing means a controller that is missing, and a limit
 * that was asked for and cannot hold is an error.
 *
 * Waits poll cgroup.events, which the kernel signals with POLLPRI.  Everything here is memory of
 * the kernel; only the two waits block, with a deadline.
 */
#include "agent/container/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "lib/file.h"
#include "lib/rpc/proto/oci.pb-c.h"

#define KNOB_MAX     (64 * KIB)
#define DEPTH_MAX    32
#define CPU_PERIOD   100000 /* microseconds; the kernel's default */
#define SHARES_MIN   2
#define SHARES_MAX   262144
#define WEIGHT_RANGE 9999

static const char *const controllers[] = { "cpu", "cpuset", "hugetlb", "io", "memory", "pids" };

int cgroup_open_root(const char *path, struct error *e)
{
	_close_ int fd = -1;
	struct statfs fs;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "cannot open the cgroup root '%s': %m", path);
	if (fstatfs(fd, &fs) < 0)
		return fail(e, errno, "cannot look at the cgroup root '%s': %m", path);
	if (fs.f_type != CGROUP2_SUPER_MAGIC)
		return fail(e, ENOTSUP, "'%s' is not a cgroup of version 2", path);
	return TAKE_FD(fd);
}

/* Controllers are switched on for the children of DIRFD; those that are not there are missed when a
 * limit needs them. */
static void enable_controllers(int dirfd)
{
	struct error ignored;
	_free_ char *text = NULL;
	_strv_ strv present = NULL;

	if (file_read_at(dirfd, "cgroup.controllers", KNOB_MAX, &text, NULL, &ignored) < 0)
		return;
	present = strv_split(text, " \n");
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		char word[16];

		if (!strv_contains(present, controllers[i]))
			continue;
		(void)snprintf(word, sizeof(word), "+%s", controllers[i]);
		(void)file_write_at(dirfd, "cgroup.subtree_control", word, &ignored);
	}
}

static int split_path(const char *path, const char *name, strv *ret_parts, struct error *e)
{
	_strv_ strv parts = strv_split(path, "/");
	char *const *part;

	if (strv_len(parts) > DEPTH_MAX)
		return fail(e, EINVAL, "cgroup path '%s' is too deep", path);
	for (part = parts; part && *part; part++)
		if (!strcmp(*part, ".") || !strcmp(*part, "..") || strlen(*part) > NAME_MAX)
			return fail(e, EINVAL, "cgroup path '%s' has a bad part '%s'", path, *part);
	if (!parts)
		strv_add(&parts, name);
	*ret_parts = TAKE_PTR(parts);
	return 0;
}

static int make_part(int parentfd, const char *part, struct error *e)
{
	int fd;

	if (mkdirat(parentfd, part, 0755) < 0 && errno != EEXIST)
		return fail(e, errno, "cannot make the cgroup '%s': %m", part);
	fd = openat(parentfd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? fail(e, errno, "cannot open the cgroup '%s': %m", part) : fd;
}

static bool is_populated(int fd)
{
	_free_ char *text = NULL;
	struct error ignored;

	if (file_read_at(fd, "cgroup.events", KNOB_MAX, &text, NULL, &ignored) < 0)
		return false;
	return cgroup_value(text, "populated", 0) != 0;
}

int cgroup_make(int rootfd, const char *path, const char *name, struct cgroup *ret, struct error *e)
{
	_strv_ strv parts = NULL;
	_close_ int fd = -1;
	int r = split_path(path, name, &parts, e);

	if (r < 0)
		return r;
	for (char *const *part = parts; *part; part++) {
		int parent = fd < 0 ? rootfd : fd;

		enable_controllers(parent);
		r = make_part(parent, *part, e);
		if (r < 0)
			return r;
		(void)close_fd(fd);
		fd = r;
	}
	if (is_populated(fd))
		return fail(e, EEXIST, "cgroup '%s' is in use", path);
	*ret = (struct cgroup){ .fd = TAKE_FD(fd), .rootfd = rootfd, .path = TAKE_PTR(parts) };
	return 0;
}

void cgroup_done(struct cgroup *cg)
{
	cg->fd = close_fd(cg->fd);
	strv_free(cg->path);
	cg->path = NULL;
}

/* A container may have made groups of its own.  Groups hold nothing but groups. */
static void remove_children(int fd, unsigned depth)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!dir) {
		(void)close_fd(copy);
		return;
	}
	for (entry = readdir(dir); entry; entry = readdir(dir)) {
		_close_ int child = -1;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child >= 0 && depth < DEPTH_MAX)
			remove_children(child, depth + 1);
		(void)unlinkat(fd, entry->d_name, AT_REMOVEDIR);
	}
	(void)closedir(dir);
}

int cgroup_remove(struct cgroup *cg, struct error *e)
{
	size_t n = strv_len(cg->path);
	size_t depth = n;

	if (cg->fd < 0)
		return 0;
	remove_children(cg->fd, 0);
	for (; depth > 0; depth--) {
		_free_ char *path = NULL;
		char *cut = cg->path[depth];

		cg->path[depth] = NULL;
		path = strv_join(cg->path, "/");
		cg->path[depth] = cut;
		if (unlinkat(cg->rootfd, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
			continue;
		if (depth == n)
			return fail(e, errno, "cannot remove the cgroup '%s': %m", path);
		break; /* a parent that others use */
	}
	cgroup_done(cg);
	return 0;
}

uint64_t cgroup_value(const char *text, const char *key, uint64_t otherwise)
{
	size_t len = strlen(key);
	const char *line = text;

	while (line && *line) {
		if (!strncmp(line, key, len) && line[len] == ' ') {
			_free_ char *word =
				xstrndup(line + len + 1, strcspn(line + len + 1, " \n"));
			struct error ignored;
			uint64_t value;

			if (parse_u64(word, key, UINT64_MAX, &value, &ignored) < 0)
				return otherwise;
			return value;
		}
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return otherwise;
}

uint64_t cgroup_weight_of_shares(uint64_t shares)
{
	if (shares == 0)
		return 0;
	if (shares < SHARES_MIN)
		shares = SHARES_MIN;
	if (shares > SHARES_MAX)
		shares = SHARES_MAX;
	return 1 + (shares - SHARES_MIN) * WEIGHT_RANGE / (SHARES_MAX - SHARES_MIN);
}

int cgroup_swap_of(int64_t memory, int64_t memory_and_swap, int64_t *ret_swap, struct error *e)
{
	if (memory_and_swap <= 0) {
		*ret_swap = memory_and_swap;
		return 0;
	}
	if (memory <= 0)
		return fail(e, EINVAL, "a limit of memory and swap needs a limit of memory");
	if (memory_and_swap < memory)
		return fail(e, EINVAL, "limit of memory and swap %jd is below that of memory %jd",
			    (intmax_t)memory_and_swap, (intmax_t)memory);
	*ret_swap = memory_and_swap - memory;
	return 0;
}

static char *bytes_or_max(int64_t value)
{
	if (value == 0)
		return NULL;
	return value < 0 ? xstrdup("max") : xasprintf("%jd", (intmax_t)value);
}

static char *word_or_nothing(const char *word)
{
	return str_empty(word) ? NULL : xstrdup(word);
}

static char *cpu_weight(const Oci__LinuxResources *r)
{
	uint64_t weight = r->cpu ? cgroup_weight_of_shares(r->cpu->shares) : 0;

	return weight ? xasprintf("%ju", (uintmax_t)weight) : NULL;
}

static char *cpu_max(const Oci__LinuxResources *r)
{
	uint64_t period;

	if (!r->cpu || (r->cpu->quota == 0 && r->cpu->period == 0))
		return NULL;
	period = r->cpu->period ? r->cpu->period : CPU_PERIOD;
	if (r->cpu->quota <= 0)
		return xasprintf("max %ju", (uintmax_t)period);
	return xasprintf("%jd %ju", (intmax_t)r->cpu->quota, (uintmax_t)period);
}

static char *cpu_idle(const Oci__LinuxResources *r)
{
	return r->cpu && r->cpu->has_idle_case ? xasprintf("%jd", (intmax_t)r->cpu->idle) : NULL;
}

static char *cpu_burst(const Oci__LinuxResources *r)
{
	return r->cpu && r->cpu->has_burst_case ? xasprintf("%ju", (uintmax_t)r->cpu->burst) : NULL;
}

static char *cpuset_cpus(const Oci__LinuxResources *r)
{
	return r->cpu ? word_or_nothing(r->cpu->cpus) : NULL;
}

static char *cpuset_mems(const Oci__LinuxResources *r)
{
	return r->cpu ? word_or_nothing(r->cpu->mems) : NULL;
}

static char *memory_max(const Oci__LinuxResources *r)
{
	return r->memory ? bytes_or_max(r->memory->limit) : NULL;
}

static char *memory_low(const Oci__LinuxResources *r)
{
	return r->memory ? bytes_or_max(r->memory->reservation) : NULL;
}

/* No swap at all is a limit as well, unlike elsewhere: equal limits say so. */
static char *swap_max(const Oci__LinuxResources *r)
{
	struct error ignored;
	int64_t swap;

	if (!r->memory || r->memory->swap == 0 ||
	    cgroup_swap_of(r->memory->limit, r->memory->swap, &swap, &ignored) < 0)
		return NULL;
	return swap < 0 ? xstrdup("max") : xasprintf("%jd", (intmax_t)swap);
}

static char *pids_max(const Oci__LinuxResources *r)
{
	return r->pids ? bytes_or_max(r->pids->limit) : NULL;
}

static char *io_weight(const Oci__LinuxResources *r)
{
	if (!r->blockio || r->blockio->weight == 0)
		return NULL;
	/* 10 to 1000 there, 1 to 10000 here. */
	return xasprintf("%ju", 1 + ((uintmax_t)r->blockio->weight - 10) * WEIGHT_RANGE / 990);
}

enum need { NEEDED, WELCOME };

/* WELCOME: the guest has no swap, and no scheduler that knows weights, unless somebody adds them;
 * without one there is nothing to limit. */
static const struct knob {
	const char *file;
	enum need need;
	char *(*value)(const Oci__LinuxResources *r);
} knobs[] = {
	{ "cpu.weight", NEEDED, cpu_weight },     { "cpu.max", NEEDED, cpu_max },
	{ "cpuset.cpus", NEEDED, cpuset_cpus },   { "cpuset.mems", NEEDED, cpuset_mems },
	{ "memory.max", NEEDED, memory_max },     { "memory.low", NEEDED, memory_low },
	{ "memory.swap.max", WELCOME, swap_max }, { "pids.max", NEEDED, pids_max },
	{ "io.weight", WELCOME, io_weight },      { "cpu.max.burst", NEEDED, cpu_burst },
	{ "cpu.idle", NEEDED, cpu_idle },
};

static int write_knob(const struct cgroup *cg, const char *file, const char *value, enum need need,
		      struct error *e)
{
	int r = file_write_at(cg->fd, file, value, e);

	if (r == -ENOENT && need == WELCOME)
		return 0;
	if (r == -ENOENT)
		return fail(e, ENOTSUP, "cannot limit '%s' to '%s': the kernel has no such limit",
			    file, value);
	return r < 0 ? fail_wrap(e, "limiting to '%s'", value) : 0;
}

static int limit_throttle(const struct cgroup *cg, const char *key,
			  Oci__LinuxThrottleDevice *const *devices, size_t n, struct error *e)
{
	for (size_t i = 0; i < n; i++) {
		_free_ char *line =
			xasprintf("%jd:%jd %s=%ju", (intmax_t)devices[i]->major,
				  (intmax_t)devices[i]->minor, key, (uintmax_t)devices[i]->rate);
		int r = write_knob(cg, "io.max", line, NEEDED, e);

		if (r < 0)
			return r;
	}
	return 0;
}

static int limit_io(const struct cgroup *cg, const Oci__LinuxBlockIO *io, struct error *e)
{
	int r = limit_throttle(cg, "rbps", io->throttlereadbpsdevice, io->n_throttlereadbpsdevice,
			       e);

	if (r >= 0)
		r = limit_throttle(cg, "wbps", io->throttlewritebpsdevice,
				   io->n_throttlewritebpsdevice, e);
	if (r >= 0)
		r = limit_throttle(cg, "riops", io->throttlereadiopsdevice,
				   io->n_throttlereadiopsdevice, e);
	if (r >= 0)
		r = limit_throttle(cg, "wiops", io->throttlewriteiopsdevice,
				   io->n_throttlewriteiopsdevice, e);
	return r;
}

static int limit_huge(const struct cgroup *cg, const Oci__LinuxHugepageLimit *limit,
		      struct error *e)
{
	static const char letters[] = "0123456789KMGTB";
	_free_ char *file = NULL, *reserved = NULL, *value = NULL;
	int r;

	if (str_empty(limit->pagesize) ||
	    strspn(limit->pagesize, letters) != strlen(limit->pagesize))
		return fail(e, EINVAL, "bad size of a huge page '%.32s'", limit->pagesize);
	file = xasprintf("hugetlb.%s.max", limit->pagesize);
	reserved = xasprintf("hugetlb.%s.rsvd.max", limit->pagesize);
	value = xasprintf("%ju", (uintmax_t)limit->limit);
	/* The runtime names every size the host knows; the guest may know fewer. */
	r = write_knob(cg, file, value, limit->limit ? NEEDED : WELCOME, e);
	/* What is mapped beyond the limit fails then, rather than a page of it being touched. */
	return r < 0 ? r : write_knob(cg, reserved, value, WELCOME, e);
}

static int limit_rdma(const struct cgroup *cg, const Oci__LinuxResources__RdmaEntry *entry,
		      struct error *e)
{
	const Oci__LinuxRdma *limit = entry->value;
	_free_ char *handles = NULL, *objects = NULL, *line = NULL;

	if (!limit || (!limit->has_handles_case && !limit->has_objects_case))
		return 0;
	handles = limit->has_handles_case ? xasprintf(" hca_handle=%u", limit->hcahandles)
					  : xstrdup("");
	objects = limit->has_objects_case ? xasprintf(" hca_object=%u", limit->hcaobjects)
					  : xstrdup("");
	line = xasprintf("%s%s%s", entry->key, handles, objects);
	return write_knob(cg, "rdma.max", line, NEEDED, e);
}

/* A file of a controller by its name.  Those of the group itself are the agent's. */
static int limit_unified(const struct cgroup *cg, const Oci__LinuxResources__UnifiedEntry *entry,
			 struct error *e)
{
	const char *file = entry->key;

	if (strchr(file, '/') || !strchr(file, '.') || file[0] == '.' ||
	    str_starts(file, "cgroup."))
		return fail(e, EINVAL, "'%.64s' is no limit of a control group", file);
	return write_knob(cg, file, entry->value, NEEDED, e);
}

static int limit_by_name(const struct cgroup *cg, const Oci__LinuxResources *r, struct error *e)
{
	int code = 0;

	for (size_t i = 0; code >= 0 && i < r->n_hugepagelimits; i++)
		code = limit_huge(cg, r->hugepagelimits[i], e);
	for (size_t i = 0; code >= 0 && i < r->n_rdma; i++)
		code = limit_rdma(cg, r->rdma[i], e);
	/* The last word. */
	for (size_t i = 0; code >= 0 && i < r->n_unified; i++)
		code = limit_unified(cg, r->unified[i], e);
	return code;
}

static int check_limits(const Oci__LinuxResources *r, struct error *e)
{
	int64_t swap;

	if (r->blockio && r->blockio->weight &&
	    (r->blockio->weight < 10 || r->blockio->weight > 1000))
		return fail(e, EINVAL, "block io weight %u is not in 10 to 1000",
			    r->blockio->weight);
	return r->memory ? cgroup_swap_of(r->memory->limit, r->memory->swap, &swap, e) : 0;
}

/* Less than what is used is an order to kill, unless the caller asks to look first. */
static int check_usage(const struct cgroup *cg, const Oci__LinuxMemory *memory, struct error *e)
{
	_free_ char *text = NULL;
	uint64_t usage;
	int r;

	if (!memory || !memory->checkbeforeupdate || memory->limit <= 0)
		return 0;
	r = file_read_at(cg->fd, "memory.current", KNOB_MAX, &text, NULL, e);
	if (r >= 0)
		r = parse_u64(str_trim(text), "memory.current", UINT64_MAX, &usage, e);
	if (r < 0)
		return r;
	return usage <= (uint64_t)memory->limit
		       ? 0
		       : fail(e, EBUSY, "the limit of memory %jd is below what is used, %ju",
			      (intmax_t)memory->limit, (uintmax_t)usage);
}

int cgroup_limit(struct cgroup *cg, const Oci__LinuxResources *r, struct error *e)
{
	int code = r ? check_limits(r, e) : 0;

	if (r && code >= 0)
		code = check_usage(cg, r->memory, e);
	if (!r || code < 0)
		return code;
	for (size_t i = 0; i < ARRAY_SIZE(knobs); i++) {
		_free_ char *value = knobs[i].value(r);

		code = value ? write_knob(cg, knobs[i].file, value, knobs[i].need, e) : 0;
		if (code < 0)
			return code;
	}
	code = r->blockio ? limit_io(cg, r->blockio, e) : 0;
	return code < 0 ? code : limit_by_name(cg, r, e);
}

/* Where below CG the process PID is. */
static char *place_of(const struct cgroup *cg, pid_t pid, struct error *e)
{
	_free_ char *file = xasprintf("/proc/%d/cgroup", (int)pid);
	_free_ char *text = NULL;
	_free_ char *joined = strv_join(cg->path, "/");
	_free_ char *part = xasprintf("/%s/", joined);
	const char *below;

	if (file_read(file, KNOB_MAX, &text, NULL, e) < 0)
		return NULL;
	/* The names after the first match are the container's own choice. */
	below = strstr(text, part);
	if (!below) {
		(void)fail(e, EBUSY, "cgroup '%s' is divided, and process %d is in no part of it",
			   joined, (int)pid);
		return NULL;
	}
	below += strlen(part);
	return xstrndup(below, strcspn(below, "\n"));
}

int cgroup_open_for(const struct cgroup *cg, pid_t pid, struct error *e)
{
	_free_ char *handed = NULL;
	_free_ char *place = NULL;
	int fd, r = file_read_at(cg->fd, "cgroup.subtree_control", KNOB_MAX, &handed, NULL, e);

	if (r < 0)
		return r;
	if (strspn(handed, " \n") == strlen(handed)) {
		fd = fcntl(cg->fd, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? fail(e, errno, "cannot copy a descriptor: %m") : fd;
	}
	place = place_of(cg, pid, e);
	if (!place)
		return -e->code;
	return open_in_root(cg->fd, place, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, e);
}

int cgroup_kill(const struct cgroup *cg, struct error *e)
{
	return file_write_at(cg->fd, "cgroup.kill", "1", e);
}

/* Waits until the line KEY of cgroup.events has WANTED. */
static int wait_event(const struct cgroup *cg, const char *key, uint64_t wanted,
		      uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	_close_ int fd = openat(cg->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	char text[256];
	int r;

	if (fd < 0)
		return fail(e, errno, "cannot open the events of a cgroup: %m");
	for (;;) {
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

		if (n < 0)
			return fail(e, errno, "cannot read the events of a cgroup: %m");
		text[n] = '\0';
		if (cgroup_value(text, key, wanted) == wanted)
			return 0;
		r = wait_fd(fd, POLLPRI, key, deadline_ms, c, e);
		if (r < 0)
			return r;
	}
}

int cgroup_wait_empty(const struct cgroup *cg, uint64_t deadline_ms, const struct cancel *c,
		      struct error *e)
{
	return wait_event(cg, "populated", 0, deadline_ms, c, e);
}

int cgroup_freeze(const struct cgroup *cg, enum cgroup_freeze state, uint64_t deadline_ms,
		  const struct cancel *c, struct error *e)
{
	struct error ignored;
	int r = file_write_at(cg->fd, "cgroup.freeze", state == CGROUP_FREEZE ? "1" : "0", e);

	if (r >= 0)
		r = wait_event(cg, "frozen", state == CGROUP_FREEZE, deadline_ms, c, e);
	/* Half frozen is worse than not frozen. */
	if (r < 0 && state == CGROUP_FREEZE)
		(void)file_write_at(cg->fd, "cgroup.freeze", "0", &ignored);
	return r;
}

uint64_t cgroup_oom_kills(const struct cgroup *cg)
{
	_free_ char *text = NULL;
	struct error ignored;

	if (file_read_at(cg->fd, "memory.events", KNOB_MAX, &text, NULL, &ignored) < 0)
		return 0;
	return cgroup_value(text, "oom_kill", 0);
}
