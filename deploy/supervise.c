/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervise - stay on the node, small.
 *
 * The work is done by a child, this same program with the action apply, so that what TLS, archives
 * and JSON took is given back to the node when it is done; what stays is a loop with a probe server
 * and a timer.  The child is run again every ten minutes, give or take, to see what has drifted: a
 * run without work costs some 50 ms and writes nothing.  A failure is tried again with growing
 * pauses.  On a node that is not suitable the pod is ready, as there is nothing to wait for; KVM is
 * looked for every 15 seconds, without asking anybody, and installed for when it appears.  SIGTERM
 * ends the child, which takes its changes back, then runs cleanup, which finds out whether this pod
 * is only being replaced.  Io thread only.
 */
#include "deploy/supervise.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "deploy/run.h"
#include "lib/host/hostcheck.h"
#include "lib/http/serve.h"
#include "lib/kube/backoff.h"
#include "lib/log.h"
#include "lib/proc.h"

#define PROGRAM         "/proc/self/exe"
#define REPORT_FD       3
#define REPORT_MAX      1024
#define LOOK_MS         (15 * UINT64_C(1000))
#define CHECK_MS        (8 * 60 * UINT64_C(1000))
#define CHECK_SPREAD_MS (4 * 60 * UINT64_C(1000))
#define RETRY_FIRST_MS  5000
#define RETRY_CAP_MS    (5 * 60 * UINT64_C(1000))

enum state { INSTALLING, READY, UNSUITABLE, FAILED, LEAVING, N_STATE };
enum event { CHILD_OK, CHILD_UNSUITABLE, CHILD_FAILED, TIMER, TERM, N_EVENT };

static const char *const state_names[] = { "installing", "ready", "unsuitable", "failed",
					   "leaving" };
_Static_assert(ARRAY_SIZE(state_names) == N_STATE, "a state has no name");

/* A check that fails on an installed node is told, but the node stays ready: what is installed
 * works as long as nothing says otherwise. */
static const enum state next[N_STATE][N_EVENT] = {
	[INSTALLING] = { READY, UNSUITABLE, FAILED, INSTALLING, LEAVING },
	[READY] = { READY, UNSUITABLE, READY, READY, LEAVING },
	[UNSUITABLE] = { READY, UNSUITABLE, FAILED, UNSUITABLE, LEAVING },
	[FAILED] = { READY, UNSUITABLE, FAILED, FAILED, LEAVING },
	[LEAVING] = { LEAVING, LEAVING, LEAVING, LEAVING, LEAVING },
};

struct supervisor {
	struct loop *loop;
	struct http_server *server;
	struct io signals;
	struct io timer;
	struct io child; /* its pidfd; -1: none runs */
	struct proc proc;
	int report_fd; /* what the child says in the end */
	bool is_cleaning;
	enum state state;
	uint64_t check_ms; /* when the next check is due */
	bool had_kvm;      /* at the last one */
	struct backoff backoff;
	char reason[REPORT_MAX];
};

static void answer_health(void *context, struct http_answer *answer)
{
	const struct supervisor *s = context;

	answer->body = xasprintf("ok %s\n", state_names[s->state]);
}

static void answer_ready(void *context, struct http_answer *answer)
{
	const struct supervisor *s = context;
	bool is_ready = s->state == READY || s->state == UNSUITABLE;

	answer->status = is_ready ? 200 : 503;
	answer->body = xasprintf("%s%s%s%s\n", is_ready ? "" : "not_ready ", state_names[s->state],
				 s->reason[0] ? ": " : "", s->reason);
}

static const struct http_route routes[] = {
	{ "/healthz", answer_health },
	{ "/livez", answer_health },
	{ "/readyz", answer_ready },
	{ NULL, NULL },
};

static void on_child(struct io *io, uint32_t events);

/* Starts this program with ACTION; its standard error is ours. */
static int start_child(struct supervisor *s, const char *action, struct error *e)
{
	_strv_ strv argv = NULL;
	int pipe_fds[2];
	struct proc_spec spec = { .env = environ, .n_fds = 3 };
	struct proc_fd fds[] = { { 1, 1 }, { 2, 2 }, { -1, REPORT_FD } };
	int r;

	if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return fail(e, errno, "cannot make a pipe: %m");
	fds[2].from = pipe_fds[1];
	strv_add(&argv, PROGRAM);
	strv_addf(&argv, "--report=%d", REPORT_FD);
	strv_add(&argv, action);
	spec.argv = argv;
	spec.fds = fds;
	r = proc_start(&spec, &s->proc, e);
	(void)close(pipe_fds[1]);
	if (r < 0) {
		(void)close(pipe_fds[0]);
		return r;
	}
	s->report_fd = pipe_fds[0];
	s->child = (struct io){ .fd = s->proc.pidfd, .ready = on_child };
	return loop_add(s->loop, &s->child, EPOLLIN, e);
}

static void start_or_stop(struct supervisor *s, const char *action)
{
	struct error e;

	if (start_child(s, action, &e) >= 0)
		return;
	log_error("%s", e.msg);
	loop_stop(s->loop, 1);
}

/* What the child gave as its reason; empty when it had none. */
static void read_report(struct supervisor *s)
{
	ssize_t n = read(s->report_fd, s->reason, sizeof(s->reason) - 1);

	s->reason[n > 0 ? n : 0] = '\0';
	s->report_fd = close_fd(s->report_fd);
}

static int reap(struct supervisor *s)
{
	struct error e;
	int status = 1;

	loop_del(s->loop, &s->child);
	s->child.fd = -1;
	/* The pidfd is readable, so this does not wait. */
	if (proc_wait(&s->proc, deadline_in(1000), NULL, &status, &e) < 0)
		log_error("%s", e.msg);
	proc_done(&s->proc);
	read_report(s);
	return status;
}

/* A child that was killed, for its memory perhaps, could not say why.  One that got our own SIGTERM
 * before it listened has nothing to explain. */
static void explain(struct supervisor *s, int status)
{
	bool is_our_wish = s->state == LEAVING && status == 128 + SIGTERM;

	if (status == 0 || s->reason[0] || is_our_wish)
		return;
	(void)snprintf(s->reason, sizeof(s->reason),
		       status > 128 ? "the installer was killed by signal %d"
				    : "the installer ended with status %d",
		       status > 128 ? status - 128 : status);
	log_error("%s", s->reason);
}

static bool has_kvm(void)
{
	const struct host_facts facts = { .sys = "/sys", .proc = "/proc" };

	return hostcheck_has_kvm(&facts);
}

/* The time of the next check; on an unsuitable node the time to look whether it still is one. */
static void arm(struct supervisor *s)
{
	uint64_t now = now_ms();
	uint64_t left_ms = s->check_ms > now ? s->check_ms - now : 1;

	timer_arm(s->timer.fd, s->state == UNSUITABLE ? min_u64(left_ms, LOOK_MS) : left_ms, 0);
}

static void plan_next(struct supervisor *s, bool is_ok)
{
	if (is_ok)
		backoff_reset(&s->backoff);
	s->check_ms = deadline_in(is_ok ? CHECK_MS + random_below(CHECK_SPREAD_MS)
					: 1000 + backoff_next(&s->backoff));
	s->had_kvm = has_kvm();
	arm(s);
}

static enum event event_of(int status)
{
	if (status == RUN_STATUS_UNSUITABLE)
		return CHILD_UNSUITABLE;
	return status == 0 ? CHILD_OK : CHILD_FAILED;
}

static void clean_up(struct supervisor *s)
{
	s->is_cleaning = true;
	start_or_stop(s, "cleanup");
}

static void on_child(struct io *io, uint32_t events)
{
	struct supervisor *s = CONTAINER_OF(io, struct supervisor, child);
	int status = reap(s);
	enum event event = event_of(status);

	(void)events;
	s->state = next[s->state][event];
	explain(s, status);
	if (s->state != LEAVING)
		plan_next(s, event != CHILD_FAILED);
	else if (s->is_cleaning)
		loop_stop(s->loop, status);
	else
		clean_up(s);
}

static void on_timer(struct io *io, uint32_t events)
{
	struct supervisor *s = CONTAINER_OF(io, struct supervisor, timer);

	(void)events;
	timer_read(io->fd);
	s->state = next[s->state][TIMER];
	if (s->child.fd >= 0 || s->state == LEAVING)
		return;
	if (s->state == UNSUITABLE && now_ms() < s->check_ms && has_kvm() == s->had_kvm)
		arm(s);
	else
		start_or_stop(s, "apply");
}

static void on_signal(struct io *io, uint32_t events)
{
	struct supervisor *s = CONTAINER_OF(io, struct supervisor, signals);
	struct error ignored;

	(void)events;
	if (signal_read(io->fd) < 0 || s->state == LEAVING)
		return;
	s->state = next[s->state][TERM];
	timer_arm(s->timer.fd, 0, 0);
	if (s->child.fd < 0)
		clean_up(s);
	else
		(void)proc_kill(&s->proc, SIGTERM, &ignored);
}

static int watch_signals(struct supervisor *s, struct error *e)
{
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	fd = signal_open(&set, e);
	if (fd < 0)
		return fd;
	s->signals = (struct io){ .fd = fd, .ready = on_signal };
	return loop_add(s->loop, &s->signals, EPOLLIN, e);
}

static int watch_timer(struct supervisor *s, struct error *e)
{
	int fd = timer_open(e);

	if (fd < 0)
		return fd;
	s->timer = (struct io){ .fd = fd, .ready = on_timer };
	return loop_add(s->loop, &s->timer, EPOLLIN, e);
}

static int serve(struct supervisor *s, uint32_t port, struct error *e)
{
	int fd = http_listen((uint16_t)port, e);

	if (fd < 0)
		return fd;
	return http_server_new(s->loop, fd, routes, s, &s->server, e);
}

static int open_all(struct supervisor *s, const struct settings *settings, struct error *e)
{
	s->loop = loop_new(e);
	if (!s->loop || watch_signals(s, e) < 0 || watch_timer(s, e) < 0 ||
	    serve(s, settings->health_port, e) < 0)
		return -e->code;
	return start_child(s, "apply", e);
}

int supervise(const struct settings *settings)
{
	struct supervisor s = {
		.signals = { .fd = -1 },
		.timer = { .fd = -1 },
		.child = { .fd = -1 },
		.report_fd = -1,
		.backoff = { .first_ms = RETRY_FIRST_MS, .cap_ms = RETRY_CAP_MS },
	};
	struct error e;
	int status = 1;

	if (open_all(&s, settings, &e) < 0)
		log_error("%s", e.msg);
	else
		status = loop_run(s.loop);
	http_server_free(s.server);
	closep(&s.signals.fd);
	closep(&s.timer.fd);
	closep(&s.report_fd);
	loop_free(s.loop);
	return status;
}
