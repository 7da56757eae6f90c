/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task - containerd's Task service: its messages on one side, the pod's functions on the other.
 *
 * Every method runs on the io thread.  One that must wait is answered when the pod says so, so
 * State, Kill, Delete and Shutdown are answered whatever else is under way.
 */

#include "runtime/shim/task.h"

#include <string.h>

#include "lib/log.h"
#include "lib/rpc/message.h"
#include "lib/rpc/pbjson.h"
#include "lib/rpc/proto/process.pb-c.h"
#include "lib/rpc/proto/runtimeoptions.pb-c.h"
#include "lib/rpc/proto/task.pb-c.h"
#include "runtime/pod/control.h"
#include "runtime/pod/create.h"
#include "runtime/pod/delete.h"
#include "runtime/pod/process.h"
#include "runtime/pod/signal.h"
#include "runtime/pod/start.h"
#include "runtime/pod/stop.h"
#include "runtime/shim/stats.h"

#define MOUNTS_MAX 256

/* ---- answers ---- */

/* REQ will be answered by ANSWER. */
static struct asker asks(struct rpc_request *req,
			 void (*answer)(void *arg, const struct process *p, const void *said,
					const struct error *why))
{
	(void)rpc_defer(req);
	return (struct asker){ answer, req };
}

/* What a function that took an asker has returned: he is not asked any more if it failed. */
static int taken(struct rpc_request *req, int r, const struct error *e)
{
	if (r < 0)
		rpc_reply_error(req, e);
	return RPC_DEFERRED;
}

static void reply(struct rpc_request *req, const void *answer, const struct error *why)
{
	if (why)
		rpc_reply_error(req, why);
	else
		rpc_reply(req, answer);
}

static void answer_empty(void *arg, const struct process *p, const void *said,
			 const struct error *why)
{
	const Pb__Empty empty = PB__EMPTY__INIT;

	(void)p;
	(void)said;
	reply(arg, &empty, why);
}

/* The same of one that uses the asker only if it returns 1. */
static int taken_or_done(struct rpc_request *req, int r, const struct error *e)
{
	if (r == 0)
		answer_empty(req, NULL, NULL, NULL);
	return taken(req, r, e);
}

static void answer_created(void *arg, const struct process *p, const void *said,
			   const struct error *why)
{
	Task__CreateTaskResponse answer = TASK__CREATE_TASK_RESPONSE__INIT;

	(void)said;
	answer.pid = task_pid(p->task);
	reply(arg, &answer, why);
}

static void answer_started(void *arg, const struct process *p, const void *said,
			   const struct error *why)
{
	Task__StartResponse answer = TASK__START_RESPONSE__INIT;

	(void)said;
	answer.pid = task_pid(p->task);
	reply(arg, &answer, why);
}

static void answer_deleted(void *arg, const struct process *p, const void *said,
			   const struct error *why)
{
	Task__DeleteResponse answer = TASK__DELETE_RESPONSE__INIT;
	Pb__Timestamp when = events_time(&p->exited_at);

	(void)said;
	answer.pid = task_pid(p->task);
	answer.exit_status = p->exit_status;
	answer.exited_at = &when;
	reply(arg, &answer, why);
}

static void answer_exited(void *arg, const struct process *p, const void *said,
			  const struct error *why)
{
	Task__WaitResponse answer = TASK__WAIT_RESPONSE__INIT;
	Pb__Timestamp when = events_time(&p->exited_at);

	(void)said;
	answer.exit_status = p->exit_status;
	answer.exited_at = &when;
	reply(arg, &answer, why);
}

static void answer_stats(void *arg, const struct process *p, const void *said,
			 const struct error *why)
{
	Task__StatsResponse answer = TASK__STATS_RESPONSE__INIT;
	Pb__Any any = PB__ANY__INIT;
	_free_ uint8_t *bytes = NULL;
	const char *type;

	(void)p;
	if (why) {
		rpc_reply_error(arg, why);
		return;
	}
	stats_convert(said, stats_host_kind(), &type, &bytes, &any.value.len);
	any.value.data = bytes;
	any.type_url = (char *)(uintptr_t)type;
	answer.stats = &any;
	rpc_reply(arg, &answer);
}

/* ---- methods ---- */

static struct pod *pod_of(const struct rpc_request *req)
{
	struct shim *shim = rpc_context(req);

	return &shim->pod;
}

static struct process *find_both(struct rpc_request *req, const char *id, const char *exec_id,
				 struct error *e)
{
	struct task *task = task_find(pod_of(req), id, e);

	return task ? process_find(task, exec_id, e) : NULL;
}

static const Process__Status statuses[N_PROCESS_STATE] = {
	[PROCESS_CREATING] = PROCESS__STATUS__UNKNOWN, [PROCESS_CREATED] = PROCESS__STATUS__CREATED,
	[PROCESS_STARTING] = PROCESS__STATUS__CREATED, [PROCESS_RUNNING] = PROCESS__STATUS__RUNNING,
	[PROCESS_PAUSING] = PROCESS__STATUS__PAUSING,  [PROCESS_PAUSED] = PROCESS__STATUS__PAUSED,
	[PROCESS_STOPPED] = PROCESS__STATUS__STOPPED,
};

static int state(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__StateRequest *request = in;
	Task__StateResponse *answer = out;
	const struct process *p = find_both(req, request->id, request->exec_id, e);

	if (!p)
		return -e->code;
	spec_set(&answer->id, p->task->id);
	spec_set(&answer->bundle, p->task->bundle);
	spec_set(&answer->stdin, p->in);
	spec_set(&answer->stdout, p->out);
	spec_set(&answer->stderr, p->err);
	spec_set(&answer->exec_id, p->id);
	answer->pid = task_pid(p->task);
	answer->status = statuses[p->state];
	answer->terminal = p->is_terminal;
	if (p->state != PROCESS_STOPPED)
		return 0;
	answer->exit_status = p->exit_status;
	answer->exited_at = message_new(&pb__timestamp__descriptor);
	*answer->exited_at = events_time(&p->exited_at);
	return 0;
}

static int wait_for(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__WaitRequest *request = in;
	struct process *p = find_both(req, request->id, request->exec_id, e);

	(void)out;
	if (!p)
		return -e->code;
	process_wait(p, asks(req, answer_exited));
	return RPC_DEFERRED;
}

/* Processes of the guest have no number on the host but for one that stands for all of a container.
 */
static int pids(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__PidsRequest *request = in;
	Task__PidsResponse *answer = out;
	struct process *p = find_both(req, request->id, "", e);

	if (!p)
		return -e->code;
	answer->processes = xcalloc(1, sizeof(Process__ProcessInfo *));
	answer->processes[0] = message_new(&process__process_info__descriptor);
	answer->processes[0]->pid = task_pid(p->task);
	answer->n_processes = 1;
	return 0;
}

static int connect_to(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__ConnectRequest *request = in;
	Task__ConnectResponse *answer = out;
	const struct task *task = task_find(pod_of(req), request->id, e);

	answer->shim_pid = (uint32_t)getpid();
	answer->task_pid = task ? task_pid(task) : 0;
	return 0;
}

static int close_io(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__CloseIORequest *request = in;
	struct process *p = find_both(req, request->id, request->exec_id, e);

	(void)out;
	if (!p)
		return -e->code;
	if (request->stdin)
		process_close_input(p);
	return 0;
}

/* The configuration file that containerd was told to use for this handler; NULL without.  Options
 * of another type are those of a handler that names none.  Caller frees. */
static int read_options(const Pb__Any *options, char **ret_path, struct error *e)
{
	_message_ Runtimeoptions__Options *o = NULL;

	*ret_path = NULL;
	if (!options || !str_ends(options->type_url, "runtimeoptions.v1.Options"))
		return 0;
	if (message_unpack(&runtimeoptions__options__descriptor, options->value.data,
			   options->value.len, &o, e) < 0)
		return fail_wrap(e, "the options of the runtime's handler");
	if (o->config_path[0])
		*ret_path = xstrdup(o->config_path);
	return 0;
}

static int create(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__CreateTaskRequest *request = in;
	_free_ char *config_path = NULL;
	_free_ struct rootfs_mount *mounts = xcalloc(request->n_rootfs + 1, sizeof(*mounts));
	struct task_params params = { .id = request->id,
				      .bundle = request->bundle,
				      .mounts = mounts,
				      .n_mounts = request->n_rootfs,
				      .in = request->stdin,
				      .out = request->stdout,
				      .err = request->stderr,
				      .is_terminal = request->terminal };

	(void)out;
	if (request->checkpoint[0])
		return fail(e, ENOSYS, "restoring a checkpoint is not supported");
	if (read_options(request->options, &config_path, e) < 0)
		return -e->code;
	params.config_path = config_path;
	for (size_t i = 0; i < request->n_rootfs; i++)
		mounts[i] = (struct rootfs_mount){ .type = request->rootfs[i]->type,
						   .source = request->rootfs[i]->source,
						   .target = request->rootfs[i]->target,
						   .options = request->rootfs[i]->options,
						   .n_options = request->rootfs[i]->n_options };
	return taken(req, pod_create(pod_of(req), &params, asks(req, answer_created), e), e);
}

static int start(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__StartRequest *request = in;
	struct process *p = find_both(req, request->id, request->exec_id, e);

	(void)out;
	if (!p)
		return -e->code;
	return taken(req, process_start(p, asks(req, answer_started), e), e);
}

static int delete (struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__DeleteRequest *request = in;
	struct process *p = find_both(req, request->id, request->exec_id, e);

	(void)out;
	if (!p)
		return -e->code;
	return taken(req, process_delete(p, asks(req, answer_deleted), e), e);
}

static int kill_process(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__KillRequest *request = in;
	struct process *p = find_both(req, request->id, request->exec_id, e);

	(void)out;
	if (!p)
		return -e->code;
	return taken_or_done(req, process_kill(p, request->signal, asks(req, answer_empty), e), e);
}

static int pause_task(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__PauseRequest *request = in;
	struct task *task = task_find(pod_of(req), request->id, e);

	(void)out;
	if (!task)
		return -e->code;
	return taken(req, task_pause(task, asks(req, answer_empty), e), e);
}

static int resume(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__ResumeRequest *request = in;
	struct task *task = task_find(pod_of(req), request->id, e);

	(void)out;
	if (!task)
		return -e->code;
	return taken(req, task_resume(task, asks(req, answer_empty), e), e);
}

static int resize(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__ResizePtyRequest *request = in;
	struct process *p = find_both(req, request->id, request->exec_id, e);

	(void)out;
	if (!p)
		return -e->code;
	return taken_or_done(
		req, process_resize(p, request->width, request->height, asks(req, answer_empty), e),
		e);
}

static int stats(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__StatsRequest *request = in;
	struct task *task = task_find(pod_of(req), request->id, e);

	(void)out;
	if (!task)
		return -e->code;
	return taken(req, task_stats(task, asks(req, answer_stats), e), e);
}

static int update(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__UpdateTaskRequest *request = in;
	_message_ Oci__LinuxResources *resources = NULL;
	_strv_ strv unknown = NULL;
	struct task *task;
	int r;

	(void)out;
	if (!request->resources)
		return fail(e, EINVAL, "an update of '%.64s' without resources", request->id);
	r = pbjson_parse((const char *)request->resources->value.data,
			 request->resources->value.len, "resources",
			 &oci__linux_resources__descriptor, &unknown, &resources, e);
	spec_note_unknown(unknown, "resources");
	if (r < 0)
		return r;
	task = task_find(pod_of(req), request->id, e);
	if (!task)
		return -e->code;
	return taken(req, task_update(task, TAKE_PTR(resources), asks(req, answer_empty), e), e);
}

static int parse_exec(const Task__ExecProcessRequest *request, Oci__Process **ret_spec,
		      struct error *e)
{
	_message_ Oci__Process *spec = NULL;
	_strv_ strv unknown = NULL;
	int r = pbjson_parse((const char *)request->spec->value.data, request->spec->value.len,
			     "process", &oci__process__descriptor, &unknown, &spec, e);

	spec_note_unknown(unknown, "process");
	if (r < 0)
		return r;
	if (spec->n_args == 0)
		return fail(e, EINVAL, "exec '%s' has no args", request->exec_id);
	spec->terminal = request->terminal;
	spec_set(&spec->apparmorprofile, "");
	spec_set(&spec->selinuxlabel, "");
	*ret_spec = TAKE_PTR(spec);
	return 0;
}

static int exec(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__ExecProcessRequest *request = in;
	const struct exec_params params = { .id = request->exec_id,
					    .in = request->stdin,
					    .out = request->stdout,
					    .err = request->stderr,
					    .is_terminal = request->terminal };
	struct task *task = task_find(pod_of(req), request->id, e);
	Oci__Process *spec = NULL;
	int r;

	(void)out;
	if (!task)
		return -e->code;
	r = task_check_exec(task, &params, e);
	if (r >= 0 && !request->spec)
		r = fail(e, EINVAL, "exec '%s' has no process specification", request->exec_id);
	if (r >= 0)
		r = parse_exec(request, &spec, e);
	if (r < 0)
		return r;
	task_add_exec(task, &params, spec);
	return 0;
}

static int checkpoint(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	(void)req;
	(void)in;
	(void)out;
	return fail(e, ENOSYS, "checkpoints of a virtual machine are not supported");
}

static int shut_down(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	struct pod *pod = pod_of(req);

	(void)in;
	(void)out;
	(void)e;
	if (pod->tasks)
		return 0;
	pod_leave(pod, asks(req, answer_empty));
	return RPC_DEFERRED;
}

#define METHOD(name, in, out, handle)                                                           \
	{                                                                                       \
		"containerd.task.v2.Task", name, &task__##in##__descriptor, &out##__descriptor, \
			RPC_INLINE, handle                                                      \
	}

static const struct rpc_method methods[] = {
	METHOD("State", state_request, task__state_response, state),
	METHOD("Create", create_task_request, task__create_task_response, create),
	METHOD("Start", start_request, task__start_response, start),
	METHOD("Delete", delete_request, task__delete_response, delete),
	METHOD("Pids", pids_request, task__pids_response, pids),
	METHOD("Pause", pause_request, pb__empty, pause_task),
	METHOD("Resume", resume_request, pb__empty, resume),
	METHOD("Checkpoint", checkpoint_task_request, pb__empty, checkpoint),
	METHOD("Kill", kill_request, pb__empty, kill_process),
	METHOD("Exec", exec_process_request, pb__empty, exec),
	METHOD("ResizePty", resize_pty_request, pb__empty, resize),
	METHOD("CloseIO", close_iorequest, pb__empty, close_io),
	METHOD("Update", update_task_request, pb__empty, update),
	METHOD("Wait", wait_request, task__wait_response, wait_for),
	METHOD("Stats", stats_request, task__stats_response, stats),
	METHOD("Connect", connect_request, task__connect_response, connect_to),
	METHOD("Shutdown", shutdown_request, pb__empty, shut_down),
};

/* Messages and meaning of the two versions are the same. */
static const struct rpc_alias aliases[] = {
	{ "containerd.task.v3.Task", "containerd.task.v2.Task" },
};

static void count(void *context, const struct rpc_method *method, uint64_t ms)
{
	const struct shim *shim = context;

	metrics_task_took(shim->metrics, method, ms);
}

void task_service(struct shim *shim, struct rpc_service *ret_service)
{
	*ret_service = (struct rpc_service){
		.methods = methods,
		.n_methods = ARRAY_SIZE(methods),
		.aliases = aliases,
		.n_aliases = ARRAY_SIZE(aliases),
		.context = shim,
		.answered = count,
	};
}
