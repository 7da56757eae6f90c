/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_PROCESS_H
#define RUNTIME_POD_PROCESS_H

#include "runtime/pod/task.h"

/* process - the life of one process.  Io thread. */

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

/* Moves P; EBADMSG never happens: false if EVENT is not allowed in its state, which stays. */
bool process_move(struct process *p, enum process_event event);
/* Begins to watch for the exit and to copy the streams. */
void process_watch(struct process *p);
/* The end, whether the agent reported it or not; once. */
void process_exited(struct process *p, uint32_t status);
/* The same for one that is taken away: whatever is under way, this is its end. */
void process_end_now(struct process *p, uint32_t status);
/* P was sent SIGKILL: what does not end in the pod's kill_wait_ms is ended from here. */
void process_killed(struct process *p);
/* Publishes the exit and answers the waiters, if it is known, drained and past its start. */
void process_settle(struct process *p);
/* Answers ASKER when it has ended. */
void process_wait(struct process *p, struct asker asker);
/* Its input is to be closed. */
void process_close_input(struct process *p);

#endif
