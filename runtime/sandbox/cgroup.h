/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_CGROUP_H
#define RUNTIME_SANDBOX_CGROUP_H

#include "lib/str.h"

/* The cgroups of one sandbox: a folder per hierarchy, in version 2 with the one below it that its
 * processes are in, and where this process came from. */
struct cgroup {
	strv dirs;  /* made by us; one that lies in another comes before it */
	strv homes; /* as many, in the same order */
};

/* The folder, relative to a hierarchy, for sandbox ID whose container has CGROUPS_PATH: beside the
 * container's, in the pod's.  Understands "/a/b/c" and systemd's "slice:prefix:name"; EINVAL for a
 * path that leaves its root.  Caller frees. */
int cgroup_path(const char *cgroups_path, const char *id, char **ret_path, struct error *e);

/* Makes the folder PATH in every hierarchy of ROOT (NULL: /sys/fs/cgroup) and moves this process
 * in; children follow.  On failure it is back where it was. */
int cgroup_join(const char *root, const char *path, struct cgroup *ret_cgroup, struct error *e);

/* Where a process whose cgroup is PATH of /proc/PID/cgroup can be moved back to in HIERARCHY.
 * Caller frees. */
char *cgroup_home(const char *hierarchy, const char *path);

/* Moves this process back and removes the folders.  Idempotent, never fails. */
void cgroup_leave(struct cgroup *c);
/* The most memory in bytes that the folder above one of DIRS may use; 0 if it has no limit. */
uint64_t cgroup_memory_limit(char *const *dirs);
/* How many bytes of huge pages of SIZE ("2MB") the folder above one of DIRS may use; 0 if there is
 * no such limit. */
uint64_t cgroup_pages_limit(char *const *dirs, const char *size);
/* How many processes in DIRS the kernel has killed for want of memory; 0 where it does not count.
 * Above them where it counts only there (version 2, when nobody turned on the controller below). */
uint64_t cgroup_oom_kills(char *const *dirs);

/* What all in DIRS have used together: processor time in nanoseconds, memory in bytes; 0 where it
 * is not counted. */
void cgroup_usage(char *const *dirs, uint64_t *ret_cpu_ns, uint64_t *ret_memory);

/* Kills what is left in DIRS and removes them; after a crash. */
void cgroup_forget(char *const *dirs);
void cgroup_done(struct cgroup *c);

#endif
