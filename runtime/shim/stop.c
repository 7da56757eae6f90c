/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stop - end the sandbox and, in the end, the shim.
 *
 * Nothing here waits for the guest.  The cancel makes every op under way end soon, closing the
 * connection ends every call that is parked on the agent; when no op is left a work thread takes
 * the sandbox down.  Whoever needs that to be over (Delete) is queued meanwhile.  Io thread.
 */

#include <string.h>

#include "lib/log.h"
#include "runtime/sandbox/state.h"
#include "runtime/shim/forward.h"
#include "runtime/shim/shim.h"

#define DRAIN_MS UINT64_C(2000)

void shim_run_waiting(struct shim *shim)
{
	while (shim->waiting) {
		struct op *op = shim->waiting;

		shim->waiting = op->next;
		op->finish(op);
		op_free(op);
	}
}

static void leave(void *arg)
{
	struct shim *shim = arg;

	loop_stop(shim->loop, 0);
}

static int stop_work(struct op *op, struct error *e)
{
	(void)e;
	sandbox_stop(op->shim->sandbox);
	return 0;
}

static void detach(struct process *p)
{
	if (p->stdio)
		stdio_detach(p->stdio);
}

/* A reader may still owe the end of an output, which outlives the agent. */
static void detach_all(struct shim *shim)
{
	for (struct task *task = shim->tasks; task; task = task->next) {
		detach(&task->init);
		for (struct process *p = task->execs; p; p = p->next)
			detach(p);
	}
}

static void stop_finish(struct op *op)
{
	struct shim *shim = op->shim;

	detach_all(shim);
	sandbox_free(TAKE_PTR(shim->sandbox));
	shim->stage = SHIM_STOPPED;
	log_info("sandbox stopped");
	shim_look_again(shim);
	shim_run_waiting(shim);
	if (shim->is_told_to_end)
		shim_told_to_end(shim);
}

void shim_check_stop(struct shim *shim)
{
	struct op *op;

	if (shim->stage != SHIM_STOPPING || shim->ops > 0)
		return;
	shim->stage = SHIM_ENDING;
	watch_free(TAKE_PTR(shim->watch));
	forward_free(TAKE_PTR(shim->forward));
	/* What stands for containers of a guest that is gone is in the sandbox's cgroup. */
	for (struct task *task = shim->tasks; task; task = task->next)
		task_ended(task);
	op = op_new(shim, NULL, NULL, NULL);
	op->work = stop_work;
	op->finish = stop_finish;
	op_submit(op, OP_ALONE);
}

/* Ends all that waits for the guest. */
static void cancel_all(struct shim *shim)
{
	cancel_raise(&shim->cancel);
	if (shim->sandbox && sandbox_rpc(shim->sandbox))
		rpc_client_close(sandbox_rpc(shim->sandbox));
}

void shim_stop_sandbox(struct shim *shim, uint32_t status)
{
	if (shim->stage == SHIM_STARTING)
		cancel_all(shim);
	if (shim->stage != SHIM_RUNNING)
		return;
	shim->stage = SHIM_STOPPING;
	cancel_raise(&shim->cancel);
	for (struct task *task = shim->tasks; task; task = task->next) {
		process_exited(&task->init, status);
		for (struct process *p = task->execs; p; p = p->next)
			process_exited(p, status);
	}
	cancel_all(shim);
	shim_check_stop(shim);
}

void shim_when_stopped(struct shim *shim, struct op *own_op)
{
	struct op **last = &shim->waiting;

	if (own_op->req)
		rpc_defer(own_op->req);
	while (*last)
		last = &(*last)->next;
	own_op->next = NULL;
	*last = own_op;
	if (shim->stage == SHIM_EMPTY || shim->stage == SHIM_STOPPED)
		shim_run_waiting(shim);
}

static int forget_work(struct op *op, struct error *e)
{
	(void)e;
	state_remove(NULL, op->shim->id);
	return 0;
}

static void forget_finish(struct op *op)
{
	op_reply_empty(op);
	events_drain(op->shim->events, DRAIN_MS, leave, op->shim);
}

/* The record goes before the answer: containerd runs `delete` right after it, which would take this
 * shim for one that hangs. */
static void forget(struct op *op)
{
	struct op *next = op_new(op->shim, NULL, TAKE_PTR(op->req), NULL);

	next->work = forget_work;
	next->finish = forget_finish;
	op_submit(next, OP_ALONE);
}

void shim_leave(struct shim *shim, struct rpc_request *req)
{
	struct op *op = op_new(shim, NULL, req, NULL);

	op->finish = forget;
	shim_stop_sandbox(shim, STATUS_KILLED);
	shim_when_stopped(shim, op);
}

void shim_told_to_end(struct shim *shim)
{
	if (shim->stage < SHIM_STOPPING)
		return;
	shim->is_told_to_end = true;
	if (shim->stage == SHIM_STOPPED)
		events_drain(shim->events, DRAIN_MS, leave, shim);
}
