/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container - the list of containers, their states, and how they end.
 *
 * A container is made when the first call for it arrives, so that its calls have a queue to wait
 * in, and freed by the io thread once it was removed: a removed container is found by nobody, jobs
 * that were queued behind the removal, or before the making, look for it and fail, also when there
 * is another one of that id.  Calls that must not wait (signals, streams, Wait) run on the io
 * thread beside the queue and take the lock for the look-up only.
 *
 * Removal cannot hang: the kernel kills the whole control group at once, frozen or not, the wait
 * for it has a deadline, and what cannot be given back is logged and left.  Without a control group
 * (tests on a machine that has none of version 2) the death of a pid namespace's first process does
 * the same.
 */
#include "agent/container/container-object.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "agent/storage/copy.h"
#include "agent/storage/storage.h"
#include "lib/file.h"
#include "lib/log.h"

#define CONTAINERS_MAX     512
#define CGROUP_ROOT        "/sys/fs/cgroup"
#define REAPER_PATIENCE_MS UINT64_C(2000)
#define CGROUP_VARIABLE    "KATA_AGENT_CGROUP_ROOT"
#define LAST_WAIT_MS       2000

static const char *const state_names[] = {
	[CONTAINER_NEW] = "being created", [CONTAINER_CREATED] = "created",
	[CONTAINER_RUNNING] = "running",   [CONTAINER_PAUSED] = "paused",
	[CONTAINER_STOPPED] = "stopped",   [CONTAINER_REMOVED] = "removed",
};
_Static_assert(ARRAY_SIZE(state_names) == N_CONTAINER_STATE, "one name each");

static const char *const event_names[] = {
	[CONTAINER_CREATE] = "created", [CONTAINER_START] = "started",
	[CONTAINER_PAUSE] = "paused",   [CONTAINER_RESUME] = "resumed",
	[CONTAINER_EXIT] = "ended",     [CONTAINER_REMOVE] = "removed",
};
_Static_assert(ARRAY_SIZE(event_names) == N_CONTAINER_EVENT, "one name each");

#define NO N_CONTAINER_STATE
/* clang-format off */
static const enum container_state next_state[N_CONTAINER_STATE][N_CONTAINER_EVENT] = {
	/*                       CREATE             START              PAUSE             RESUME             EXIT               REMOVE */
	[CONTAINER_NEW]     = { CONTAINER_CREATED, NO,                NO,               NO,                NO,                CONTAINER_REMOVED },
	[CONTAINER_CREATED] = { NO,                CONTAINER_RUNNING, NO,               NO,                CONTAINER_STOPPED, CONTAINER_REMOVED },
	[CONTAINER_RUNNING] = { NO,                NO,                CONTAINER_PAUSED, NO,                CONTAINER_STOPPED, CONTAINER_REMOVED },
	[CONTAINER_PAUSED]  = { NO,                NO,                NO,               CONTAINER_RUNNING, CONTAINER_STOPPED, CONTAINER_REMOVED },
	[CONTAINER_STOPPED] = { NO,                NO,                NO,               NO,                CONTAINER_STOPPED, CONTAINER_REMOVED },
	[CONTAINER_REMOVED] = { NO,                NO,                NO,               NO,                CONTAINER_REMOVED, CONTAINER_REMOVED },
};
/* clang-format on */

static void lock(struct containers *cs)
{
	(void)pthread_mutex_lock(&cs->lock);
}

static void unlock(struct containers *cs)
{
	(void)pthread_mutex_unlock(&cs->lock);
}

static struct container *find(struct containers *cs, const char *id)
{
	struct container *c = cs->list;

	while (c && (c->state == CONTAINER_REMOVED || strcmp(c->id, id) != 0))
		c = c->next;
	return c;
}

static struct container *none_of(const char *id, struct error *e)
{
	(void)fail(e, EINVAL, "there is no container '%.*s'", SANDBOX_ID_MAX, id);
	return NULL;
}

struct container *container_get(struct containers *cs, const char *id, struct error *e)
{
	struct container *c;

	lock(cs);
	c = find(cs, id);
	unlock(cs);
	return c ? c : none_of(id, e);
}

struct container *container_of_queue(struct containers *cs, const struct work_queue *queue,
				     const char *id, struct error *e)
{
	struct container *c;

	lock(cs);
	c = find(cs, id);
	if (c && c->queue != queue)
		c = NULL;
	unlock(cs);
	return c ? c : none_of(id, e);
}

static int allows(const struct container *c, enum container_event event, struct error *e)
{
	if (next_state[c->state][event] == NO)
		return fail(e, EBUSY, "container '%s' is %s and cannot be %s", c->id,
			    state_names[c->state], event_names[event]);
	return 0;
}

int container_allows(struct container *c, enum container_event event, struct error *e)
{
	int r;

	lock(c->all);
	r = allows(c, event, e);
	unlock(c->all);
	return r;
}

int container_change(struct container *c, enum container_event event, struct error *e)
{
	int r;

	lock(c->all);
	r = allows(c, event, e);
	if (r >= 0)
		c->state = next_state[c->state][event];
	unlock(c->all);
	return r;
}

static struct container *make(struct containers *cs, const char *id)
{
	struct container *c = xcalloc(1, sizeof(*c));
	struct error e;

	if (cancel_init(&c->cancel, &e) < 0) {
		log_error("container '%s': %s", id, e.msg);
		free(c);
		return NULL;
	}
	c->all = cs;
	c->id = xstrdup(id);
	c->queue = work_queue_new(cs->sb->pool);
	c->cgroup.fd = c->planfd = c->filterfd = -1;
	c->init = LAUNCHED_NONE;
	c->next = cs->list;
	cs->list = c;
	return c;
}

static size_t count(const struct containers *cs)
{
	size_t n = 0;

	for (const struct container *c = cs->list; c; c = c->next)
		n++;
	return n;
}

struct work_queue *containers_queue(struct containers *cs, const char *id, enum containers_get get)
{
	struct work_queue *queue = NULL;
	struct container *c;
	struct error ignored;

	lock(cs);
	c = find(cs, id);
	if (!c && get == CONTAINERS_MAKE && count(cs) < CONTAINERS_MAX &&
	    check_id(id, "container id", SANDBOX_ID_MAX, &ignored) >= 0)
		c = make(cs, id);
	if (c)
		queue = c->queue;
	unlock(cs);
	return queue;
}

static void first_process_ended(struct container *c)
{
	struct error ignored;

	(void)container_change(c, CONTAINER_EXIT, &ignored);
	/* With a pid namespace of its own nothing is left; with a shared one, what the first
	 * process left behind must not outlive it. */
	if (c->shares_pidns)
		container_kill(c);
}

static void process_ended(struct process *p)
{
	struct container *c = p->owner;

	log_debug("container '%s': process '%s' ended with status %d", c->id, p->id, p->status);
	oom_look(c->all->oom, c->id);
	if (p->is_init)
		first_process_ended(c);
}

void container_add_process(struct container *c, struct process *p)
{
	struct process **end = &c->processes;

	lock(c->all);
	while (*end)
		end = &(*end)->next;
	*end = p;
	unlock(c->all);
	process_adopt(p, process_ended, c);
}

void container_kill(struct container *c)
{
	struct error e;

	lock(c->all);
	if (c->cgroup.fd >= 0 && cgroup_kill(&c->cgroup, &e) < 0)
		log_error("container '%s': %s", c->id, e.msg);
	/* Not every process is in the group where there is none. */
	for (const struct process *p = c->processes; p; p = p->next)
		(void)syscall(SYS_pidfd_send_signal, p->pidfd, SIGKILL, NULL, 0);
	executions_kill(c);
	unlock(c->all);
}

static int wait_for_end(struct container *c, uint64_t deadline_ms, const struct cancel *cancel,
			struct error *e)
{
	int r = 0;

	if (c->init.pidfd >= 0)
		r = wait_fd(c->init.pidfd, POLLIN, "the first process to end", deadline_ms, cancel,
			    e);
	if (r >= 0 && c->cgroup.fd >= 0)
		r = cgroup_wait_empty(&c->cgroup, deadline_ms, cancel, e);
	return r < 0 ? fail_wrap(e, "container '%s' does not end", c->id) : 0;
}

static void release_cgroup(struct container *c)
{
	struct cgroup cg;
	struct error e;

	lock(c->all);
	cg = c->cgroup;
	c->cgroup = (struct cgroup){ .fd = -1 };
	unlock(c->all);
	if (cg.fd >= 0 && cgroup_remove(&cg, &e) < 0)
		log_warn("container '%s': %s", c->id, e.msg);
	cgroup_done(&cg);
}

static void release_directory(struct container *c)
{
	_free_ char *path = path_join(SANDBOX_RUN_DIR, c->id);
	struct error e;

	if (tree_remove(path, &e) < 0)
		log_warn("container '%s': %s", c->id, e.msg);
}

/* Everything but the processes, which the io thread frees. */
static void release(struct container *c)
{
	const struct hugepages no_pages = { 0 };
	struct error e;

	c->init.control = close_fd(c->init.control);
	c->init.pidfd = close_fd(c->init.pidfd);
	release_cgroup(c);
	if (c->storages && storages_release(c->all->sb->storages, c->storages, &e) < 0)
		log_warn("container '%s': %s", c->id, e.msg);
	strv_free(c->storages);
	c->storages = NULL;
	(void)hugepages_change(c->all->sb->pages, &c->hugepages, &no_pages, &e);
	release_directory(c);
	copy_forget(c->id);
	c->planfd = close_fd(c->planfd);
	c->filterfd = close_fd(c->filterfd);
}

int container_destroy(struct container *c, uint64_t deadline_ms, const struct cancel *cancel,
		      struct error *e)
{
	int r;

	c->init.control = close_fd(c->init.control);
	container_kill(c);
	r = wait_for_end(c, deadline_ms, cancel, e);
	if (r < 0)
		return r;
	release(c);
	return 0;
}

static void container_free(struct container *c)
{
	executions_free(c);
	while (c->processes) {
		struct process *p = c->processes;

		c->processes = p->next;
		process_free(p);
	}
	work_queue_free(c->queue);
	cancel_done(&c->cancel);
	cgroup_done(&c->cgroup);
	(void)close_fd(c->planfd);
	(void)close_fd(c->filterfd);
	(void)close_fd(c->init.pidfd);
	(void)close_fd(c->init.control);
	strv_free(c->storages);
	free(c->id);
	free(c);
}

static void unlink_container(struct containers *cs, struct container *c)
{
	struct container **at = &cs->list;

	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
}

void containers_drop_dead_pidns(struct containers *cs)
{
	struct pollfd pfd = { .fd = cs->pidns, .events = POLLIN };

	if (cs->pidns >= 0 && poll(&pfd, 1, 0) != 0)
		cs->pidns = close_fd(cs->pidns);
}

static void run_bury(struct loop_task *task)
{
	struct container *c = CONTAINER_OF(task, struct container, bury);
	struct containers *cs = c->all;

	lock(cs);
	unlink_container(cs, c);
	containers_drop_dead_pidns(cs);
	unlock(cs);
	oom_unwatch(cs->oom, c->id);
	for (struct process *p = c->processes; p; p = p->next) {
		process_look(p);
		process_cancel(p, ECANCELED, "the container was removed");
	}
	(void)executions_cancel(c, NULL, ECANCELED, "the container was removed");
	container_free(c);
}

void container_bury(struct container *c)
{
	struct containers *cs = c->all;
	struct error ignored;

	(void)container_change(c, CONTAINER_REMOVE, &ignored);
	c->bury.run = run_bury;
	loop_post(cs->sb->loop, &c->bury);
	lock(cs);
	(void)pthread_cond_broadcast(&cs->gone);
	unlock(cs);
}

/* The end of the sandbox, one job per container in the order of its queue. */
struct destruction {
	struct job job;
	struct containers *cs;
	char *id;
	uint64_t deadline_ms;
};

static void run_destruction(struct job *job)
{
	struct destruction *d = CONTAINER_OF(job, struct destruction, job);
	struct error e;
	struct container *c = container_of_queue(d->cs, job->queue, d->id, &e);

	if (!c)
		return;
	/* Whatever is left goes with the machine. */
	if (container_destroy(c, d->deadline_ms, NULL, &e) < 0)
		log_warn("%s", e.msg);
	container_bury(c);
}

static void done_destruction(struct job *job)
{
	struct destruction *d = CONTAINER_OF(job, struct destruction, job);

	free(d->id);
	free(d);
}

static void run_destroy(struct loop_task *task)
{
	struct containers *cs = CONTAINER_OF(task, struct containers, destroy);

	lock(cs);
	for (struct container *c = cs->list; c; c = c->next) {
		struct destruction *d;

		if (c->state == CONTAINER_REMOVED)
			continue;
		d = xcalloc(1, sizeof(*d));
		d->job = (struct job){ .run = run_destruction, .done = done_destruction };
		d->cs = cs;
		d->id = xstrdup(c->id);
		d->deadline_ms = cs->destroy_deadline_ms;
		work_submit(c->queue, &d->job);
	}
	unlock(cs);
}

static bool has_any(const struct containers *cs)
{
	const struct container *c = cs->list;

	while (c && c->state == CONTAINER_REMOVED)
		c = c->next;
	return c != NULL;
}

static void kill_all(struct containers *cs)
{
	struct container *c;

	lock(cs);
	for (c = cs->list; c; c = c->next) {
		struct error ignored;

		cancel_raise(&c->cancel);
		if (c->cgroup.fd >= 0)
			(void)cgroup_kill(&c->cgroup, &ignored);
	}
	unlock(cs);
}

void containers_destroy_all(struct containers *cs, uint64_t deadline_ms)
{
	struct timespec until = { .tv_sec = (time_t)(deadline_ms / 1000),
				  .tv_nsec = (long)(deadline_ms % 1000) * 1000000 };
	int r = 0;

	kill_all(cs);
	lock(cs);
	cs->destroy_deadline_ms = deadline_ms;
	cs->destroy.run = run_destroy;
	loop_post(cs->sb->loop, &cs->destroy);
	while (r == 0 && has_any(cs))
		r = pthread_cond_timedwait(&cs->gone, &cs->lock, &until);
	unlock(cs);
}

void containers_cancel_waits(struct containers *cs)
{
	lock(cs);
	for (struct container *c = cs->list; c; c = c->next)
		for (struct process *p = c->processes; p; p = p->next)
			process_cancel(p, ECANCELED, "the sandbox ends");
	unlock(cs);
	/* The io thread alone changes the list. */
	for (struct container *c = cs->list; c; c = c->next)
		(void)executions_cancel(c, NULL, ECANCELED, "the sandbox ends");
	oom_cancel(cs->oom, ECANCELED, "the sandbox ends");
}

/* A guest has one hierarchy; a test may name a group of its own, or none by an empty name. */
static void open_cgroup_root(struct containers *cs)
{
	const char *path = cs->sb->config->is_init ? NULL : getenv(CGROUP_VARIABLE);
	struct error e;

	cs->cgroup_root = -1;
	cs->needs_no_cgroup = path && !*path;
	if (cs->needs_no_cgroup)
		return;
	cs->cgroup_root = cgroup_open_root(path ? path : CGROUP_ROOT, &e);
	if (cs->cgroup_root < 0)
		log_warn("no container will be made: %s", e.msg);
}

static void init_locks(struct containers *cs)
{
	pthread_condattr_t attr;

	(void)pthread_mutex_init(&cs->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&cs->gone, &attr);
	(void)pthread_condattr_destroy(&attr);
}

struct containers *containers_new(struct sandbox *sb, struct error *e)
{
	struct containers *cs = xcalloc(1, sizeof(*cs));

	cs->sb = sb;
	cs->pidns = -1;
	init_locks(cs);
	open_cgroup_root(cs);
	cs->reaper =
		null_open(&cs->null, e) < 0 ? NULL : reaper_new(sb->loop, REAPER_PATIENCE_MS, e);
	cs->oom = cs->reaper ? oom_new(sb->loop, e) : NULL;
	if (!cs->oom) {
		containers_free(cs);
		return NULL;
	}
	return cs;
}

/* The loop is over; nobody else uses CS. */
static void end_last(struct container *c)
{
	struct error e;

	if (c->state != CONTAINER_REMOVED &&
	    container_destroy(c, deadline_in(LAST_WAIT_MS), NULL, &e) < 0)
		log_warn("%s", e.msg);
}

void containers_free(struct containers *cs)
{
	if (!cs)
		return;
	while (cs->list) {
		struct container *c = cs->list;

		end_last(c);
		cs->list = c->next;
		container_free(c);
	}
	oom_free(cs->oom);
	reaper_free(cs->reaper);
	(void)close_fd(cs->cgroup_root);
	null_close(&cs->null);
	(void)close_fd(cs->pidns);
	(void)pthread_cond_destroy(&cs->gone);
	(void)pthread_mutex_destroy(&cs->lock);
	free(cs);
}
