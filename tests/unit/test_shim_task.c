/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_shim_task - the Task service without a VM, the life of a process, and statistics.
 */

#include "tests/unit/unit.h"

#include <semaphore.h>
#include <signal.h>

#include "lib/rpc/client.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/cgroup1.pb-c.h"
#include "lib/rpc/proto/cgroup2.pb-c.h"
#include "lib/rpc/proto/events.pb-c.h"
#include "lib/rpc/proto/task.pb-c.h"
#include "runtime/pod/op.h"
#include "runtime/pod/process.h"
#include "runtime/pod/stop.h"
#include "runtime/shim/front.h"
#include "runtime/shim/stats.h"
#include "tests/unit/rpc-peer.h"

#define POOL_THREADS 4

struct fixture {
	struct peer_loop io;
	struct shim shim;
	struct rpc_client *client;
	struct loop_task task;
	/* A guest, once agent_start() was called. */
	int agent_fd;
	pthread_t agent;
	void (*answer)(int fd, uint32_t stream, const char *method);
};

/* The client of the fake agent: a sandbox has no other use in these tests. */
static struct rpc_client *agent_rpc;

struct rpc_client *__wrap_sandbox_rpc(struct sandbox *s);
void __wrap_sandbox_stop(struct sandbox *s);

struct rpc_client *__wrap_sandbox_rpc(struct sandbox *s)
{
	(void)s;
	return agent_rpc;
}

void __wrap_sandbox_stop(struct sandbox *s)
{
	(void)s;
}

/* What was told, a line each. */
static char told[256];

void __wrap_events_publish(struct events *ev, const char *topic, const void *message);

void __wrap_events_publish(struct events *ev, const char *topic, const void *message)
{
	const Events__TaskExit *event = message;
	size_t len = strlen(told);

	(void)ev;
	if (strcmp(topic, "/tasks/exit") == 0)
		(void)snprintf(told + len, sizeof(told) - len, "%s %s %u\n", topic, event->id,
			       event->exit_status);
	else
		(void)snprintf(told + len, sizeof(told) - len, "%s\n", topic);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct pod_params params = { .held = -1,
				     .id = "pod",
				     .namespace_ = "default",
				     .kill_wait_ms = 50,
				     .max_threads = POOL_THREADS };
	struct error e;
	int fds[2];

	*state = f;
	told[0] = '\0';
	f->io.loop = loop_new(&e);
	f->agent_fd = -1;
	params.loop = f->io.loop;
	assert_return_code(shim_open(&f->shim, &params, NULL, &e), 0);
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			   errno);
	assert_return_code(rpc_server_serve(f->shim.server, fds[0], &e), 0);
	f->client = rpc_client_new(f->io.loop, fds[1], &e);
	peer_loop_start(&f->io);
	return 0;
}

static void *agent_thread(void *arg)
{
	struct fixture *f = arg;
	struct ttrpc_frame frame;
	struct error e;

	for (;;) {
		_message_ Ttrpc__Request *request = NULL;
		_free_ uint8_t *data = NULL;

		if (!peer_read_frame(f->agent_fd, &frame, &data))
			return NULL;
		peer_check(message_unpack(&ttrpc__request__descriptor, data, frame.len, &request,
					  &e) >= 0,
			   "not a request");
		f->answer(f->agent_fd, frame.stream, request->method);
	}
}

/* Makes the sandbox one whose agent answers like ANSWER. */
static void agent_start(struct fixture *f, void (*answer)(int, uint32_t, const char *))
{
	struct error e;
	int fds[2];

	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), errno);
	agent_rpc = rpc_client_new(f->io.loop, fds[0], &e);
	f->agent_fd = fds[1];
	f->answer = answer;
	assert_int_equal(pthread_create(&f->agent, NULL, agent_thread, f), 0);
	f->shim.pod.stage = POD_RUNNING;
}

/* After the loop. */
static void agent_end(struct fixture *f)
{
	if (f->agent_fd < 0)
		return;
	(void)shutdown(f->agent_fd, SHUT_RDWR);
	(void)pthread_join(f->agent, NULL);
	rpc_client_free(TAKE_PTR(agent_rpc));
	(void)close_fd(f->agent_fd);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	peer_loop_end(&f->io);
	agent_end(f);
	if (f->shim.pod.tasks)
		task_drop(f->shim.pod.tasks);
	pod_halt(&f->shim.pod);
	rpc_client_free(f->client);
	shim_close(&f->shim);
	loop_free(f->io.loop);
	free(f);
	return 0;
}

static int call(struct fixture *f, const struct rpc_call *which, const void *in, void *ret_out,
		struct error *e)
{
	return rpc_call(f->client, which, in, ret_out, deadline_in(PEER_PATIENCE_MS), NULL, e);
}

#define V2 "containerd.task.v2.Task"
#define V3 "containerd.task.v3.Task"

static void test_both_versions_of_the_service_are_served(void **state)
{
	static const char *const services[] = { V2, V3 };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		const struct rpc_call connect = { services[i], "Connect",
						  &task__connect_request__descriptor,
						  &task__connect_response__descriptor };
		Task__ConnectRequest in = TASK__CONNECT_REQUEST__INIT;
		_message_ Task__ConnectResponse *out = NULL;
		struct error e;

		in.id = (char[]){ "pod" };
		assert_int_equal(call(f, &connect, &in, &out, &e), 0);
		assert_int_equal(out->shim_pid, getpid());
	}
}

static void test_calls_for_an_unknown_container_say_so(void **state)
{
	static const struct rpc_call calls[] = {
		{ V2, "State", &task__state_request__descriptor,
		  &task__state_response__descriptor },
		{ V2, "Start", &task__state_request__descriptor,
		  &task__start_response__descriptor },
		{ V2, "Delete", &task__state_request__descriptor,
		  &task__delete_response__descriptor },
		{ V2, "Wait", &task__state_request__descriptor, &task__wait_response__descriptor },
		{ V2, "Pids", &task__state_request__descriptor, &task__pids_response__descriptor },
		{ V2, "Pause", &task__state_request__descriptor, &pb__empty__descriptor },
		{ V2, "Resume", &task__state_request__descriptor, &pb__empty__descriptor },
		{ V2, "Kill", &task__state_request__descriptor, &pb__empty__descriptor },
		{ V2, "Stats", &task__state_request__descriptor,
		  &task__stats_response__descriptor },
		{ V2, "CloseIO", &task__state_request__descriptor, &pb__empty__descriptor },
	};
	struct fixture *f = *state;
	Task__StateRequest in = TASK__STATE_REQUEST__INIT;

	in.id = (char[]){ "nobody" };
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		struct error e;

		assert_int_equal(call(f, &calls[i], &in, NULL, &e), -ENOENT);
		assert_non_null(strstr(e.msg, "nobody"));
	}
}

static void test_create_with_bad_arguments_is_refused(void **state)
{
	static const struct {
		const char *id;
		const char *bundle;
		const char *checkpoint;
		int code;
	} cases[] = {
		{ "", "/b", "", EINVAL },
		{ "../x", "/b", "", EINVAL },
		{ "box", "relative", "", EINVAL },
		{ "box", "/b", "/c", ENOSYS },
		{ "box", "/nonexistent", "", ENOENT },
	};
	const struct rpc_call create = { V2, "Create", &task__create_task_request__descriptor,
					 &task__create_task_response__descriptor };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		Task__CreateTaskRequest in = TASK__CREATE_TASK_REQUEST__INIT;
		struct error e;

		in.id = (char *)(uintptr_t)cases[i].id;
		in.bundle = (char *)(uintptr_t)cases[i].bundle;
		in.checkpoint = (char *)(uintptr_t)cases[i].checkpoint;
		assert_int_equal(call(f, &create, &in, NULL, &e), -cases[i].code);
	}
	assert_null(f->shim.pod.tasks);
	assert_int_equal(f->shim.pod.stage, POD_EMPTY);
}

static void test_checkpoint_is_unimplemented(void **state)
{
	const struct rpc_call checkpoint = { V2, "Checkpoint",
					     &task__checkpoint_task_request__descriptor,
					     &pb__empty__descriptor };
	Task__CheckpointTaskRequest in = TASK__CHECKPOINT_TASK_REQUEST__INIT;
	struct error e;

	assert_int_equal(call(*state, &checkpoint, &in, NULL, &e), -ENOSYS);
}

static void test_process_moves_only_as_the_table_says(void **state)
{
	static const struct {
		enum process_state from;
		enum process_event event;
		enum process_state to;
		bool ok;
	} cases[] = {
		{ PROCESS_CREATING, PROCESS_MADE, PROCESS_CREATED, true },
		{ PROCESS_CREATING, PROCESS_EXIT, PROCESS_CREATING, false },
		{ PROCESS_CREATED, PROCESS_START, PROCESS_STARTING, true },
		{ PROCESS_CREATED, PROCESS_EXIT, PROCESS_STOPPED, true },
		{ PROCESS_STARTING, PROCESS_EXIT, PROCESS_STARTING, false },
		{ PROCESS_STARTING, PROCESS_REFUSED, PROCESS_CREATED, true },
		{ PROCESS_RUNNING, PROCESS_START, PROCESS_RUNNING, false },
		{ PROCESS_RUNNING, PROCESS_PAUSE, PROCESS_PAUSING, true },
		{ PROCESS_PAUSING, PROCESS_PAUSE_OK, PROCESS_PAUSED, true },
		{ PROCESS_PAUSED, PROCESS_RESUME_OK, PROCESS_RUNNING, true },
		{ PROCESS_PAUSED, PROCESS_EXIT, PROCESS_STOPPED, true },
		{ PROCESS_STOPPED, PROCESS_EXIT, PROCESS_STOPPED, false },
		{ PROCESS_STOPPED, PROCESS_START, PROCESS_STOPPED, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct process p = { .state = cases[i].from };

		assert_int_equal(process_move(&p, cases[i].event), cases[i].ok);
		assert_int_equal(p.state, cases[i].to);
	}
}

/* A container as after Start, without anything in a guest. */
static struct task *running_task(struct fixture *f)
{
	struct task *task = task_new(&f->shim.pod, "box", "/b");

	task->init.state = PROCESS_RUNNING;
	return task;
}

static const struct rpc_call kill_call = { V2, "Kill", &task__kill_request__descriptor,
					   &pb__empty__descriptor };
static const struct rpc_call exec_call = { V2, "Exec", &task__exec_process_request__descriptor,
					   &pb__empty__descriptor };
static const struct rpc_call start_call = { V2, "Start", &task__start_request__descriptor,
					    &task__start_response__descriptor };

static int call_kill(struct fixture *f, uint32_t signal, struct error *e)
{
	Task__KillRequest in = TASK__KILL_REQUEST__INIT;

	in.id = (char[]){ "box" };
	in.signal = signal;
	return call(f, &kill_call, &in, NULL, e);
}

static int call_exec(struct fixture *f, const char *exec_id, struct error *e)
{
	Task__ExecProcessRequest in = TASK__EXEC_PROCESS_REQUEST__INIT;
	Pb__Any spec = PB__ANY__INIT;

	in.id = (char[]){ "box" };
	in.exec_id = (char *)(uintptr_t)exec_id;
	spec.value.data = (uint8_t[]){ "{\"args\":[\"x\"]}" };
	spec.value.len = strlen((const char *)spec.value.data);
	in.spec = &spec;
	return call(f, &exec_call, &in, NULL, e);
}

static int call_start(struct fixture *f, const char *exec_id, struct error *e)
{
	Task__StartRequest in = TASK__START_REQUEST__INIT;

	in.id = (char[]){ "box" };
	in.exec_id = (char *)(uintptr_t)exec_id;
	return call(f, &start_call, &in, NULL, e);
}

/* Its reader has not taken the output yet: for containerd it still runs. */
static void test_process_that_outlives_its_sandbox_needs_no_signal(void **state)
{
	struct fixture *f = *state;
	struct error e;

	(void)running_task(f);
	f->shim.pod.stage = POD_STOPPED;
	assert_int_equal(call_kill(f, SIGKILL, &e), 0);
	assert_int_equal(call_kill(f, SIGUSR1, &e), -ENOENT);
}

static void test_signal_0_asks_whether_a_process_lives(void **state)
{
	static const struct {
		enum process_state is;
		int answer;
	} cases[] = {
		{ PROCESS_CREATING, -EBUSY }, { PROCESS_CREATED, 0 },       { PROCESS_RUNNING, 0 },
		{ PROCESS_PAUSED, 0 },        { PROCESS_STOPPED, -ENOENT },
	};
	struct fixture *f = *state;
	struct task *task = running_task(f);
	struct error e;

	f->shim.pod.stage = POD_RUNNING;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		task->init.state = cases[i].is;
		assert_int_equal(call_kill(f, 0, &e), cases[i].answer);
	}
	task->init.state = PROCESS_RUNNING;
	f->shim.pod.stage = POD_STOPPED;
	assert_int_equal(call_kill(f, 0, &e), -ENOENT);
	assert_int_equal(call_kill(f, 65, &e), -EINVAL);
}

/* The service whose cgroup such a shim is in cannot stop without it. */
static void test_shim_ends_when_told_only_without_a_sandbox(void **state)
{
	static const enum pod_stage with[] = { POD_EMPTY, POD_STARTING, POD_RUNNING };
	const struct pod_params params = { .held = -1,
					   .loop = loop_new(&(struct error){ 0 }),
					   .id = "pod",
					   .namespace_ = "default",
					   .max_threads = 1 };
	struct shim shim;
	struct error e;

	(void)state;
	assert_return_code(shim_open(&shim, &params, NULL, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(with); i++) {
		shim.pod.stage = with[i];
		pod_told_to_end(&shim.pod);
		assert_false(shim.pod.is_told_to_end);
	}
	shim.pod.stage = POD_ENDING;
	pod_told_to_end(&shim.pod);
	assert_true(shim.pod.is_told_to_end);
	shim.pod.stage = POD_STOPPED;
	pod_told_to_end(&shim.pod);
	assert_int_equal(loop_run(params.loop), 0);
	shim_close(&shim);
	loop_free(params.loop);
}

static void test_exec_in_a_stopped_sandbox_is_refused(void **state)
{
	struct fixture *f = *state;
	struct error e;

	(void)running_task(f);
	f->shim.pod.stage = POD_RUNNING;
	assert_int_equal(call_exec(f, "run", &e), 0);
	f->shim.pod.stage = POD_STOPPED;
	assert_int_equal(call_start(f, "run", &e), -EBUSY);
	assert_int_equal(call_exec(f, "more", &e), -EBUSY);
}

static int call_wait(struct fixture *f, uint32_t *ret_status, struct error *e)
{
	const struct rpc_call wait = { V2, "Wait", &task__wait_request__descriptor,
				       &task__wait_response__descriptor };
	Task__WaitRequest in = TASK__WAIT_REQUEST__INIT;
	_message_ Task__WaitResponse *out = NULL;
	int r;

	in.id = (char[]){ "box" };
	r = call(f, &wait, &in, &out, e);
	if (r >= 0)
		*ret_status = out->exit_status;
	return r;
}

/* Answered when the sandbox has stopped. */
static int call_delete(struct fixture *f, struct error *e)
{
	const struct rpc_call delete = { V2, "Delete", &task__delete_request__descriptor,
					 &task__delete_response__descriptor };
	Task__DeleteRequest in = TASK__DELETE_REQUEST__INIT;
	_message_ Task__DeleteResponse *out = NULL;

	in.id = (char[]){ "box" };
	return call(f, &delete, &in, &out, e);
}

static void answer_removal(int fd, uint32_t stream, const char *method)
{
	const Agent__RemoveContainerResponse removed = AGENT__REMOVE_CONTAINER_RESPONSE__INIT;

	if (strcmp(method, "RemoveContainer") == 0)
		peer_answer(fd, stream, &removed);
}

static void test_execs_of_a_deleted_container_end_before_it(void **state)
{
	struct fixture *f = *state;
	struct task *task = running_task(f);
	struct error e;

	agent_start(f, answer_removal);
	assert_int_equal(call_exec(f, "never", &e), 0);
	assert_int_equal(call_exec(f, "runs", &e), 0);
	assert_string_equal(told, "/tasks/exec-added\n/tasks/exec-added\n");
	told[0] = '\0';
	task->execs->state = PROCESS_RUNNING;
	task->init.state = PROCESS_CREATED;
	f->shim.pod.stage = POD_STOPPED;
	assert_int_equal(call_delete(f, &e), 0);
	assert_string_equal(told, "/tasks/exit runs 137\n/tasks/exit box 137\n/tasks/delete\n");
}

static void answer_signals(int fd, uint32_t stream, const char *method)
{
	const Pb__Empty empty = PB__EMPTY__INIT;

	if (strcmp(method, "SignalProcess") == 0)
		peer_answer(fd, stream, &empty);
}

static void test_killed_container_that_never_ends_takes_the_sandbox_along(void **state)
{
	struct fixture *f = *state;
	uint32_t status = 0;
	struct error e;

	(void)running_task(f);
	agent_start(f, answer_signals);
	assert_int_equal(call_kill(f, SIGKILL, &e), 0);
	assert_int_equal(call_wait(f, &status, &e), 0);
	assert_int_equal(status, 128 + SIGKILL);
	assert_int_equal(call_delete(f, &e), 0);
}

/* A guest that has something to say for ever about a process that has ended. */
static void answer_without_end(int fd, uint32_t stream, const char *method)
{
	Agent__WaitProcessResponse exited = AGENT__WAIT_PROCESS_RESPONSE__INIT;
	Agent__ReadStreamResponse more = AGENT__READ_STREAM_RESPONSE__INIT;
	uint8_t byte = 'y';

	exited.status = 3;
	more.data.data = &byte;
	more.data.len = 1;
	if (strcmp(method, "WaitProcess") == 0)
		peer_answer(fd, stream, &exited);
	else if (strcmp(method, "ReadStdout") == 0)
		peer_answer(fd, stream, &more);
	else
		answer_signals(fd, stream, method);
}

static void watch_task(struct loop_task *task)
{
	process_watch(&CONTAINER_OF(task, struct fixture, task)->shim.pod.tasks->init);
}

static void test_killed_container_whose_output_never_ends_is_reported(void **state)
{
	struct fixture *f = *state;
	struct task *task = running_task(f);
	const struct stdio_params params = { .loop = f->io.loop,
					     .container_id = "box",
					     .exec_id = "box",
					     .namespace_ = "default",
					     .paths = { "", "", "", true } };
	uint32_t status = 0;
	struct error e;

	assert_int_equal(stdio_open(&params, &task->init.stdio, &e), 0);
	agent_start(f, answer_without_end);
	f->task.run = watch_task;
	loop_post(f->io.loop, &f->task);
	assert_int_equal(call_kill(f, SIGKILL, &e), 0);
	assert_int_equal(call_wait(f, &status, &e), 0);
	assert_int_equal(status, 3);
	assert_int_equal(f->shim.pod.stage, POD_RUNNING);
}

/* Says nothing about the exec before its container was taken away. */
static sem_t dropped;

static void answer_exec_late(int fd, uint32_t stream, const char *method)
{
	const Pb__Empty empty = PB__EMPTY__INIT;

	if (strcmp(method, "ExecProcess") != 0)
		return;
	peer_check(sem_wait(&dropped) == 0, "no semaphore");
	peer_answer(fd, stream, &empty);
}

/* Once the exec is being started: the op that does it holds a reference. */
static void drop_task(struct loop_task *task)
{
	struct fixture *f = CONTAINER_OF(task, struct fixture, task);

	if (!f->shim.pod.tasks->execs->pending) {
		loop_post(f->io.loop, task);
		return;
	}
	task_drop(f->shim.pod.tasks);
	peer_check(sem_post(&dropped) == 0, "no semaphore");
}

static void test_exec_whose_container_is_deleted_meanwhile_is_gone(void **state)
{
	struct fixture *f = *state;
	struct error e;

	(void)running_task(f);
	agent_start(f, answer_exec_late);
	assert_int_equal(call_exec(f, "run", &e), 0);
	assert_return_code(sem_init(&dropped, 0, 0), errno);
	f->task.run = drop_task;
	loop_post(f->io.loop, &f->task);
	assert_int_equal(call_start(f, "run", &e), -ENOENT);
	(void)sem_destroy(&dropped);
}

/* As many calls as there are threads, which wait for what does not come. */
struct hanging {
	struct fixture *f;
	struct loop_task task;
	sem_t begun, ended;
};

static struct hanging hanging;

static int hang_work(struct op *op, struct error *e)
{
	peer_check(sem_post(&hanging.begun) == 0, "no semaphore");
	return wait_fd(-1, 0, "hanging", deadline_in(PEER_PATIENCE_MS * 2), &op->pod->cancel, e);
}

static void hang_finish(struct op *op)
{
	(void)op;
	peer_check(sem_post(&hanging.ended) == 0, "no semaphore");
}

static void hang(struct loop_task *task)
{
	struct hanging *h = CONTAINER_OF(task, struct hanging, task);

	for (int i = 0; i < POOL_THREADS; i++) {
		struct op *op = op_new(&h->f->shim.pod, NULL);

		op->work = hang_work;
		op->finish = hang_finish;
		op_submit(op, OP_ALONE);
	}
}

static void wait_for_all(sem_t *what)
{
	for (int i = 0; i < POOL_THREADS; i++)
		assert_return_code(sem_wait(what), errno);
}

static void test_kill_does_not_wait_for_calls_that_hang(void **state)
{
	struct fixture *f = *state;
	struct error e;

	(void)running_task(f);
	agent_start(f, answer_signals);
	hanging.f = f;
	hanging.task.run = hang;
	assert_return_code(sem_init(&hanging.begun, 0, 0), errno);
	assert_return_code(sem_init(&hanging.ended, 0, 0), errno);
	loop_post(f->io.loop, &hanging.task);
	wait_for_all(&hanging.begun);
	assert_int_equal(call_kill(f, SIGTERM, &e), 0);
	cancel_raise(&f->shim.pod.cancel);
	wait_for_all(&hanging.ended);
	(void)sem_destroy(&hanging.begun);
	(void)sem_destroy(&hanging.ended);
}

static void fill_stats(Agent__CgroupStats *stats, Agent__CpuStats *cpu, Agent__CpuUsage *usage,
		       Agent__MemoryStats *memory, Agent__MemoryStats__StatsEntry **entries)
{
	static char inactive[] = "inactive_file";
	static char anon[] = "anon";

	usage->total_usage = 5000000;
	cpu->cpu_usage = usage;
	entries[0]->key = inactive;
	entries[0]->value = 77;
	entries[1]->key = anon;
	entries[1]->value = 88;
	memory->stats = entries;
	memory->n_stats = 2;
	stats->cpu_stats = cpu;
	stats->memory_stats = memory;
}

static void test_stats_have_the_form_of_the_host(void **state)
{
	Agent__StatsContainerResponse from = AGENT__STATS_CONTAINER_RESPONSE__INIT;
	Agent__CgroupStats stats = AGENT__CGROUP_STATS__INIT;
	Agent__CpuStats cpu = AGENT__CPU_STATS__INIT;
	Agent__CpuUsage usage = AGENT__CPU_USAGE__INIT;
	Agent__MemoryStats memory = AGENT__MEMORY_STATS__INIT;
	Agent__MemoryStats__StatsEntry a = AGENT__MEMORY_STATS__STATS_ENTRY__INIT;
	Agent__MemoryStats__StatsEntry b = AGENT__MEMORY_STATS__STATS_ENTRY__INIT;
	Agent__MemoryStats__StatsEntry *entries[] = { &a, &b };
	_message_ Cgroup1__Metrics *one = NULL;
	_message_ Cgroup2__Metrics *two = NULL;
	_free_ uint8_t *bytes = NULL;
	_free_ uint8_t *more = NULL;
	const char *type;
	struct error e;
	size_t len;

	(void)state;
	fill_stats(&stats, &cpu, &usage, &memory, entries);
	from.cgroup_stats = &stats;
	stats_convert(&from, STATS_CGROUP1, &type, &bytes, &len);
	assert_string_equal(type, "io.containerd.cgroups.v1.Metrics");
	assert_int_equal(message_unpack(&cgroup1__metrics__descriptor, bytes, len, &one, &e), 0);
	/* Clients look into it without asking whether it is there. */
	assert_non_null(one->blkio);
	assert_int_equal(one->cpu->usage->total, 5000000);
	assert_int_equal(one->memory->total_inactive_file, 77);
	assert_int_equal(one->memory->rss, 88);
	stats_convert(&from, STATS_CGROUP2, &type, &more, &len);
	assert_string_equal(type, "io.containerd.cgroups.v2.Metrics");
	assert_int_equal(message_unpack(&cgroup2__metrics__descriptor, more, len, &two, &e), 0);
	assert_int_equal(two->cpu->usage_usec, 5000);
	assert_int_equal(two->memory->inactive_file, 77);
	assert_int_equal(two->memory->anon, 88);
}

static void test_stats_of_disks_are_as_either_kind_has_them(void **state)
{
	Agent__StatsContainerResponse from = AGENT__STATS_CONTAINER_RESPONSE__INIT;
	Agent__CgroupStats stats = AGENT__CGROUP_STATS__INIT;
	Agent__BlkioStats io = AGENT__BLKIO_STATS__INIT;
	static char reads[] = "read", writes[] = "write";
	Agent__BlkioStatsEntry entries[4];
	Agent__BlkioStatsEntry *bytes_list[] = { &entries[0], &entries[1] };
	Agent__BlkioStatsEntry *count_list[] = { &entries[2], &entries[3] };
	_message_ Cgroup1__Metrics *one = NULL;
	_message_ Cgroup2__Metrics *two = NULL;
	_free_ uint8_t *bytes = NULL, *more = NULL;
	const char *type;
	struct error e;
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		entries[i] = (Agent__BlkioStatsEntry)AGENT__BLKIO_STATS_ENTRY__INIT;
		entries[i].major = 254;
		entries[i].op = i % 2 ? writes : reads;
		entries[i].value = 100 + i;
	}
	io.io_service_bytes_recursive = bytes_list;
	io.n_io_service_bytes_recursive = ARRAY_SIZE(bytes_list);
	io.io_serviced_recursive = count_list;
	io.n_io_serviced_recursive = ARRAY_SIZE(count_list);
	stats.blkio_stats = &io;
	from.cgroup_stats = &stats;
	stats_convert(&from, STATS_CGROUP1, &type, &bytes, &len);
	assert_int_equal(message_unpack(&cgroup1__metrics__descriptor, bytes, len, &one, &e), 0);
	assert_int_equal(one->blkio->n_io_service_bytes_recursive, 2);
	assert_string_equal(one->blkio->io_service_bytes_recursive[1]->op, "write");
	assert_int_equal(one->blkio->io_service_bytes_recursive[1]->value, 101);
	assert_int_equal(one->blkio->n_io_serviced_recursive, 2);
	stats_convert(&from, STATS_CGROUP2, &type, &more, &len);
	assert_int_equal(message_unpack(&cgroup2__metrics__descriptor, more, len, &two, &e), 0);
	assert_int_equal(two->io->n_usage, 1);
	assert_int_equal(two->io->usage[0]->major, 254);
	assert_int_equal(two->io->usage[0]->rbytes, 100);
	assert_int_equal(two->io->usage[0]->wbytes, 101);
	assert_int_equal(two->io->usage[0]->rios, 102);
	assert_int_equal(two->io->usage[0]->wios, 103);
}

/* An engine crashes on what is absent. */
static void expect_complete(const void *from)
{
	_message_ Cgroup1__Metrics *one = NULL;
	_message_ Cgroup2__Metrics *two = NULL;
	_free_ uint8_t *bytes = NULL;
	_free_ uint8_t *more = NULL;
	const char *type;
	struct error e;
	size_t len;

	stats_convert(from, STATS_CGROUP1, &type, &bytes, &len);
	assert_int_equal(message_unpack(&cgroup1__metrics__descriptor, bytes, len, &one, &e), 0);
	assert_true(one->pids && one->cpu && one->memory && one->blkio);
	assert_true(one->cpu->usage && one->cpu->throttling);
	assert_true(one->memory->usage && one->memory->swap && one->memory->kernel &&
		    one->memory->kernel_tcp);
	stats_convert(from, STATS_CGROUP2, &type, &more, &len);
	assert_int_equal(message_unpack(&cgroup2__metrics__descriptor, more, len, &two, &e), 0);
	assert_true(two->pids && two->cpu && two->memory && two->io);
	assert_null(two->cpu->psi);
}

static void test_stats_are_complete_whatever_the_agent_says(void **state)
{
	Agent__StatsContainerResponse from = AGENT__STATS_CONTAINER_RESPONSE__INIT;
	Agent__CgroupStats stats = AGENT__CGROUP_STATS__INIT;
	Agent__CpuStats cpu = AGENT__CPU_STATS__INIT;
	Agent__MemoryStats memory = AGENT__MEMORY_STATS__INIT;

	(void)state;
	expect_complete(NULL);
	expect_complete(&from);
	from.cgroup_stats = &stats;
	expect_complete(&from);
	stats.cpu_stats = &cpu;
	stats.memory_stats = &memory;
	expect_complete(&from);
}

static int call_stats(struct fixture *f, struct error *e)
{
	const struct rpc_call stats = { V2, "Stats", &task__stats_request__descriptor,
					&task__stats_response__descriptor };
	Task__StatsRequest in = TASK__STATS_REQUEST__INIT;
	_message_ Task__StatsResponse *out = NULL;
	int r;

	in.id = (char[]){ "box" };
	r = call(f, &stats, &in, &out, e);
	if (r >= 0)
		assert_true(out->stats->value.len > 0);
	return r;
}

static void test_stats_of_what_has_ended_are_answered(void **state)
{
	struct fixture *f = *state;
	struct task *task = running_task(f);
	struct error e;

	f->shim.pod.stage = POD_RUNNING;
	task->init.state = PROCESS_STOPPED;
	assert_int_equal(call_stats(f, &e), 0);
	task->init.state = PROCESS_RUNNING;
	for (f->shim.pod.stage = POD_STOPPING; f->shim.pod.stage <= POD_STOPPED;
	     f->shim.pod.stage++)
		assert_int_equal(call_stats(f, &e), 0);
	f->shim.pod.stage = POD_RUNNING;
	task->init.state = PROCESS_CREATING;
	assert_int_equal(call_stats(f, &e), -EBUSY);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_both_versions_of_the_service_are_served),
		TEST(test_calls_for_an_unknown_container_say_so),
		TEST(test_create_with_bad_arguments_is_refused),
		TEST(test_checkpoint_is_unimplemented),
		cmocka_unit_test(test_process_moves_only_as_the_table_says),
		TEST(test_process_that_outlives_its_sandbox_needs_no_signal),
		cmocka_unit_test(test_shim_ends_when_told_only_without_a_sandbox),
		TEST(test_exec_in_a_stopped_sandbox_is_refused),
		TEST(test_exec_whose_container_is_deleted_meanwhile_is_gone),
		TEST(test_kill_does_not_wait_for_calls_that_hang),
		TEST(test_killed_container_that_never_ends_takes_the_sandbox_along),
		TEST(test_killed_container_whose_output_never_ends_is_reported),
		cmocka_unit_test(test_stats_have_the_form_of_the_host),
		cmocka_unit_test(test_stats_of_disks_are_as_either_kind_has_them),
		cmocka_unit_test(test_stats_are_complete_whatever_the_agent_says),
		TEST(test_stats_of_what_has_ended_are_answered),
		TEST(test_signal_0_asks_whether_a_process_lives),
		TEST(test_execs_of_a_deleted_container_end_before_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
