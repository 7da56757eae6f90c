/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONTAINER_CONTAINER_OBJECT_H
#define AGENT_CONTAINER_CONTAINER_OBJECT_H

#include <pthread.h>

#include "agent/container/cgroup.h"
#include "agent/container/container.h"
#include "agent/container/null.h"
#include "agent/container/oom.h"
#include "agent/container/process.h"
#include "agent/container/reaper.h"
#include "agent/guest/hugepages.h"
#include "agent/sandbox.h"
#include "lib/str.h"

/*
 * What container*.c share.
 *
 * (lock): under containers.lock.  (queue): the job of the container's queue that runs.  (io): the
 * io thread.  (fixed): from making to freeing.
 */

enum container_state {
	CONTAINER_NEW, /* a queue, nothing else */
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_STOPPED,
	CONTAINER_REMOVED, /* nobody finds it any more */
	N_CONTAINER_STATE,
};

enum container_event {
	CONTAINER_CREATE,
	CONTAINER_START,
	CONTAINER_PAUSE,
	CONTAINER_RESUME,
	CONTAINER_EXIT,
	CONTAINER_REMOVE,
	N_CONTAINER_EVENT,
};

#define PROCESSES_MAX 512 /* of one container, that somebody may still ask about */

struct execution;

struct container {
	struct container *next;       /* (lock) */
	struct containers *all;       /* (fixed) */
	char *id;                     /* (fixed) */
	struct work_queue *queue;     /* (fixed) */
	enum container_state state;   /* (lock) */
	struct process *processes;    /* (lock), changed by: queue appends, io removes */
	struct execution *executions; /* (lock), changed as processes are */
	struct cgroup cgroup;         /* (queue); its fd also under lock; fd -1: none */
	bool shares_pidns;            /* (queue) until CREATED, then fixed */
	strv storages;                /* (queue) */
	struct hugepages hugepages;   /* (queue) kept for it */
	int planfd;                   /* (queue) */
	int filterfd;                 /* (queue) of system calls; -1: there is none */
	struct launched init;         /* (queue) pidfd and control socket of the first process */
	struct cancel cancel;         /* raised when the sandbox ends */
	struct loop_task bury;
	struct loop_task running;
};

struct containers {
	struct sandbox *sb;           /* (fixed) */
	struct reaper *reaper;        /* (fixed) */
	struct oom *oom;              /* (io) */
	int cgroup_root;              /* (fixed); -1: there is none */
	bool needs_no_cgroup;         /* (fixed) as a test asks */
	struct null null;             /* (fixed) */
	pthread_mutex_t lock;         /* guards what is marked so */
	pthread_cond_t gone;          /* a container was removed */
	struct container *list;       /* (lock) */
	int pidns;                    /* (lock) pidfd of who holds the shared pid namespace; -1 */
	struct loop_task destroy;     /* (lock) */
	uint64_t destroy_deadline_ms; /* (lock) */
};

/* The container ID, whatever it is doing; NULL with *e filled if there is none.  Valid until the io
 * thread returns to its loop. */
struct container *container_get(struct containers *cs, const char *id, struct error *e);
/* The same for a job that runs in QUEUE, which must be the container's: another one of that id may
 * have been made after the job was queued.  Valid for the job. */
struct container *container_of_queue(struct containers *cs, const struct work_queue *queue,
				     const char *id, struct error *e);

/* Forgets who held the shared pid namespace if that process has ended.  Under the lock. */
void containers_drop_dead_pidns(struct containers *cs);

/* Applies EVENT; EBUSY names the state that does not allow it. */
int container_change(struct container *c, enum container_event event, struct error *e);
/* Whether EVENT may happen now. */
int container_allows(struct container *c, enum container_event event, struct error *e);

/* Appends P to the container's processes and begins to watch it. */
void container_add_process(struct container *c, struct process *p);

/* SIGKILL for everything in the container.  Any thread. */
void container_kill(struct container *c);

/* Kills, waits, and gives back everything the container had.  ETIMEDOUT leaves it for another try.
 * The job of its queue. */
int container_destroy(struct container *c, uint64_t deadline_ms, const struct cancel *cancel,
		      struct error *e);
/* Takes it off the list; the io thread frees it.  The job of its queue. */
void container_bury(struct container *c);

struct Agent__CreateContainerRequest;
struct Agent__ExecProcessRequest;
struct Oci__Process;
struct Oci__Spec;

/* What CreateContainer does in a new container.  After a failure the caller destroys it. */
int container_create(struct container *c, const struct Agent__CreateContainerRequest *in,
		     uint64_t deadline_ms, struct error *e);
/* Whether P may be a process of C. */
int container_check_process(const struct container *c, const struct Oci__Process *p,
			    struct error *e);
/* The streams of PROCESS, unless it has a terminal. */
int container_open_pipes(struct container *c, const struct Oci__Process *process,
			 struct process_pipes *pipes, struct error *e);

/* exec.c */
/* What ExecProcess does in a running container: answers REQ when the process runs.  The job of its
 * queue. */
int execution_start(struct container *c, struct rpc_request *req,
		    const struct Agent__ExecProcessRequest *in, uint64_t deadline_ms,
		    struct error *e);
/* SIGKILL for those that are on the way.  Under the lock. */
void executions_kill(const struct container *c);
/* How many there are.  *ret_exists: one of them is called EXEC_ID.  Under the lock. */
size_t executions_count(const struct container *c, const char *exec_id, bool *ret_exists);
/* Gives up the one called EXEC_ID (NULL: each), whose caller is told CODE and WHY; false if there
 * is none.  Io thread. */
bool executions_cancel(struct container *c, const char *exec_id, int code, const char *why);
/* Forgets them; nobody is answered any more.  Io thread or after loop_run(). */
void executions_free(struct container *c);

/* The termination message that SPEC has a file for, at most 4096 bytes, valid UTF-8; caller frees.
 * ENOENT without one. */
int diagnostic_termination(const struct Oci__Spec *spec, char **ret, struct error *e);

#endif
