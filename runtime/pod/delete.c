/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delete - take a container or an exec away and say how it ended.
 *
 * The first container of a pod goes with the VM; the agent is not asked.  Another one is removed
 * from the guest first, which the agent may fail to do: the host's part is done anyhow.  Deleting
 * waits for nothing that another call waits for, but for the end of a creation: containerd deletes
 * what it has no more use for while it is being created, and asks only once.  The creation of a
 * sandbox is then cancelled.
 */

#include "runtime/pod/delete.h"

#include "runtime/pod/process.h"
#include "runtime/pod/remove.h"
#include "runtime/pod/stop.h"

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

	pod_tell(op->pod, NEWS_DELETED, &task->init);
	op->result = 0;
	op_answer(op);
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
	/* The hooks' thread waits for it. */
	task_keep_placeholder(task);
	next = op_new(op->pod, &task->init);
	next->asker = op->asker;
	op->asker.answer = NULL;
	next->outside = task->outside;
	next->work = run_last_hooks;
	next->finish = deleted;
	op_submit(next, OP_ALONE);
}

static int delete_exec(struct process *p, struct asker asker, struct error *e)
{
	if (p->state != PROCESS_STOPPED && p->state != PROCESS_CREATED)
		return fail(e, EBUSY, "process '%s' is %s", p->id, process_state_names[p->state]);
	process_exited(p, STATUS_KILLED);
	pod_tell(p->task->pod, NEWS_DELETED, p);
	asker_answer(&asker, p, NULL, NULL);
	process_drop(p);
	return 0;
}

static int delete_task(struct task *task, struct asker asker, struct error *e)
{
	struct pod *pod = task->pod;
	struct op *op;

	if (task->is_deleting || task->deleter.answer)
		return fail(e, EBUSY, "container '%s' is being deleted", task->id);
	if (task->init.state == PROCESS_CREATING) {
		task->deleter = asker;
		if (pod->stage == POD_STARTING)
			pod_stop(pod, STATUS_KILLED);
		return 0;
	}
	if (task->init.state != PROCESS_STOPPED && task->init.state != PROCESS_CREATED)
		return fail(e, EBUSY, "container '%s' is %s", task->id,
			    process_state_names[task->init.state]);
	task->is_deleting = true;
	op = op_new(pod, &task->init);
	op->asker = asker;
	op->finish = delete_finish;
	if (task->type == SPEC_MEMBER && pod->stage == POD_RUNNING) {
		op->container = task->container;
		op_remove_container(op, delete_finish);
		return 0;
	}
	if (task->type != SPEC_MEMBER)
		pod_stop(pod, STATUS_KILLED);
	pod_when_stopped(pod, op);
	return 0;
}

void task_delete_created(struct task *task)
{
	struct asker asker = task->deleter;
	struct error e;

	task->deleter.answer = NULL;
	if (asker.answer && delete_task(task, asker, &e) < 0)
		asker_answer(&asker, &task->init, NULL, &e);
}

void task_delete_uncreated(struct task *task)
{
	struct process *p = &task->init;

	if (!task->deleter.answer)
		return;
	p->exit_status = STATUS_KILLED;
	(void)clock_gettime(CLOCK_REALTIME, &p->exited_at);
	asker_answer(&task->deleter, p, NULL, NULL);
}

int process_delete(struct process *p, struct asker asker, struct error *e)
{
	return p->id[0] ? delete_exec(p, asker, e) : delete_task(p->task, asker, e);
}
