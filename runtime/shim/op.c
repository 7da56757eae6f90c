/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op - carry one request through a work thread and back.
 *
 * The io thread decides whether a request is allowed and moves the state; the work thread only
 * works; the io thread then records the outcome and answers.  So no state is shared and none is
 * locked, and a call that waits holds up nobody but those in its own queue.  Threads are limited,
 * so what ends something (Kill, Delete) has threads of its own.
 */

#include <string.h>

#include "lib/log.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/pb.pb-c.h"
#include "runtime/shim/shim.h"

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

struct op *op_new(struct shim *shim, struct process *p, struct rpc_request *req, const void *in)
{
	struct op *op = xcalloc(1, sizeof(*op));

	op->shim = shim;
	op->process = p;
	op->task = p ? p->task : NULL;
	op->req = req;
	op->in = in ? message_copy(in) : NULL;
	return op;
}

static void op_run(struct job *job)
{
	struct op *op = CONTAINER_OF(job, struct op, job);

	log_set_field("container", op->task ? op->task->id : NULL);
	op->result = op->work(op, &op->error);
	log_set_field("container", NULL);
}

static void op_done(struct job *job)
{
	struct op *op = CONTAINER_OF(job, struct op, job);
	struct shim *shim = op->shim;
	struct process *p = op->process;

	if (op->result < 0)
		log_warn("%s%s%s: %s", op->task ? op->task->id : "sandbox",
			 p && p->id[0] ? "/" : "", p ? p->id : "", op->error.msg);
	op->finish(op);
	shim->ops--;
	if (p)
		process_release(p);
	op_free(op);
	shim_check_stop(shim);
}

void op_submit(struct op *op, enum op_order order)
{
	op->job.run = op_run;
	op->job.done = op_done;
	op->shim->ops++;
	if (op->process)
		op->process->pending++;
	if (op->req)
		rpc_defer(op->req);
	if (order == OP_IN_TURN && op->process) {
		if (!op->process->queue)
			op->process->queue = work_queue_new(op->shim->pool);
		work_submit(op->process->queue, &op->job);
	} else {
		work_submit_alone(order == OP_URGENT ? op->shim->urgent : op->shim->pool, &op->job);
	}
}

void op_reply_empty(struct op *op)
{
	const Pb__Empty empty = PB__EMPTY__INIT;

	if (op->req)
		rpc_reply(TAKE_PTR(op->req), &empty);
}

void op_reply_error(struct op *op)
{
	if (op->req)
		rpc_reply_error(TAKE_PTR(op->req), &op->error);
}

void op_free(struct op *own_op)
{
	if (!own_op)
		return;
	message_free(own_op->in);
	message_free(own_op->answer);
	message_free(own_op->resources);
	strv_free(own_op->bundles);
	free(own_op->path);
	free(own_op->text);
	free(own_op);
}
