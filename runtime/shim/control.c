/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control - Task.Pause, Resume, ResizePty, Update and Stats.
 *
 * Update works on the VM before the agent is asked and after, and has a thread for that; the others
 * only ask.
 */

#include <string.h>

#include "lib/rpc/message.h"
#include "lib/rpc/pbjson.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/events.pb-c.h"
#include "lib/rpc/proto/task.pb-c.h"
#include "runtime/sandbox/client.h"
#include "runtime/shim/shim.h"

#define SIDE_MAX 10000

static void pause_finish(struct op *op)
{
	Events__TaskPaused event = EVENTS__TASK_PAUSED__INIT;

	if (op->result < 0) {
		(void)process_move(op->process, PROCESS_REFUSED);
		op_reply_error(op);
		return;
	}
	if (process_move(op->process, PROCESS_PAUSE_OK)) {
		event.container_id = op->task->id;
		events_publish(op->shim->events, "/tasks/paused", &event);
	}
	op_reply_empty(op);
}

static void resume_finish(struct op *op)
{
	Events__TaskResumed event = EVENTS__TASK_RESUMED__INIT;

	if (op->result < 0) {
		op_reply_error(op);
		return;
	}
	if (process_move(op->process, PROCESS_RESUME_OK)) {
		event.container_id = op->task->id;
		events_publish(op->shim->events, "/tasks/resumed", &event);
	}
	if (op->shim->watch)
		watch_set_clock(op->shim->watch);
	op_reply_empty(op);
}

/* A running op for the first process of the container named ID; NULL with *e filled. */
static struct op *container_op(struct rpc_request *req, const char *id, struct error *e)
{
	struct shim *shim = rpc_context(req);
	struct task *task = task_find(shim, id, e);
	struct op *op;

	if (!task)
		return NULL;
	if (!task->container || shim->stage != SHIM_RUNNING) {
		(void)fail(e, EBUSY, "container '%s' is %s", id,
			   process_state_names[task->init.state]);
		return NULL;
	}
	op = op_new(shim, &task->init, req, NULL);
	op->container = task->container;
	op->sandbox = shim->sandbox;
	return op;
}

int task_pause(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__PauseRequest *request = in;
	Agent__PauseContainerRequest pause = AGENT__PAUSE_CONTAINER_REQUEST__INIT;
	struct op *op = container_op(req, request->id, e);

	(void)out;
	if (!op)
		return -e->code;
	if (!process_move(op->process, PROCESS_PAUSE)) {
		op_free(op);
		return fail(e, EBUSY, "container '%s' is not running", request->id);
	}
	op->finish = pause_finish;
	pause.container_id = op->task->id;
	op_ask(op, CLIENT_PAUSE_CONTAINER, &pause);
	return RPC_DEFERRED;
}

int task_resume(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__ResumeRequest *request = in;
	Agent__ResumeContainerRequest resume = AGENT__RESUME_CONTAINER_REQUEST__INIT;
	struct op *op = container_op(req, request->id, e);

	(void)out;
	if (!op)
		return -e->code;
	if (op->process->state != PROCESS_PAUSED) {
		op_free(op);
		return fail(e, EBUSY, "container '%s' is not paused", request->id);
	}
	op->finish = resume_finish;
	resume.container_id = op->task->id;
	op_ask(op, CLIENT_RESUME_CONTAINER, &resume);
	return RPC_DEFERRED;
}

static void resize_finish(struct op *op)
{
	if (op->result < 0 && !op->process->has_status)
		op_reply_error(op);
	else
		op_reply_empty(op);
}

void task_submit_resize(struct process *p, struct rpc_request *req)
{
	Agent__TtyWinResizeRequest request = AGENT__TTY_WIN_RESIZE_REQUEST__INIT;
	struct op *op = op_new(p->task->shim, p, req, NULL);

	op->sandbox = p->task->shim->sandbox;
	op->finish = resize_finish;
	request.container_id = p->task->id;
	request.exec_id = p->exec_id;
	request.row = p->height;
	request.column = p->width;
	op_ask(op, CLIENT_RESIZE, &request);
}

int task_resize(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__ResizePtyRequest *request = in;
	struct shim *shim = rpc_context(req);
	struct task *task = task_find(shim, request->id, e);
	struct process *p = task ? process_find(task, request->exec_id, e) : NULL;

	(void)out;
	if (!p)
		return -e->code;
	if (request->width > SIDE_MAX || request->height > SIDE_MAX)
		return fail(e, EINVAL, "no terminal has %u columns and %u rows", request->width,
			    request->height);
	if (!p->is_terminal)
		return fail(e, EINVAL, "process '%s' has no terminal", p->exec_id);
	p->width = request->width;
	p->height = request->height;
	if (!p->stdio || shim->stage != SHIM_RUNNING || p->state == PROCESS_STOPPED)
		return 0;
	task_submit_resize(p, req);
	return RPC_DEFERRED;
}

static void answer_finish(struct op *op)
{
	if (op->result < 0)
		op_reply_error(op);
	else
		op_reply_empty(op);
}

static int shrink_work(struct op *op, struct error *e)
{
	(void)e;
	container_shrink(op->container);
	return 0;
}

static void updated(struct op *op)
{
	op->finish = answer_finish;
	if (op->result < 0) {
		answer_finish(op);
		return;
	}
	op->work = shrink_work;
	op_submit(op, OP_ALONE);
}

static int grow_work(struct op *op, struct error *e)
{
	return container_grow(op->container, op->resources, e);
}

static void has_grown(struct op *op)
{
	op->finish = updated;
	if (op->result < 0)
		answer_finish(op);
	else
		container_ask_update(op->container, op->resources, op_asks(op));
}

static void begin_update(struct op *op)
{
	op->work = grow_work;
	op->finish = has_grown;
	op_submit(op, OP_ALONE);
}

int task_update(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__UpdateTaskRequest *request = in;
	_message_ Oci__LinuxResources *resources = NULL;
	_strv_ strv unknown = NULL;
	struct op *op;
	int r;

	(void)out;
	if (!request->resources)
		return fail(e, EINVAL, "an update of '%.64s' without resources", request->id);
	r = pbjson_parse((const char *)request->resources->value.data,
			 request->resources->value.len, "resources",
			 &oci__linux_resources__descriptor, &unknown, &resources, e);
	spec_note_unknown(unknown, "resources");
	if (r < 0)
		return r;
	op = container_op(req, request->id, e);
	if (!op)
		return -e->code;
	op->resources = TAKE_PTR(resources);
	op->begin = begin_update;
	op_in_turn(op);
	return RPC_DEFERRED;
}

static void reply_stats(struct rpc_request *req, const void *from)
{
	Task__StatsResponse answer = TASK__STATS_RESPONSE__INIT;
	Pb__Any any = PB__ANY__INIT;
	_free_ uint8_t *bytes = NULL;
	const char *type;

	stats_convert(from, stats_host_kind(), &type, &bytes, &any.value.len);
	any.value.data = bytes;
	any.type_url = (char *)(uintptr_t)type;
	answer.stats = &any;
	rpc_reply(req, &answer);
}

static void stats_finish(struct op *op)
{
	/* It ended while the agent was asked. */
	if (op->result < 0 && !op->process->has_status)
		op_reply_error(op);
	else
		reply_stats(TAKE_PTR(op->req), op->answer);
}

/* What has ended uses nothing; a runtime without a VM says so of it as well. */
static bool has_ended(const struct task *task)
{
	return task->init.state == PROCESS_STOPPED || task->shim->stage >= SHIM_STOPPING;
}

int task_stats(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__StatsRequest *request = in;
	Agent__StatsContainerRequest stats = AGENT__STATS_CONTAINER_REQUEST__INIT;
	struct task *task = task_find(rpc_context(req), request->id, e);
	struct op *op;

	(void)out;
	if (!task)
		return -e->code;
	if (has_ended(task)) {
		rpc_defer(req);
		reply_stats(req, NULL);
		return RPC_DEFERRED;
	}
	op = container_op(req, request->id, e);
	if (!op)
		return -e->code;
	op->finish = stats_finish;
	op->wants_answer = true;
	stats.container_id = op->task->id;
	op_ask(op, CLIENT_STATS_CONTAINER, &stats);
	return RPC_DEFERRED;
}
