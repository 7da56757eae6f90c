/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONTAINER_LAUNCH_H
#define AGENT_CONTAINER_LAUNCH_H

#include <sys/types.h>

#include "agent/plan/plan.h"
#include "lib/wait.h"

/*
 * From a specification to a process.
 *
 * The child is this program run again: it reads its plan from a sealed memory file, builds its
 * surroundings as ordinary code with one thread, reports "ready" and waits.  One socket carries the
 * report, the order to go on, the reason of a failure, and by its end the success of execve(2).
 */

/* Descriptors are borrowed; -1: none. */
struct launch {
	enum launch_kind kind;
	const char *container_id;
	int nullfd;         /* /dev/null, open to read and write */
	int stdio[3];       /* the child's ends; -1: nullfd */
	int planfd;         /* launch_plan() of this process */
	int container_plan; /* LAUNCH_EXEC: the plan of the container's first process */
	int ipcfd;          /* LAUNCH_INIT: the namespaces of the sandbox */
	int utsfd;
	int netfd;
	int usersfd;      /* the user namespace */
	int filter;       /* launch_filter() of the container */
	int null_tree;    /* LAUNCH_INIT: a detached mount of nullfd */
	const int *trees; /* LAUNCH_INIT: launch_n_trees() detached mounts */
	size_t n_trees;
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
	bool is_ordered;
};

#define LAUNCHED_NONE                                               \
	(struct launched)                                           \
	{                                                           \
		.pid = -1, .pidfd = -1, .control = -1, .master = -1 \
	}

/* Starts the child and waits until it is ready.  On failure it is gone and reaped.  Work thread. */
int launch_start(const struct launch *l, uint64_t deadline_ms, const struct cancel *c,
		 struct launched *ret, struct error *e);
/* Lets it execute its program; closes the control socket.  After a failure the child ends by
 * itself and is to be reaped as any other. */
int launch_go(struct launched *l, uint64_t deadline_ms, const struct cancel *c, struct error *e);
/* Kills and reaps a process nobody else waits for, closes everything. */
void launch_abort(struct launched *l);

/* The same in steps that wait for nothing: the child is made; when its control socket is readable
 * it is heard; when it is ready it is ordered to go on. */
int launch_begin(const struct launch *l, struct launched *ret, struct error *e);
enum launch_word { LAUNCH_NOTHING, LAUNCH_READY, LAUNCH_RUNS };
/* A failure is the child's: it ends by itself. */
int launch_hear(struct launched *l, enum launch_word *ret_word, struct error *e);
int launch_order(struct launched *l, struct error *e);

#endif
