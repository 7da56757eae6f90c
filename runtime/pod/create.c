/* SPDX-License-Identifier: Apache-2.0 */
/*
 * create - a container and, with the first one, the VM it lives in.
 *
 * Stages: the host's part on a work thread, the agent's answer, the outcome.  What fails is undone
 * by stages as well: the container's removal, then the rest.  A task is in the list from the first
 * moment, so that State, Kill and Wait find it while it is being created.  Io thread, but for the
 * work.
 */

#include "runtime/pod/create.h"

#include <string.h>

#include "lib/log.h"
#include "lib/rpc/message.h"
#include "runtime/pod/delete.h"
#include "runtime/pod/forward.h"
#include "runtime/pod/look.h"
#include "runtime/pod/process.h"
#include "runtime/pod/remove.h"
#include "runtime/pod/signal.h"
#include "runtime/pod/stop.h"
#include "runtime/pod/watch.h"

#define ID_MAX      76
#define MOUNTS_MAX  256
#define PATH_LENGTH 4096

struct creation {
	char *config_path; /* NULL: the pod's */
	enum spec_type type;
	bool makes_sandbox;
};

static void free_creation(void *user)
{
	struct creation *c = user;

	free(c->config_path);
	free(c);
}

static int check_params(struct pod *pod, const struct task_params *in, struct error *e)
{
	struct error unused;
	int r = check_id(in->id, "container id", ID_MAX, e);

	if (r < 0)
		return r;
	if (in->bundle[0] != '/' || strlen(in->bundle) >= PATH_LENGTH)
		return fail(e, EINVAL, "the bundle '%.64s' is no absolute path", in->bundle);
	if (in->n_mounts > MOUNTS_MAX)
		return fail(e, EINVAL, "%zu mounts are more than a root file system needs",
			    in->n_mounts);
	if (task_find(pod, in->id, &unused))
		return fail(e, EEXIST, "container '%s' exists", in->id);
	if (pod->stage == POD_EMPTY || pod->stage == POD_RUNNING)
		return 0;
	return fail(e, EBUSY, "the sandbox of '%s' is %s", pod->id,
		    pod->stage == POD_STARTING ? "starting" : "stopped");
}

static int start_outside(struct op *op, Oci__Spec *spec, struct error *e)
{
	const struct outside_params params = { .id = op->task->id,
					       .bundle = op->task->bundle,
					       .loop = op->pod->loop,
					       .places = sandbox_places(op->sandbox),
					       .cancel = &op->pod->cancel };

	return outside_new(&params, spec, &op->outside, e);
}

/* The process and the hooks come before the VM: hooks may make the pod's network. */
static int start_sandbox(struct op *op, Oci__Spec *spec, struct error *e)
{
	const struct creation *c = op->user;
	struct sandbox_params params = {
		.loop = op->pod->loop,
		.pool = op->pod->pool,
		.id = op->task->id,
		.namespace_ = op->pod->namespace_,
		.bundle = op->task->bundle,
		.config_path = c->config_path ? c->config_path : op->pod->config_path,
		.cancel = &op->pod->cancel,
		.spec = spec,
		.type = c->type,
	};
	int r;

	if (c->type == SPEC_MEMBER)
		return fail(e, EINVAL, "container '%s' belongs to sandbox '%s', which is not here",
			    op->task->id, spec_sandbox_id(spec) ? spec_sandbox_id(spec) : "?");
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

	if (((const struct creation *)op->user)->type != SPEC_MEMBER)
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
	const struct task *task = op->task;
	const struct container_params params = { .bundle = task->bundle,
						 .mounts = task->mounts,
						 .n_mounts = task->n_mounts };

	own_spec->process->stdinisnull = !task->init.in[0] && !task->init.is_terminal;
	op->container = container_new(op->sandbox, task->id, own_spec);
	return container_bring_in(op->container, &params, e);
}

static int open_stdio(struct op *op, struct error *e)
{
	const struct process *p = &op->task->init;
	const struct stdio_params params = {
		.loop = op->pod->loop,
		.container_id = op->task->id,
		.exec_id = op->task->id,
		.namespace_ = op->pod->namespace_,
		.paths = { p->in, p->out, p->err, p->is_terminal },
	};

	return stdio_open(&params, &op->stdio, e);
}

/* All that is to be done on the host, before the guest is asked. */
static int prepare_work(struct op *op, struct error *e)
{
	struct creation *c = op->user;
	_message_ Oci__Spec *spec = NULL;
	int r = spec_read(op->task->bundle, &spec, e);

	if (r >= 0)
		r = spec_type(spec, &c->type, e);
	if (r >= 0)
		r = c->makes_sandbox ? start_sandbox(op, spec, e) : add_member(op, spec, e);
	if (r >= 0)
		r = open_stdio(op, e);
	if (r >= 0)
		r = bring_in(op, TAKE_PTR(spec), e);
	return r;
}

static void create_failed(struct op *op)
{
	struct pod *pod = op->pod;

	if (pod->stage == POD_STARTING) {
		pod->sandbox = NULL;
		sandbox_free(op->sandbox);
		pod->stage = POD_EMPTY;
		pod_look_again(pod);
	}
	stdio_free(op->stdio);
	op_answer(op);
	task_delete_uncreated(op->task);
	task_drop(op->task);
	if (pod->stage == POD_EMPTY)
		pod_run_waiting(pod);
}

/* A sandbox whose first container cannot be made is of no use to anybody.  The container's process
 * goes first, since it is in the sandbox's cgroup; the hooks of its end come last. */
static int undo_work(struct op *op, struct error *e)
{
	const struct creation *c = op->user;

	(void)e;
	if (op->outside) {
		outside_ended(op->outside);
		outside_reap(op->outside);
	}
	if (c->makes_sandbox && op->sandbox)
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

static void sandbox_runs(struct op *op)
{
	struct pod *pod = op->pod;
	struct error e;

	pod->stage = POD_RUNNING;
	pod->has_foreign_agent = !sandbox_has_own_agent(op->sandbox);
	pod->watch = watch_new(pod, &e);
	if (!pod->watch)
		log_error("the death of the VM will not be noticed: %s", e.msg);
	pod->forward = forward_new(pod);
}

static void create_finish(struct op *op)
{
	const struct creation *c = op->user;
	struct process *p = &op->task->init;
	struct pod *pod = op->pod;

	if (pod->stage == POD_STARTING)
		sandbox_runs(op);
	op->task->type = c->type;
	op->task->container = op->container;
	op->task->outside = TAKE_PTR(op->outside);
	p->stdio = op->stdio;
	(void)process_move(p, PROCESS_MADE);
	pod_tell(pod, NEWS_CREATED, p);
	process_watch(p);
	op_answer(op);
	if (op->task->pending_signal)
		process_signal(p, (struct asker){ 0 }, op->task->pending_signal);
	process_settle(p);
	pod_look_again(pod);
	/* A Shutdown or Delete that came too late to cancel the start is obeyed now. */
	if (cancel_is_raised(&pod->cancel))
		pod_stop(pod, STATUS_KILLED);
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
	const struct creation *c = op->user;

	/* The end of the sandbox ends the question that follows. */
	if (c->makes_sandbox && op->result >= 0)
		op->pod->sandbox = op->sandbox;
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

static struct task *make_task(struct pod *pod, const struct task_params *params)
{
	struct task *task = task_new(pod, params->id, params->bundle);

	task->init.is_terminal = params->is_terminal;
	task->init.in = xstrdup(params->in);
	task->init.out = xstrdup(params->out);
	task->init.err = xstrdup(params->err);
	task->mounts = rootfs_mounts_copy(params->mounts, params->n_mounts);
	task->n_mounts = params->n_mounts;
	return task;
}

int pod_create(struct pod *pod, const struct task_params *params, struct asker asker,
	       struct error *e)
{
	struct creation *c;
	struct op *op;
	int r = check_params(pod, params, e);

	if (r < 0)
		return r;
	c = xcalloc(1, sizeof(*c));
	c->config_path = str_empty(params->config_path) ? NULL : xstrdup(params->config_path);
	c->makes_sandbox = pod->stage == POD_EMPTY;
	op = op_new(pod, &make_task(pod, params)->init);
	op->asker = asker;
	op->sandbox = c->makes_sandbox ? NULL : pod->sandbox;
	op->user = c;
	op->free_user = free_creation;
	op->begin = begin_create;
	if (c->makes_sandbox)
		pod->stage = POD_STARTING;
	op_in_turn(op);
	return 0;
}
