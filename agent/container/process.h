/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONTAINER_PROCESS_H
#define AGENT_CONTAINER_PROCESS_H

#include <sys/types.h>

#include "agent/container/launch.h"
#include "agent/container/stream.h"

/*
 * A process of a container as its runtime sees it: streams, signals and an exit status.
 *
 * Made on a work thread, then given to the io thread, to which it belongs from then on; `id`,
 * `pid`, `pidfd` and `is_init` never change; `is_told` may be read by any thread.
 */
struct process {
	struct process *next; /* the container's list */
	char *id;
	pid_t pid;
	int pidfd;
	bool is_init;
	bool has_terminal;
	bool has_exited;
	bool was_waited_for;
	_Atomic bool is_told; /* its end, to who waited: its id may be another's */
	int status;
	struct stream in, out, err;
	struct parked *waiters;
	struct loop *loop;
	struct io exit;  /* pidfd again */
	struct io timer; /* to look at the end again; after it, for the rest of the output */
	struct loop_task adopt;
	void (*exited)(struct process *p);
	void *owner;
};

/* The two ends of the streams of a process without a terminal. */
struct process_pipes {
	int ours[3];
	int theirs[3];
};

#define PROCESS_PIPES_NONE                                       \
	(struct process_pipes)                                   \
	{                                                        \
		.ours = { -1, -1, -1 }, .theirs = { -1, -1, -1 } \
	}

/* PROCESS_INPUT_NONE makes no ends of a pipe for the input: what nobody writes to is /dev/null. */
enum process_input { PROCESS_INPUT_PIPE, PROCESS_INPUT_NONE };

/* PIPE_SIZE 0 is the kernel's default. */
int process_pipes_open(struct process_pipes *pipes, enum process_input input, uint32_t pipe_size,
		       struct error *e);
void process_pipes_close(struct process_pipes *pipes);
/* The process has them by now. */
void process_pipes_close_theirs(struct process_pipes *pipes);

/* Takes over LAUNCHED (but its control socket) and, unless it has a terminal, our ends of PIPES.
 * Any thread. */
struct process *process_new(struct loop *loop, const char *id, struct launched *launched,
			    struct process_pipes *pipes, struct error *e);
/* Begins to watch P: EXITED(p) runs on the io thread when it has ended, before anybody is told.
 * Any thread. */
void process_adopt(struct process *p, void (*exited)(struct process *p), void *owner);
/* Forgets P, which must have ended or is nobody's business any more; parked calls stay without an
 * answer. */
void process_free(struct process *p);

/* The rest on the io thread. */

/* Handler of WaitProcess. */
int process_wait(struct process *p, struct rpc_request *req, void *out, struct error *e);
/* An ended process is success. */
int process_signal(const struct process *p, int signal, struct error *e);
/* Whether SIGNAL would do what it does by default. */
bool process_has_default_action(const struct process *p, int signal);
int process_resize(const struct process *p, uint32_t rows, uint32_t columns, struct error *e);
/* Nothing more will be asked about P: it has ended, was waited for and read to the end. */
bool process_is_over(const struct process *p);
/* Takes note of an end that was not seen yet, without waiting. */
void process_look(struct process *p);
/* Answers every parked call with an error. */
void process_cancel(struct process *p, int code, const char *why);

/* Whether the bit of SIGNAL is in one of the masks of STATUS, the text of a /proc/PID/status. */
bool process_status_handles(const char *status, int signal);

#endif
