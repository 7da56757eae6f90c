/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process - the life of one process, as an engine sees it.
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

#include "runtime/pod/process.h"

#include "lib/log.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "runtime/sandbox/client.h"

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

static void answer_waiters(struct process *p)
{
	while (p->waiters) {
		struct waiter *w = p->waiters;

		p->waiters = w->next;
		asker_answer(&w->asker, p, NULL, NULL);
		free(w);
	}
}

void process_settle(struct process *p)
{
	struct pod *pod = p->task->pod;
	/* Of an exec that was never started nobody is told: Docker would take it for its end. */
	bool has_run = !p->id[0] || p->state != PROCESS_CREATED;

	if (!p->has_status || !p->has_drained || p->is_held || !process_move(p, PROCESS_EXIT))
		return;
	log_info("%s%s%s exited with status %u", p->task->id, p->id[0] ? "/" : "", p->id,
		 p->exit_status);
	if (p == &p->task->init)
		task_ended(p->task);
	if (has_run)
		pod_tell(pod, NEWS_EXITED, p);
	answer_waiters(p);
	/* The pod does not outlive its first container. */
	if (p == &p->task->init && p->task->type != SPEC_MEMBER && pod->stage == POD_RUNNING)
		pod_must_end(pod, STATUS_KILLED);
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
		if (error->code != ECONNRESET || !p->task->pod->watch)
			process_exited(p, STATUS_UNKNOWN);
	}
	process_release(p);
}

static void ask_exit(struct process *p)
{
	struct rpc_client *rpc = sandbox_rpc(p->task->pod->sandbox);
	Agent__WaitProcessRequest request = AGENT__WAIT_PROCESS_REQUEST__INIT;
	struct error e;

	request.container_id = p->task->id;
	request.exec_id = p->exec_id;
	p->is_asked = true;
	process_hold(p);
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
	struct pod *pod = p->task->pod;

	(void)flags;
	timer_read(io->fd);
	p->is_killed = false;
	if (!p->has_status && !p->is_asked && p->stdio && pod->stage == POD_RUNNING) {
		ask_exit(p);
		process_killed(p);
		return;
	}
	if (p->has_status && p->stdio) {
		stdio_end_outputs(p->stdio);
	} else if (!p->has_status && p == &p->task->init && pod->stage == POD_RUNNING) {
		log_error("the sandbox ends: '%s' was killed and does not end", p->task->id);
		pod_must_end(pod, STATUS_KILLED);
	}
}

static int open_killed(struct process *p, struct error *e)
{
	int r;

	p->killed = (struct io){ timer_open(e), killed_long_ago };
	if (p->killed.fd < 0)
		return p->killed.fd;
	r = loop_add(p->task->pod->loop, &p->killed, EPOLLIN, e);
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
	timer_arm(p->killed.fd, p->task->pod->kill_wait_ms, 0);
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
	const struct pod *pod = p->task->pod;

	/* Another agent forgets what a process wrote when it has told its exit. */
	if (!pod->has_foreign_agent)
		ask_exit(p);
	stdio_start(p->stdio, sandbox_rpc(pod->sandbox), outputs_ended, p);
	if (p->must_close_input)
		stdio_close_input(p->stdio);
}

void process_wait(struct process *p, struct asker asker)
{
	struct waiter *w = xcalloc(1, sizeof(*w));

	w->asker = asker;
	w->next = p->waiters;
	p->waiters = w;
	if (p->state == PROCESS_STOPPED)
		answer_waiters(p);
}

void process_close_input(struct process *p)
{
	p->must_close_input = true;
	if (p->stdio)
		stdio_close_input(p->stdio);
}
