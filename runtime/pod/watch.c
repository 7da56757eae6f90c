/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - notice what a guest and its VM do by themselves.
 *
 * The death of any process of the VM, or the end of the agent's connection, is the end of the
 * sandbox: nothing of it can be repaired from outside.  A VMM that dies takes its daemons and the
 * connection with it, and they may be seen first: what they say waits VMM_END_MS for the
 * VMM's own end, which is the better reason.  Before the exits of the containers are news a work
 * thread looks whether the VM ended for want of memory, which is then said of each of them, and
 * leaves a message where the kubelet looks for their last words: nobody asks again later.
 *
 * Memory shortage in the guest is reported by the agent, one call per event; a guest that reports
 * without pause is asked again only every OOM_PAUSE_MS, one that refuses ever later.  That a
 * container was out of memory is written down before its end is told.  The guest's clock is set
 * again every CLOCK_MS, and the agent asked whether it lives every HEALTH_MS,
 * or as often as it must answer.  An interface that comes into the pod's network while it runs is
 * the guest's, and one that leaves it leaves the guest, as soon as nothing more changes there.  Io
 * thread.
 */

#include "runtime/pod/watch.h"

#include <string.h>

#include "lib/log.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "runtime/pod/health.h"
#include "runtime/pod/names.h"
#include "runtime/pod/op.h"
#include "runtime/pod/process.h"
#include "runtime/sandbox/client.h"
#include "runtime/sandbox/lastwords.h"
#include "runtime/sandbox/network.h"
#include "runtime/vmm/output.h"

#define OOM_PAUSE_MS     100
#define OOM_RETRY_MS     UINT64_C(1000)
#define OOM_RETRY_MAX_MS UINT64_C(60000)
#define CLOCK_MS         UINT64_C(60000)
#define HEALTH_MS        UINT64_C(30000)
/* Interfaces are made in steps: address and routes follow. */
#define SETTLE_MS UINT64_C(300)

struct watched {
	struct io io;
	struct watch *watch;
	enum vmm_process which;
	bool is_added;
};

struct watch {
	struct pod *pod;
	struct watched processes[N_VMM_PROCESS];
	struct vmm_output *output;
	struct health *health;
	struct io oom; /* the pause before the next question */
	uint64_t oom_retry_ms;
	struct io clock;   /* when to set the guest's clock again */
	struct io network; /* tells of changes of the pod's network; fd -1: nobody makes any */
	struct io settle;  /* runs until those are over */
	struct io gone;    /* runs when a daemon or the agent's connection has ended */
	struct error why;
	bool is_ending; /* why is known, and a better reason waited for */
	bool has_ended; /* nothing is waited for any more */
	bool in_flight;
	bool is_freed;
};

static int note_oom(struct op *op, struct error *e)
{
	(void)e;
	lastwords_note_oom(op->task->bundle);
	return 0;
}

static void oom_noted(struct op *op)
{
	op->process->is_held = false;
	if (!op->process->is_dropped)
		process_settle(op->process);
}

/* Engines without events look for it when the end is told. */
static void write_down(struct task *task)
{
	struct op *op;

	if (task->was_out_of_memory)
		return;
	task->was_out_of_memory = true;
	task->init.is_held = true;
	op = op_new(task->pod, &task->init);
	op->work = note_oom;
	op->finish = oom_noted;
	op_submit(op, OP_URGENT);
}

static void publish_oom(struct pod *pod, const char *id)
{
	struct error e;
	struct task *task = task_find(pod, id, &e);

	if (!task) {
		log_warn("agent: memory shortage in a container that is not there");
		return;
	}
	log_info("%s ran out of memory", task->id);
	write_down(task);
	pod_tell(pod, NEWS_OUT_OF_MEMORY, &task->init);
}

/* 1 if the VM ended for want of memory; *e is why it ended, and stays. */
static int tell_containers(struct op *op, struct error *e)
{
	bool was_memory = sandbox_ran_out_of_memory(op->sandbox);
	_free_ char *text = xasprintf("the virtual machine of the pod has ended%s: %s\n",
				      was_memory ? ", for the pod was out of memory" : "", e->msg);

	for (char **bundle = op->user; bundle && *bundle; bundle++) {
		lastwords_write(*bundle, text);
		if (was_memory)
			lastwords_note_oom(*bundle);
	}
	return was_memory;
}

static void containers_told(struct op *op)
{
	struct pod *pod = op->pod;
	bool was_memory = op->result > 0;

	log_error("the sandbox ends%s: %s", was_memory ? " for want of memory" : "", op->error.msg);
	for (struct task *task = pod->tasks; task && was_memory; task = task->next) {
		task->was_out_of_memory = true;
		publish_oom(pod, task->id);
	}
	pod_must_end(pod, was_memory ? STATUS_KILLED : STATUS_UNKNOWN);
}

static void free_bundles(void *bundles)
{
	strv_free(bundles);
}

static void end(struct watch *w, const struct error *why)
{
	strv bundles = NULL;
	struct op *op;

	if (w->has_ended)
		return;
	w->has_ended = true;
	op = op_new(w->pod, NULL);
	op->sandbox = w->pod->sandbox;
	op->error = *why;
	for (struct task *task = w->pod->tasks; task; task = task->next)
		strv_add(&bundles, task->bundle);
	op->user = bundles;
	op->free_user = free_bundles;
	op->work = tell_containers;
	op->finish = containers_told;
	op_submit(op, OP_URGENT);
}

/* The first reason stays. */
static void wait_for_better(struct watch *w, const struct error *why)
{
	if (w->is_ending || w->has_ended)
		return;
	log_info("%s", why->msg);
	w->is_ending = true;
	w->why = *why;
	timer_arm(w->gone.fd, VMM_END_MS, 0);
}

static void process_ended(struct io *io, uint32_t flags)
{
	struct watched *w = CONTAINER_OF(io, struct watched, io);
	struct pod *pod = w->watch->pod;
	struct error e;

	(void)flags;
	loop_del(pod->loop, io);
	w->is_added = false;
	(void)vmm_end_reason(sandbox_vmm(pod->sandbox), w->which, &e);
	if (w->which != VMM_PROCESS_VMM) {
		wait_for_better(w->watch, &e);
		return;
	}
	end(w->watch, &e);
}

static void agent_gone(void *arg, const struct error *why)
{
	struct pod *pod = arg;
	struct error e = *why;

	if (pod->stage != POD_RUNNING || !pod->watch)
		return;
	(void)fail_wrap(&e, "connection to the agent");
	wait_for_better(pod->watch, &e);
}

static void nothing_better(struct io *io, uint32_t flags)
{
	struct watch *w = CONTAINER_OF(io, struct watch, gone);

	(void)flags;
	timer_read(io->fd);
	end(w, &w->why);
}

static void release(struct watch *w)
{
	if (w->is_freed && !w->in_flight)
		free(w);
}

static void oom_arrived(void *arg, void *out, const struct error *error)
{
	struct watch *w = arg;
	const Agent__OOMEvent *event = out;

	w->in_flight = false;
	if (w->is_freed) {
		release(w);
		return;
	}
	if (!event && (error->code == ECONNRESET || error->code == ENOSYS)) {
		log_debug("no more reports of memory shortage: %s", error->msg);
		return;
	}
	if (!event) {
		log_debug("reports of memory shortage: %s", error->msg);
		w->oom_retry_ms = min_u64(w->oom_retry_ms * 2, OOM_RETRY_MAX_MS);
		timer_arm(w->oom.fd, w->oom_retry_ms, 0);
		return;
	}
	w->oom_retry_ms = OOM_RETRY_MS / 2;
	publish_oom(w->pod, event->container_id);
	timer_arm(w->oom.fd, OOM_PAUSE_MS, 0);
}

static void oom_ask(struct watch *w)
{
	const Agent__GetOOMEventRequest request = AGENT__GET_OOMEVENT_REQUEST__INIT;
	struct error e;

	w->in_flight = true;
	if (rpc_call_async(sandbox_rpc(w->pod->sandbox), client_call_of(CLIENT_GET_OOM_EVENT),
			   &request, oom_arrived, w, &e) < 0) {
		w->in_flight = false;
		log_debug("no reports of memory shortage: %s", e.msg);
	}
}

static void oom_pause_over(struct io *io, uint32_t flags)
{
	struct watch *w = CONTAINER_OF(io, struct watch, oom);

	(void)flags;
	timer_read(io->fd);
	if (!w->in_flight)
		oom_ask(w);
}

static int clock_work(struct op *op, struct error *e)
{
	return sandbox_set_clock(op->sandbox, e);
}

static void clock_finish(struct op *op)
{
	if (op->pod->watch)
		timer_arm(op->pod->watch->clock.fd, CLOCK_MS, 0);
}

/* What a running sandbox has to do by itself, beside everything. */
static void submit(struct pod *pod, int (*work)(struct op *, struct error *),
		   void (*finish)(struct op *))
{
	struct op *op;

	if (pod->stage != POD_RUNNING)
		return;
	op = op_new(pod, NULL);
	op->sandbox = pod->sandbox;
	op->work = work;
	op->finish = finish;
	op_submit(op, OP_ALONE);
}

static void clock_ready(struct io *io, uint32_t flags)
{
	struct watch *w = CONTAINER_OF(io, struct watch, clock);

	(void)flags;
	timer_read(io->fd);
	submit(w->pod, clock_work, clock_finish);
}

static int network_work(struct op *op, struct error *e)
{
	return sandbox_change_interfaces(op->sandbox, e);
}

static void network_finish(struct op *op)
{
	names_look(op->pod);
}

static void network_settled(struct io *io, uint32_t flags)
{
	struct watch *w = CONTAINER_OF(io, struct watch, settle);

	(void)flags;
	timer_read(io->fd);
	submit(w->pod, network_work, network_finish);
}

static void network_changed(struct io *io, uint32_t flags)
{
	struct watch *w = CONTAINER_OF(io, struct watch, network);

	(void)flags;
	network_watch_read(io->fd);
	timer_arm(w->settle.fd, SETTLE_MS, 0);
}

static int add_network(struct watch *w, struct error *e)
{
	int fd = sandbox_network_watch(w->pod->sandbox);
	int r;

	if (fd < 0)
		return 0;
	w->network = (struct io){ fd, network_changed };
	r = loop_add(w->pod->loop, &w->network, EPOLLIN, e);
	if (r < 0)
		w->network.fd = -1;
	return r;
}

void watch_set_clock(struct watch *w)
{
	timer_arm(w->clock.fd, 1, 0);
}

static int add_timer(struct watch *w, struct io *io, void (*ready)(struct io *, uint32_t),
		     struct error *e)
{
	int r;

	*io = (struct io){ timer_open(e), ready };
	if (io->fd < 0)
		return io->fd;
	r = loop_add(w->pod->loop, io, EPOLLIN, e);
	if (r < 0)
		io->fd = close_fd(io->fd);
	return r;
}

static int add_processes(struct watch *w, struct error *e)
{
	const struct vmm *vmm = sandbox_vmm(w->pod->sandbox);

	for (enum vmm_process i = 0; i < N_VMM_PROCESS; i++) {
		struct watched *p = &w->processes[i];
		int r;

		*p = (struct watched){ .io = { vmm_pidfd(vmm, i), process_ended },
				       .watch = w,
				       .which = i };
		if (p->io.fd < 0)
			continue;
		r = loop_add(w->pod->loop, &p->io, EPOLLIN, e);
		if (r < 0)
			return r;
		p->is_added = true;
	}
	return 0;
}

static void agent_silent(void *arg, const struct error *why)
{
	end(arg, why);
}

static int add_health(struct watch *w, struct error *e)
{
	const struct config *config = sandbox_config(w->pod->sandbox);
	const struct health_params params = {
		.loop = w->pod->loop,
		.rpc = sandbox_rpc(w->pod->sandbox),
		.every_ms = min_u64(HEALTH_MS, config->agent.health_check_request_timeout_ms),
		.timeout_ms = config->agent.health_check_request_timeout_ms,
		.silent = agent_silent,
		.arg = w,
	};

	if (params.timeout_ms == 0)
		return 0;
	w->health = health_new(&params, e);
	return w->health ? 0 : -e->code;
}

static void count(void *arg, const struct rpc_call *call, uint64_t ms)
{
	const struct pod *pod = arg;

	if (pod->listener.agent_took)
		pod->listener.agent_took(pod->listener.arg, call, ms);
}

struct watch *watch_new(struct pod *pod, struct error *e)
{
	struct watch *w = xcalloc(1, sizeof(*w));

	w->pod = pod;
	w->oom_retry_ms = OOM_RETRY_MS / 2;
	w->oom.fd = w->gone.fd = w->clock.fd = w->network.fd = w->settle.fd = -1;
	if (add_timer(w, &w->oom, oom_pause_over, e) < 0 ||
	    add_timer(w, &w->clock, clock_ready, e) < 0 ||
	    add_timer(w, &w->settle, network_settled, e) < 0 ||
	    add_timer(w, &w->gone, nothing_better, e) < 0 || add_health(w, e) < 0) {
		watch_free(w);
		return NULL;
	}
	w->output = vmm_output_new(sandbox_vmm(pod->sandbox), pod->loop, e);
	if (!w->output || add_processes(w, e) < 0 || add_network(w, e) < 0) {
		watch_free(w);
		return NULL;
	}
	rpc_client_on_close(sandbox_rpc(pod->sandbox), agent_gone, pod);
	rpc_client_observe(sandbox_rpc(pod->sandbox), count, pod);
	oom_ask(w);
	timer_arm(w->clock.fd, CLOCK_MS, 0);
	return w;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < N_VMM_PROCESS; i++)
		if (w->processes[i].is_added)
			loop_del(w->pod->loop, &w->processes[i].io);
	health_free(w->health);
	vmm_output_free(w->output);
	loop_del(w->pod->loop, &w->network);
	loop_del(w->pod->loop, &w->settle);
	w->settle.fd = close_fd(w->settle.fd);
	loop_del(w->pod->loop, &w->oom);
	loop_del(w->pod->loop, &w->gone);
	loop_del(w->pod->loop, &w->clock);
	w->clock.fd = close_fd(w->clock.fd);
	w->oom.fd = close_fd(w->oom.fd);
	w->gone.fd = close_fd(w->gone.fd);
	w->is_freed = true;
	release(w);
}
