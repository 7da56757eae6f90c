/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task - containers and their processes as an engine knows them, and how long each is kept.
 *
 * One that is dropped is in no list any more, but for that of the dropped, and stays until the last
 * op or call that refers to it has ended; an exec keeps its task.  Io thread.
 */

#include "runtime/pod/task.h"

#include <assert.h>
#include <string.h>

#include "lib/log.h"
#include "lib/rpc/message.h"
#include "runtime/pod/stdio.h"

const char *const process_state_names[] = {
	[PROCESS_CREATING] = "being created", [PROCESS_CREATED] = "created",
	[PROCESS_STARTING] = "starting",      [PROCESS_RUNNING] = "running",
	[PROCESS_PAUSING] = "pausing",        [PROCESS_PAUSED] = "paused",
	[PROCESS_STOPPED] = "stopped",
};
static_assert(ARRAY_SIZE(process_state_names) == N_PROCESS_STATE, "a name for every state");

void asker_answer(struct asker *asker, const struct process *p, const void *said,
		  const struct error *why)
{
	const struct asker a = *asker;

	asker->answer = NULL;
	if (a.answer)
		a.answer(a.arg, p, said, why);
}

/* ---- tasks ---- */

static void process_init(struct process *p, struct task *task, const char *id)
{
	*p = (struct process){ .task = task, .id = xstrdup(id), .killed = { .fd = -1 } };
	p->exec_id = xstrdup(id[0] ? id : task->id);
}

struct task *task_new(struct pod *pod, const char *id, const char *bundle)
{
	struct task *task = xcalloc(1, sizeof(*task));

	task->pod = pod;
	task->id = xstrdup(id);
	task->bundle = xstrdup(bundle);
	task->type = SPEC_MEMBER;
	process_init(&task->init, task, "");
	task->next = pod->tasks;
	pod->tasks = task;
	return task;
}

struct task *task_find(struct pod *pod, const char *id, struct error *e)
{
	for (struct task *task = pod->tasks; task; task = task->next)
		if (strcmp(task->id, id) == 0)
			return task;
	(void)fail(e, ENOENT, "there is no container '%.80s'", id);
	return NULL;
}

uint32_t task_pid(const struct task *task)
{
	return task->outside ? (uint32_t)outside_pid(task->outside) : 0;
}

static void reap(struct io *io, uint32_t flags)
{
	struct task *task = CONTAINER_OF(io, struct task, placeholder);

	(void)flags;
	loop_del(task->pod->loop, io);
	task->is_ending = false;
	outside_reap(task->outside);
}

void task_ended(struct task *task)
{
	struct error e;

	if (!task->outside || task->is_ending || outside_pidfd(task->outside) < 0)
		return;
	outside_ended(task->outside);
	task->placeholder = (struct io){ outside_pidfd(task->outside), reap };
	task->is_ending = loop_add(task->pod->loop, &task->placeholder, EPOLLIN, &e) >= 0;
	if (!task->is_ending)
		log_warn("the process of '%s' stays until it is deleted: %s", task->id, e.msg);
}

void task_keep_placeholder(struct task *task)
{
	if (task->is_ending)
		loop_del(task->pod->loop, &task->placeholder);
	task->is_ending = false;
}

static void task_free(struct task *task)
{
	task_keep_placeholder(task);
	outside_free(task->outside);
	container_free(task->container);
	free(task->id);
	free(task->bundle);
	free(task->mounts);
	free(task);
}

/* ---- processes ---- */

struct process *process_new(struct task *task, const char *id)
{
	struct process *p = xcalloc(1, sizeof(*p));

	process_init(p, task, id);
	p->next = task->execs;
	task->execs = p;
	return p;
}

static void process_done(struct process *p)
{
	message_free(p->spec);
	free(p->id);
	free(p->exec_id);
	free(p->in);
	free(p->out);
	free(p->err);
}

/* The first process of a task is part of it. */
static void process_destroy(struct process *p)
{
	struct task *task = p->task;

	process_done(p);
	if (p == &task->init)
		task_free(task);
	else
		free(p);
}

static void refuse_waiters(struct process *p)
{
	struct error gone;

	(void)fail(&gone, ENOENT, "process '%s' of container '%s' was deleted", p->exec_id,
		   p->task->id);
	while (p->waiters) {
		struct waiter *w = p->waiters;

		p->waiters = w->next;
		asker_answer(&w->asker, p, NULL, &gone);
		free(w);
	}
}

static void unlink_from(struct process **list, const struct process *p)
{
	for (struct process **at = list; *at; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			return;
		}
}

void process_drop(struct process *own_process)
{
	struct process *p = own_process;
	struct pod *pod = p->task->pod;

	refuse_waiters(p);
	stdio_free(TAKE_PTR(p->stdio));
	loop_del(pod->loop, &p->killed);
	p->killed.fd = close_fd(p->killed.fd);
	unlink_from(&p->task->execs, p);
	p->is_dropped = true;
	if (p->pending == 0) {
		process_destroy(p);
		return;
	}
	/* An exec keeps its task: both go when the last reference has. */
	if (p != &p->task->init)
		p->task->init.pending++;
	p->next = pod->dropped;
	pod->dropped = p;
}

void process_hold(struct process *p)
{
	p->pending++;
}

void process_release(struct process *p)
{
	struct task *task = p->task;

	p->pending--;
	if (!p->is_dropped || p->pending > 0)
		return;
	unlink_from(&task->pod->dropped, p);
	if (p == &task->init) {
		process_destroy(p);
		return;
	}
	process_destroy(p);
	process_release(&task->init);
}

struct process *process_find(struct task *task, const char *exec_id, struct error *e)
{
	if (!exec_id[0])
		return &task->init;
	for (struct process *p = task->execs; p; p = p->next)
		if (strcmp(p->id, exec_id) == 0)
			return p;
	(void)fail(e, ENOENT, "container '%s' has no process '%s'", task->id, exec_id);
	return NULL;
}

void task_drop(struct task *own_task)
{
	struct pod *pod = own_task->pod;

	for (struct task **at = &pod->tasks; *at; at = &(*at)->next)
		if (*at == own_task) {
			*at = own_task->next;
			break;
		}
	while (own_task->execs)
		process_drop(own_task->execs);
	process_drop(&own_task->init);
}
