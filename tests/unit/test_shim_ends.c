/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_shim_ends - how a shim notices that it, its guest or a container comes to an end, and what
 * it leaves for engines that take no events.
 *
 * The loop runs on the test's thread; the guest is a thread that answers what its script says.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/health.pb-c.h"
#include "runtime/config/config.h"
#include "runtime/pod/abandon.h"
#include "runtime/pod/health.h"
#include "runtime/pod/open.h"
#include "runtime/pod/process.h"
#include "runtime/pod/watch.h"
#include "runtime/sandbox/lastwords.h"
#include "runtime/vmm/output.h"
#include "tests/unit/rpc-peer.h"

#define LOOK_MS 20
#define GIVE_UP 7

struct fixture {
	struct pod pod;
	char *dir;
	struct io limit;
	int agent_fd;
	pthread_t agent;
	void (*answer)(struct fixture *f, uint32_t stream, const char *method);
	unsigned n_asked;
	struct error why;
};

/* The sandbox is no more than its agent. */
static struct rpc_client *agent_rpc;
static struct config config;
static unsigned n_stopped;
static bool was_removed;

struct rpc_client *__wrap_sandbox_rpc(struct sandbox *s);
void __wrap_sandbox_stop(struct sandbox *s);
const struct vmm *__wrap_sandbox_vmm(const struct sandbox *s);
const struct config *__wrap_sandbox_config(const struct sandbox *s);
int __wrap_sandbox_network_watch(const struct sandbox *s);
bool __wrap_sandbox_ran_out_of_memory(const struct sandbox *s);
int __wrap_vmm_pidfd(const struct vmm *vm, enum vmm_process which);
struct vmm_output *__wrap_vmm_output_new(const struct vmm *vm, struct loop *loop, struct error *e);
void __wrap_vmm_output_free(struct vmm_output *own_output);
void __wrap_state_forget(int held, const char *root, const char *id);
void __wrap_lastwords_note_oom(const char *bundle);
void __real_lastwords_note_oom(const char *bundle);

struct rpc_client *__wrap_sandbox_rpc(struct sandbox *s)
{
	(void)s;
	return agent_rpc;
}

void __wrap_sandbox_stop(struct sandbox *s)
{
	(void)s;
	n_stopped++;
}

const struct vmm *__wrap_sandbox_vmm(const struct sandbox *s)
{
	(void)s;
	return NULL;
}

int __wrap_sandbox_network_watch(const struct sandbox *s)
{
	(void)s;
	return -1;
}

const struct config *__wrap_sandbox_config(const struct sandbox *s)
{
	(void)s;
	return &config;
}

bool __wrap_sandbox_ran_out_of_memory(const struct sandbox *s)
{
	(void)s;
	return false;
}

int __wrap_vmm_pidfd(const struct vmm *vm, enum vmm_process which)
{
	(void)vm;
	(void)which;
	return -1;
}

struct vmm_output *__wrap_vmm_output_new(const struct vmm *vm, struct loop *loop, struct error *e)
{
	(void)vm;
	(void)loop;
	(void)e;
	return (struct vmm_output *)&config;
}

void __wrap_vmm_output_free(struct vmm_output *own_output)
{
	(void)own_output;
}

void __wrap_state_forget(int held, const char *root, const char *id)
{
	(void)held;
	(void)root;
	(void)id;
	was_removed = true;
}

/* On a slow disk. */
void __wrap_lastwords_note_oom(const char *bundle)
{
	(void)poll(NULL, 0, 100);
	__real_lastwords_note_oom(bundle);
}

static void give_up(struct io *io, uint32_t events)
{
	(void)events;
	timer_read(io->fd);
	loop_stop(CONTAINER_OF(io, struct fixture, limit)->pod.loop, GIVE_UP);
}

static void leave(void *arg)
{
	loop_stop(arg, 0);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct pod *pod = &f->pod;
	struct pod_params params = { .held = -1,
				     .id = "pod",
				     .namespace_ = "default",
				     .kill_wait_ms = 50,
				     .max_threads = 4,
				     .listener = { .left = leave } };
	struct error e;

	*state = f;
	f->dir = folder_new();
	f->agent_fd = -1;
	n_stopped = 0;
	was_removed = false;
	config = (struct config){ 0 };
	params.loop = loop_new(&e);
	params.bundle = f->dir;
	params.listener.arg = params.loop;
	assert_return_code(pod_open(pod, &params, &e), 0);
	pod->look_ms = LOOK_MS;
	f->limit = (struct io){ timer_open(&e), give_up };
	assert_int_equal(loop_add(pod->loop, &f->limit, EPOLLIN, &e), 0);
	return 0;
}

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
	struct pod *pod = &f->pod;
	struct loop *loop = pod->loop;

	pod_halt(pod);
	agent_end(f);
	while (pod->tasks)
		task_drop(pod->tasks);
	pod_close(pod);
	loop_del(loop, &f->limit);
	(void)close_fd(f->limit.fd);
	loop_free(loop);
	if (file_exists(f->dir))
		folder_remove(f->dir);
	else
		free(f->dir);
	free(f);
	return 0;
}

/* 0: the shim has left by itself. */
static int run(struct fixture *f, uint64_t limit_ms)
{
	timer_arm(f->limit.fd, limit_ms, 0);
	return loop_run(f->pod.loop);
}

/* What has come true ends the loop, however busy the machine is. */
static bool (*is_awaited)(const struct fixture *f);

static void look_whether(struct io *io, uint32_t events)
{
	struct fixture *f = CONTAINER_OF(io, struct fixture, limit);

	(void)events;
	timer_read(io->fd);
	if (is_awaited(f))
		loop_stop(f->pod.loop, 0);
}

static void run_until(struct fixture *f, bool (*awaited)(const struct fixture *f))
{
	is_awaited = awaited;
	f->limit.ready = look_whether;
	timer_arm(f->limit.fd, 1, 1);
	assert_int_equal(loop_run(f->pod.loop), 0);
	f->limit.ready = give_up;
}

static bool was_asked(const struct fixture *f)
{
	return __atomic_load_n(&f->n_asked, __ATOMIC_SEQ_CST) > 0;
}

static bool was_asked_often(const struct fixture *f)
{
	return __atomic_load_n(&f->n_asked, __ATOMIC_SEQ_CST) > 4;
}

static bool has_stopped(const struct fixture *f)
{
	return f->pod.stage == POD_STOPPED;
}

static bool has_exited(const struct fixture *f)
{
	return f->pod.tasks->init.state == PROCESS_STOPPED;
}

static struct task *add_task(struct fixture *f, enum process_state state)
{
	struct task *task = task_new(&f->pod, "box", f->dir);

	task->type = SPEC_SANDBOX;
	task->init.state = state;
	return task;
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
		f->answer(f, frame.stream, request->method);
	}
}

static void agent_start(struct fixture *f, void (*answer)(struct fixture *, uint32_t, const char *))
{
	struct error e;
	int fds[2];

	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), errno);
	agent_rpc = rpc_client_new(f->pod.loop, fds[0], &e);
	f->agent_fd = fds[1];
	f->answer = answer;
	assert_int_equal(pthread_create(&f->agent, NULL, agent_thread, f), 0);
	f->pod.stage = POD_RUNNING;
}

static void refuse(struct fixture *f, uint32_t stream, int code)
{
	Ttrpc__Response response = TTRPC__RESPONSE__INIT;
	Rpc__Status status = RPC__STATUS__INIT;
	_free_ uint8_t *bytes = NULL;
	size_t len;

	status.code = code;
	status.message = (char[]){ "not now" };
	response.status = &status;
	len = message_pack(&response, &bytes);
	peer_frame(f->agent_fd, stream, TTRPC_RESPONSE, 0, bytes, len);
}

/* The engine has removed the bundle and sends nothing. */
static void test_shim_without_a_pod_leaves_when_its_bundle_is_gone(void **state)
{
	static const struct {
		enum pod_stage stage;
		bool has_task;
		enum process_state state;
		bool leaves;
	} cases[] = {
		{ POD_EMPTY, false, PROCESS_STOPPED, true },
		{ POD_STOPPED, true, PROCESS_STOPPED, true },
		{ POD_STOPPED, true, PROCESS_CREATED, true },
		{ POD_RUNNING, true, PROCESS_CREATED, true }, /* Start failed */
		{ POD_RUNNING, true, PROCESS_RUNNING, false },
		{ POD_RUNNING, true, PROCESS_PAUSED, false },
		{ POD_STARTING, true, PROCESS_CREATING, false },
	};
	struct fixture *f;
	struct error e;

	(void)teardown(state);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)setup(state);
		f = *state;
		f->pod.stage = cases[i].stage;
		if (cases[i].has_task)
			(void)add_task(f, cases[i].state);
		assert_int_equal(pod_look_open(&f->pod, &e), 0);
		assert_return_code(rmdir(f->dir), errno);
		assert_int_equal(run(f, cases[i].leaves ? 20000 : 150),
				 cases[i].leaves ? 0 : GIVE_UP);
		assert_int_equal(was_removed, cases[i].leaves);
		assert_int_equal(n_stopped, cases[i].leaves && cases[i].stage == POD_RUNNING);
		(void)teardown(state);
	}
	(void)setup(state);
}

static void test_shim_stays_while_its_bundle_is_there(void **state)
{
	struct fixture *f = *state;
	struct error e;

	f->pod.stage = POD_STOPPED;
	assert_int_equal(pod_look_open(&f->pod, &e), 0);
	assert_int_equal(run(f, 150), GIVE_UP);
	assert_return_code(rmdir(f->dir), errno);
	assert_int_equal(run(f, 20000), 0);
}

static void silent(void *arg, const struct error *why)
{
	struct fixture *f = arg;

	f->why = *why;
	loop_stop(f->pod.loop, 0);
}

static void says_nothing(struct fixture *f, uint32_t stream, const char *method)
{
	(void)stream;
	(void)method;
	(void)__atomic_add_fetch(&f->n_asked, 1, __ATOMIC_SEQ_CST);
}

static void says_it_lives(struct fixture *f, uint32_t stream, const char *method)
{
	const Health__HealthCheckResponse serving = HEALTH__HEALTH_CHECK_RESPONSE__INIT;

	if (strcmp(method, "Check") != 0)
		return;
	(void)__atomic_add_fetch(&f->n_asked, 1, __ATOMIC_SEQ_CST);
	if (f->n_asked % 2)
		peer_answer(f->agent_fd, stream, &serving);
	else
		refuse(f, stream, RPC_INTERNAL);
}

static void knows_no_such_question(struct fixture *f, uint32_t stream, const char *method)
{
	(void)method;
	(void)__atomic_add_fetch(&f->n_asked, 1, __ATOMIC_SEQ_CST);
	refuse(f, stream, RPC_UNIMPLEMENTED);
}

static struct health *ask_often(struct fixture *f, uint64_t timeout_ms)
{
	const struct health_params params = { .loop = f->pod.loop,
					      .rpc = agent_rpc,
					      .every_ms = 10,
					      .timeout_ms = timeout_ms,
					      .silent = silent,
					      .arg = f };
	struct error e;
	struct health *h = health_new(&params, &e);

	assert_non_null(h);
	return h;
}

static void test_agent_that_says_nothing_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct health *h;

	agent_start(f, says_nothing);
	h = ask_often(f, 30);
	assert_int_equal(run(f, 20000), 0);
	assert_string_equal(f->why.msg, "the agent has not answered for 30 ms whether it lives");
	assert_int_equal(__atomic_load_n(&f->n_asked, __ATOMIC_SEQ_CST), 1);
	health_free(h);
}

static void test_agent_that_answers_anything_lives(void **state)
{
	struct fixture *f = *state;
	struct health *h;

	agent_start(f, says_it_lives);
	h = ask_often(f, 20000);
	run_until(f, was_asked_often);
	health_free(h);
}

static void test_agent_that_knows_no_health_is_asked_once(void **state)
{
	struct fixture *f = *state;
	struct health *h;

	agent_start(f, knows_no_such_question);
	h = ask_often(f, 20000);
	run_until(f, was_asked);
	assert_int_equal(run(f, 100), GIVE_UP);
	assert_int_equal(__atomic_load_n(&f->n_asked, __ATOMIC_SEQ_CST), 1);
	health_free(h);
}

static void test_sandbox_whose_agent_says_nothing_ends(void **state)
{
	struct fixture *f = *state;
	struct task *task = add_task(f, PROCESS_RUNNING);
	struct error e;

	agent_start(f, says_nothing);
	config.agent.health_check_request_timeout_ms = 30;
	f->pod.watch = watch_new(&f->pod, &e);
	assert_non_null(f->pod.watch);
	run_until(f, has_stopped);
	assert_int_equal(n_stopped, 1);
	assert_int_equal(task->init.exit_status, STATUS_UNKNOWN);
}

/* The second report comes after one that failed; the end right behind it. */
static void runs_out_of_memory(struct fixture *f, uint32_t stream, const char *method)
{
	Agent__WaitProcessResponse killed = AGENT__WAIT_PROCESS_RESPONSE__INIT;
	Agent__OOMEvent event = AGENT__OOMEVENT__INIT;
	static uint32_t waits;

	killed.status = 128 + SIGKILL;
	event.container_id = (char[]){ "box" };
	if (strcmp(method, "WaitProcess") == 0)
		waits = stream;
	if (strcmp(method, "GetOOMEvent") != 0)
		return;
	if (f->n_asked++ == 0) {
		refuse(f, stream, RPC_INTERNAL);
		return;
	}
	if (f->n_asked > 2)
		return;
	peer_answer(f->agent_fd, stream, &event);
	peer_answer(f->agent_fd, waits, &killed);
}

static void test_shortage_is_written_down_before_the_end_is_told(void **state)
{
	struct fixture *f = *state;
	struct task *task = add_task(f, PROCESS_RUNNING);
	const struct stdio_params params = { .loop = f->pod.loop,
					     .container_id = "box",
					     .exec_id = "box",
					     .namespace_ = "default",
					     .paths = { "", "", "", true } };
	_free_ char *note = path_join(f->dir, "oom");
	struct error e;

	task->type = SPEC_MEMBER;
	agent_start(f, runs_out_of_memory);
	assert_int_equal(stdio_open(&params, &task->init.stdio, &e), 0);
	process_watch(&task->init);
	task->init.has_drained = true;
	f->pod.watch = watch_new(&f->pod, &e);
	assert_non_null(f->pod.watch);
	run_until(f, has_exited);
	assert_int_equal(task->init.exit_status, 128 + SIGKILL);
	assert_true(file_exists(note));
}

static void reports_without_end(struct fixture *f, uint32_t stream, const char *method)
{
	Agent__OOMEvent event = AGENT__OOMEVENT__INIT;

	event.container_id = (char[]){ "box" };
	if (strcmp(method, "GetOOMEvent") != 0)
		return;
	__atomic_add_fetch(&f->n_asked, 1, __ATOMIC_SEQ_CST);
	peer_answer(f->agent_fd, stream, &event);
}

/* What the guest says is not to be the host's work: one question in 100 ms, and so one report. */
static void test_shortages_without_end_are_told_now_and_then(void **state)
{
	struct fixture *f = *state;
	struct error e;

	add_task(f, PROCESS_RUNNING)->type = SPEC_MEMBER;
	agent_start(f, reports_without_end);
	f->pod.watch = watch_new(&f->pod, &e);
	assert_non_null(f->pod.watch);
	assert_int_equal(run(f, 450), GIVE_UP);
	assert_in_range(__atomic_load_n(&f->n_asked, __ATOMIC_SEQ_CST), 1, 5);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_shim_without_a_pod_leaves_when_its_bundle_is_gone),
		TEST(test_shim_stays_while_its_bundle_is_there),
		TEST(test_agent_that_says_nothing_is_noticed),
		TEST(test_agent_that_answers_anything_lives),
		TEST(test_agent_that_knows_no_health_is_asked_once),
		TEST(test_sandbox_whose_agent_says_nothing_ends),
		TEST(test_shortage_is_written_down_before_the_end_is_told),
		TEST(test_shortages_without_end_are_told_now_and_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
