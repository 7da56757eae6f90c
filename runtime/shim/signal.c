/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signal - Task.Kill.
 *
 * Never behind anything else: it is how a caller gets out of a call that hangs.  A container that
 * is being created has no process yet: SIGKILL and SIGTERM end the start of its sandbox if it is
 * the first, else they are delivered when it exists.  Signal 0 asks whether the process is alive,
 * which the shim knows.  A guest that does not answer to SIGKILL of a container is beyond repair,
 * and so is its sandbox; an exec is given up alone.  One that answers has a while to make it true
 * (process.c).
 */

#include <signal.h>
#include <string.h>

#include "lib/log.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/pb.pb-c.h"
#include "lib/rpc/proto/task.pb-c.h"
#include "runtime/sandbox/client.h"
#include "runtime/shim/shim.h"

#define SIGNAL_MAX 64

static void signal_finish(struct op *op)
{
	bool is_given_up = op->result == -ETIMEDOUT && op->signal == SIGKILL;

	if (is_given_up && op->process->id[0]) {
		log_error("%s/%s is given up: the agent does not answer to SIGKILL", op->task->id,
			  op->process->id);
		process_end_now(op->process, STATUS_KILLED);
		op->result = 0;
	} else if (is_given_up) {
		log_error("the sandbox ends: the agent does not answer to SIGKILL");
		shim_stop_sandbox(op->shim, STATUS_KILLED);
		op->result = 0;
	} else if (op->result != -ECANCELED && op->signal == SIGKILL) {
		process_killed(op->process);
	}
	/* Whoever has ended meanwhile needs no signal. */
	if (op->result < 0 && op->process->has_status)
		op->result = 0;
	if (op->result < 0)
		op_reply_error(op);
	else
		op_reply_empty(op);
}

void task_signal(struct process *p, struct rpc_request *req, uint32_t signal)
{
	struct shim *shim = p->task->shim;
	struct op *op = op_new(shim, p, req, NULL);
	Agent__SignalProcessRequest request = AGENT__SIGNAL_PROCESS_REQUEST__INIT;

	op->signal = signal;
	op->sandbox = shim->sandbox;
	op->finish = signal_finish;
	request.container_id = p->task->id;
	/* Without a process SIGKILL is for the whole container. */
	request.exec_id = p->id[0] || signal != SIGKILL ? p->exec_id : (char[]){ "" };
	request.signal = signal;
	op_ask(op, CLIENT_SIGNAL_PROCESS, &request);
}

static bool is_deadly(uint32_t signal)
{
	return signal == SIGKILL || signal == SIGTERM;
}

/* 0: nothing is left to be done; 1: the agent must be asked; -errno. */
static int kill_by_state(struct process *p, uint32_t signal, struct error *e)
{
	struct shim *shim = p->task->shim;

	if (p->state == PROCESS_STOPPED || shim->stage >= SHIM_STOPPING)
		return is_deadly(signal) ? 0
					 : fail(e, ENOENT, "process '%s' has ended", p->exec_id);
	if (p->state == PROCESS_CREATING && is_deadly(signal)) {
		p->task->pending_signal = signal;
		if (shim->stage != SHIM_STARTING)
			return 0;
		shim_stop_sandbox(shim, 128 + signal);
		return 0;
	}
	if (p->state == PROCESS_CREATING || (p->state == PROCESS_CREATED && p->id[0]))
		return fail(e, EBUSY, "process '%s' is %s", p->exec_id,
			    process_state_names[p->state]);
	return signal > 0;
}

int task_kill(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Task__KillRequest *request = in;
	struct shim *shim = rpc_context(req);
	struct task *task = task_find(shim, request->id, e);
	struct process *p = task ? process_find(task, request->exec_id, e) : NULL;
	int r;

	(void)out;
	if (!p)
		return -e->code;
	if (request->signal > SIGNAL_MAX)
		return fail(e, EINVAL, "%u is no signal", request->signal);
	r = kill_by_state(p, request->signal, e);
	if (r <= 0)
		return r;
	task_signal(p, req, request->signal);
	return RPC_DEFERRED;
}
