/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task - containerd's Task service: the table of methods, and those that only look or note.
 *
 * Every method runs on the io thread.  One that must wait for the guest hands the waiting to an op
 * (op.c) and answers later, so State, Kill, Delete and Shutdown are answered whatever else is
 * under way.
 */

#include <string.h>

#include "lib/log.h"
#include "lib/rpc/message.h"
#include "lib/rpc/pbjson.h"
#include "lib/rpc/proto/events.pb-c.h"
#include "lib/rpc/proto/process.pb-c.h"
#include "lib/rpc/proto/task.pb-c.h"
#include "runtime/shim/metrics.h"
#include "runtime/shim/shim.h"

#define EXECS_MAX   4096
#define EXEC_ID_MAX 76

struct task *task_find(struct shim *shim, const char *id, struct error *e)
{
	for (struct task *task = shim->tasks; task; task = task->next)
		if (strcmp(task->id, id) == 0)
			return task;
	(void)fail(e, ENOENT, "there is no container '%.80s'", id);
	return NULL;
}

uint32_t task_pid(const struct task *task)
{
	return task->outside ? (uint32_t)outside_pid(task->outside) : 0;
}

static void reap(struct io *io, uint32_t flags)
{
	struct task *task = CONTAINER_OF(io, struct task, placeholder);

	(void)flags;
	loop_del(task->shim->loop, io);
	task->is_ending = false;
	outside_reap(task->outside);
}

void task_ended(struct task *task)
{
	struct error e;

	if (!task->outside || task->is_ending || outside_pidfd(task->outside) < 0)
		return;
	outside_ended(task->outside);
	task->placeholder = (struct io){ outside_pidfd(task->outside), reap };
	task->is_ending = loop_add(task->shim->loop, &task->placeholder, EPOLLIN, &e) >= 0;
	if (!task->is_ending)
		log_warn("the process of '%s' stays until it is deleted: %s", task->id, e.msg);
}

void task_free(struct task *task)
{
	if (task->is_ending)
		loop_del(task->shim->loop, &task->placeholder);
	outside_free(task->outside);
	container_free(task->container);
	free(task->id);
	free(task->bundle);
	free(task);
}

void task_drop(struct task *own_task)
{
	struct shim *shim = own_task->shim;

	for (struct task **at = &shim->tasks; *at; at = &(*at)->next)
		if (*at == own_task) {
			*at = own_task->next;
			break;
		}
	while (own_task->execs)
		process_drop(own_task->execs);
	process_drop(&own_task->init);
}

static struct process *find_both(struct rpc_request *req, const char *id, const char *exec_id,
				 struct error *e)
{
	struct task *task = task_find(rpc_context(req), id, e);

	return task ? process_find(task, exec_id, e) : NULL;
}

static const Process__Status statuses[N_PROCESS_STATE] = {
	[PROCESS_CREATING] = PROCESS__STATUS__UNKNOWN, [PROCESS_CREATED] = PROCESS__STATUS__CREATED,
	[PROCESS_STARTING] = PROCESS__STATUS__CREATED, [PROCESS_RUNNING] = PROCESS__STATUS__RUNNING,
	[PROCESS_PAUSING] = PROCESS__STATUS__PAUSING,  [PROCESS_PAUSED] = PROCESS__STATUS__PAUSED,
	[PROCESS_STOPPED] = PROCESS__STATUS__STOPPED,
};

static int task_state(struct rpc_request *req, const void *in, void *out, struct error *e)
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

static int task_wait(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__WaitRequest *request = in;
	struct process *p = find_both(req, request->id, request->exec_id, e);

	(void)out;
	if (!p)
		return -e->code;
	process_wait(p, req);
	return RPC_DEFERRED;
}

/* Processes of the guest have no number on the host but for one that stands for all of a container.
 */
static int task_pids(struct rpc_request *req, const void *in, void *out, struct error *e)
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

static int task_connect(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__ConnectRequest *request = in;
	struct shim *shim = rpc_context(req);
	Task__ConnectResponse *answer = out;
	const struct task *task = task_find(shim, request->id, e);

	answer->shim_pid = (uint32_t)getpid();
	answer->task_pid = task ? task_pid(task) : 0;
	return 0;
}

static int task_close_io(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__CloseIORequest *request = in;
	struct process *p = find_both(req, request->id, request->exec_id, e);

	(void)out;
	if (!p)
		return -e->code;
	if (!request->stdin)
		return 0;
	p->must_close_input = true;
	if (p->stdio)
		stdio_close_input(p->stdio);
	return 0;
}

static int check_exec(struct task *task, const Task__ExecProcessRequest *request, struct error *e)
{
	struct error unused;
	size_t n = 0;
	int r = check_id(request->exec_id, "exec id", EXEC_ID_MAX, e);

	if (r < 0)
		return r;
	for (const struct process *p = task->execs; p; p = p->next)
		n++;
	if (n >= EXECS_MAX)
		return fail(e, ENOSPC, "container '%s' has %zu execs", task->id, n);
	if (process_find(task, request->exec_id, &unused) ||
	    strcmp(request->exec_id, task->id) == 0)
		return fail(e, EEXIST, "process '%s' exists", request->exec_id);
	if (task->init.state != PROCESS_RUNNING)
		return fail(e, EBUSY, "container '%s' is %s", task->id,
			    process_state_names[task->init.state]);
	if (task->shim->stage != SHIM_RUNNING)
		return fail(e, EBUSY, "the sandbox of '%s' does not run", task->id);
	if (!request->spec)
		return fail(e, EINVAL, "exec '%s' has no process specification", request->exec_id);
	return 0;
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

static int task_exec(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__ExecProcessRequest *request = in;
	Events__TaskExecAdded event = EVENTS__TASK_EXEC_ADDED__INIT;
	struct shim *shim = rpc_context(req);
	struct task *task = task_find(shim, request->id, e);
	Oci__Process *spec = NULL;
	struct process *p;
	int r;

	(void)out;
	if (!task)
		return -e->code;
	r = check_exec(task, request, e);
	if (r >= 0)
		r = parse_exec(request, &spec, e);
	if (r < 0)
		return r;
	p = xcalloc(1, sizeof(*p));
	process_init(p, task, request->exec_id);
	p->state = PROCESS_CREATED;
	p->is_terminal = request->terminal;
	p->in = xstrdup(request->stdin);
	p->out = xstrdup(request->stdout);
	p->err = xstrdup(request->stderr);
	p->spec = spec;
	p->next = task->execs;
	task->execs = p;
	event.container_id = task->id;
	event.exec_id = p->id;
	events_publish(shim->events, "/tasks/exec-added", &event);
	return 0;
}

static int task_checkpoint(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	(void)req;
	(void)in;
	(void)out;
	return fail(e, ENOSYS, "checkpoints of a virtual machine are not supported");
}

static int task_shutdown(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	struct shim *shim = rpc_context(req);

	(void)in;
	(void)out;
	(void)e;
	if (shim->tasks)
		return 0;
	shim_leave(shim, req);
	return RPC_DEFERRED;
}

#define METHOD(name, in, out, handle)                                                           \
	{                                                                                       \
		"containerd.task.v2.Task", name, &task__##in##__descriptor, &out##__descriptor, \
			RPC_INLINE, handle                                                      \
	}

static const struct rpc_method methods[] = {
	METHOD("State", state_request, task__state_response, task_state),
	METHOD("Create", create_task_request, task__create_task_response, task_create),
	METHOD("Start", start_request, task__start_response, task_start),
	METHOD("Delete", delete_request, task__delete_response, task_delete),
	METHOD("Pids", pids_request, task__pids_response, task_pids),
	METHOD("Pause", pause_request, pb__empty, task_pause),
	METHOD("Resume", resume_request, pb__empty, task_resume),
	METHOD("Checkpoint", checkpoint_task_request, pb__empty, task_checkpoint),
	METHOD("Kill", kill_request, pb__empty, task_kill),
	METHOD("Exec", exec_process_request, pb__empty, task_exec),
	METHOD("ResizePty", resize_pty_request, pb__empty, task_resize),
	METHOD("CloseIO", close_iorequest, pb__empty, task_close_io),
	METHOD("Update", update_task_request, pb__empty, task_update),
	METHOD("Wait", wait_request, task__wait_response, task_wait),
	METHOD("Stats", stats_request, task__stats_response, task_stats),
	METHOD("Connect", connect_request, task__connect_response, task_connect),
	METHOD("Shutdown", shutdown_request, pb__empty, task_shutdown),
};

/* Messages and meaning of the two versions are the same. */
static const struct rpc_alias aliases[] = {
	{ "containerd.task.v3.Task", "containerd.task.v2.Task" },
};

static void count(void *context, const struct rpc_method *method, uint64_t ms)
{
	const struct shim *shim = context;

	if (shim->metrics)
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
