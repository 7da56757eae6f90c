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
#include "runtime/pod/stop.h"
#include "runtime/sandbox/management.h"
#include "runtime/sandbox/state.h"
#include "runtime/shim/actions.h"
#include "runtime/shim/front.h"
#include "runtime/shim/manage.h"

#define THREADS_MAX 64
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

/* SIGTERM, for a pod. */
struct told {
	struct pod *pod;
	struct io io;
};

static void on_term(struct io *io, uint32_t events)
{
	struct told *told = CONTAINER_OF(io, struct told, io);

	(void)events;
	if (signal_read(io->fd) >= 0)
		pod_told_to_end(told->pod);
}

static int watch_term(struct told *told, struct loop *loop, struct error *e)
{
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	fd = signal_open(&set, e);
	if (fd < 0)
		return fd;
	told->io = (struct io){ .fd = fd, .ready = on_term };
	return loop_add(loop, &told->io, EPOLLIN, e);
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

static int begin(struct shim *shim, const struct pod_params *params, struct error *e)
{
	int r = shim_open(shim, params, getenv("TTRPC_ADDRESS"), e);

	return r < 0 ? r : rpc_server_listen(shim->server, LISTENER_FD, e);
}

/* A pod can do without being asked. */
static void open_management(struct shim *shim)
{
	_free_ char *path = management_socket(shim->pod.id);
	struct error e;

	shim->manage = manage_new(shim, path, &e);
	if (!shim->manage)
		log_warn("kata-runtime cannot ask this shim: %s", e.msg);
}

static int serve(struct shim *shim, const struct pod_params *params, struct error *e)
{
	int r = begin(shim, params, e);

	if (r < 0) {
		log_error("%s", e->msg);
	} else {
		open_management(shim);
		log_info("shim %s serves", KATA_VERSION);
		r = loop_run(params->loop);
		log_info("shim ends");
	}
	shim_close(shim);
	return r;
}

static int serve_until_told(const struct arguments *a, const char *bundle, int alive,
			    struct error *e)
{
	struct shim shim = { 0 };
	_cleanup_(loop_freep) struct loop *loop = loop_new(e);
	const struct pod_params params = { .loop = loop,
					   .id = a->id,
					   .namespace_ = a->namespace_,
					   .bundle = bundle,
					   .held = alive,
					   .config_path = a->config,
					   .kill_wait_ms = KILL_WAIT_MS,
					   .look_ms = LOOK_MS,
					   .max_threads = THREADS_MAX };
	struct told told = { .pod = &shim.pod, .io = { .fd = -1 } };
	int r;

	if (!loop)
		return -e->code;
	/* Before there are threads, which would take it otherwise. */
	r = watch_term(&told, loop, e);
	if (r >= 0)
		r = serve(&shim, &params, e);
	loop_del(loop, &told.io);
	(void)close_fd(told.io.fd);
	return r;
}

int action_serve(const struct arguments *a, struct error *e)
{
	_free_ char *bundle = NULL;
	_close_ int alive = -1;
	int r = check_listener(e);

	if (r >= 0)
		r = actions_bundle(a, &bundle, e);
	if (r < 0)
		return r;
	actions_open_log(a, bundle);
	ignore_signals();
	/* A pod can do without being known to live. */
	alive = state_hold(NULL, a->id, e);
	if (alive < 0)
		log_warn("%s", e->msg);
	r = record_self(a, bundle, e);
	if (r >= 0)
		r = serve_until_told(a, bundle, alive, e);
	state_forget(alive, NULL, a->id);
	return r;
}
