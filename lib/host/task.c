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

#define NAMESPACE    "kata-deploy"
#define ASK_MS       60000
#define REMOVE_MS    30000
#define POLL_MS      200
#define SPEC_TYPE    "types.containerd.io/opencontainers/runtime-spec/1/Spec"
#define OPTIONS_TYPE "runtimeoptions.v1.Options"

struct task {
	const struct task_spec *spec;
	struct http_client *client;
	uint64_t deadline_ms;
	const struct cancel *cancel;
};

enum call {
	NAMESPACE_CREATE,
	NAMESPACE_DELETE,
	CONTAINER_CREATE,
	CONTAINER_DELETE,
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
	static char header[] = "containerd-namespace: " NAMESPACE;
	char *headers[] = { header, NULL };

	return grpc_call(t->client, &calls[which], in, ret_out, headers,
			 min_u64(t->deadline_ms, deadline_in(ASK_MS)), t->cancel, e);
}

static int create_namespace(struct task *t, struct error *e)
{
	Client__Namespace namespace = CLIENT__NAMESPACE__INIT;
	Client__CreateNamespaceRequest in = CLIENT__CREATE_NAMESPACE_REQUEST__INIT;
	static char name[] = NAMESPACE;
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
	_free_ char *fifo = xstrdup(t->spec->output_fifo);
	_free_ char *shim = t->spec->runtime_path ? xstrdup(t->spec->runtime_path) : NULL;

	mount.type = type;
	mount.source = source;
	mount.options = options;
	mount.n_options = ARRAY_SIZE(options);
	in.container_id = id;
	in.rootfs = mounts;
	in.n_rootfs = ARRAY_SIZE(mounts);
	in.stdout = fifo;
	in.stderr = fifo;
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

static int collect_output(struct task *t, int fd, struct buf *out, struct error *e)
{
	ssize_t n;
	int r;

	for (;;) {
		r = wait_fd(fd, POLLIN, t->spec->id, t->deadline_ms, t->cancel, e);
		if (r < 0)
			return r;
		n = buf_read(out, fd, 65536, e);
		if (n == 0)
			return 0;
		if (n < 0 && n != -EAGAIN)
			return (int)n;
	}
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
static int remove_task(struct task *t, struct error *e)
{
	Client__KillRequest kill = CLIENT__KILL_REQUEST__INIT;
	Client__DeleteTaskRequest in = CLIENT__DELETE_TASK_REQUEST__INIT;
	_free_ char *id = xstrdup(t->spec->id);
	struct error ignored;
	int r;

	in.container_id = id;
	kill.container_id = id;
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

static int remove_container(struct task *t, struct error *e)
{
	Client__DeleteContainerRequest in = CLIENT__DELETE_CONTAINER_REQUEST__INIT;
	Client__DeleteNamespaceRequest ns = CLIENT__DELETE_NAMESPACE_REQUEST__INIT;
	static char name[] = NAMESPACE;
	_free_ char *id = xstrdup(t->spec->id);
	struct error ignored;
	int r;

	in.id = id;
	r = call(t, CONTAINER_DELETE, &in, NULL, e);
	if (r < 0 && r != -ENOENT)
		return r;
	ns.name = name;
	/* Refused while another task of ours is in it. */
	(void)call(t, NAMESPACE_DELETE, &ns, NULL, &ignored);
	return 0;
}

/* Under its own deadline and never cancelled: nothing may stay behind. */
static int remove_all(const struct task *t, struct error *e)
{
	struct task own = *t;
	int r;

	own.deadline_ms = deadline_in(REMOVE_MS);
	own.cancel = NULL;
	r = remove_task(&own, e);
	if (r >= 0)
		r = remove_container(&own, e);
	if (unlink(t->spec->output_fifo) < 0 && errno != ENOENT)
		log_debug("cannot remove '%s': %m", t->spec->output_fifo);
	return r;
}

static int open_output(const char *path, struct error *e)
{
	_close_ int fd = -1;

	if (mkfifo(path, 0600) < 0)
		return fail(e, errno, "cannot make fifo '%s': %m", path);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return fail(e, errno, "cannot open fifo '%s': %m", path);
	return TAKE_FD(fd);
}

static int run(struct task *t, struct buf *out, unsigned *ret_status, struct error *e)
{
	_close_ int fd = open_output(t->spec->output_fifo, e);

	if (fd < 0)
		return fd;
	if (create_namespace(t, e) < 0 || create_container(t, e) < 0 || create_task(t, e) < 0 ||
	    start_task(t, e) < 0 || collect_output(t, fd, out, e) < 0)
		return -e->code;
	return wait_task(t, ret_status, e);
}

int task_run(const struct task_spec *spec, uint64_t deadline_ms, const struct cancel *cancel,
	     unsigned *ret_status, char **ret_output, struct error *e)
{
	_cleanup_(http_client_freep) struct http_client *client = NULL;
	struct task t = { .spec = spec, .deadline_ms = deadline_ms, .cancel = cancel };
	_buf_ struct buf out;
	struct error undo;
	int r;

	buf_init(&out, TASK_OUTPUT_MAX);
	r = grpc_open(spec->socket, &client, e);
	if (r < 0)
		return r;
	t.client = client;
	r = remove_all(&t, e);
	if (r < 0)
		return fail_wrap(e, "removing the earlier task '%s'", spec->id);
	r = run(&t, &out, ret_status, e);
	if (remove_all(&t, &undo) < 0)
		log_warn("task '%s' could not be removed: %s", spec->id, undo.msg);
	if (r < 0)
		return fail_wrap(e, "running task '%s'", spec->id);
	*ret_output = xstrndup(out.len > 0 ? (const char *)out.data : "", out.len);
	return 0;
}
