/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process - the life of one process, as containerd sees it.
 *
 * An exit is news only when three things are true: the agent reported it, both outputs have
 * reached their end, and the answer to Start has been given; containerd expects the start before
 * the exit and reads nothing after it.  Whoever waits is parked until then.
 *
 * When the guest goes away nothing is reported any more, so the end of the connection counts as
 * the exit of every process that is left.
 *
 * A guest may also say that it did what it was told and leave it at that.  So a timer runs from the
 * first SIGKILL: a container that is still there when it ends takes the sandbox along, and outputs
 * that have not ended by then have done so.  Without a SIGKILL they may go on, as those of runc do:
 * what an exec left in the background is shown to whoever watches.
 *
 * The exit is asked for at once, of an agent of upstream's when the outputs have ended or that
 * timer has: it drops what nobody has read by the time it tells the exit.  Io thread.
 */

#include <assert.h>
#include <string.h>

#include "lib/log.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/events.pb-c.h"
#include "lib/rpc/proto/task.pb-c.h"
#include "runtime/sandbox/client.h"
#include "runtime/shim/shim.h"

const char *const process_state_names[] = {
	[PROCESS_CREATING] = "being created", [PROCESS_CREATED] = "created",
	[PROCESS_STARTING] = "starting",      [PROCESS_RUNNING] = "running",
	[PROCESS_PAUSING] = "pausing",        [PROCESS_PAUSED] = "paused",
	[PROCESS_STOPPED] = "stopped",
};
static_assert(ARRAY_SIZE(process_state_names) == N_PROCESS_STATE, "a name for every state");

#define NO N_PROCESS_STATE

static const enum process_state next_state[N_PROCESS_STATE][N_PROCESS_EVENT] = {
	/* MADE, START, STARTED, REFUSED, PAUSE, PAUSE_OK, RESUME_OK, EXIT */
	/* An exit during Create or Start is settled after the answer to it. */
	[PROCESS_CREATING] = { PROCESS_CREATED, NO, NO, NO, NO, NO, NO, NO },
	[PROCESS_CREATED] = { NO, PROCESS_STARTING, NO, NO, NO, NO, NO, PROCESS_STOPPED },
	[PROCESS_STARTING] = { NO, NO, PROCESS_RUNNING, PROCESS_CREATED, NO, NO, NO, NO },
	[PROCESS_RUNNING] = { NO, NO, NO, NO, PROCESS_PAUSING, NO, PROCESS_RUNNING,
			      PROCESS_STOPPED },
	[PROCESS_PAUSING] = { NO, NO, NO, PROCESS_RUNNING, NO, PROCESS_PAUSED, NO,
			      PROCESS_STOPPED },
	[PROCESS_PAUSED] = { NO, NO, NO, NO, NO, NO, PROCESS_RUNNING, PROCESS_STOPPED },
	[PROCESS_STOPPED] = { NO, NO, NO, NO, NO, NO, NO, NO },
};

bool process_move(struct process *p, enum process_event event)
{
	enum process_state next = next_state[p->state][event];

	if (next == NO)
		return false;
	p->state = next;
	return true;
}

void process_init(struct process *p, struct task *task, const char *id)
{
	*p = (struct process){ .task = task, .id = xstrdup(id), .killed = { .fd = -1 } };
	p->exec_id = xstrdup(id[0] ? id : task->id);
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

static void answer_waiters(struct process *p)
{
	Task__WaitResponse answer = TASK__WAIT_RESPONSE__INIT;
	Pb__Timestamp when = events_time(&p->exited_at);

	answer.exit_status = p->exit_status;
	answer.exited_at = &when;
	while (p->waiters) {
		struct waiter *w = p->waiters;

		p->waiters = w->next;
		rpc_reply(w->req, &answer);
		free(w);
	}
}

static void publish_exit(struct process *p)
{
	Events__TaskExit event = EVENTS__TASK_EXIT__INIT;
	Pb__Timestamp when = events_time(&p->exited_at);

	event.container_id = p->task->id;
	event.id = p->id[0] ? p->id : p->task->id;
	event.pid = task_pid(p->task);
	event.exit_status = p->exit_status;
	event.exited_at = &when;
	events_publish(p->task->shim->events, "/tasks/exit", &event);
}

void process_settle(struct process *p)
{
	struct shim *shim = p->task->shim;
	/* Of an exec that was never started nobody is told: Docker would take it for its end. */
	bool has_run = !p->id[0] || p->state != PROCESS_CREATED;

	if (!p->has_status || !p->has_drained || p->is_held || !process_move(p, PROCESS_EXIT))
		return;
	log_info("%s%s%s exited with status %u", p->task->id, p->id[0] ? "/" : "", p->id,
		 p->exit_status);
	if (p == &p->task->init)
		task_ended(p->task);
	if (has_run)
		publish_exit(p);
	answer_waiters(p);
	/* The pod does not outlive its first container. */
	if (p == &p->task->init && p->task->type != SPEC_MEMBER && shim->stage == SHIM_RUNNING)
		shim_stop_sandbox(shim, STATUS_KILLED);
}

void process_exited(struct process *p, uint32_t status)
{
	if (p->has_status)
		return;
	p->has_status = true;
	p->exit_status = status;
	(void)clock_gettime(CLOCK_REALTIME, &p->exited_at);
	if (p->stdio && !p->has_drained)
		stdio_expect_end(p->stdio);
	else
		p->has_drained = true;
	process_settle(p);
}

void process_end_now(struct process *p, uint32_t status)
{
	/* Nobody waits for its outputs, nor for what else would be told of it. */
	p->has_drained = true;
	p->is_held = false;
	if (p->has_status)
		process_settle(p);
	else
		process_exited(p, status);
}

static void exit_arrived(void *arg, void *out, const struct error *error)
{
	struct process *p = arg;
	const Agent__WaitProcessResponse *answer = out;

	if (answer && answer->status >= 0 && answer->status <= 255) {
		process_exited(p, (uint32_t)answer->status);
	} else if (answer) {
		log_error("agent: %d is no exit status", answer->status);
		process_exited(p, STATUS_UNKNOWN);
	} else {
		log_debug("waiting for %s: %s", p->exec_id, error->msg);
		/* With the connection ends the sandbox and every process in it: watch.c sees to
		 * that once it knows why. */
		if (error->code != ECONNRESET || !p->task->shim->watch)
			process_exited(p, STATUS_UNKNOWN);
	}
	process_release(p);
}

static void ask_exit(struct process *p)
{
	struct rpc_client *rpc = sandbox_rpc(p->task->shim->sandbox);
	Agent__WaitProcessRequest request = AGENT__WAIT_PROCESS_REQUEST__INIT;
	struct error e;

	request.container_id = p->task->id;
	request.exec_id = p->exec_id;
	p->is_asked = true;
	p->pending++;
	if (rpc_call_async(rpc, client_call_of(CLIENT_WAIT_PROCESS), &request, exit_arrived, p,
			   &e) < 0) {
		log_warn("%s", e.msg);
		process_exited(p, STATUS_UNKNOWN);
		p->pending--;
	}
}

static void killed_long_ago(struct io *io, uint32_t flags)
{
	struct process *p = CONTAINER_OF(io, struct process, killed);
	struct shim *shim = p->task->shim;

	(void)flags;
	timer_read(io->fd);
	p->is_killed = false;
	if (!p->has_status && !p->is_asked && p->stdio && shim->stage == SHIM_RUNNING) {
		ask_exit(p);
		process_killed(p);
		return;
	}
	if (p->has_status && p->stdio) {
		stdio_end_outputs(p->stdio);
	} else if (!p->has_status && p == &p->task->init && shim->stage == SHIM_RUNNING) {
		log_error("the sandbox ends: '%s' was killed and does not end", p->task->id);
		shim_stop_sandbox(shim, STATUS_KILLED);
	}
}

static int open_killed(struct process *p, struct error *e)
{
	int r;

	p->killed = (struct io){ timer_open(e), killed_long_ago };
	if (p->killed.fd < 0)
		return p->killed.fd;
	r = loop_add(p->task->shim->loop, &p->killed, EPOLLIN, e);
	if (r < 0)
		p->killed.fd = close_fd(p->killed.fd);
	return r;
}

void process_killed(struct process *p)
{
	struct error e;

	/* Who kills again and again must not put the end off. */
	if (p->is_killed || p->is_dropped || p->state == PROCESS_STOPPED)
		return;
	if (p->killed.fd < 0 && open_killed(p, &e) < 0) {
		log_warn("'%s' may outlive its SIGKILL: %s", p->exec_id, e.msg);
		return;
	}
	p->is_killed = true;
	timer_arm(p->killed.fd, p->task->shim->kill_wait_ms, 0);
}

static void outputs_ended(void *arg)
{
	struct process *p = arg;

	p->has_drained = true;
	if (!p->is_asked && !p->has_status)
		ask_exit(p);
	process_settle(p);
}

void process_watch(struct process *p)
{
	const struct shim *shim = p->task->shim;

	/* Another agent forgets what a process wrote when it has told its exit. */
	if (!shim->has_foreign_agent)
		ask_exit(p);
	stdio_start(p->stdio, sandbox_rpc(shim->sandbox), outputs_ended, p);
	if (p->must_close_input)
		stdio_close_input(p->stdio);
}

void process_wait(struct process *p, struct rpc_request *req)
{
	struct waiter *w = xcalloc(1, sizeof(*w));

	rpc_defer(req);
	w->req = req;
	w->next = p->waiters;
	p->waiters = w;
	if (p->state == PROCESS_STOPPED)
		answer_waiters(p);
}

static void refuse_waiters(struct process *p)
{
	struct error gone;

	(void)fail(&gone, ENOENT, "process '%s' of container '%s' was deleted", p->exec_id,
		   p->task->id);
	while (p->waiters) {
		struct waiter *w = p->waiters;

		p->waiters = w->next;
		rpc_reply_error(w->req, &gone);
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
	struct shim *shim = p->task->shim;

	refuse_waiters(p);
	stdio_free(TAKE_PTR(p->stdio));
	loop_del(shim->loop, &p->killed);
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
	p->next = shim->dropped;
	shim->dropped = p;
}

void process_release(struct process *p)
{
	struct task *task = p->task;

	p->pending--;
	if (!p->is_dropped || p->pending > 0)
		return;
	unlink_from(&task->shim->dropped, p);
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
