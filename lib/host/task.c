/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task - run one program through containerd's own API.
 *
 * containerd starts the shim exactly as it does for a pod, so a canary proves the real path, and an
 * installer needs neither privileges nor the node's namespaces.  The end of the output, a fifo
 * whose writers have all gone, comes first; then the exit status is asked for, again and again
 * while containerd restarts.  Removing goes on until nothing is left or its own deadline.  May
 * block.
 */
#include "lib/host/task.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/http/grpc.h"
#include "lib/log.h"
#include "lib/rpc/proto/client.pb-c.h"
#include "lib/rpc/proto/runtimeoptions.pb-c.h"

#define ASK_MS       60000
#define REMOVE_MS    30000
#define POLL_MS      200
#define SLICE_MS     200
#define READ_SIZE    65536
#define SPEC_TYPE    "types.containerd.io/opencontainers/runtime-spec/1/Spec"
#define OPTIONS_TYPE "runtimeoptions.v1.Options"

/* One of the two output streams. */
struct stream {
	char *path;
	int fd; /* -1: not open yet, or at its end */
	struct buf bytes;
};

enum { STDOUT, STDERR, N_STREAMS };

struct task {
	const struct task_spec *spec;
	struct http_client *client;
	uint64_t deadline_ms;
	const struct cancel *cancel;
	struct stream streams[N_STREAMS];
};

enum call {
	NAMESPACE_CREATE,
	NAMESPACE_DELETE,
	CONTAINER_CREATE,
	CONTAINER_DELETE,
	CONTAINER_LIST,
	TASK_CREATE,
	TASK_START,
	TASK_WAIT,
	TASK_KILL,
	TASK_DELETE,
};

static const struct grpc_method calls[] = {
	[NAMESPACE_CREATE] = { "/containerd.services.namespaces.v1.Namespaces/Create",
			       &client__create_namespace_request__descriptor, NULL },
	[NAMESPACE_DELETE] = { "/containerd.services.namespaces.v1.Namespaces/Delete",
			       &client__delete_namespace_request__descriptor, NULL },
	[CONTAINER_CREATE] = { "/containerd.services.containers.v1.Containers/Create",
			       &client__create_container_request__descriptor, NULL },
	[CONTAINER_DELETE] = { "/containerd.services.containers.v1.Containers/Delete",
			       &client__delete_container_request__descriptor, NULL },
	[CONTAINER_LIST] = { "/containerd.services.containers.v1.Containers/List",
			     &client__list_containers_request__descriptor,
			     &client__list_containers_response__descriptor },
	[TASK_CREATE] = { "/containerd.services.tasks.v1.Tasks/Create",
			  &client__create_task_request__descriptor, NULL },
	[TASK_START] = { "/containerd.services.tasks.v1.Tasks/Start",
			 &client__start_request__descriptor, NULL },
	[TASK_WAIT] = { "/containerd.services.tasks.v1.Tasks/Wait",
			&client__wait_request__descriptor, &client__wait_response__descriptor },
	[TASK_KILL] = { "/containerd.services.tasks.v1.Tasks/Kill",
			&client__kill_request__descriptor, NULL },
	[TASK_DELETE] = { "/containerd.services.tasks.v1.Tasks/Delete",
			  &client__delete_task_request__descriptor, NULL },
};

static int call(struct task *t, enum call which, const void *in, void *ret_out, struct error *e)
{
	_free_ char *header = xasprintf("containerd-namespace: %s", t->spec->namespace);
	char *headers[] = { header, NULL };
	/* A sandbox boots during Create, which takes a slow node longer than any other call. */
	uint64_t deadline_ms = which == TASK_CREATE ? t->deadline_ms
						    : min_u64(t->deadline_ms, deadline_in(ASK_MS));

	return grpc_call(t->client, &calls[which], in, ret_out, headers, deadline_ms, t->cancel, e);
}

static int create_namespace(struct task *t, struct error *e)
{
	Client__Namespace namespace = CLIENT__NAMESPACE__INIT;
	Client__CreateNamespaceRequest in = CLIENT__CREATE_NAMESPACE_REQUEST__INIT;
	_free_ char *name = xstrdup(t->spec->namespace);
	int r;

	namespace.name = name;
	in.namespace_ = &namespace;
	r = call(t, NAMESPACE_CREATE, &in, NULL, e);
	return r == -EEXIST ? 0 : r;
}

/* The option as containerd hands it to the shim; *ret_bytes is to be freed. */
static void pack_options(const char *config_path, Pb__Any *any, uint8_t **ret_bytes)
{
	Runtimeoptions__Options options = RUNTIMEOPTIONS__OPTIONS__INIT;
	static char type[] = OPTIONS_TYPE;
	char *path = xstrdup(config_path);

	options.config_path = path;
	*ret_bytes = xmalloc(protobuf_c_message_get_packed_size(&options.base) + 1);
	any->type_url = type;
	any->value.data = *ret_bytes;
	any->value.len = protobuf_c_message_pack(&options.base, *ret_bytes);
	free(path);
}

static int create_container(struct task *t, struct error *e)
{
	Client__Container container = CLIENT__CONTAINER__INIT;
	Client__CreateContainerRequest in = CLIENT__CREATE_CONTAINER_REQUEST__INIT;
	Client__Runtime runtime = CLIENT__RUNTIME__INIT;
	Pb__Any options = PB__ANY__INIT;
	Pb__Any oci = PB__ANY__INIT;
	static char type[] = SPEC_TYPE;
	_free_ char *id = xstrdup(t->spec->id);
	_free_ char *name = xstrdup(t->spec->runtime);
	_free_ char *json = xstrdup(json_text(t->spec->oci));
	_free_ uint8_t *packed = NULL;

	runtime.name = name;
	if (t->spec->config_path) {
		pack_options(t->spec->config_path, &options, &packed);
		runtime.options = &options;
	}
	oci.type_url = type;
	oci.value.data = (uint8_t *)json;
	oci.value.len = strlen(json);
	container.id = id;
	container.runtime = &runtime;
	container.spec = &oci;
	in.container = &container;
	return call(t, CONTAINER_CREATE, &in, NULL, e);
}

static int create_task(struct task *t, struct error *e)
{
	Client__CreateTaskRequest in = CLIENT__CREATE_TASK_REQUEST__INIT;
	Containerd__Mount mount = CONTAINERD__MOUNT__INIT;
	Containerd__Mount *mounts[] = { &mount };
	static char type[] = "bind", option[] = "rbind";
	char *options[] = { option };
	_free_ char *id = xstrdup(t->spec->id);
	_free_ char *source = xstrdup(t->spec->rootfs);
	_free_ char *shim = t->spec->runtime_path ? xstrdup(t->spec->runtime_path) : NULL;

	mount.type = type;
	mount.source = source;
	mount.options = options;
	mount.n_options = ARRAY_SIZE(options);
	in.container_id = id;
	in.rootfs = mounts;
	in.n_rootfs = ARRAY_SIZE(mounts);
	in.stdout = t->streams[STDOUT].path;
	in.stderr = t->streams[STDERR].path;
	if (shim)
		in.runtime_path = shim;
	return call(t, TASK_CREATE, &in, NULL, e);
}

static int start_task(struct task *t, struct error *e)
{
	Client__StartRequest in = CLIENT__START_REQUEST__INIT;
	_free_ char *id = xstrdup(t->spec->id);

	in.container_id = id;
	return call(t, TASK_START, &in, NULL, e);
}

static int read_stream(struct stream *s, struct error *e)
{
	ssize_t n = buf_read(&s->bytes, s->fd, READ_SIZE, e);

	if (n == 0)
		s->fd = close_fd(s->fd);
	return n < 0 && n != -EAGAIN ? (int)n : 0;
}

/* Until all writers of both fifos have gone. */
static int collect_output(struct task *t, struct error *e)
{
	struct stream *out = &t->streams[STDOUT];
	struct stream *err = &t->streams[STDERR];
	int r = 0;

	while (r >= 0 && (out->fd >= 0 || err->fd >= 0)) {
		struct stream *first = out->fd >= 0 ? out : err;
		struct pollfd fds[] = {
			{ .fd = out->fd, .events = POLLIN },
			{ .fd = err->fd, .events = POLLIN },
		};

		/* Waits for one with deadline and cancel, then takes what is there of both. */
		r = wait_fd(first->fd, POLLIN, t->spec->id, deadline_in(SLICE_MS), t->cancel, e);
		if (r == -ETIMEDOUT && now_ms() < t->deadline_ms)
			r = 0;
		if (r < 0 || poll(fds, ARRAY_SIZE(fds), 0) < 0)
			break;
		for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(fds); i++)
			if (fds[i].revents)
				r = read_stream(&t->streams[i], e);
	}
	return r;
}

static int wait_once(struct task *t, unsigned *ret_status, struct error *e)
{
	Client__WaitRequest in = CLIENT__WAIT_REQUEST__INIT;
	Client__WaitResponse *out = NULL;
	_free_ char *id = xstrdup(t->spec->id);
	int r;

	in.container_id = id;
	r = call(t, TASK_WAIT, &in, &out, e);
	if (r < 0)
		return r;
	*ret_status = out->exit_status;
	protobuf_c_message_free_unpacked(&out->base, NULL);
	return 0;
}

static bool is_restarting(int r)
{
	return r == -ECONNRESET || r == -ECONNREFUSED || r == -EPROTO;
}

static int wait_task(struct task *t, unsigned *ret_status, struct error *e)
{
	int r;

	for (;;) {
		r = wait_once(t, ret_status, e);
		if (!is_restarting(r))
			return r;
		r = wait_pause(POLL_MS, t->spec->id, t->deadline_ms, t->cancel, e);
		if (r < 0)
			return r;
	}
}

/* Kills and deletes the task; 0 once it is gone. */
static int remove_task(struct task *t, const char *id, struct error *e)
{
	Client__KillRequest kill = CLIENT__KILL_REQUEST__INIT;
	Client__DeleteTaskRequest in = CLIENT__DELETE_TASK_REQUEST__INIT;
	_free_ char *own_id = xstrdup(id);
	struct error ignored;
	int r;

	in.container_id = own_id;
	kill.container_id = own_id;
	kill.signal = SIGKILL;
	kill.all = true;
	for (;;) {
		r = call(t, TASK_DELETE, &in, NULL, e);
		if (r >= 0 || r == -ENOENT)
			return 0;
		(void)call(t, TASK_KILL, &kill, NULL, &ignored);
		if (wait_pause(POLL_MS, "removing the task", t->deadline_ms, t->cancel, &ignored) <
		    0)
			return r;
	}
}

static int remove_one(struct task *t, const char *id, struct error *e)
{
	Client__DeleteContainerRequest in = CLIENT__DELETE_CONTAINER_REQUEST__INIT;
	_free_ char *own_id = xstrdup(id);
	int r = remove_task(t, id, e);

	if (r < 0)
		return r;
	in.id = own_id;
	r = call(t, CONTAINER_DELETE, &in, NULL, e);
	return r == -ENOENT ? 0 : r;
}

static int remove_listed(struct task *t, struct error *e)
{
	const Client__ListContainersRequest in = CLIENT__LIST_CONTAINERS_REQUEST__INIT;
	Client__ListContainersResponse *out = NULL;
	int r = call(t, CONTAINER_LIST, &in, &out, e);

	for (size_t i = 0; r >= 0 && i < out->n_containers; i++)
		r = remove_one(t, out->containers[i]->id, e);
	if (out)
		protobuf_c_message_free_unpacked(&out->base, NULL);
	return r;
}

/* Everything in our namespace: this task, and what a killed installer left.  Under its own deadline
 * and never cancelled: nothing may stay behind. */
static int remove_all(const struct task *t, struct error *e)
{
	Client__DeleteNamespaceRequest ns = CLIENT__DELETE_NAMESPACE_REQUEST__INIT;
	_free_ char *name = xstrdup(t->spec->namespace);
	struct task own = *t;
	struct error ignored;
	int r;

	own.deadline_ms = deadline_in(REMOVE_MS);
	own.cancel = NULL;
	r = remove_listed(&own, e);
	ns.name = name;
	if (r >= 0)
		(void)call(&own, NAMESPACE_DELETE, &ns, NULL, &ignored);
	return r;
}

/* Of what was run just now: an engine that answers no more, or not once, will again. */
static int remove_at_last(const struct task *t, struct error *e)
{
	const uint64_t deadline_ms = deadline_in(REMOVE_MS);
	struct error ignored;
	int r = remove_all(t, e);

	while (r < 0 && wait_pause(POLL_MS, t->spec->id, deadline_ms, NULL, &ignored) >= 0)
		r = remove_all(t, e);
	return r;
}

static int open_stream(struct stream *s, struct error *e)
{
	(void)unlink(s->path);
	if (mkfifo(s->path, 0600) < 0)
		return fail(e, errno, "cannot make fifo '%s': %m", s->path);
	s->fd = open(s->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	return s->fd < 0 ? fail(e, errno, "cannot open fifo '%s': %m", s->path) : 0;
}

static int run(struct task *t, unsigned *ret_status, struct error *e)
{
	int r;

	for (size_t i = 0; i < N_STREAMS; i++)
		if (open_stream(&t->streams[i], e) < 0)
			return -e->code;
	if (create_namespace(t, e) < 0 || create_container(t, e) < 0 || create_task(t, e) < 0)
		return -e->code;
	r = start_task(t, e);
	/* A task that restarts containerd can be faster than the answer that it was started. */
	if (r < 0 && !is_restarting(r))
		return r;
	if (collect_output(t, e) < 0)
		return -e->code;
	return wait_task(t, ret_status, e);
}

static void task_init(struct task *t)
{
	static const char *const names[] = { "stdout", "stderr" };

	for (size_t i = 0; i < N_STREAMS; i++) {
		t->streams[i] = (struct stream){ .fd = -1 };
		t->streams[i].path = path_join(t->spec->fifo_dir, names[i]);
		buf_init(&t->streams[i].bytes, TASK_OUTPUT_MAX);
	}
}

static void task_done(struct task *t)
{
	http_client_free(t->client);
	for (size_t i = 0; i < N_STREAMS; i++) {
		struct stream *s = &t->streams[i];

		(void)unlink(s->path);
		closep(&s->fd);
		buf_done(&s->bytes);
		free(s->path);
	}
}

static char *text_of(const struct stream *s)
{
	return xstrndup(s->bytes.len > 0 ? (const char *)s->bytes.data : "", s->bytes.len);
}

int task_run(const struct task_spec *spec, uint64_t deadline_ms, const struct cancel *cancel,
	     struct task_result *ret_result, struct error *e)
{
	_cleanup_(task_done) struct task t = {
		.spec = spec,
		.deadline_ms = deadline_ms,
		.cancel = cancel,
	};
	struct task_result result = { 0 };
	struct error undo;
	int r;

	task_init(&t);
	r = grpc_open(spec->socket, &t.client, e);
	if (r < 0)
		return r;
	r = remove_all(&t, e);
	if (r < 0)
		return fail_wrap(e, "removing earlier tasks of ours");
	r = run(&t, &result.status, e);
	if (remove_at_last(&t, &undo) < 0)
		log_warn("task '%s' could not be removed: %s", spec->id, undo.msg);
	if (r < 0)
		return fail_wrap(e, "running task '%s'", spec->id);
	result.out = text_of(&t.streams[STDOUT]);
	result.err = text_of(&t.streams[STDERR]);
	*ret_result = result;
	return 0;
}

int task_clear(const char *socket, const char *namespace, struct error *e)
{
	const struct task_spec spec = { .socket = socket, .namespace = namespace };
	struct task t = { .spec = &spec };
	int r = grpc_open(socket, &t.client, e);

	if (r >= 0)
		r = remove_all(&t, e);
	http_client_free(t.client);
	return r < 0 ? fail_wrap(e, "removing earlier tasks of ours") : 0;
}
