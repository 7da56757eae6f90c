/* SPDX-License-Identifier: Apache-2.0 */
/*
 * create - Task.Create: a container and, with the first one, the VM it lives in.
 *
 * Stages: the host's part on a work thread, the agent's answer, the outcome.  What fails is undone
 * by stages as well: the container's removal, then the rest.  A task is in the list from the first
 * moment, so that State, Kill and Wait find it while it is being created.  Io thread, but for the
 * work.
 */

#include <string.h>

#include "lib/log.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/events.pb-c.h"
#include "lib/rpc/proto/runtimeoptions.pb-c.h"
#include "lib/rpc/proto/task.pb-c.h"
#include "runtime/shim/forward.h"
#include "runtime/shim/shim.h"

#define ID_MAX      76
#define MOUNTS_MAX  256
#define PATH_LENGTH 4096

static struct task *task_new(struct shim *shim, const Task__CreateTaskRequest *in)
{
	struct task *task = xcalloc(1, sizeof(*task));

	task->shim = shim;
	task->id = xstrdup(in->id);
	task->bundle = xstrdup(in->bundle);
	task->type = SPEC_MEMBER;
	process_init(&task->init, task, "");
	task->init.is_terminal = in->terminal;
	task->init.in = xstrdup(in->stdin);
	task->init.out = xstrdup(in->stdout);
	task->init.err = xstrdup(in->stderr);
	task->next = shim->tasks;
	shim->tasks = task;
	return task;
}

static int check_request(struct shim *shim, const Task__CreateTaskRequest *in, struct error *e)
{
	struct error unused;
	int r = check_id(in->id, "container id", ID_MAX, e);

	if (r < 0)
		return r;
	if (in->bundle[0] != '/' || strlen(in->bundle) >= PATH_LENGTH)
		return fail(e, EINVAL, "the bundle '%.64s' is no absolute path", in->bundle);
	if (in->n_rootfs > MOUNTS_MAX)
		return fail(e, EINVAL, "%zu mounts are more than a root file system needs",
			    in->n_rootfs);
	if (in->checkpoint[0])
		return fail(e, ENOSYS, "restoring a checkpoint is not supported");
	if (task_find(shim, in->id, &unused))
		return fail(e, EEXIST, "container '%s' exists", in->id);
	if (shim->stage == SHIM_EMPTY || shim->stage == SHIM_RUNNING)
		return 0;
	return fail(e, EBUSY, "the sandbox of '%s' is %s", shim->id,
		    shim->stage == SHIM_STARTING ? "starting" : "stopped");
}

/* The configuration file that containerd was told to use for this handler; NULL without. */
static char *options_path(const Pb__Any *options)
{
	_message_ Runtimeoptions__Options *o = NULL;
	struct error e;

	if (!options || !str_ends(options->type_url, "runtimeoptions.v1.Options"))
		return NULL;
	if (message_unpack(&runtimeoptions__options__descriptor, options->value.data,
			   options->value.len, &o, &e) < 0) {
		log_warn("the runtime's options are ignored: %s", e.msg);
		return NULL;
	}
	return o->config_path[0] ? xstrdup(o->config_path) : NULL;
}

static int start_outside(struct op *op, Oci__Spec *spec, struct error *e)
{
	const Task__CreateTaskRequest *in = op->in;
	const struct outside_params params = { .id = in->id,
					       .bundle = in->bundle,
					       .loop = op->shim->loop,
					       .places = sandbox_places(op->sandbox),
					       .cancel = &op->shim->cancel };

	return outside_new(&params, spec, &op->outside, e);
}

/* The process and the hooks come before the VM: hooks may make the pod's network. */
static int start_sandbox(struct op *op, Oci__Spec *spec, struct error *e)
{
	const Task__CreateTaskRequest *in = op->in;
	_free_ char *options = options_path(in->options);
	struct sandbox_params params = {
		.loop = op->shim->loop,
		.pool = op->shim->pool,
		.id = in->id,
		.namespace_ = op->shim->namespace_,
		.bundle = in->bundle,
		.config_path = options ? options : op->shim->config_path,
		.cancel = &op->shim->cancel,
		.spec = spec,
		.type = op->type,
	};
	int r;

	if (op->type == SPEC_MEMBER)
		return fail(e, EINVAL, "container '%s' belongs to sandbox '%s', which is not here",
			    in->id, spec_sandbox_id(spec) ? spec_sandbox_id(spec) : "?");
	r = sandbox_new(&params, &op->sandbox, e);
	if (r >= 0)
		r = sandbox_open(op->sandbox, e);
	if (r >= 0)
		r = start_outside(op, spec, e);
	return r < 0 ? r : sandbox_start(op->sandbox, e);
}

static int add_member(struct op *op, Oci__Spec *spec, struct error *e)
{
	const char *wanted = spec_sandbox_id(spec);
	int r;

	if (op->type != SPEC_MEMBER)
		return fail(e, EINVAL, "sandbox '%s' cannot hold a second sandbox",
			    sandbox_id(op->sandbox));
	if (wanted && strcmp(wanted, sandbox_id(op->sandbox)) != 0)
		return fail(e, EINVAL, "container '%s' belongs to sandbox '%s', not '%s'",
			    op->task->id, wanted, sandbox_id(op->sandbox));
	r = sandbox_admit(op->sandbox, spec, e);
	if (r < 0)
		return fail_wrap(e, "container '%s' is not of sandbox '%s'", op->task->id,
				 sandbox_id(op->sandbox));
	return start_outside(op, spec, e);
}

static int bring_in(struct op *op, Oci__Spec *own_spec, struct error *e)
{
	const Task__CreateTaskRequest *in = op->in;
	_free_ struct rootfs_mount *mounts = xcalloc(in->n_rootfs + 1, sizeof(*mounts));
	struct container_params params = { .bundle = in->bundle,
					   .mounts = mounts,
					   .n_mounts = in->n_rootfs };

	own_spec->process->stdinisnull = !in->stdin[0] && !in->terminal;
	for (size_t i = 0; i < in->n_rootfs; i++)
		mounts[i] = (struct rootfs_mount){ .type = in->rootfs[i]->type,
						   .source = in->rootfs[i]->source,
						   .target = in->rootfs[i]->target,
						   .options = in->rootfs[i]->options,
						   .n_options = in->rootfs[i]->n_options };
	op->container = container_new(op->sandbox, in->id, own_spec);
	return container_bring_in(op->container, &params, e);
}

static int open_stdio(struct op *op, struct error *e)
{
	const Task__CreateTaskRequest *in = op->in;
	const struct stdio_params params = {
		.loop = op->shim->loop,
		.container_id = in->id,
		.exec_id = in->id,
		.namespace_ = op->shim->namespace_,
		.paths = { in->stdin, in->stdout, in->stderr, in->terminal },
	};

	return stdio_open(&params, &op->stdio, e);
}

/* All that is to be done on the host, before the guest is asked. */
static int prepare_work(struct op *op, struct error *e)
{
	const Task__CreateTaskRequest *in = op->in;
	_message_ Oci__Spec *spec = NULL;
	int r = spec_read(in->bundle, &spec, e);

	if (r >= 0)
		r = spec_type(spec, &op->type, e);
	if (r >= 0)
		r = op->makes_sandbox ? start_sandbox(op, spec, e) : add_member(op, spec, e);
	if (r >= 0)
		r = open_stdio(op, e);
	if (r >= 0)
		r = bring_in(op, TAKE_PTR(spec), e);
	return r;
}

static void create_failed(struct op *op)
{
	struct shim *shim = op->shim;

	if (shim->stage == SHIM_STARTING) {
		shim->sandbox = NULL;
		sandbox_free(op->sandbox);
		shim->stage = SHIM_EMPTY;
		shim_look_again(shim);
	}
	stdio_free(op->stdio);
	op_reply_error(op);
	task_delete_uncreated(op->task);
	task_drop(op->task);
	if (shim->stage == SHIM_EMPTY)
		shim_run_waiting(shim);
}

/* A sandbox whose first container cannot be made is of no use to anybody.  The container's process
 * goes first, since it is in the sandbox's cgroup; the hooks of its end come last. */
static int undo_work(struct op *op, struct error *e)
{
	(void)e;
	if (op->outside) {
		outside_ended(op->outside);
		outside_reap(op->outside);
	}
	if (op->makes_sandbox && op->sandbox)
		sandbox_stop(op->sandbox);
	if (!op->outside)
		return op->result;
	placeholders_forget(sandbox_places(op->sandbox), op->task->id);
	outside_removed(op->outside);
	outside_free(TAKE_PTR(op->outside));
	return op->result;
}

static void begin_undoing(struct op *op)
{
	container_free(TAKE_PTR(op->container));
	op->work = undo_work;
	op->finish = create_failed;
	op_submit(op, OP_URGENT);
}

static void publish_create(const struct op *op)
{
	const Task__CreateTaskRequest *in = op->in;
	Events__TaskCreate event = EVENTS__TASK_CREATE__INIT;
	Events__TaskIO io = EVENTS__TASK_IO__INIT;

	io.stdin = in->stdin;
	io.stdout = in->stdout;
	io.stderr = in->stderr;
	io.terminal = in->terminal;
	event.container_id = in->id;
	event.bundle = in->bundle;
	event.rootfs = in->rootfs;
	event.n_rootfs = in->n_rootfs;
	event.io = &io;
	event.pid = task_pid(op->task);
	events_publish(op->shim->events, "/tasks/create", &event);
}

static void sandbox_runs(struct op *op)
{
	struct shim *shim = op->shim;
	struct error e;

	shim->stage = SHIM_RUNNING;
	shim->has_foreign_agent = !sandbox_has_own_agent(op->sandbox);
	shim->watch = watch_new(shim, &e);
	if (!shim->watch)
		log_error("the death of the VM will not be noticed: %s", e.msg);
	shim->forward = forward_new(shim);
}

static void create_finish(struct op *op)
{
	Task__CreateTaskResponse answer = TASK__CREATE_TASK_RESPONSE__INIT;
	struct process *p = &op->task->init;
	struct shim *shim = op->shim;

	if (shim->stage == SHIM_STARTING)
		sandbox_runs(op);
	op->task->type = op->type;
	op->task->container = op->container;
	op->task->outside = TAKE_PTR(op->outside);
	p->stdio = op->stdio;
	(void)process_move(p, PROCESS_MADE);
	publish_create(op);
	process_watch(p);
	answer.pid = task_pid(op->task);
	rpc_reply(TAKE_PTR(op->req), &answer);
	if (op->task->pending_signal)
		task_signal(p, NULL, op->task->pending_signal);
	process_settle(p);
	shim_look_again(shim);
	/* A Shutdown or Delete that came too late to cancel the start is obeyed now. */
	if (cancel_is_raised(&shim->cancel))
		shim_stop_sandbox(shim, STATUS_KILLED);
	task_delete_created(op->task);
}

static void created(struct op *op)
{
	container_created(op->container, op->result < 0 ? &op->error : NULL);
	if (op->result < 0)
		op_remove_container(op, begin_undoing);
	else
		create_finish(op);
}

static void prepared(struct op *op)
{
	/* The end of the sandbox ends the question that follows. */
	if (op->makes_sandbox && op->result >= 0)
		op->shim->sandbox = op->sandbox;
	if (op->result < 0) {
		op_remove_container(op, begin_undoing);
		return;
	}
	op->finish = created;
	container_ask_create(op->container, op_asks(op));
}

static void begin_create(struct op *op)
{
	op->work = prepare_work;
	op->finish = prepared;
	op_submit(op, OP_ALONE);
}

int task_create(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	struct shim *shim = rpc_context(req);
	struct op *op;
	int r = check_request(shim, in, e);

	(void)out;
	if (r < 0)
		return r;
	op = op_new(shim, &task_new(shim, in)->init, req, in);
	op->sandbox = shim->sandbox;
	op->begin = begin_create;
	op->makes_sandbox = shim->stage == SHIM_EMPTY;
	if (op->makes_sandbox)
		shim->stage = SHIM_STARTING;
	op_in_turn(op);
	return RPC_DEFERRED;
}
