/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SHIM_SHIM_H
#define RUNTIME_SHIM_SHIM_H

#include <time.h>

#include "lib/rpc/proto/oci.pb-c.h"
#include "lib/rpc/server.h"
#include "runtime/sandbox/ask.h"
#include "runtime/sandbox/container.h"
#include "runtime/sandbox/outside.h"
#include "runtime/shim/events.h"
#include "runtime/shim/stdio.h"

/*
 * shim - the objects of one pod's shim and how they hang together.
 *
 *   shim - sandbox (one VM)
 *      `-- task (a container) -- process (its first one)
 *                            `-- process (one per exec)
 *
 * All of it belongs to the io thread.  What may block is an op: a job that works on the sandbox or
 * container and comes back to the io thread with its result.  An object is not freed while an op or
 * a call to the agent refers to it (`pending`).
 */

/* Exit statuses of what no guest reports one for, as a shell gives them. */
#define STATUS_KILLED  (128 + 9) /* it never ran, or died with its VM */
#define STATUS_UNKNOWN 255

struct shim;
struct task;
struct carried;
struct forward;
struct manage_peer;
struct metrics;

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

enum process_event {
	PROCESS_MADE,    /* the agent has created it */
	PROCESS_START,   /* asked to start */
	PROCESS_STARTED, /* the agent has started it */
	PROCESS_REFUSED, /* the agent has not: back to where it was */
	PROCESS_PAUSE,
	PROCESS_PAUSE_OK,
	PROCESS_RESUME_OK,
	PROCESS_EXIT,
	N_PROCESS_EVENT,
};

/* Somebody who waits for an exit. */
struct waiter {
	struct waiter *next;
	struct rpc_request *req;
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
	struct shim *shim;
	char *id;
	char *bundle;
	enum spec_type type;
	struct container *container; /* NULL until created */
	struct outside *outside;     /* NULL until created */
	struct io placeholder;       /* of it: */
	bool is_ending;              /* waits for it to be reaped */
	struct process init;
	struct process *execs;
	unsigned pending_signal;     /* arrived while it was being created */
	bool was_out_of_memory;      /* and the engine was told */
	struct rpc_request *deleter; /* a Delete that did */
	bool is_deleting;
};

enum shim_stage {
	SHIM_EMPTY,    /* no sandbox */
	SHIM_STARTING, /* a Create makes it */
	SHIM_RUNNING,
	SHIM_STOPPING, /* until no op is under way */
	SHIM_ENDING,   /* a work thread ends it */
	SHIM_STOPPED,
};

struct op;

struct shim {
	struct loop *loop;
	struct work_pool *pool;
	struct rpc_server *server;
	struct manage *manage;   /* NULL: nobody can ask but the engine */
	struct metrics *metrics; /* NULL: nothing is counted */
	struct events *events;
	const char *id;
	const char *namespace_;
	const char *bundle;      /* of the first container */
	const char *config_path; /* NULL: the engine's options say, or the default is */
	enum shim_stage stage;
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
	struct io signals;
	struct io look;      /* a timer: whether somebody still wants this shim */
	uint64_t look_ms;    /* 0: never asked */
	bool is_told_to_end; /* as soon as there is no sandbox any more */
};

/* process.c */
extern const char *const process_state_names[N_PROCESS_STATE];
void process_init(struct process *p, struct task *task, const char *id);
/* Moves P; EBADMSG never happens: false if EVENT is not allowed in its state, which stays. */
bool process_move(struct process *p, enum process_event event);
/* Begins to watch for the exit and to copy the streams. */
void process_watch(struct process *p);
/* The end, whether the agent reported it or not; once. */
void process_exited(struct process *p, uint32_t status);
/* The same for one that is taken away: whatever is under way, this is its end. */
void process_end_now(struct process *p, uint32_t status);
/* P was sent SIGKILL: what does not end in the shim's kill_wait_ms is ended from here. */
void process_killed(struct process *p);
/* Publishes the exit and answers the waiters, if it is known, drained and past its start. */
void process_settle(struct process *p);
void process_wait(struct process *p, struct rpc_request *req);
/* Takes P out of use; it is freed when nothing refers to it any more. */
void process_drop(struct process *own_process);
/* One reference of an op or call less. */
void process_release(struct process *p);
struct process *process_find(struct task *task, const char *exec_id, struct error *e);

/* task.c */
/* Every method of the Task service; context is the shim. */
void task_service(struct shim *shim, struct rpc_service *ret_service);
/* ENOENT if there is none. */
struct task *task_find(struct shim *shim, const char *id, struct error *e);
/* Takes TASK with its processes out of the list. */
void task_drop(struct task *own_task);
/* The process on the host that stands for TASK, also when it has ended; 0 before it is created. */
uint32_t task_pid(const struct task *task);
/* It stands for nothing any more.  Idempotent. */
void task_ended(struct task *task);
/* The memory of one that is dropped; for process.c. */
void task_free(struct task *task);

/* The methods whose work is done by an op. */
/* create.c */
rpc_handler task_create;
/* signal.c */
/* Sends SIGNAL to P, answering REQ, which may be NULL. */
void task_signal(struct process *p, struct rpc_request *req, uint32_t signal);
rpc_handler task_kill;
/* start.c */
rpc_handler task_start;
/* delete.c */
rpc_handler task_delete;
/* Goes on with the Delete that came while TASK was being created: now it is, or never will be. */
void task_delete_created(struct task *task);
void task_delete_uncreated(struct task *task);
/* control.c */
/* Gives the terminal of P its size, answering REQ, which may be NULL. */
void task_submit_resize(struct process *p, struct rpc_request *req);
rpc_handler task_pause;
rpc_handler task_resume;
rpc_handler task_resize;
rpc_handler task_update;
rpc_handler task_stats;

/* op.c: what is done for one request, in stages: blocking work, or a question to the agent. */
struct op {
	struct job job;
	struct ask ask;
	bool wants_answer;
	struct op *next;
	struct op *behind; /* in the line of its process */
	bool is_in_line;
	bool has_begun;
	bool is_busy; /* a stage is under way */
	bool is_told; /* that one has failed */
	struct shim *shim;
	struct task *task;
	struct process *process;
	struct rpc_request *req;                     /* answered by finish(), or already (NULL) */
	void (*begin)(struct op *op);                /* io thread; of one in a line */
	int (*work)(struct op *op, struct error *e); /* work thread */
	void (*finish)(struct op *op);               /* io thread; may begin the next stage */
	int result;                                  /* of the stage, as ERROR */
	struct error error;
	struct op_result *kept;
	void (*after)(struct op *op); /* a row of stages that several kinds have */
	/* Arguments and results of the various kinds. */
	void *in;     /* a copy of the request, freed with the op */
	void *answer; /* a message, freed with the op */
	Oci__LinuxResources *resources;
	struct sandbox *sandbox;
	bool makes_sandbox;
	struct container *container;
	struct outside *outside;
	struct stdio *stdio;
	strv bundles;
	enum spec_type type;
	uint32_t signal;
	struct carried *carried;  /* the connection it is for */
	struct manage_peer *peer; /* whose request it is, instead of REQ */
	char *path;               /* freed with the op, as TEXT */
	char *text;
	uint64_t bytes;
};

/* An op for REQ (may be NULL), with a copy of IN (may be NULL), for PROCESS. */
struct op *op_new(struct shim *shim, struct process *p, struct rpc_request *req, const void *in);
/* Calls OP->begin, which begins the first stage, once all that was put into the line of its process
 * before has ended; perhaps at once.  The request is deferred, as by what follows. */
void op_in_turn(struct op *op);
/* The next stage is OP->work, beside everything else, or even if no thread is left for others. */
enum op_order { OP_ALONE, OP_URGENT };
void op_submit(struct op *op, enum op_order order);
/* The next stage is a question to the agent, which has as long as client_wait_of() says.  REQUEST
 * is serialised at once; the answer is kept as OP->answer if it is wanted. */
void op_ask(struct op *op, enum client_call call, const void *request);
/* The same for who asks (container_ask_...()) with what this returns. */
struct ask *op_asks(struct op *op);
/* Nothing is to be done in this stage: OP->finish is called. */
void op_skip(struct op *op);
/* How the stages end from now on is of no interest; and afterwards it is again how it was. */
void op_keep_result(struct op *op);
void op_recall_result(struct op *op);
/* Answers with an empty message, or the error. */
void op_reply_empty(struct op *op);
void op_reply_error(struct op *op);
/* Of one that was not begun. */
void op_free(struct op *own_op);

/* remove.c */
/* The next stages take OP->container away, which may be NULL, from guest and host; then AFTER
 * goes on.  OP->result stays what it is. */
void op_remove_container(struct op *op, void (*after)(struct op *op));

/* stop.c: the end of the sandbox and of the shim. */
/* Ends the sandbox and all its processes; STATUS is what those get that nobody saw exit. */
void shim_stop_sandbox(struct shim *shim, uint32_t status);
/* Runs OP->finish once the sandbox has stopped, which may be now. */
void shim_when_stopped(struct shim *shim, struct op *own_op);
/* To be called whenever something ended that a stop may be waiting for. */
void shim_check_stop(struct shim *shim);
/* Runs what waits for that. */
void shim_run_waiting(struct shim *shim);
/* Forgets the sandbox, answers REQ and ends the program, once the sandbox has stopped and events
 * are delivered. */
void shim_leave(struct shim *shim, struct rpc_request *req);
/* Ends the program without a request if the sandbox has stopped, or once it has, if it does so by
 * now; a shim with a sandbox, or on the way to one, goes on. */
void shim_told_to_end(struct shim *shim);

/* abandon.c */
/* Leaves by itself once nobody is left who could ask for it. */
int shim_look_open(struct shim *shim, struct error *e);
/* To be called whenever a pod is there no more, or not yet. */
void shim_look_again(struct shim *shim);
void shim_look_close(struct shim *shim);

/* watch.c: what may happen by itself. */
/* Watches the processes of the VM, the agent's connection and memory shortage. */
struct watch *watch_new(struct shim *shim, struct error *e);
void watch_free(struct watch *w);
/* Sets the guest's clock soon, as after a time in which it did not run. */
void watch_set_clock(struct watch *w);

/* manage.c: the management socket, on which root asks this shim (runtime/sandbox/management.h). */
/* Makes the socket; it goes with the folder it lies in. */
struct manage *manage_new(struct shim *shim, const char *path, struct error *e);
/* When the pools have stopped. */
void manage_free(struct manage *m);

/* stats.c */
enum stats_kind { STATS_CGROUP1, STATS_CGROUP2 };
/* FROM, an Agent__StatsContainerResponse or NULL (nothing is used), as engines take it on a host of
 * KIND: *ret_bytes is the packed message (caller frees), *ret_type its name. */
void stats_convert(const void *from, enum stats_kind kind, const char **ret_type,
		   uint8_t **ret_bytes, size_t *ret_len);
/* What the host's cgroups are. */
enum stats_kind stats_host_kind(void);

#endif
