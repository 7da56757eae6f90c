/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start - Task.Start: let a created container run, or run one more process in it.
 *
 * An exec exists only here until it is started; then the agent makes and runs it in one call.
 */

#include <string.h>

#include "lib/log.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/events.pb-c.h"
#include "lib/rpc/proto/task.pb-c.h"
#include "runtime/sandbox/client.h"
#include "runtime/shim/shim.h"

/* Opening a fifo may wait. */
static int open_work(struct op *op, struct error *e)
{
	struct process *p = op->process;
	const struct stdio_params params = {
		.loop = op->shim->loop,
		.container_id = op->task->id,
		.exec_id = p->exec_id,
		.namespace_ = op->shim->namespace_,
		.paths = { p->in, p->out, p->err, p->is_terminal },
	};

	return stdio_open(&params, &op->stdio, e);
}

static void publish_start(const struct op *op)
{
	Events__TaskStart start = EVENTS__TASK_START__INIT;
	Events__TaskExecStarted exec = EVENTS__TASK_EXEC_STARTED__INIT;
	uint32_t pid = task_pid(op->task);

	if (op->process->id[0]) {
		exec.container_id = op->task->id;
		exec.exec_id = op->process->id;
		exec.pid = pid;
		events_publish(op->shim->events, "/tasks/exec-started", &exec);
		return;
	}
	start.container_id = op->task->id;
	start.pid = pid;
	events_publish(op->shim->events, "/tasks/start", &start);
}

/* A terminal has the size that was asked for before it existed. */
static void set_size(struct process *p)
{
	if (p->width > 0 && p->height > 0)
		task_submit_resize(p, NULL);
}

static void start_finish(struct op *op)
{
	Task__StartResponse answer = TASK__START_RESPONSE__INIT;
	struct process *p = op->process;

	if (op->result < 0) {
		stdio_free(op->stdio);
		(void)process_move(p, PROCESS_REFUSED);
		op_reply_error(op);
		process_settle(p);
		return;
	}
	/* Its container was deleted meanwhile, and nobody wants to hear of it any more. */
	if (p->is_dropped) {
		stdio_free(op->stdio);
		(void)fail(&op->error, ENOENT, "process '%s' was deleted", p->exec_id);
		op_reply_error(op);
		return;
	}
	(void)process_move(p, PROCESS_STARTED);
	publish_start(op);
	answer.pid = task_pid(op->task);
	rpc_reply(TAKE_PTR(op->req), &answer);
	if (p->id[0]) {
		p->stdio = op->stdio;
		process_watch(p);
		set_size(p);
	}
	process_settle(p);
}

/* ---- the first process ---- */

static void container_ended(struct op *op)
{
	if (op->result < 0)
		log_warn("'%s' may go on: %s", op->task->id, op->error.msg);
	op_recall_result(op);
	start_finish(op);
}

static int hooks_work(struct op *op, struct error *e)
{
	return outside_started(op->outside, e);
}

/* One of whose hooks fails must not go on. */
static void hooks_ran(struct op *op)
{
	if (op->result >= 0) {
		start_finish(op);
		return;
	}
	op_keep_result(op);
	op->finish = container_ended;
	container_ask_kill(op->container, op_asks(op));
}

static void container_started(struct op *op)
{
	if (op->result < 0 || !outside_has_first_hooks(op->outside)) {
		start_finish(op);
		return;
	}
	op->work = hooks_work;
	op->finish = hooks_ran;
	op_submit(op, OP_ALONE);
}

static void ask_start(struct op *op)
{
	op->finish = container_started;
	container_ask_start(op->container, op_asks(op));
}

static int interfaces_work(struct op *op, struct error *e)
{
	return sandbox_change_interfaces(op->sandbox, e);
}

static void interfaces_changed(struct op *op)
{
	if (op->result < 0)
		start_finish(op);
	else
		ask_start(op);
}

/* The pod's interfaces may have come since it was created. */
static void begin_start(struct op *op)
{
	if (op->task->type == SPEC_MEMBER) {
		ask_start(op);
		return;
	}
	op->work = interfaces_work;
	op->finish = interfaces_changed;
	op_submit(op, OP_ALONE);
}

/* ---- an exec ---- */

static void ask_exec(struct op *op)
{
	struct process *p = op->process;
	Agent__ExecProcessRequest request = AGENT__EXEC_PROCESS_REQUEST__INIT;

	request.container_id = op->task->id;
	request.exec_id = p->exec_id;
	request.process = p->spec;
	p->spec->stdinisnull = !p->in[0] && !p->is_terminal;
	op->finish = start_finish;
	op_ask(op, CLIENT_EXEC_PROCESS, &request);
}

/* Its streams are open. */
static void opened(struct op *op)
{
	if (op->result >= 0 && !op->process->is_dropped && op->shim->stage != SHIM_RUNNING)
		op->result = fail(&op->error, ECANCELED, "the sandbox of '%s' has ended",
				  op->process->exec_id);
	if (op->result < 0 || op->process->is_dropped)
		start_finish(op);
	else
		ask_exec(op);
}

static void begin_exec(struct op *op)
{
	op->work = open_work;
	op->finish = opened;
	op_submit(op, OP_ALONE);
}

int task_start(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__StartRequest *request = in;
	struct shim *shim = rpc_context(req);
	struct task *task = task_find(shim, request->id, e);
	struct process *p = task ? process_find(task, request->exec_id, e) : NULL;
	struct op *op;

	(void)out;
	if (!p)
		return -e->code;
	if (shim->stage != SHIM_RUNNING)
		return fail(e, EBUSY, "the sandbox of '%s' does not run", task->id);
	if (p->id[0] && task->init.state != PROCESS_RUNNING)
		return fail(e, EBUSY, "container '%s' is %s", task->id,
			    process_state_names[task->init.state]);
	if (!process_move(p, PROCESS_START))
		return fail(e, EBUSY, "process '%s' is %s", p->exec_id,
			    process_state_names[p->state]);
	op = op_new(shim, p, req, NULL);
	op->sandbox = shim->sandbox;
	op->container = task->container;
	op->outside = task->outside;
	op->begin = p->id[0] ? begin_exec : begin_start;
	op_in_turn(op);
	return RPC_DEFERRED;
}
