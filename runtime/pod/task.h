/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_TASK_H
#define RUNTIME_POD_TASK_H

#include <time.h>

#include "lib/rpc/proto/oci.pb-c.h"
#include "runtime/pod/pod.h"
#include "runtime/pod/stdio.h"
#include "runtime/sandbox/container.h"
#include "runtime/sandbox/outside.h"

/*
 * task - containers and their processes as an engine knows them, and how long each is kept: it is
 * not freed while an op or a call to the agent refers to it (`pending`).
 */

enum process_state {
	PROCESS_CREATING, /* only a task's first process */
	PROCESS_CREATED,
	PROCESS_STARTING,
	PROCESS_RUNNING,
	PROCESS_PAUSING,
	PROCESS_PAUSED,
	PROCESS_STOPPED,
	N_PROCESS_STATE,
};
extern const char *const process_state_names[N_PROCESS_STATE];

/* Who wants to know what becomes of what he asked for.  Called once, on the io thread, by whatever
 * took it and did not fail: WHY NULL if it was done; SAID is the agent's answer where that is what
 * was asked for; neither stays. */
struct asker {
	void (*answer)(void *arg, const struct process *p, const void *said,
		       const struct error *why); /* NULL: nobody */
	void *arg;
};

/* Somebody who waits for an exit. */
struct waiter {
	struct waiter *next;
	struct asker asker;
};

struct process {
	struct process *next;
	struct task *task;
	char *id;      /* exec id; "" for the first one */
	char *exec_id; /* as the agent knows it */
	enum process_state state;
	char *in, *out, *err;
	bool is_terminal;
	Oci__Process *spec;     /* of an exec until it is started */
	uint32_t width, height; /* to be set when it starts; 0: not asked for */
	bool must_close_input;  /* asked for before there were streams */
	struct stdio *stdio;
	struct op *line;  /* what it was asked for, one after another; the first is under way */
	bool is_asked;    /* the agent: for the exit */
	bool has_status;  /* the agent has reported an exit */
	bool has_drained; /* both outputs are at their end */
	bool is_held;     /* until it is written down why it ends */
	struct io killed; /* a timer since it got SIGKILL */
	bool is_killed;   /* which runs */
	uint32_t exit_status;
	struct timespec exited_at;
	struct waiter *waiters;
	unsigned pending;
	bool is_dropped;
};

struct task {
	struct task *next;
	struct pod *pod;
	char *id;
	char *bundle;
	struct rootfs_mount *mounts; /* of its root, their text behind them */
	size_t n_mounts;
	enum spec_type type;
	struct container *container; /* NULL until created */
	struct outside *outside;     /* NULL until created */
	struct io placeholder;       /* of it: */
	bool is_ending;              /* waits for it to be reaped */
	struct process init;
	struct process *execs;
	unsigned pending_signal; /* arrived while it was being created */
	bool was_out_of_memory;  /* and the engine was told */
	struct asker deleter;    /* a Delete that did */
	bool is_deleting;
};

/* A task of POD, in its list. */
struct task *task_new(struct pod *pod, const char *id, const char *bundle);
/* ENOENT if there is none. */
struct task *task_find(struct pod *pod, const char *id, struct error *e);
/* The process on the host that stands for TASK, also when it has ended; 0 before it is created. */
uint32_t task_pid(const struct task *task);
/* It stands for nothing any more.  Idempotent. */
void task_ended(struct task *task);
/* It is reaped by whoever calls this, on whatever thread, and not here any more. */
void task_keep_placeholder(struct task *task);
/* Takes TASK with its processes out of the list; those who wait for their exits are refused. */
void task_drop(struct task *own_task);

/* In TASK's list, but for its first one (ID ""). */
struct process *process_new(struct task *task, const char *id);
struct process *process_find(struct task *task, const char *exec_id, struct error *e);
/* Takes P out of use; it is freed when nothing refers to it any more. */
void process_drop(struct process *own_process);
/* One reference of an op or call more, or less. */
void process_hold(struct process *p);
void process_release(struct process *p);

/* Answers, if anybody asks; he is asked no more. */
void asker_answer(struct asker *asker, const struct process *p, const void *said,
		  const struct error *why);

#endif
