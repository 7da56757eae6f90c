/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec - one more process in a running container.
 *
 * The job of the container's queue only makes it.  Until it has entered the container and runs its
 * program the io thread listens, and the call is parked: what the process meets on the way may hang
 * (a working directory on a file system whose server is gone), and then nobody waits but who asked
 * for it; no thread does, nor the next exec, nor Stats.
 *
 * It is born in the container's control group, in the order of the queue, so a removal finds it as
 * it finds every process.  One that was given up is kept until it has ended: the end of the
 * container's pid namespace waits for it to be reaped.
 */
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "agent/container/container-object.h"
#include "lib/log.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/oci.pb-c.h"
#include "lib/rpc/proto/pb.pb-c.h"

struct execution {
	struct execution *next; /* (lock) */
	struct container *c;    /* (fixed), as the two below */
	char *id;
	uint64_t deadline_ms;
	/* (io) from here on, but that the queue fills it: */
	struct rpc_request *req; /* NULL: answered, and only waited for until it has ended */
	struct launched launched;
	struct process_pipes pipes;
	struct io control; /* what it says */
	struct io late;    /* a timer: its deadline */
	struct io end;     /* its pidfd, once it was given up */
	struct loop_task begin;
	bool has_begun;
	struct error cancelled; /* before that; code 0: not */
};

static void unlink_execution(struct execution *x)
{
	struct execution **at = &x->c->executions;

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
}

static void stop_listening(struct execution *x)
{
	struct loop *loop = x->c->all->sb->loop;

	loop_del(loop, &x->control);
	loop_del(loop, &x->late);
	x->control.fd = -1;
	x->late.fd = close_fd(x->late.fd);
	x->launched.control = close_fd(x->launched.control);
	x->launched.master = close_fd(x->launched.master);
	process_pipes_close(&x->pipes);
}

/* Of what is unlinked. */
static void release(struct execution *x)
{
	stop_listening(x);
	loop_del(x->c->all->sb->loop, &x->end);
	(void)close_fd(x->launched.pidfd);
	free(x->id);
	free(x);
}

static void kill_one(const struct execution *x)
{
	(void)syscall(SYS_pidfd_send_signal, x->launched.pidfd, SIGKILL, NULL, 0);
}

static void reap(const struct execution *x)
{
	siginfo_t info;

	(void)waitid(P_PIDFD, (id_t)x->launched.pidfd, &info, WEXITED | WNOHANG);
}

static void has_ended(struct io *io, uint32_t events)
{
	struct execution *x = CONTAINER_OF(io, struct execution, end);
	struct containers *cs = x->c->all;

	(void)events;
	reap(x);
	(void)pthread_mutex_lock(&cs->lock);
	unlink_execution(x);
	(void)pthread_mutex_unlock(&cs->lock);
	release(x);
}

/* Tells why and lets it end. */
static void give_up(struct execution *x, struct error *why)
{
	struct error e;

	if (!x->req)
		return;
	(void)fail_wrap(why, "cannot execute a process in container '%s'", x->c->id);
	rpc_reply_error(TAKE_PTR(x->req), why);
	stop_listening(x);
	kill_one(x);
	x->end = (struct io){ .fd = x->launched.pidfd, .ready = has_ended };
	if (loop_add(x->c->all->sb->loop, &x->end, EPOLLIN, &e) < 0)
		log_warn("%s", e.msg);
}

/* It is a process like any other from now on. */
static void runs(struct execution *x)
{
	const Pb__Empty empty = PB__EMPTY__INIT;
	struct container *c = x->c;
	struct process *p;
	struct error e;

	(void)pthread_mutex_lock(&c->all->lock);
	p = process_new(c->all->sb->loop, x->id, &x->launched, &x->pipes, &e);
	if (p)
		unlink_execution(x);
	(void)pthread_mutex_unlock(&c->all->lock);
	if (!p) {
		give_up(x, &e);
		return;
	}
	container_add_process(c, p);
	rpc_reply(TAKE_PTR(x->req), &empty);
	release(x);
}

static void on_control(struct io *io, uint32_t events)
{
	struct execution *x = CONTAINER_OF(io, struct execution, control);
	enum launch_word word;
	struct error e;
	int r = launch_hear(&x->launched, &word, &e);

	(void)events;
	if (r >= 0 && word == LAUNCH_READY)
		r = launch_order(&x->launched, &e);
	if (r < 0)
		give_up(x, &e);
	else if (word == LAUNCH_RUNS)
		runs(x);
}

static void on_late(struct io *io, uint32_t events)
{
	struct execution *x = CONTAINER_OF(io, struct execution, late);
	struct error e;

	(void)events;
	timer_read(io->fd);
	(void)fail(&e, ETIMEDOUT, "waited in vain for the new process");
	give_up(x, &e);
}

static int listen_to(struct execution *x, struct error *e)
{
	struct loop *loop = x->c->all->sb->loop;
	uint64_t now = now_ms();

	x->late.fd = timer_open(e);
	if (x->late.fd < 0)
		return x->late.fd;
	timer_arm(x->late.fd, x->deadline_ms > now ? x->deadline_ms - now : 1, 0);
	if (loop_add(loop, &x->late, EPOLLIN, e) < 0)
		return -e->code;
	x->control.fd = x->launched.control;
	return loop_add(loop, &x->control, EPOLLIN, e);
}

static void run_begin(struct loop_task *task)
{
	struct execution *x = CONTAINER_OF(task, struct execution, begin);
	struct error e;

	x->has_begun = true;
	if (x->cancelled.code != 0)
		give_up(x, &x->cancelled);
	else if (listen_to(x, &e) < 0)
		give_up(x, &e);
}

static pid_t first_process(struct container *c)
{
	const struct process *p;
	pid_t pid;

	(void)pthread_mutex_lock(&c->all->lock);
	for (p = c->processes; p && !p->is_init; p = p->next)
		;
	pid = p ? p->pid : 0;
	(void)pthread_mutex_unlock(&c->all->lock);
	return pid;
}

static int exec_plan(const Agent__ExecProcessRequest *in, struct error *e)
{
	Oci__Spec spec = OCI__SPEC__INIT;

	spec.process = in->process;
	return launch_plan(LAUNCH_EXEC, &spec, e);
}

/* Makes the process; the rest is heard of it. */
static int begin(struct container *c, const Agent__ExecProcessRequest *in,
		 struct process_pipes *pipes, struct launched *ret, struct error *e)
{
	struct error ignored;
	_close_ int users = sandbox_ns_open(c->all->sb, SANDBOX_NS_USER, &ignored);
	_close_ int planfd = exec_plan(in, e), group = -1;
	struct launch l = {
		.kind = LAUNCH_EXEC,
		.container_id = c->id,
		.nullfd = c->all->null.fd,
		.planfd = planfd,
		.container_plan = c->planfd,
		.ipcfd = -1,
		.utsfd = -1,
		.netfd = -1,
		.usersfd = users,
		.filter = c->filterfd,
		.null_tree = -1,
		.target = c->init.pidfd,
		.pidns = c->init.pidfd,
		.cgroup = -1,
	};
	int r;

	if (planfd < 0)
		return planfd;
	if (c->cgroup.fd >= 0) {
		l.cgroup = group = cgroup_open_for(&c->cgroup, first_process(c), e);
		if (group < 0)
			return group;
	}
	r = container_open_pipes(c, in->process, pipes, e);
	if (r < 0)
		return r;
	memcpy(l.stdio, pipes->theirs, sizeof(l.stdio));
	r = launch_begin(&l, ret, e);
	process_pipes_close_theirs(pipes);
	return r;
}

int execution_start(struct container *c, struct rpc_request *req,
		    const Agent__ExecProcessRequest *in, uint64_t deadline_ms, struct error *e)
{
	struct process_pipes pipes = PROCESS_PIPES_NONE;
	struct launched launched;
	struct execution *x;
	int r = container_check_process(c, in->process, e);

	if (r >= 0)
		r = begin(c, in, &pipes, &launched, e);
	if (r < 0) {
		process_pipes_close(&pipes);
		return r;
	}
	x = xcalloc(1, sizeof(*x));
	*x = (struct execution){ .c = c,
				 .id = xstrdup(in->exec_id),
				 .deadline_ms = deadline_ms,
				 .req = req,
				 .launched = launched,
				 .pipes = pipes,
				 .control = { -1, on_control },
				 .late = { -1, on_late },
				 .end = { -1, has_ended },
				 .begin = { .run = run_begin } };
	(void)pthread_mutex_lock(&c->all->lock);
	x->next = c->executions;
	c->executions = x;
	(void)pthread_mutex_unlock(&c->all->lock);
	r = rpc_defer(req);
	loop_post(c->all->sb->loop, &x->begin);
	return r;
}

void executions_kill(const struct container *c)
{
	for (const struct execution *x = c->executions; x; x = x->next)
		kill_one(x);
}

/* One that was given up and does not end counts as well. */
size_t executions_count(const struct container *c, const char *exec_id, bool *ret_exists)
{
	size_t n = 0;

	*ret_exists = false;
	for (const struct execution *x = c->executions; x; x = x->next, n++)
		*ret_exists = *ret_exists || strcmp(x->id, exec_id) == 0;
	return n;
}

bool executions_cancel(struct container *c, const char *exec_id, int code, const char *why)
{
	bool found = false;

	for (struct execution *x = c->executions; x; x = x->next) {
		struct error e;

		if (!x->req || (exec_id && strcmp(x->id, exec_id) != 0))
			continue;
		(void)fail(&e, code, "%s", why);
		/* Its job may still be at it, and its task is to come: that ends it. */
		if (x->has_begun)
			give_up(x, &e);
		else
			x->cancelled = e;
		found = true;
	}
	return found;
}

void executions_free(struct container *c)
{
	while (c->executions) {
		struct execution *x = c->executions;

		c->executions = x->next;
		kill_one(x);
		reap(x);
		release(x);
	}
}
