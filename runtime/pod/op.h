/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_OP_H
#define RUNTIME_POD_OP_H

#include "runtime/pod/task.h"
#include "runtime/sandbox/ask.h"

/*
 * op - what is done for one request, in stages: work that may block, or a question to the agent.
 * Io thread.
 */

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
	struct pod *pod;
	struct task *task;
	struct process *process;
	struct asker asker;                          /* answered by finish(), or already */
	void (*begin)(struct op *op);                /* io thread; of one in a line */
	int (*work)(struct op *op, struct error *e); /* work thread */
	void (*finish)(struct op *op);               /* io thread; may begin the next stage */
	int result;                                  /* of the stage, as ERROR */
	struct error error;
	struct op_result *kept;
	void (*after)(struct op *op); /* a row of stages that several kinds have */
	void *answer;                 /* the agent's message, freed with the op */
	struct sandbox *sandbox;
	struct container *container;
	struct outside *outside;
	struct stdio *stdio;
	void *user; /* arguments and results of its kind */
	void (*free_user)(void *user);
};

/* An op for PROCESS, which may be NULL. */
struct op *op_new(struct pod *pod, struct process *p);
/* Calls OP->begin, which begins the first stage, once all that was put into the line of its process
 * before has ended; perhaps at once. */
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
/* Tells the asker how it went. */
void op_answer(struct op *op);
/* Of one that was not begun. */
void op_free(struct op *own_op);

#endif
