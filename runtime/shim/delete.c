/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delete - Task.Delete: take a container or an exec away and say how it ended.
 *
 * The first container of a pod goes with the VM; the agent is not asked.  Another one is removed
 * from the guest first, which the agent may fail to do: the host's part is done anyhow.  Deleting
 * waits for nothing that another call waits for, but for the end of a creation: containerd deletes
 * what it has no more use for while it is being created, and asks only once.  The creation of a
 * sandbox is then cancelled.
 */

#include <string.h>

#include "lib/rpc/proto/events.pb-c.h"
#include "lib/rpc/proto/task.pb-c.h"
#include "runtime/shim/shim.h"

static void reply_deleted(struct rpc_request *req, const struct process *p)
{
	Task__DeleteResponse answer = TASK__DELETE_RESPONSE__INIT;
	Pb__Timestamp when = events_time(&p->exited_at);

	answer.pid = task_pid(p->task);
	answer.exit_status = p->exit_status;
	answer.exited_at = &when;
	rpc_reply(req, &answer);
}

static void publish_delete(const struct process *p)
{
	Events__TaskDelete event = EVENTS__TASK_DELETE__INIT;
	Pb__Timestamp when = events_time(&p->exited_at);

	event.container_id = p->task->id;
	event.id = p->id[0] ? p->id : p->task->id;
	event.pid = task_pid(p->task);
	event.exit_status = p->exit_status;
	event.exited_at = &when;
	events_publish(p->task->shim->events, "/tasks/delete", &event);
}

/* Those that ran.  Of others nobody expects to hear. */
static void end_execs(struct task *task)
{
	for (struct process *p = task->execs; p; p = p->next)
		if (p->state > PROCESS_STARTING)
			process_end_now(p, STATUS_KILLED);
}

static void deleted(struct op *op)
{
	struct task *task = op->task;

	publish_delete(&task->init);
	reply_deleted(TAKE_PTR(op->req), &task->init);
	task_drop(task);
}

static int run_last_hooks(struct op *op, struct error *e)
{
	(void)e;
	outside_removed(op->outside);
	return 0;
}

/* Hooks of a container's end run when it is gone and before that is said. */
static void delete_finish(struct op *op)
{
	struct task *task = op->task;
	struct op *next;

	/* What still runs in it, or never did: the exit is now. */
	end_execs(task);
	process_end_now(&task->init, STATUS_KILLED);
	if (!task->outside || !outside_has_last_hooks(task->outside)) {
		deleted(op);
		return;
	}
	next = op_new(op->shim, &task->init, TAKE_PTR(op->req), NULL);
	next->outside = task->outside;
	next->work = run_last_hooks;
	next->finish = deleted;
	op_submit(next, OP_ALONE);
}

static int delete_exec(struct process *p, struct rpc_request *req, struct error *e)
{
	if (p->state != PROCESS_STOPPED && p->state != PROCESS_CREATED)
		return fail(e, EBUSY, "process '%s' is %s", p->id, process_state_names[p->state]);
	process_exited(p, STATUS_KILLED);
	publish_delete(p);
	rpc_defer(req);
	reply_deleted(req, p);
	process_drop(p);
	return RPC_DEFERRED;
}

static int delete_task(struct task *task, struct rpc_request *req, struct error *e)
{
	struct shim *shim = task->shim;
	struct op *op;

	if (task->is_deleting || task->deleter)
		return fail(e, EBUSY, "container '%s' is being deleted", task->id);
	if (task->init.state == PROCESS_CREATING) {
		task->deleter = req;
		rpc_defer(req);
		if (shim->stage == SHIM_STARTING)
			shim_stop_sandbox(shim, STATUS_KILLED);
		return RPC_DEFERRED;
	}
	if (task->init.state != PROCESS_STOPPED && task->init.state != PROCESS_CREATED)
		return fail(e, EBUSY, "container '%s' is %s", task->id,
			    process_state_names[task->init.state]);
	task->is_deleting = true;
	op = op_new(shim, &task->init, req, NULL);
	op->finish = delete_finish;
	if (task->type == SPEC_MEMBER && shim->stage == SHIM_RUNNING) {
		op->container = task->container;
		op_remove_container(op, delete_finish);
		return RPC_DEFERRED;
	}
	if (task->type != SPEC_MEMBER)
		shim_stop_sandbox(shim, STATUS_KILLED);
	shim_when_stopped(shim, op);
	return RPC_DEFERRED;
}

void task_delete_created(struct task *task)
{
	struct rpc_request *req = TAKE_PTR(task->deleter);
	struct error e;

	if (req && delete_task(task, req, &e) < 0)
		rpc_reply_error(req, &e);
}

void task_delete_uncreated(struct task *task)
{
	struct process *p = &task->init;

	if (!task->deleter)
		return;
	p->exit_status = STATUS_KILLED;
	(void)clock_gettime(CLOCK_REALTIME, &p->exited_at);
	reply_deleted(TAKE_PTR(task->deleter), p);
}

int task_delete(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__DeleteRequest *request = in;
	struct task *task = task_find(rpc_context(req), request->id, e);
	struct process *p = task ? process_find(task, request->exec_id, e) : NULL;

	(void)out;
	if (!p)
		return -e->code;
	return p->id[0] ? delete_exec(p, req, e) : delete_task(task, req, e);
}
