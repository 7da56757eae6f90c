/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervise - stay on the node, small.
 *
 * The work is done by a child, this same program with the action apply, so that what TLS, archives
 * and JSON took is given back to the node when it is done; what stays is a loop with a probe server
 * and a timer.  The child is run again every ten minutes, give or take, to see what has drifted: a
 * run without work costs some 50 ms and writes nothing.  The same is done soon after somebody has
 * changed what the node has (lookout.h), and once more after a run during which it changed, since
 * nobody can say which of the changes were ours; if it did again, a minute later.  When a run fails
 * because a folder that is mounted here was removed from the node, the pod's next container gets
 * the new one.  Another child follows the Node, as long as
 * nothing that somebody changed is left as it is.  A failure is tried again with growing pauses. On
 * a node that is not suitable the pod is ready, as there is nothing to wait for.  KVM, whose module
 * anybody can load and unload, is looked for every 15 seconds without asking anybody: when it is
 * there or not as it was not when the last run began, the node is installed for anew or told apart
 * at once.  Where somebody went back to another version than this pod's, that is kept, as well as
 * this pod's would be, and the pod is not ready: a roll-out stops there.  SIGTERM ends the child,
 * which takes its changes back, then runs cleanup, which finds out whether this pod is only being
 * replaced.  Io thread only.
 */
#include "deploy/supervise.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "deploy/child.h"
#include "deploy/lookout.h"
#include "deploy/run.h"
#include "lib/host/hostcheck.h"
#include "lib/http/serve.h"
#include "lib/kube/backoff.h"
#include "lib/log.h"

#define LOOK_MS         (15 * UINT64_C(1000))
#define CHECK_MS        (8 * 60 * UINT64_C(1000))
#define CHECK_SPREAD_MS (4 * 60 * UINT64_C(1000))
#define AFTER_MS        5000
#define CONTEST_MS      (60 * UINT64_C(1000))
#define RETRY_FIRST_MS  5000
#define RETRY_CAP_MS    (5 * 60 * UINT64_C(1000))

enum state { INSTALLING, READY, UNSUITABLE, HELD, FAILED, LEAVING, N_STATE };
enum event {
	CHILD_OK,
	CHILD_KEPT, /* it found a change of somebody's, whatever it did about it */
	CHILD_UNSUITABLE,
	CHILD_HELD,
	CHILD_FAILED,
	TIMER,
	TERM,
	N_EVENT
};

static const char *const state_names[] = { "installing", "ready",  "unsuitable",
					   "held",       "failed", "leaving" };
_Static_assert(ARRAY_SIZE(state_names) == N_STATE, "a state has no name");

/* A check that fails on an installed node is told, but the node stays ready: what is installed
 * works as long as nothing says otherwise. */
static const enum state next[N_STATE][N_EVENT] = {
	[INSTALLING] = { READY, READY, UNSUITABLE, HELD, FAILED, INSTALLING, LEAVING },
	[READY] = { READY, READY, UNSUITABLE, HELD, READY, READY, LEAVING },
	[UNSUITABLE] = { READY, READY, UNSUITABLE, HELD, FAILED, UNSUITABLE, LEAVING },
	[HELD] = { READY, HELD, UNSUITABLE, HELD, HELD, HELD, LEAVING },
	[FAILED] = { READY, READY, UNSUITABLE, HELD, FAILED, FAILED, LEAVING },
	[LEAVING] = { LEAVING, LEAVING, LEAVING, LEAVING, LEAVING, LEAVING, LEAVING },
};

struct supervisor {
	struct loop *loop;
	struct http_server *server;
	struct io signals;
	struct io timer;
	struct child child;
	struct lookout *lookout; /* NULL: the node cannot be watched */
	bool is_cleaning;
	bool is_after; /* the last run looked after what changed during the one before */
	bool is_left;  /* what somebody changed was left; look again no sooner than CONTEST_MS */
	struct child follower;
	unsigned repaired, left, contested, engine_starts; /* so far */
	enum state state;
	uint64_t check_ms; /* when the next check is due */
	bool had_kvm;      /* when the last run began */
	struct backoff backoff;
	char reason[CHILD_REPORT_MAX];
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

static void answer_stale(void *context, struct http_answer *answer)
{
	const struct supervisor *s = context;

	answer->body = s->lookout ? lookout_list(s->lookout) : NULL;
	answer->content_type = "application/json";
	if (answer->body)
		return;
	answer->status = 503;
	answer->content_type = NULL;
	answer->body = xstrdup("nobody has looked yet\n");
}

static void answer_metrics(void *context, struct http_answer *answer)
{
	const struct supervisor *s = context;

	_free_ char *stale = s->lookout ? lookout_metrics(s->lookout) : xstrdup("");

	answer->body = xasprintf(
		"%s# HELP kata_deploy_drift_total Times that changes of the node by others were "
		"found.\n"
		"# TYPE kata_deploy_drift_total counter\n"
		"kata_deploy_drift_total{result=\"repaired\"} %u\n"
		"kata_deploy_drift_total{result=\"reported\"} %u\n"
		"kata_deploy_drift_total{result=\"contested\"} %u\n"
		"# HELP kata_deploy_engine_starts_total Starts of the container runtime by "
		"others.\n"
		"# TYPE kata_deploy_engine_starts_total counter\n"
		"kata_deploy_engine_starts_total %u\n",
		stale, s->repaired, s->left, s->contested, s->engine_starts);
	answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
}

static const struct http_route routes[] = {
	{ "/healthz", answer_health }, { "/livez", answer_health },    { "/readyz", answer_ready },
	{ "/stale", answer_stale },    { "/metrics", answer_metrics }, { NULL, NULL },
};

static bool has_kvm(void)
{
	const struct host_facts facts = { .sys = "/sys", .proc = "/proc" };

	return hostcheck_has_kvm(&facts);
}

/* A whole version is there: what differs from it is somebody's change. */
static bool is_installed(const struct supervisor *s)
{
	return s->state == READY || s->state == HELD;
}

/* What changes from here on the run may not have seen. */
static int start(struct supervisor *s, const char *action, struct error *e)
{
	if (s->lookout)
		lookout_rest(s->lookout);
	s->had_kvm = has_kvm();
	return child_start(&s->child, action, NULL, 0, e);
}

static void start_or_stop(struct supervisor *s, const char *action)
{
	struct error e;

	if (start(s, action, &e) >= 0)
		return;
	log_error("%s", e.msg);
	loop_stop(s->loop, 1);
}

/* A child that was killed, for its memory perhaps, could not say why.  One that got our own SIGTERM
 * before it listened has nothing to explain. */
static void explain(struct supervisor *s, int status, const char *report)
{
	bool is_our_wish = s->state == LEAVING && status == 128 + SIGTERM;

	(void)snprintf(s->reason, sizeof(s->reason), "%s", report);
	if (status == 0 || status == RUN_STATUS_REPAIRED || s->reason[0] || is_our_wish)
		return;
	(void)snprintf(s->reason, sizeof(s->reason),
		       status > 128 ? "the installer was killed by signal %d"
				    : "the installer ended with status %d",
		       status > 128 ? status - 128 : status);
	log_error("%s", s->reason);
}

/* The time of the next check, or to look whether that is due because of KVM. */
static void arm(struct supervisor *s)
{
	uint64_t now = now_ms();
	uint64_t left_ms = s->check_ms > now ? s->check_ms - now : 1;

	timer_arm(s->timer.fd, min_u64(left_ms, LOOK_MS), 0);
}

static void plan_next(struct supervisor *s, bool is_ok)
{
	if (is_ok)
		backoff_reset(&s->backoff);
	s->check_ms = deadline_in(is_ok ? CHECK_MS + random_below(CHECK_SPREAD_MS)
					: 1000 + backoff_next(&s->backoff));
	arm(s);
}

static enum event event_of(int status)
{
	switch (status) {
	case RUN_STATUS_UNSUITABLE:
		return CHILD_UNSUITABLE;
	case RUN_STATUS_HELD:
		return CHILD_HELD;
	case RUN_STATUS_DRIFT:
	case RUN_STATUS_CONTESTED:
	case RUN_STATUS_REPAIRED:
		return CHILD_KEPT;
	case 0:
		return CHILD_OK;
	default:
		return CHILD_FAILED;
	}
}

static void clean_up(struct supervisor *s)
{
	s->is_cleaning = true;
	start_or_stop(s, "cleanup");
}

/* What has changed while a run of ours was at work.  One that repaired does not say whether the
 * node is held. */
static void look_after(struct supervisor *s, int status)
{
	unsigned changes = s->lookout ? lookout_resume(s->lookout) : 0;

	if (s->state == HELD && status == RUN_STATUS_REPAIRED)
		changes |= LOOKOUT_FILES;
	if (!is_installed(s) || !(changes & (LOOKOUT_FILES | LOOKOUT_ENGINE | LOOKOUT_WISHES))) {
		s->is_after = false;
		return;
	}
	s->check_ms = min_u64(s->check_ms, deadline_in(s->is_after ? CONTEST_MS : AFTER_MS));
	s->is_after = true;
	arm(s);
}

/* What others changed is counted.  While it is left, the Node says so all the time. */
static void count(struct supervisor *s, int status)
{
	struct error e;

	s->repaired += status == RUN_STATUS_REPAIRED;
	s->left += status == RUN_STATUS_DRIFT;
	s->contested += status == RUN_STATUS_CONTESTED;
	s->is_left = status == RUN_STATUS_DRIFT || status == RUN_STATUS_CONTESTED;
	if (is_installed(s) && !s->is_left && event_of(status) != CHILD_FAILED &&
	    !child_runs(&s->follower) && child_start(&s->follower, "follow", NULL, 0, &e) < 0)
		log_warn("the Node is not followed: %s", e.msg);
}

static bool end_if_lost(struct supervisor *s)
{
	const char *path = s->lookout && s->state != LEAVING ? lookout_lost(s->lookout) : NULL;

	if (!path)
		return false;
	log_error(
		"somebody has removed the folder '%s' of the node; this container ends, as "
		"only another one can have the new folder",
		path);
	loop_stop(s->loop, 1);
	return true;
}

static void on_child(struct child *child, int status, const char *report)
{
	struct supervisor *s = CONTAINER_OF(child, struct supervisor, child);
	enum event event = event_of(status);

	s->state = next[s->state][event];
	explain(s, status, report);
	if ((event == CHILD_FAILED || event == CHILD_UNSUITABLE) && end_if_lost(s))
		return;
	if (s->state != LEAVING) {
		plan_next(s, event != CHILD_FAILED);
		look_after(s, status);
		count(s, status);
	} else if (s->is_cleaning) {
		loop_stop(s->loop, status);
	} else {
		clean_up(s);
	}
}

/* Runs ACTION because something has changed; what is left as somebody made it not at once, as that
 * one may go on. */
static void look_now(struct supervisor *s, const char *action)
{
	if (child_runs(&s->child) || s->state == LEAVING)
		return;
	s->is_after = false;
	if (!s->is_left) {
		start_or_stop(s, is_installed(s) ? action : "apply");
		return;
	}
	s->check_ms = min_u64(s->check_ms, deadline_in(CONTEST_MS));
	arm(s);
}

static void on_change(void *arg, unsigned changes)
{
	struct supervisor *s = arg;

	log_info("the node has changed: %s",
		 changes & LOOKOUT_ENGINE  ? "its container runtime was started"
		 : changes & LOOKOUT_FILES ? "files of the installation or of its container runtime"
					   : "what the cluster wishes");
	s->engine_starts += (changes & LOOKOUT_ENGINE) != 0;
	look_now(s, changes & LOOKOUT_ENGINE ? "keep-engine" : "keep");
}

/* It ends when the Node is not as it was, or cannot be followed: then the next check begins anew.
 */
static void on_followed(struct child *child, int status, const char *report)
{
	struct supervisor *s = CONTAINER_OF(child, struct supervisor, follower);

	if (s->state == LEAVING)
		return;
	if (status != 0)
		log_warn("the Node is not followed for now: %s", report);
	else
		look_now(s, "keep");
}

static void on_timer(struct io *io, uint32_t events)
{
	struct supervisor *s = CONTAINER_OF(io, struct supervisor, timer);
	bool is_same;

	(void)events;
	timer_read(io->fd);
	s->state = next[s->state][TIMER];
	if (child_runs(&s->child) || s->state == LEAVING)
		return;
	is_same = has_kvm() == s->had_kvm;
	if (is_same && now_ms() < s->check_ms)
		arm(s);
	else
		start_or_stop(s, is_same && is_installed(s) ? "check" : "apply");
}

static void on_signal(struct io *io, uint32_t events)
{
	struct supervisor *s = CONTAINER_OF(io, struct supervisor, signals);

	(void)events;
	if (signal_read(io->fd) < 0 || s->state == LEAVING)
		return;
	s->state = next[s->state][TERM];
	timer_arm(s->timer.fd, 0, 0);
	if (s->lookout)
		lookout_stop(s->lookout);
	child_signal(&s->follower, SIGTERM);
	if (child_runs(&s->child))
		child_signal(&s->child, SIGTERM);
	else
		clean_up(s);
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

/* Without it everything is found by the check. */
static void watch_node(struct supervisor *s, const struct settings *settings)
{
	struct error e;

	if (lookout_new(s->loop, settings, on_change, s, &s->lookout, &e) < 0)
		log_warn("changes of the node are found late: %s", e.msg);
}

static int open_all(struct supervisor *s, const struct settings *settings, struct error *e)
{
	s->loop = loop_new(e);
	if (!s->loop || watch_signals(s, e) < 0 || watch_timer(s, e) < 0 ||
	    serve(s, settings->health_port, e) < 0)
		return -e->code;
	child_init(&s->child, s->loop, on_child);
	child_init(&s->follower, s->loop, on_followed);
	watch_node(s, settings);
	return start(s, "apply", e);
}

int supervise(const struct settings *settings)
{
	struct supervisor s = {
		.signals = { .fd = -1 },
		.timer = { .fd = -1 },
		.child = { .io = { .fd = -1 }, .report_fd = -1 },
		.follower = { .io = { .fd = -1 }, .report_fd = -1 },
		.backoff = { .first_ms = RETRY_FIRST_MS, .cap_ms = RETRY_CAP_MS },
	};
	struct error e;
	int status = 1;

	if (open_all(&s, settings, &e) < 0)
		log_error("%s", e.msg);
	else
		status = loop_run(s.loop);
	child_done(&s.child);
	child_done(&s.follower);
	lookout_free(s.lookout);
	http_server_free(s.server);
	closep(&s.signals.fd);
	closep(&s.timer.fd);
	loop_free(s.loop);
	return status;
}
