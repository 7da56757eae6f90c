/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONTAINER_CGROUP_H
#define AGENT_CONTAINER_CGROUP_H

#include "lib/str.h"
#include "lib/wait.h"

struct Agent__CgroupStats;
struct Oci__LinuxDeviceCgroup;
struct Oci__LinuxResources;

/* One container's control group, version 2.  Belongs to the thread that works for the container;
 * cgroup_kill() and cgroup_oom_kills() may be called beside it. */
struct cgroup {
	int fd;     /* its directory */
	int rootfd; /* the directory it was made below, borrowed */
	strv path;  /* its name and those of its parents below the root */
};

/* The directory PATH; -ENOTSUP when it is not in a hierarchy of version 2. */
int cgroup_open_root(const char *path, struct error *e);

/* Makes PATH ("/a/b/c") below ROOTFD with every controller there is.  An empty PATH is NAME.  A
 * group that still holds processes is EEXIST. */
int cgroup_make(int rootfd, const char *path, const char *name, struct cgroup *ret,
		struct error *e);
/* Forgets the group, which stays. */
void cgroup_done(struct cgroup *cg);
/* Removes the group, what was made below it, and parents that became empty. */
int cgroup_remove(struct cgroup *cg, struct error *e);

/* Sets what R asks for and leaves the rest.  A limit without its controller is ENOTSUP: a limit
 * that does not hold must not look as if it did. */
int cgroup_limit(struct cgroup *cg, const struct Oci__LinuxResources *r, struct error *e);
/* Nothing but the devices that RULES allow, the last matching one deciding, can be used. */
int cgroup_allow_devices(struct cgroup *cg, struct Oci__LinuxDeviceCgroup *const *rules, size_t n,
			 struct error *e);

/* A new descriptor of the group in which a process that joins PID is to be born: CG, or, where CG
 * hands controllers on to groups below and so takes no process, the one that PID is in. */
int cgroup_open_for(const struct cgroup *cg, pid_t pid, struct error *e);

/* SIGKILL for every process in the group. */
int cgroup_kill(const struct cgroup *cg, struct error *e);
/* Waits until no process is left. */
int cgroup_wait_empty(const struct cgroup *cg, uint64_t deadline_ms, const struct cancel *c,
		      struct error *e);

enum cgroup_freeze { CGROUP_THAW, CGROUP_FREEZE };
/* Stops every process of the group, or lets them go on, and waits until it is so. */
int cgroup_freeze(const struct cgroup *cg, enum cgroup_freeze state, uint64_t deadline_ms,
		  const struct cancel *c, struct error *e);

/* Makes *ret_stats, to be freed with its message.  What the kernel does not count stays 0. */
int cgroup_stats(const struct cgroup *cg, struct Agent__CgroupStats **ret_stats, struct error *e);

/* How many processes of the group the kernel killed for want of memory; 0 if it does not say. */
uint64_t cgroup_oom_kills(const struct cgroup *cg);

/* The conversions from the units of version 1, in which the specification is written. */
uint64_t cgroup_weight_of_shares(uint64_t shares);
int cgroup_swap_of(int64_t memory, int64_t memory_and_swap, int64_t *ret_swap, struct error *e);

/* The value of the line "KEY value" in TEXT, or OTHERWISE. */
uint64_t cgroup_value(const char *text, const char *key, uint64_t otherwise);

/* A privileged container of a large host has a rule for each of its devices. */
#define CGROUP_DEVICE_RULES_MAX 4096

struct bpf_insn;
/* The program that decides as RULES say; returns the number of instructions.  INSNS has room for
 * CGROUP_DEVICE_INSNS(N). */
#define CGROUP_DEVICE_INSNS(n) ((n)*8 + 8)
int cgroup_device_program(struct Oci__LinuxDeviceCgroup *const *rules, size_t n,
			  struct bpf_insn *insns, struct error *e);

#endif
