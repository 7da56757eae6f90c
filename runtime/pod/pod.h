/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_POD_H
#define RUNTIME_POD_POD_H

#include "lib/work.h"
#include "runtime/sandbox/sandbox.h"

/*
 * pod - a sandbox with its containers, and what is done with them, whoever asks for it.
 *
 *   pod - sandbox (one VM)
 *     `-- task (a container) -- process (its first one)
 *                           `-- process (one per exec)
 *
 * All of it belongs to the io thread.  What may take a while is an op (op.h).  Whoever serves an
 * engine, a front end, calls the functions of this folder and hears by a listener what happened; it
 * is known here by no more than that.
 *
 * The files are a row: each calls only those before it.
 *   pod, task, look, op, process, remove, forward, names, watch, stop, signal, control, start,
 *   delete, create, abandon, open
 * What has to be told to those behind goes by `struct pod_calls`.
 */

/* Exit statuses of what no guest reports one for, as a shell gives them. */
#define STATUS_KILLED  (128 + 9) /* it never ran, or died with its VM */
#define STATUS_UNKNOWN 255

struct op;
struct pod;
struct process;
struct rpc_call;
struct task;

enum pod_stage {
	POD_EMPTY,    /* no sandbox */
	POD_STARTING, /* a Create makes it */
	POD_RUNNING,
	POD_STOPPING, /* until no op is under way */
	POD_ENDING,   /* a work thread ends it */
	POD_STOPPED,
};

/* What happened to a process, or to the container whose first one it is. */
enum pod_news {
	NEWS_CREATED,
	NEWS_EXEC_ADDED,
	NEWS_STARTED,
	NEWS_PAUSED,
	NEWS_RESUMED,
	NEWS_OUT_OF_MEMORY,
	NEWS_EXITED,
	NEWS_DELETED,
	N_POD_NEWS,
};

/* Who is told.  Each may be NULL.  Io thread. */
struct pod_listener {
	void (*told)(void *arg, enum pod_news news, const struct process *p);
	/* The agent has answered CALL after MS. */
	void (*agent_took)(void *arg, const struct rpc_call *call, uint64_t ms);
	/* The pod is over, and nobody will ask for it any more. */
	void (*left)(void *arg);
	void *arg;
};

/* What those in front need of those behind (stop.c). */
struct pod_calls {
	/* The sandbox must end; STATUS is what those get that nobody saw exit. */
	void (*must_end)(struct pod *pod, uint32_t status);
	/* An op has ended. */
	void (*op_ended)(struct pod *pod);
};

struct pod {
	struct loop *loop;
	struct work_pool *pool;
	const char *id;
	const char *namespace_;
	const char *bundle;      /* of the first container */
	int held;                /* that the record is ours; -1: not known */
	const char *config_path; /* NULL: the engine says, or the default is */
	struct pod_listener listener;
	const struct pod_calls *calls;
	enum pod_stage stage;
	struct cancel cancel;    /* raised when the sandbox ends */
	uint64_t kill_wait_ms;   /* what a killed process may take to end */
	struct sandbox *sandbox; /* from when it has started; to be used while it runs */
	bool has_foreign_agent;
	struct task *tasks;
	struct process *dropped; /* until nothing refers to them */
	unsigned ops;
	struct op *waiting; /* for the sandbox to have stopped */
	struct watch *watch;
	struct forward *forward; /* NULL: nothing is carried */
	struct names *names;     /* NULL: no name server is asked */
	struct io look;          /* a timer: whether somebody still wants this pod */
	uint64_t look_ms;        /* 0: never asked */
	bool is_told_to_end;     /* as soon as there is no sandbox any more */
};

void pod_tell(struct pod *pod, enum pod_news news, const struct process *p);
/* Ends the sandbox, for want of what it cannot be without. */
void pod_must_end(struct pod *pod, uint32_t status);
/* Cancels all that waits for the guest. */
void pod_cancel(struct pod *pod);

#endif
