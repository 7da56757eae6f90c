/* SPDX-License-Identifier: Apache-2.0 */
/*
 * news - what happens in a pod, in containerd's words.  Io thread.
 */

#include "runtime/shim/news.h"

#include <assert.h>

#include "lib/rpc/proto/events.pb-c.h"

static char *name_of(const struct process *p)
{
	return p->id[0] ? p->id : p->task->id;
}

static void created(struct events *ev, const struct process *p)
{
	const struct task *task = p->task;
	Events__TaskCreate event = EVENTS__TASK_CREATE__INIT;
	Events__TaskIO io = EVENTS__TASK_IO__INIT;
	_free_ Containerd__Mount *mounts = xcalloc(task->n_mounts + 1, sizeof(*mounts));
	_free_ Containerd__Mount **list = xcalloc(task->n_mounts + 1, sizeof(*list));

	for (size_t i = 0; i < task->n_mounts; i++) {
		const struct rootfs_mount *m = &task->mounts[i];

		mounts[i] = (Containerd__Mount)CONTAINERD__MOUNT__INIT;
		mounts[i].type = (char *)(uintptr_t)m->type;
		mounts[i].source = (char *)(uintptr_t)m->source;
		mounts[i].target = (char *)(uintptr_t)m->target;
		mounts[i].options = (char **)(uintptr_t)m->options;
		mounts[i].n_options = m->n_options;
		list[i] = &mounts[i];
	}
	io.stdin = p->in;
	io.stdout = p->out;
	io.stderr = p->err;
	io.terminal = p->is_terminal;
	event.container_id = task->id;
	event.bundle = task->bundle;
	event.rootfs = list;
	event.n_rootfs = task->n_mounts;
	event.io = &io;
	event.pid = task_pid(task);
	events_publish(ev, "/tasks/create", &event);
}

static void exec_added(struct events *ev, const struct process *p)
{
	Events__TaskExecAdded event = EVENTS__TASK_EXEC_ADDED__INIT;

	event.container_id = p->task->id;
	event.exec_id = p->id;
	events_publish(ev, "/tasks/exec-added", &event);
}

static void started(struct events *ev, const struct process *p)
{
	Events__TaskStart start = EVENTS__TASK_START__INIT;
	Events__TaskExecStarted exec = EVENTS__TASK_EXEC_STARTED__INIT;

	if (p->id[0]) {
		exec.container_id = p->task->id;
		exec.exec_id = p->id;
		exec.pid = task_pid(p->task);
		events_publish(ev, "/tasks/exec-started", &exec);
		return;
	}
	start.container_id = p->task->id;
	start.pid = task_pid(p->task);
	events_publish(ev, "/tasks/start", &start);
}

static void paused(struct events *ev, const struct process *p)
{
	Events__TaskPaused event = EVENTS__TASK_PAUSED__INIT;

	event.container_id = p->task->id;
	events_publish(ev, "/tasks/paused", &event);
}

static void resumed(struct events *ev, const struct process *p)
{
	Events__TaskResumed event = EVENTS__TASK_RESUMED__INIT;

	event.container_id = p->task->id;
	events_publish(ev, "/tasks/resumed", &event);
}

static void out_of_memory(struct events *ev, const struct process *p)
{
	Events__TaskOOM event = EVENTS__TASK_OOM__INIT;

	event.container_id = p->task->id;
	events_publish(ev, "/tasks/oom", &event);
}

static void exited(struct events *ev, const struct process *p)
{
	Events__TaskExit event = EVENTS__TASK_EXIT__INIT;
	Pb__Timestamp when = events_time(&p->exited_at);

	event.container_id = p->task->id;
	event.id = name_of(p);
	event.pid = task_pid(p->task);
	event.exit_status = p->exit_status;
	event.exited_at = &when;
	events_publish(ev, "/tasks/exit", &event);
}

static void deleted(struct events *ev, const struct process *p)
{
	Events__TaskDelete event = EVENTS__TASK_DELETE__INIT;
	Pb__Timestamp when = events_time(&p->exited_at);

	event.container_id = p->task->id;
	event.id = name_of(p);
	event.pid = task_pid(p->task);
	event.exit_status = p->exit_status;
	event.exited_at = &when;
	events_publish(ev, "/tasks/delete", &event);
}

static void (*const publishers[])(struct events *ev, const struct process *p) = {
	[NEWS_CREATED] = created, [NEWS_EXEC_ADDED] = exec_added,
	[NEWS_STARTED] = started, [NEWS_PAUSED] = paused,
	[NEWS_RESUMED] = resumed, [NEWS_OUT_OF_MEMORY] = out_of_memory,
	[NEWS_EXITED] = exited,   [NEWS_DELETED] = deleted,
};
static_assert(ARRAY_SIZE(publishers) == N_POD_NEWS, "words for all news");

void news_publish(struct events *ev, enum pod_news news, const struct process *p)
{
	publishers[news](ev, p);
}
