/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op - carry one request through a work thread and back.
 *
 * The io thread decides whether a request is allowed and moves the state; the work thread only
 * works; the io thread then records the outcome and answers.  So no state is shared and none is
 * locked, and a call that waits holds up nobody but those in its own queue.  Threads are limited,
 * so what only waits for an answer of the agent takes none, and what ends something on the host
 * (Delete) has threads of its own.
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

static void complete(struct op *op)
{
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

static void op_done(struct job *job)
{
	complete(CONTAINER_OF(job, struct op, job));
}

static void begin(struct op *op)
{
	op->shim->ops++;
	if (op->process)
		op->process->pending++;
	if (op->req)
		rpc_defer(op->req);
}

void op_submit(struct op *op, enum op_order order)
{
	op->job.run = op_run;
	op->job.done = op_done;
	begin(op);
	if (order == OP_IN_TURN && op->process) {
		if (!op->process->queue)
			op->process->queue = work_queue_new(op->shim->pool);
		work_submit(op->process->queue, &op->job);
	} else {
		work_submit_alone(order == OP_URGENT ? op->shim->urgent : op->shim->pool, &op->job);
	}
}

static void answered(struct op *op, int result)
{
	if (op->late.fd >= 0) {
		loop_del(op->shim->loop, &op->late);
		op->late.fd = close_fd(op->late.fd);
	}
	op->rpc = NULL;
	op->result = result;
	if (result < 0)
		(void)fail_wrap(&op->error, "agent: %s", client_call_of(op->call)->name);
	complete(op);
}

static void answer_arrived(void *arg, void *out, const struct error *error)
{
	struct op *op = arg;

	if (out) {
		op->answer = op->wants_answer ? message_copy(out) : NULL;
		answered(op, 0);
		return;
	}
	op->error = *error;
	/* The end of the sandbox closes the connection. */
	if (error->code == ECONNRESET && cancel_is_raised(&op->shim->cancel))
		(void)fail(&op->error, ECANCELED, "cancelled");
	answered(op, -op->error.code);
}

/* Also what could not be sent ends here, so that nobody hears of it while he still asks. */
static void too_late(struct io *io, uint32_t flags)
{
	struct op *op = CONTAINER_OF(io, struct op, late);

	(void)flags;
	timer_read(io->fd);
	if (op->rpc)
		rpc_call_forget(op->rpc, op);
	answered(op, -op->error.code);
}

static int open_deadline(struct op *op, struct error *e)
{
	int r;

	op->late = (struct io){ timer_open(e), too_late };
	if (op->late.fd < 0)
		return op->late.fd;
	r = loop_add(op->shim->loop, &op->late, EPOLLIN, e);
	if (r < 0)
		op->late.fd = close_fd(op->late.fd);
	return r;
}

void op_ask(struct op *op, enum client_call call, const void *request)
{
	uint64_t wait_ms = client_wait_of(call);
	struct rpc_client *rpc = sandbox_rpc(op->sandbox);

	begin(op);
	op->call = call;
	if (open_deadline(op, &op->error) < 0) {
		answered(op, -op->error.code);
		return;
	}
	if (rpc_call_async(rpc, client_call_of(call), request, answer_arrived, op, &op->error) <
	    0) {
		timer_arm(op->late.fd, 1, 0);
		return;
	}
	op->rpc = rpc;
	(void)fail(&op->error, ETIMEDOUT, "no answer in %llu ms", (unsigned long long)wait_ms);
	timer_arm(op->late.fd, wait_ms, 0);
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
