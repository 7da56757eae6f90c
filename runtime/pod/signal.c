/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signal - signals for processes.
 *
 * Never behind anything else: it is how a caller gets out of a call that hangs.  A container that
 * is being created has no process yet: SIGKILL and SIGTERM end the start of its sandbox if it is
 * the first, else they are delivered when it exists.  Signal 0 asks whether the process is alive,
 * which is known here.  A guest that does not answer to SIGKILL of a container is beyond repair,
 * and so is its sandbox; an exec is given up alone.  One that answers has a while to make it true
 * (process.c).
 */

#include "runtime/pod/signal.h"

#include <signal.h>

#include "lib/log.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "runtime/pod/op.h"
#include "runtime/pod/process.h"
#include "runtime/pod/stop.h"

#define SIGNAL_MAX 64

static void signal_finish(struct op *op)
{
	bool is_given_up = op->result == -ETIMEDOUT && (uintptr_t)op->user == SIGKILL;

	if (is_given_up && op->process->id[0]) {
		log_error("%s/%s is given up: the agent does not answer to SIGKILL", op->task->id,
			  op->process->id);
		process_end_now(op->process, STATUS_KILLED);
		op->result = 0;
	} else if (is_given_up) {
		log_error("the sandbox ends: the agent does not answer to SIGKILL");
		pod_stop(op->pod, STATUS_KILLED);
		op->result = 0;
	} else if (op->result != -ECANCELED && (uintptr_t)op->user == SIGKILL) {
		process_killed(op->process);
	}
	/* Whoever has ended meanwhile needs no signal. */
	if (op->result < 0 && op->process->has_status)
		op->result = 0;
	op_answer(op);
}

void process_signal(struct process *p, struct asker asker, uint32_t signal)
{
	struct pod *pod = p->task->pod;
	struct op *op = op_new(pod, p);
	Agent__SignalProcessRequest request = AGENT__SIGNAL_PROCESS_REQUEST__INIT;

	op->asker = asker;
	op->user = (void *)(uintptr_t)signal;
	op->sandbox = pod->sandbox;
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
	struct pod *pod = p->task->pod;

	if (p->state == PROCESS_STOPPED || pod->stage >= POD_STOPPING)
		return is_deadly(signal) ? 0
					 : fail(e, ENOENT, "process '%s' has ended", p->exec_id);
	if (p->state == PROCESS_CREATING && is_deadly(signal)) {
		p->task->pending_signal = signal;
		if (pod->stage != POD_STARTING)
			return 0;
		pod_stop(pod, 128 + signal);
		return 0;
	}
	if (p->state == PROCESS_CREATING || (p->state == PROCESS_CREATED && p->id[0]))
		return fail(e, EBUSY, "process '%s' is %s", p->exec_id,
			    process_state_names[p->state]);
	return signal > 0;
}

int process_kill(struct process *p, uint32_t signal, struct asker asker, struct error *e)
{
	int r;

	if (signal > SIGNAL_MAX)
		return fail(e, EINVAL, "%u is no signal", signal);
	r = kill_by_state(p, signal, e);
	if (r > 0)
		process_signal(p, asker, signal);
	return r;
}
