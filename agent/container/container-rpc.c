/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container-rpc - the calls about containers and their processes.
 *
 * Calls that change a container are jobs of its queue, so they need no lock among themselves; what
 * one waits for after it (an exec, until it runs) keeps nobody.
 * Calls about a process (signals, streams, Wait) answer on the io thread at once or are parked, so
 * they are never behind a call that waits.  What they write there (a signal, cgroup.kill, a pipe)
 * is the kernel's memory and does not block.
 *
 * A container that does not exist is INVALID_ARGUMENT and a process that does not is NOT_FOUND, as
 * runtimes expect.  Every error names the container.
 */
#include <signal.h>
#include <string.h>

#include "agent/container/container-object.h"
#include "agent/storage/copy.h"
#include "lib/log.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/oci.pb-c.h"

#define CREATE_MS  60000 /* where the caller sets no deadline */
#define CALL_MS    30000
#define REMOVE_MS  60000
#define LINGER_MAX 32 /* ended processes of a container whose output nobody reads */

static struct containers *containers_of(const struct rpc_request *req)
{
	struct sandbox *sb = rpc_context(req);

	return sb->containers;
}

/* The container ID for a job of its queue. */
static struct container *container_of_call(const struct rpc_request *req, const char *id,
					   struct error *e)
{
	return container_of_queue(containers_of(req), rpc_queue(req), id, e);
}

static uint64_t deadline_of(const struct rpc_request *req, uint64_t otherwise_ms)
{
	return min_u64(rpc_deadline_ms(req), deadline_in(otherwise_ms));
}

/* For a call in a container's queue: what failed, where. */
static int in_container(int r, const char *id, const char *verb, struct error *e)
{
	return r < 0 ? fail_wrap(e, "cannot %s container '%.*s'", verb, SANDBOX_ID_MAX, id) : 0;
}

static void give_up(struct container *c)
{
	struct error e;

	if (container_destroy(c, deadline_in(CALL_MS), NULL, &e) < 0)
		log_error("%s", e.msg);
	container_bury(c);
}

int container_rpc_create(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Agent__CreateContainerRequest *request = in;
	const char *id = request->container_id;
	struct container *c;
	int r = check_id(id, "container id", SANDBOX_ID_MAX, e);

	(void)out;
	if (r < 0)
		return r;
	c = container_of_call(req, id, e);
	if (!c)
		return fail(e, EAGAIN,
			    "container '%s' cannot be made now: there are too many, or "
			    "it was given up",
			    id);
	if (container_allows(c, CONTAINER_CREATE, e) < 0)
		return fail(e, EEXIST, "container '%s' exists already", id);
	r = container_create(c, request, deadline_of(req, CREATE_MS), e);
	if (r < 0)
		give_up(c);
	else
		log_info("container '%s' created", id);
	return in_container(r, id, "create", e);
}

static void run_running(struct loop_task *task)
{
	struct container *c = CONTAINER_OF(task, struct container, running);
	struct error e;
	int r = 0;

	(void)pthread_mutex_lock(&c->all->lock);
	if (c->cgroup.fd >= 0)
		r = oom_watch(c->all->oom, c->id, &c->cgroup, &e);
	(void)pthread_mutex_unlock(&c->all->lock);
	if (r < 0 && r != -ENOENT)
		log_warn("%s", e.msg);
}

int container_rpc_start(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Agent__StartContainerRequest *request = in;
	struct container *c = container_of_call(req, request->container_id, e);
	int r;

	(void)out;
	if (!c)
		return -e->code;
	r = container_change(c, CONTAINER_START, e);
	if (r < 0)
		return r;
	c->running.run = run_running;
	loop_post(c->all->sb->loop, &c->running);
	r = launch_go(&c->init, deadline_of(req, CALL_MS), &c->cancel, e);
	return in_container(r, c->id, "start", e);
}

int container_rpc_remove(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Agent__RemoveContainerRequest *request = in;
	Agent__RemoveContainerResponse *response = out;
	struct container *c = container_of_call(req, request->container_id, e);
	uint64_t wait_ms = request->timeout ? (uint64_t)request->timeout * 1000 : REMOVE_MS;
	struct error ignored;
	int r;

	if (!c) {
		/* What the host has sent for one that was never made. */
		if (check_id(request->container_id, "container id", SANDBOX_ID_MAX, &ignored) == 0)
			copy_forget(request->container_id);
		return -e->code;
	}
	if (request->last_words_path[0])
		copy_last_words(request->last_words_path, c->id, &response->last_words);
	/* Without its cancel: one raised while it was made stays raised. */
	r = container_destroy(c, deadline_of(req, wait_ms), NULL, e);
	if (r < 0)
		return in_container(r, c->id, "remove", e);
	log_info("container '%s' removed", c->id);
	container_bury(c);
	return 0;
}

static int check_running(struct container *c, struct error *e)
{
	/* What can be paused is running. */
	if (container_allows(c, CONTAINER_PAUSE, e) < 0)
		return fail(e, EBUSY, "container '%s' is not running", c->id);
	return 0;
}

static bool matches(const struct process *p, const char *exec_id)
{
	return str_empty(exec_id) ? p->is_init : !strcmp(p->id, exec_id);
}

static int check_new_process(struct container *c, const char *exec_id, struct error *e)
{
	size_t n;
	bool exists;
	int r = check_id(exec_id, "exec id", SANDBOX_ID_MAX, e);

	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&c->all->lock);
	n = executions_count(c, exec_id, &exists);
	for (const struct process *p = c->processes; p; p = p->next, n++)
		exists = exists || (matches(p, exec_id) && !p->is_told);
	(void)pthread_mutex_unlock(&c->all->lock);
	if (exists)
		return fail(e, EEXIST, "container '%s' has a process '%s' already", c->id, exec_id);
	if (n >= PROCESSES_MAX)
		return fail(e, EBUSY, "container '%s' has %zu processes that nobody waited for",
			    c->id, n);
	return 0;
}

int container_rpc_exec(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Agent__ExecProcessRequest *request = in;
	struct container *c = container_of_call(req, request->container_id, e);
	int r;

	(void)out;
	if (!c)
		return -e->code;
	r = check_running(c, e);
	if (r >= 0)
		r = check_new_process(c, request->exec_id, e);
	if (r >= 0)
		r = execution_start(c, req, request, deadline_of(req, CALL_MS), e);
	return r < 0 ? in_container(r, c->id, "execute a process in", e) : r;
}

int container_rpc_update(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Agent__UpdateContainerRequest *request = in;
	struct container *c = container_of_call(req, request->container_id, e);
	struct hugepages pages;
	int r;

	(void)out;
	if (!c)
		return -e->code;
	pages = c->hugepages;
	r = c->cgroup.fd < 0 ? fail(e, ENOTSUP, "there is no cgroup")
			     : hugepages_limit(&pages, request->resources, e);
	if (r >= 0 && c->all->sb->config->is_init)
		r = hugepages_change(c->all->sb->pages, &c->hugepages, &pages, e);
	if (r >= 0)
		r = cgroup_limit(&c->cgroup, request->resources, e);
	return in_container(r, c->id, "update", e);
}

int container_rpc_stats(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Agent__StatsContainerRequest *request = in;
	Agent__StatsContainerResponse *answer = out;
	struct container *c = container_of_call(req, request->container_id, e);

	if (!c)
		return -e->code;
	return in_container(cgroup_stats(&c->cgroup, &answer->cgroup_stats, e), c->id, "measure",
			    e);
}

static int change_frozen(struct rpc_request *req, const char *id, enum container_event event,
			 enum cgroup_freeze freeze, const char *verb, struct error *e)
{
	struct container *c = container_of_call(req, id, e);
	int r;

	if (!c)
		return -e->code;
	r = container_allows(c, event, e);
	if (r >= 0 && c->cgroup.fd < 0)
		r = fail(e, ENOTSUP, "there is no cgroup");
	if (r >= 0)
		r = cgroup_freeze(&c->cgroup, freeze, deadline_of(req, CALL_MS), &c->cancel, e);
	if (r >= 0)
		r = container_change(c, event, e);
	return in_container(r, id, verb, e);
}

int container_rpc_pause(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Agent__PauseContainerRequest *request = in;

	(void)out;
	return change_frozen(req, request->container_id, CONTAINER_PAUSE, CGROUP_FREEZE, "pause",
			     e);
}

int container_rpc_resume(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Agent__ResumeContainerRequest *request = in;

	(void)out;
	return change_frozen(req, request->container_id, CONTAINER_RESUME, CGROUP_THAW, "resume",
			     e);
}

/* Frees the processes nobody asks about any more: those read to the end, and the oldest of those
 * that were waited for but not read. */
static void sweep(struct container *c)
{
	struct process *over = NULL, **at = &c->processes;
	size_t n_lingering = 0;

	(void)pthread_mutex_lock(&c->all->lock);
	for (const struct process *p = c->processes; p; p = p->next)
		n_lingering += p->has_exited && p->was_waited_for;
	while (*at) {
		struct process *p = *at;
		bool lingers = p->has_exited && p->was_waited_for && !p->is_init;

		if (!lingers || (!process_is_over(p) && n_lingering <= LINGER_MAX)) {
			at = &p->next;
			continue;
		}
		n_lingering--;
		*at = p->next;
		p->next = over;
		over = p;
	}
	(void)pthread_mutex_unlock(&c->all->lock);
	while (over) {
		struct process *p = over;

		over = p->next;
		process_free(p);
	}
}

/* The last that was started under an id is meant: one before it may still have output that nobody
 * reads.  Io thread, which alone frees processes. */
static struct process *find_process(struct rpc_request *req, const char *container_id,
				    const char *exec_id, struct container **ret_container,
				    struct error *e)
{
	struct container *c = container_get(containers_of(req), container_id, e);
	struct process *p = NULL;

	if (!c)
		return NULL;
	sweep(c);
	(void)pthread_mutex_lock(&c->all->lock);
	for (struct process *at = c->processes; at; at = at->next)
		if (matches(at, exec_id))
			p = at;
	(void)pthread_mutex_unlock(&c->all->lock);
	/* By the last words upstream's shims know that what they want to end has ended. */
	if (!p)
		(void)fail(e, ENOENT,
			   "container '%s' has no process '%.*s': ESRCH: No such process", c->id,
			   SANDBOX_ID_MAX, exec_id);
	if (ret_container)
		*ret_container = c;
	return p;
}

/* The first process of a pid namespace gets no signal it has not asked for, so a polite request
 * would wait for the end of the grace period. */
static int signal_to_send(const struct container *c, const struct process *p, int signal)
{
	bool is_polite = signal == SIGTERM && p->is_init && !c->shares_pidns;

	return is_polite && process_has_default_action(p, signal) ? SIGKILL : signal;
}

int container_rpc_signal(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Agent__SignalProcessRequest *request = in;
	struct container *c = NULL;
	struct process *p;

	(void)out;
	if (request->signal > (uint32_t)SIGRTMAX)
		return fail(e, EINVAL, "there is no signal %u", request->signal);
	p = find_process(req, request->container_id, request->exec_id, &c, e);
	if (c && str_empty(request->exec_id) && request->signal == SIGKILL) {
		/* Also one that is still being made: its creation fails then. */
		if (!p)
			cancel_raise(&c->cancel);
		container_kill(c);
		return 0;
	}
	/* One that does not run yet may be about to hang. */
	if (c && !p && request->signal == SIGKILL &&
	    executions_cancel(c, request->exec_id, ECANCELED, "it was killed meanwhile"))
		return 0;
	if (!p)
		return -e->code;
	return process_signal(p, signal_to_send(c, p, (int)request->signal), e);
}

int container_rpc_wait(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Agent__WaitProcessRequest *request = in;
	struct process *p = find_process(req, request->container_id, request->exec_id, NULL, e);

	return p ? process_wait(p, req, out, e) : -e->code;
}

/* A terminal has no end of input: closing it would hang up on the process. */
static void close_stdin(struct process *p)
{
	if (!p->has_terminal)
		stream_end(&p->in);
}

int container_rpc_write_stdin(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Agent__WriteStreamRequest *request = in;
	struct process *p = find_process(req, request->container_id, request->exec_id, NULL, e);

	if (!p)
		return -e->code;
	if (request->data.len == 0) {
		close_stdin(p);
		return 0;
	}
	return stream_write(&p->in, req, request->data.data, request->data.len, out, e);
}

int container_rpc_close_stdin(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Agent__CloseStdinRequest *request = in;
	struct process *p = find_process(req, request->container_id, request->exec_id, NULL, e);

	(void)out;
	if (!p)
		return -e->code;
	close_stdin(p);
	return 0;
}

int container_rpc_read_stdout(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Agent__ReadStreamRequest *request = in;
	struct process *p = find_process(req, request->container_id, request->exec_id, NULL, e);

	return p ? stream_read(&p->out, req, request->len, out, e) : -e->code;
}

int container_rpc_read_stderr(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Agent__ReadStreamRequest *request = in;
	struct process *p = find_process(req, request->container_id, request->exec_id, NULL, e);

	return p ? stream_read(&p->err, req, request->len, out, e) : -e->code;
}

int container_rpc_tty_resize(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Agent__TtyWinResizeRequest *request = in;
	struct process *p = find_process(req, request->container_id, request->exec_id, NULL, e);

	(void)out;
	return p ? process_resize(p, request->row, request->column, e) : -e->code;
}

int container_rpc_oom_event(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	(void)in;
	return oom_wait(containers_of(req)->oom, req, out, e);
}
