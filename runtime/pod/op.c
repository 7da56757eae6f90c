/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op - carry one request through a work thread and back.
 *
 * The io thread decides whether a request is allowed and moves the state; the work thread only
 * works; the io thread then records the outcome and answers.  So no state is shared and none is
 * locked, and a call that waits holds up nobody but those in its own line.  Threads are limited,
 * so what only waits for an answer of the agent takes none: an op is a row of stages, each of them
 * work or a question, and its finish() begins the next or answers.  What ends something on the
 * host (Delete) gets a thread even when all are taken.
 */

#include "runtime/pod/op.h"

#include "lib/log.h"
#include "lib/rpc/message.h"

static void *message_copy(const void *message)
{
	const ProtobufCMessage *base = message;
	_free_ uint8_t *bytes = NULL;
	size_t len = message_pack(message, &bytes);
	void *copy;
	struct error e;

	/* What was just decoded within the limits is decoded again. */
	if (message_unpack(base->descriptor, bytes, len, &copy, &e) < 0)
		abort();
	return copy;
}

struct op *op_new(struct pod *pod, struct process *p)
{
	struct op *op = xcalloc(1, sizeof(*op));

	op->pod = pod;
	op->process = p;
	op->task = p ? p->task : NULL;
	return op;
}

static void op_run(struct job *job)
{
	struct op *op = CONTAINER_OF(job, struct op, job);

	log_set_field("container", op->task ? op->task->id : NULL);
	op->result = op->work(op, &op->error);
	log_set_field("container", NULL);
}

/* The next of the line begins. */
static struct op *leave_line(struct op *op)
{
	struct process *p = op->process;

	if (!op->is_in_line)
		return NULL;
	p->line = op->behind;
	return p->line;
}

static void complete(struct op *op)
{
	struct pod *pod = op->pod;
	struct process *p = op->process;
	struct op *next = leave_line(op);

	pod->ops--;
	if (p)
		process_release(p);
	op_free(op);
	pod->calls->op_ended(pod);
	if (next)
		next->begin(next);
}

static void end_stage(struct op *op)
{
	struct process *p = op->process;

	op->is_busy = false;
	if (op->result < 0 && !op->is_told && !op->kept) {
		op->is_told = true;
		log_warn("%s%s%s: %s", op->task ? op->task->id : "sandbox",
			 p && p->id[0] ? "/" : "", p ? p->id : "", op->error.msg);
	}
	op->finish(op);
	if (!op->is_busy)
		complete(op);
}

static void op_done(struct job *job)
{
	end_stage(CONTAINER_OF(job, struct op, job));
}

static void op_skipped(struct loop_task *task)
{
	end_stage(CONTAINER_OF(task, struct op, job.task));
}

static void begin(struct op *op)
{
	if (op->has_begun)
		return;
	op->has_begun = true;
	op->pod->ops++;
	if (op->process)
		process_hold(op->process);
}

static void begin_stage(struct op *op)
{
	begin(op);
	op->is_busy = true;
}

void op_in_turn(struct op *op)
{
	struct op **last = &op->process->line;

	begin(op);
	op->is_in_line = true;
	while (*last)
		last = &(*last)->behind;
	*last = op;
	if (op->process->line == op)
		op->begin(op);
}

void op_submit(struct op *op, enum op_order order)
{
	begin_stage(op);
	op->job = (struct job){ .run = op_run, .done = op_done };
	if (order == OP_URGENT)
		work_submit_urgent(op->pod->pool, &op->job);
	else
		work_submit_alone(op->pod->pool, &op->job);
}

void op_skip(struct op *op)
{
	begin_stage(op);
	op->job.task = (struct loop_task){ .run = op_skipped };
	loop_post(op->pod->loop, &op->job.task);
}

static void answered(struct ask *a, const void *answer, const struct error *why)
{
	struct op *op = CONTAINER_OF(a, struct op, ask);

	op->result = 0;
	if (why) {
		op->error = *why;
		op->result = -why->code;
	} else if (op->wants_answer) {
		message_free(op->answer);
		op->answer = message_copy(answer);
	}
	end_stage(op);
}

struct ask *op_asks(struct op *op)
{
	begin_stage(op);
	op->ask.loop = op->pod->loop;
	op->ask.cancel = &op->pod->cancel;
	op->ask.answered = answered;
	return &op->ask;
}

void op_ask(struct op *op, enum client_call call, const void *request)
{
	ask_agent(op_asks(op), sandbox_rpc(op->sandbox), call, request, 0);
}

struct op_result {
	int result;
	struct error error;
};

void op_keep_result(struct op *op)
{
	op->kept = xcalloc(1, sizeof(*op->kept));
	*op->kept = (struct op_result){ op->result, op->error };
}

void op_recall_result(struct op *op)
{
	struct op_result *kept = TAKE_PTR(op->kept);

	op->result = kept->result;
	op->error = kept->error;
	free(kept);
}

void op_answer(struct op *op)
{
	asker_answer(&op->asker, op->process, op->answer, op->result < 0 ? &op->error : NULL);
}

void op_free(struct op *own_op)
{
	if (!own_op)
		return;
	message_free(own_op->answer);
	if (own_op->free_user)
		own_op->free_user(own_op->user);
	free(own_op->kept);
	free(own_op);
}
