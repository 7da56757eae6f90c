/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LAUNCH_H
#define AGENT_LAUNCH_H

#include <sys/types.h>

#include "lib/error.h"
#include "lib/wait.h"

struct Oci__Spec;

/*
 * From a specification to a process.
 *
 * The child is this program run again: it reads its plan from a sealed memory file, builds its
 * surroundings as ordinary code with one thread, reports "ready" and waits.  One socket carries the
 * report, the order to go on, the reason of a failure, and by its end the success of execve(2).
 */

enum launch_kind {
	LAUNCH_INIT, /* the first process of a container: waits for launch_go() */
	LAUNCH_EXEC, /* one more process in it */
};

#define LAUNCH_ID_MAX 128

/* Descriptors are borrowed; -1: none. */
struct launch {
	enum launch_kind kind;
	const char *container_id;
	int stdio[3];       /* the child's ends; -1: /dev/null */
	int planfd;         /* launch_plan() of this process */
	int container_plan; /* LAUNCH_EXEC: the plan of the container's first process */
	int ipcfd;          /* LAUNCH_INIT: the namespaces of the sandbox */
	int utsfd;
	int target; /* LAUNCH_EXEC: pidfd of the container's first process */
	int pidns;  /* pidfd of a process whose pid namespace is joined; -1: a new one */
	int cgroup; /* directory of the group it is born in */
};

/* A process that is ready and waits. */
struct launched {
	pid_t pid;
	int pidfd;
	int control;
	int master; /* of its terminal, not blocking; -1: none */
};

/* A sealed memory file with what the child must know. */
int launch_plan(enum launch_kind kind, const struct Oci__Spec *spec, struct error *e);

/* Starts the child and waits until it is ready.  On failure it is gone and reaped.  Work thread. */
int launch_start(const struct launch *l, uint64_t deadline_ms, const struct cancel *c,
		 struct launched *ret, struct error *e);
/* Lets it execute its program; closes the control socket.  After a failure the child ends by
 * itself and is to be reaped as any other. */
int launch_go(struct launched *l, uint64_t deadline_ms, const struct cancel *c, struct error *e);
/* Kills and reaps a process nobody else waits for, closes everything. */
void launch_abort(struct launched *l);

/* What both sides agree on. */
enum launch_slot {
	LAUNCH_SLOT_PLAN = 3,
	LAUNCH_SLOT_CONTROL,
	LAUNCH_SLOT_IPC,
	LAUNCH_SLOT_UTS,
	LAUNCH_SLOT_TARGET,
	LAUNCH_SLOT_CONTAINER_PLAN,
	N_LAUNCH_SLOT,
};

#define LAUNCH_PLAN_MAGIC UINT32_C(0x6b706c31)
#define LAUNCH_PLAN_MAX   (8 * MIB)

/* In front of the packed specification. */
struct launch_header {
	uint32_t magic;
	uint32_t kind;
};

/* Code 0: ready. */
struct launch_report {
	int32_t code;
	char msg[512];
};

/* The specification in the plan PLANFD, to be freed as a message. */
int launch_plan_read(int planfd, enum launch_kind *ret_kind, struct Oci__Spec **ret_spec,
		     struct error *e);

#endif
