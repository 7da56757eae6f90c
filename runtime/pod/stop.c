/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stop - end the sandbox and, in the end, the pod.
 *
 * Nothing here waits for the guest.  The cancel makes every op under way end soon, closing the
 * connection ends every call that is parked on the agent; when no op is left a work thread takes
 * the sandbox down.  Whoever needs that to be over (Delete) is queued meanwhile.  Io thread.
 */

#include "runtime/pod/stop.h"

#include "lib/log.h"
#include "runtime/pod/forward.h"
#include "runtime/pod/look.h"
#include "runtime/pod/names.h"
#include "runtime/pod/process.h"
#include "runtime/pod/watch.h"
#include "runtime/sandbox/state.h"

void pod_run_waiting(struct pod *pod)
{
	while (pod->waiting) {
		struct op *op = pod->waiting;

		pod->waiting = op->next;
		op->finish(op);
		op_free(op);
	}
}

static void is_over(struct pod *pod)
{
	if (pod->listener.left)
		pod->listener.left(pod->listener.arg);
}

static int stop_work(struct op *op, struct error *e)
{
	(void)e;
	sandbox_stop(op->pod->sandbox);
	return 0;
}

static void detach(struct process *p)
{
	if (p->stdio)
		stdio_detach(p->stdio);
}

/* A reader may still owe the end of an output, which outlives the agent. */
static void detach_all(struct pod *pod)
{
	for (struct task *task = pod->tasks; task; task = task->next) {
		detach(&task->init);
		for (struct process *p = task->execs; p; p = p->next)
			detach(p);
	}
}

static void stop_finish(struct op *op)
{
	struct pod *pod = op->pod;

	detach_all(pod);
	sandbox_free(TAKE_PTR(pod->sandbox));
	pod->stage = POD_STOPPED;
	log_info("sandbox stopped");
	pod_look_again(pod);
	pod_run_waiting(pod);
	if (pod->is_told_to_end)
		is_over(pod);
}

static void check_stop(struct pod *pod)
{
	struct op *op;

	if (pod->stage != POD_STOPPING || pod->ops > 0)
		return;
	pod->stage = POD_ENDING;
	watch_free(TAKE_PTR(pod->watch));
	forward_free(TAKE_PTR(pod->forward));
	names_free(TAKE_PTR(pod->names));
	/* What stands for containers of a guest that is gone is in the sandbox's cgroup. */
	for (struct task *task = pod->tasks; task; task = task->next)
		task_ended(task);
	op = op_new(pod, NULL);
	op->work = stop_work;
	op->finish = stop_finish;
	op_submit(op, OP_ALONE);
}

void pod_stop(struct pod *pod, uint32_t status)
{
	if (pod->stage == POD_STARTING)
		pod_cancel(pod);
	if (pod->stage != POD_RUNNING)
		return;
	pod->stage = POD_STOPPING;
	for (struct task *task = pod->tasks; task; task = task->next) {
		process_exited(&task->init, status);
		for (struct process *p = task->execs; p; p = p->next)
			process_exited(p, status);
	}
	pod_cancel(pod);
	check_stop(pod);
}

void pod_when_stopped(struct pod *pod, struct op *own_op)
{
	struct op **last = &pod->waiting;

	while (*last)
		last = &(*last)->next;
	own_op->next = NULL;
	*last = own_op;
	if (pod->stage == POD_EMPTY || pod->stage == POD_STOPPED)
		pod_run_waiting(pod);
}

static int forget_work(struct op *op, struct error *e)
{
	(void)e;
	state_forget(op->pod->held, NULL, op->pod->id);
	return 0;
}

static void forget_finish(struct op *op)
{
	op_answer(op);
	is_over(op->pod);
}

/* The record goes before the answer: containerd runs `delete` right after it, which would take this
 * shim for one that hangs. */
static void forget(struct op *op)
{
	struct op *next = op_new(op->pod, NULL);

	next->asker = op->asker;
	next->work = forget_work;
	next->finish = forget_finish;
	op_submit(next, OP_ALONE);
}

void pod_leave(struct pod *pod, struct asker asker)
{
	struct op *op = op_new(pod, NULL);

	op->asker = asker;
	op->finish = forget;
	pod_stop(pod, STATUS_KILLED);
	pod_when_stopped(pod, op);
}

void pod_told_to_end(struct pod *pod)
{
	if (pod->stage < POD_STOPPING)
		return;
	pod->is_told_to_end = true;
	if (pod->stage == POD_STOPPED)
		is_over(pod);
}

const struct pod_calls pod_calls = {
	.must_end = pod_stop,
	.op_ended = check_stop,
};
