/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control - pause and resume, sizes of terminals, limits, statistics.
 *
 * An update works on the VM before the agent is asked and after, and has a thread for that; the
 * others only ask.  Io thread.
 */

#include "runtime/pod/control.h"

#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "runtime/pod/op.h"
#include "runtime/pod/process.h"
#include "runtime/pod/watch.h"

#define SIDE_MAX 10000

static void pause_finish(struct op *op)
{
	if (op->result < 0)
		(void)process_move(op->process, PROCESS_REFUSED);
	else if (process_move(op->process, PROCESS_PAUSE_OK))
		pod_tell(op->pod, NEWS_PAUSED, op->process);
	op_answer(op);
}

static void resume_finish(struct op *op)
{
	if (op->result >= 0 && process_move(op->process, PROCESS_RESUME_OK))
		pod_tell(op->pod, NEWS_RESUMED, op->process);
	if (op->result >= 0 && op->pod->watch)
		watch_set_clock(op->pod->watch);
	op_answer(op);
}

/* A running op for the first process of TASK; NULL with *e filled. */
static struct op *container_op(struct task *task, struct asker asker, struct error *e)
{
	struct op *op;

	if (!task->container || task->pod->stage != POD_RUNNING) {
		(void)fail(e, EBUSY, "container '%s' is %s", task->id,
			   process_state_names[task->init.state]);
		return NULL;
	}
	op = op_new(task->pod, &task->init);
	op->asker = asker;
	op->container = task->container;
	op->sandbox = task->pod->sandbox;
	return op;
}

int task_pause(struct task *task, struct asker asker, struct error *e)
{
	Agent__PauseContainerRequest pause = AGENT__PAUSE_CONTAINER_REQUEST__INIT;
	struct op *op = container_op(task, asker, e);

	if (!op)
		return -e->code;
	if (!process_move(op->process, PROCESS_PAUSE)) {
		op_free(op);
		return fail(e, EBUSY, "container '%s' is not running", task->id);
	}
	op->finish = pause_finish;
	pause.container_id = task->id;
	op_ask(op, CLIENT_PAUSE_CONTAINER, &pause);
	return 0;
}

int task_resume(struct task *task, struct asker asker, struct error *e)
{
	Agent__ResumeContainerRequest resume = AGENT__RESUME_CONTAINER_REQUEST__INIT;
	struct op *op = container_op(task, asker, e);

	if (!op)
		return -e->code;
	if (op->process->state != PROCESS_PAUSED) {
		op_free(op);
		return fail(e, EBUSY, "container '%s' is not paused", task->id);
	}
	op->finish = resume_finish;
	resume.container_id = task->id;
	op_ask(op, CLIENT_RESUME_CONTAINER, &resume);
	return 0;
}

static void resize_finish(struct op *op)
{
	/* It has ended meanwhile. */
	if (op->process->has_status)
		op->result = 0;
	op_answer(op);
}

static void submit_resize(struct process *p, struct asker asker)
{
	Agent__TtyWinResizeRequest request = AGENT__TTY_WIN_RESIZE_REQUEST__INIT;
	struct op *op = op_new(p->task->pod, p);

	op->asker = asker;
	op->sandbox = p->task->pod->sandbox;
	op->finish = resize_finish;
	request.container_id = p->task->id;
	request.exec_id = p->exec_id;
	request.row = p->height;
	request.column = p->width;
	op_ask(op, CLIENT_RESIZE, &request);
}

int process_resize(struct process *p, uint32_t width, uint32_t height, struct asker asker,
		   struct error *e)
{
	if (width > SIDE_MAX || height > SIDE_MAX)
		return fail(e, EINVAL, "no terminal has %u columns and %u rows", width, height);
	if (!p->is_terminal)
		return fail(e, EINVAL, "process '%s' has no terminal", p->exec_id);
	p->width = width;
	p->height = height;
	if (!p->stdio || p->task->pod->stage != POD_RUNNING || p->state == PROCESS_STOPPED)
		return 0;
	submit_resize(p, asker);
	return 1;
}

void process_set_size(struct process *p)
{
	if (p->width > 0 && p->height > 0)
		submit_resize(p, (struct asker){ 0 });
}

static int shrink_work(struct op *op, struct error *e)
{
	(void)e;
	container_shrink(op->container);
	return 0;
}

static void updated(struct op *op)
{
	op->finish = op_answer;
	if (op->result < 0) {
		op_answer(op);
		return;
	}
	op->work = shrink_work;
	op_submit(op, OP_ALONE);
}

static int grow_work(struct op *op, struct error *e)
{
	return container_grow(op->container, op->user, e);
}

static void has_grown(struct op *op)
{
	op->finish = updated;
	if (op->result < 0)
		op_answer(op);
	else
		container_ask_update(op->container, op->user, op_asks(op));
}

static void begin_update(struct op *op)
{
	op->work = grow_work;
	op->finish = has_grown;
	op_submit(op, OP_ALONE);
}

int task_update(struct task *task, Oci__LinuxResources *own_resources, struct asker asker,
		struct error *e)
{
	struct op *op = container_op(task, asker, e);

	if (!op) {
		message_free(own_resources);
		return -e->code;
	}
	op->user = own_resources;
	op->free_user = message_free;
	op->begin = begin_update;
	op_in_turn(op);
	return 0;
}

static void stats_finish(struct op *op)
{
	/* It ended while the agent was asked. */
	if (op->process->has_status)
		op->result = 0;
	op_answer(op);
}

/* What has ended uses nothing; a runtime without a VM says so of it as well. */
static bool has_ended(const struct task *task)
{
	return task->init.state == PROCESS_STOPPED || task->pod->stage >= POD_STOPPING;
}

int task_stats(struct task *task, struct asker asker, struct error *e)
{
	Agent__StatsContainerRequest stats = AGENT__STATS_CONTAINER_REQUEST__INIT;
	struct op *op;

	if (has_ended(task)) {
		asker_answer(&asker, &task->init, NULL, NULL);
		return 0;
	}
	op = container_op(task, asker, e);
	if (!op)
		return -e->code;
	op->finish = stats_finish;
	op->wants_answer = true;
	stats.container_id = task->id;
	op_ask(op, CLIENT_STATS_CONTAINER, &stats);
	return 0;
}
