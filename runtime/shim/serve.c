/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve - be a pod's shim: serve the Task API until it is shut down.
 *
 * The io thread owns everything; work threads come when a call must wait and go when it is quiet.
 * Signals do not end a shim with a sandbox: it outlives its terminal, its starter and the engine
 * itself.  One whose sandbox has stopped is back in the cgroup that it came from.  That may be the
 * engine's service, whose restart waits for it then: such a shim ends with SIGTERM, and whoever
 * asks for the rest runs `delete`, as after a crash.
 */

#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/log.h"
#include "lib/timestamp.h"
#include "runtime/sandbox/management.h"
#include "runtime/sandbox/state.h"
#include "runtime/shim/actions.h"
#include "runtime/shim/forward.h"
#include "runtime/shim/metrics.h"
#include "runtime/shim/shim.h"

#define THREADS_MAX 64
#define STACK_SIZE  (256 * KIB)
/* Long enough for a loaded machine to take a big process apart, shorter than the two minutes after
 * which containerd gives up on a container it killed. */
#define KILL_WAIT_MS UINT64_C(60000)
/* How often a shim without a pod looks whether it is still wanted. */
#define LOOK_MS UINT64_C(5000)

/* SIGTERM is one as well, until watch_term(): what is blocked is not ignored. */
static void ignore_signals(void)
{
	static const int ignored[] = { SIGPIPE, SIGHUP, SIGINT, SIGTERM };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)sigaction(ignored[i], &ignore, NULL);
}

static void on_term(struct io *io, uint32_t events)
{
	struct shim *shim = CONTAINER_OF(io, struct shim, signals);

	(void)events;
	if (signal_read(io->fd) >= 0)
		shim_told_to_end(shim);
}

static int watch_term(struct shim *shim, struct error *e)
{
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	fd = signal_open(&set, e);
	if (fd < 0)
		return fd;
	shim->signals = (struct io){ .fd = fd, .ready = on_term };
	return loop_add(shim->loop, &shim->signals, EPOLLIN, e);
}

/* Lets `delete` find this process, should it die before there is a sandbox. */
static int record_self(const struct arguments *a, const char *bundle, struct error *e)
{
	_state_ struct state state = { .id = xstrdup(a->id),
				       .namespace_ = xstrdup(a->namespace_),
				       .bundle = xstrdup(bundle),
				       .version_dir = xstrdup(""),
				       .config_source = xstrdup(""),
				       .config_path = xstrdup(""),
				       .config_digest = xstrdup(""),
				       .started = timestamp_now(TIMESTAMP_SECONDS),
				       .pod_namespace = xstrdup(""),
				       .pod_name = xstrdup(""),
				       .pod_uid = xstrdup(""),
				       .agent_url = xstrdup(""),
				       .netns = xstrdup("") };

	state_set_process(&state, STATE_SHIM, getpid());
	return state_save(&state, NULL, e);
}

static int check_listener(struct error *e)
{
	struct stat st;

	if (fstat(LISTENER_FD, &st) < 0 || !S_ISSOCK(st.st_mode))
		return fail(e, EINVAL,
			    "there is no listening socket; containerd starts a shim with 'start'");
	return 0;
}

static int shim_open(struct shim *shim, struct error *e)
{
	struct rpc_service service;
	int r;

	shim->loop = loop_new(e);
	if (!shim->loop)
		return -e->code;
	/* Before there are threads, which would take it otherwise. */
	if (watch_term(shim, e) < 0)
		return -e->code;
	shim->pool = work_pool_new(shim->loop, THREADS_MAX, STACK_SIZE);
	r = cancel_init(&shim->cancel, e);
	if (r < 0)
		return r;
	shim->events = events_new(shim->loop, getenv("TTRPC_ADDRESS"), shim->namespace_, e);
	if (!shim->events)
		return -e->code;
	shim->metrics = metrics_new();
	task_service(shim, &service);
	shim->server = rpc_server_new(shim->loop, shim->pool, &service, e);
	if (!shim->server)
		return -e->code;
	r = shim_look_open(shim, e);
	if (r < 0)
		return r;
	return rpc_server_listen(shim->server, LISTENER_FD, e);
}

/* A pod can do without being asked. */
static void open_management(struct shim *shim)
{
	_free_ char *path = management_socket(shim->id);
	struct error e;

	shim->manage = manage_new(shim, path, &e);
	if (!shim->manage)
		log_warn("kata-runtime cannot ask this shim: %s", e.msg);
}

static void shim_close(struct shim *shim)
{
	if (shim->pool)
		work_pool_stop(shim->pool);
	watch_free(shim->watch);
	forward_free(shim->forward);
	shim_look_close(shim);
	manage_free(shim->manage);
	rpc_server_free(shim->server);
	sandbox_free(shim->sandbox);
	events_free(shim->events);
	metrics_free(shim->metrics);
	work_pool_free(shim->pool);
	cancel_done(&shim->cancel);
	if (shim->signals.fd >= 0) {
		loop_del(shim->loop, &shim->signals);
		(void)close(shim->signals.fd);
	}
	loop_free(shim->loop);
}

int action_serve(const struct arguments *a, struct error *e)
{
	struct shim shim = { .id = a->id,
			     .namespace_ = a->namespace_,
			     .config_path = a->config,
			     .cancel = { -1 },
			     .signals = { .fd = -1 },
			     .look = { .fd = -1 },
			     .look_ms = LOOK_MS,
			     .kill_wait_ms = KILL_WAIT_MS };
	_free_ char *bundle = NULL;
	_close_ int alive = -1;
	int r = check_listener(e);

	if (r >= 0)
		r = actions_bundle(a, &bundle, e);
	if (r < 0)
		return r;
	shim.bundle = bundle;
	actions_open_log(a, bundle);
	ignore_signals();
	/* A pod can do without being known to live. */
	alive = state_hold(NULL, a->id, e);
	if (alive < 0)
		log_warn("%s", e->msg);
	r = record_self(a, bundle, e);
	if (r >= 0)
		r = shim_open(&shim, e);
	if (r >= 0) {
		open_management(&shim);
		log_info("shim %s serves", KATA_VERSION);
		r = loop_run(shim.loop);
		log_info("shim ends");
	} else {
		log_error("%s", e->msg);
	}
	shim_close(&shim);
	state_remove(NULL, a->id);
	return r;
}
