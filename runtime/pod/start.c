/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start - let a created container run, or run one more process in it.
 *
 * An exec exists only here until it is started; then the agent makes and runs it in one call.  A
 * container whose engine fills the pod's network between Create and Start runs after the guest has
 * all of it.
 */

#include "runtime/pod/start.h"

#include <string.h>

#include "lib/log.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "runtime/pod/control.h"
#include "runtime/pod/names.h"
#include "runtime/pod/op.h"
#include "runtime/pod/process.h"

#define EXECS_MAX   4096
#define EXEC_ID_MAX 76

/* Opening a fifo may wait. */
static int open_work(struct op *op, struct error *e)
{
	struct process *p = op->process;
	const struct stdio_params params = {
		.loop = op->pod->loop,
		.container_id = op->task->id,
		.exec_id = p->exec_id,
		.namespace_ = op->pod->namespace_,
		.paths = { p->in, p->out, p->err, p->is_terminal },
	};

	return stdio_open(&params, &op->stdio, e);
}

static void start_finish(struct op *op)
{
	struct process *p = op->process;

	if (op->result < 0) {
		stdio_free(op->stdio);
		(void)process_move(p, PROCESS_REFUSED);
		op_answer(op);
		process_settle(p);
		return;
	}
	/* Its container was deleted meanwhile, and nobody wants to hear of it any more. */
	if (p->is_dropped) {
		stdio_free(op->stdio);
		op->result = fail(&op->error, ENOENT, "process '%s' was deleted", p->exec_id);
		op_answer(op);
		return;
	}
	(void)process_move(p, PROCESS_STARTED);
	pod_tell(op->pod, NEWS_STARTED, p);
	op_answer(op);
	if (p->id[0]) {
		p->stdio = op->stdio;
		process_watch(p);
		process_set_size(p);
	}
	process_settle(p);
}

/* ---- the first process ---- */

static void container_ended(struct op *op)
{
	if (op->result < 0)
		log_warn("'%s' may go on: %s", op->task->id, op->error.msg);
	op_recall_result(op);
	start_finish(op);
}

static int hooks_work(struct op *op, struct error *e)
{
	return outside_started(op->outside, e);
}

/* One of whose hooks fails must not go on. */
static void hooks_ran(struct op *op)
{
	if (op->result >= 0) {
		start_finish(op);
		return;
	}
	op_keep_result(op);
	op->finish = container_ended;
	container_ask_kill(op->container, op_asks(op));
}

static void container_started(struct op *op)
{
	if (op->result < 0 || !outside_has_first_hooks(op->outside)) {
		start_finish(op);
		return;
	}
	op->work = hooks_work;
	op->finish = hooks_ran;
	op_submit(op, OP_ALONE);
}

/* The first process waits in the guest, and may have been killed there before its turn has come. */
static void ask_start(struct op *op)
{
	if (op->process->has_status) {
		op->result = fail(&op->error, EBUSY, "container '%s' has ended", op->task->id);
		op->finish = start_finish;
		op_skip(op);
		return;
	}
	op->finish = container_started;
	container_ask_start(op->container, op_asks(op));
}

static int interfaces_work(struct op *op, struct error *e)
{
	return sandbox_change_interfaces(op->sandbox, e);
}

/* The agent is asked for questions before it is told to start who has them. */
static void interfaces_changed(struct op *op)
{
	if (op->result < 0) {
		start_finish(op);
		return;
	}
	names_look(op->pod);
	ask_start(op);
}

/* The pod's interfaces, and its name server, may have come since it was created. */
static void begin_start(struct op *op)
{
	if (op->task->type == SPEC_MEMBER) {
		ask_start(op);
		return;
	}
	op->work = interfaces_work;
	op->finish = interfaces_changed;
	op_submit(op, OP_ALONE);
}

/* ---- an exec ---- */

static void ask_exec(struct op *op)
{
	struct process *p = op->process;
	Agent__ExecProcessRequest request = AGENT__EXEC_PROCESS_REQUEST__INIT;

	request.container_id = op->task->id;
	request.exec_id = p->exec_id;
	request.process = p->spec;
	p->spec->stdinisnull = !p->in[0] && !p->is_terminal;
	op->finish = start_finish;
	op_ask(op, CLIENT_EXEC_PROCESS, &request);
}

/* Its streams are open. */
static void opened(struct op *op)
{
	if (op->result >= 0 && !op->process->is_dropped && op->pod->stage != POD_RUNNING)
		op->result = fail(&op->error, ECANCELED, "the sandbox of '%s' has ended",
				  op->process->exec_id);
	if (op->result < 0 || op->process->is_dropped)
		start_finish(op);
	else
		ask_exec(op);
}

static void begin_exec(struct op *op)
{
	op->work = open_work;
	op->finish = opened;
	op_submit(op, OP_ALONE);
}

int process_start(struct process *p, struct asker asker, struct error *e)
{
	struct task *task = p->task;
	struct pod *pod = task->pod;
	struct op *op;

	if (pod->stage != POD_RUNNING)
		return fail(e, EBUSY, "the sandbox of '%s' does not run", task->id);
	if (task->is_deleting)
		return fail(e, EBUSY, "container '%s' is being deleted", task->id);
	if (p->id[0] && task->init.state != PROCESS_RUNNING)
		return fail(e, EBUSY, "container '%s' is %s", task->id,
			    process_state_names[task->init.state]);
	if (!process_move(p, PROCESS_START))
		return fail(e, EBUSY, "process '%s' is %s", p->exec_id,
			    process_state_names[p->state]);
	op = op_new(pod, p);
	op->asker = asker;
	op->sandbox = pod->sandbox;
	op->container = task->container;
	op->outside = task->outside;
	op->begin = p->id[0] ? begin_exec : begin_start;
	op_in_turn(op);
	return 0;
}

int task_check_exec(struct task *task, const struct exec_params *params, struct error *e)
{
	struct error unused;
	size_t n = 0;
	int r = check_id(params->id, "exec id", EXEC_ID_MAX, e);

	if (r < 0)
		return r;
	for (const struct process *p = task->execs; p; p = p->next)
		n++;
	if (n >= EXECS_MAX)
		return fail(e, ENOSPC, "container '%s' has %zu execs", task->id, n);
	if (process_find(task, params->id, &unused) || strcmp(params->id, task->id) == 0)
		return fail(e, EEXIST, "process '%s' exists", params->id);
	if (task->init.state != PROCESS_RUNNING)
		return fail(e, EBUSY, "container '%s' is %s", task->id,
			    process_state_names[task->init.state]);
	if (task->pod->stage != POD_RUNNING)
		return fail(e, EBUSY, "the sandbox of '%s' does not run", task->id);
	return 0;
}

void task_add_exec(struct task *task, const struct exec_params *params, Oci__Process *own_spec)
{
	struct process *p = process_new(task, params->id);

	p->state = PROCESS_CREATED;
	p->is_terminal = params->is_terminal;
	p->in = xstrdup(params->in);
	p->out = xstrdup(params->out);
	p->err = xstrdup(params->err);
	p->spec = own_spec;
	pod_tell(task->pod, NEWS_EXEC_ADDED, p);
}
