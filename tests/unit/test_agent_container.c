/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agent_container - calls to the agent about a container that is not whole, over a socket.
 *
 * No container is really made.  The loop runs on a thread of its own, work on one thread only, so
 * that a test can hold it up; the test is the peer.
 */

#include "tests/unit/unit.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/container/container-object.h"
#include "agent/rpc.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/health.pb-c.h"
#include "lib/rpc/proto/oci.pb-c.h"
#include "tests/unit/rpc-peer.h"

#define ID "unit-test-container"

struct fixture {
	struct peer_loop io;
	struct work_pool *pool;
	struct config config;
	struct sandbox *sandbox;
	struct rpc_server *server;
	struct job holder; /* occupies the work thread until `gate` is raised */
	struct cancel gate;
	int fd; /* the peer's end */
	uint32_t stream;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct error e;
	int fds[2];

	*state = f;
	/* Limits are not what is tested. */
	assert_int_equal(setenv("KATA_AGENT_CGROUP_ROOT", "", 1), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(cancel_init(&f->gate, &e), 0);
	config_init(&f->config);
	f->io.loop = loop_new(&e);
	f->pool = work_pool_new(f->io.loop, 1, 256 * KIB);
	f->sandbox = sandbox_new(f->io.loop, f->pool, &f->config, &e);
	assert_non_null(f->sandbox);
	f->server = agent_server_new(f->sandbox, &e);
	assert_non_null(f->server);
	f->fd = fds[0];
	assert_int_equal(rpc_server_serve(f->server, fds[1], &e), 0);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	cancel_raise(&f->gate);
	peer_loop_end(&f->io);
	work_pool_stop(f->pool);
	rpc_server_free(f->server);
	sandbox_free(f->sandbox);
	work_pool_free(f->pool);
	loop_free(f->io.loop);
	config_done(&f->config);
	cancel_done(&f->gate);
	(void)close(f->fd);
	free(f);
	return 0;
}

static void run_holder(struct job *job)
{
	struct fixture *f = CONTAINER_OF(job, struct fixture, holder);
	struct error e;

	(void)wait_fd(f->gate.fd, POLLIN, "gate", deadline_in(PEER_PATIENCE_MS), NULL, &e);
}

static void holder_done(struct job *job)
{
	(void)job;
}

static void hold_up_work(struct fixture *f)
{
	f->holder = (struct job){ .run = run_holder, .done = holder_done };
	work_submit_alone(f->pool, &f->holder);
}

static uint32_t call(struct fixture *f, const char *service, const char *method, const void *in)
{
	Ttrpc__Request request = TTRPC__REQUEST__INIT;
	_free_ char *service_name = xstrdup(service), *method_name = xstrdup(method);
	_free_ uint8_t *payload = NULL, *bytes = NULL;
	size_t len;

	request.service = service_name;
	request.method = method_name;
	request.payload.len = message_pack(in, &payload);
	request.payload.data = payload;
	len = message_pack(&request, &bytes);
	f->stream += f->stream ? 2 : 1;
	peer_frame(f->fd, f->stream, TTRPC_REQUEST, 0, bytes, len);
	return f->stream;
}

/* The status of the next answer, which must be the one to STREAM; its message is the caller's. */
static int answer_to(struct fixture *f, uint32_t stream, char **ret_message)
{
	_message_ Ttrpc__Response *response = NULL;
	_free_ uint8_t *data = NULL;
	struct ttrpc_frame frame;
	struct error e;

	assert_true(peer_read_frame(f->fd, &frame, &data));
	assert_int_equal(frame.stream, stream);
	assert_int_equal(
		message_unpack(&ttrpc__response__descriptor, data, frame.len, &response, &e), 0);
	*ret_message = xstrdup(response->status ? response->status->message : "");
	return response->status ? response->status->code : 0;
}

/* The io thread has taken everything that was sent before. */
static void wait_until_taken(struct fixture *f)
{
	Health__CheckRequest in = HEALTH__CHECK_REQUEST__INIT;
	_free_ char *message = NULL;

	assert_int_equal(answer_to(f, call(f, "grpc.Health", "Check", &in), &message), 0);
}

/* Otherwise it would work on the container beside the job that makes it. */
static void test_a_call_that_came_before_its_container_does_not_find_it(void **state)
{
	struct fixture *f = *state;
	Agent__StatsContainerRequest stats = AGENT__STATS_CONTAINER_REQUEST__INIT;
	Agent__CreateContainerRequest create = AGENT__CREATE_CONTAINER_REQUEST__INIT;
	_free_ char *too_early = NULL, *incomplete = NULL;
	char id[] = ID;
	uint32_t first, second;

	stats.container_id = create.container_id = id;
	hold_up_work(f);
	peer_loop_start(&f->io);
	first = call(f, "grpc.AgentService", "StatsContainer", &stats);
	second = call(f, "grpc.AgentService", "CreateContainer", &create);
	wait_until_taken(f);
	cancel_raise(&f->gate);
	assert_int_equal(answer_to(f, first, &too_early), RPC_INVALID_ARGUMENT);
	assert_string_equal(too_early, "there is no container '" ID "'");
	assert_int_equal(answer_to(f, second, &incomplete), RPC_INVALID_ARGUMENT);
	assert_non_null(strstr(incomplete, "OCI specification"));
}

static int ended_child(void)
{
	struct error e;
	pid_t pid = fork();
	int pidfd;

	if (pid == 0)
		_exit(0);
	pidfd = child_open(pid, &e);
	assert_true(pidfd >= 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return pidfd;
}

/* SIGKILL at the very end of the creation raises its cancel and stays raised. */
static void test_a_container_that_was_cancelled_can_be_removed(void **state)
{
	struct fixture *f = *state;
	Agent__RemoveContainerRequest in = AGENT__REMOVE_CONTAINER_REQUEST__INIT;
	_free_ char *message = NULL;
	struct container *c;
	char id[] = ID;
	struct error e;

	assert_non_null(containers_queue(f->sandbox->containers, ID, CONTAINERS_MAKE));
	c = container_get(f->sandbox->containers, ID, &e);
	assert_non_null(c);
	c->init.pidfd = ended_child();
	cancel_raise(&c->cancel);
	peer_loop_start(&f->io);
	in.container_id = id;
	in.timeout = 5;
	assert_int_equal(
		answer_to(f, call(f, "grpc.AgentService", "RemoveContainer", &in), &message), 0);
	assert_string_equal(message, "");
}

/* ---- an exec that hangs on its way into the container ---- */

int __wrap_setns(int fd, int type);

static atomic_uint setns_that_fails; /* counted down; 0: none */

/* The pid namespace of a container that is not there. */
int __wrap_setns(int fd, int type)
{
	(void)fd;
	(void)type;
	if (setns_that_fails == 0 || --setns_that_fails > 0)
		return 0;
	errno = EPERM;
	return -1;
}

static struct container *running_container(struct fixture *f)
{
	struct container *c;
	struct error e;

	assert_non_null(containers_queue(f->sandbox->containers, ID, CONTAINERS_MAKE));
	c = container_get(f->sandbox->containers, ID, &e);
	assert_non_null(c);
	assert_int_equal(container_change(c, CONTAINER_CREATE, &e), 0);
	assert_int_equal(container_change(c, CONTAINER_START, &e), 0);
	c->init.pidfd = ended_child();
	return c;
}

static uint32_t exec(struct fixture *f, const char *exec_id)
{
	Agent__ExecProcessRequest in = AGENT__EXEC_PROCESS_REQUEST__INIT;
	Oci__Process process = OCI__PROCESS__INIT;
	char *args[] = { (char[]){ "x" } };

	process.args = args;
	process.n_args = 1;
	in.container_id = (char[]){ ID };
	in.exec_id = (char *)(uintptr_t)exec_id;
	in.process = &process;
	return call(f, "grpc.AgentService", "ExecProcess", &in);
}

/* Any status will do. */
static void expect_stats(struct fixture *f)
{
	Agent__StatsContainerRequest in = AGENT__STATS_CONTAINER_REQUEST__INIT;
	_free_ char *message = NULL;

	in.container_id = (char[]){ ID };
	(void)answer_to(f, call(f, "grpc.AgentService", "StatsContainer", &in), &message);
}

static void kill_exec(struct fixture *f, const char *exec_id)
{
	Agent__SignalProcessRequest in = AGENT__SIGNAL_PROCESS_REQUEST__INIT;

	in.container_id = (char[]){ ID };
	in.exec_id = (char *)(uintptr_t)exec_id;
	in.signal = SIGKILL;
	(void)call(f, "grpc.AgentService", "SignalProcess", &in);
}

/* How many of the next N answers, whatever their order, are failures with the status CODE. */
static size_t count_failures(struct fixture *f, size_t n, int code)
{
	size_t n_failed = 0;

	for (size_t i = 0; i < n; i++) {
		_message_ Ttrpc__Response *response = NULL;
		_free_ uint8_t *data = NULL;
		struct ttrpc_frame frame;
		struct error e;

		assert_true(peer_read_frame(f->fd, &frame, &data));
		assert_int_equal(message_unpack(&ttrpc__response__descriptor, data, frame.len,
						&response, &e),
				 0);
		n_failed += response->status && response->status->code == code;
	}
	return n_failed;
}

/* There is one thread, and it is free. */
static void test_exec_that_hangs_holds_nobody_up(void **state)
{
	_free_ char *again = NULL;
	struct fixture *f = *state;

	(void)running_container(f);
	peer_loop_start(&f->io);
	(void)exec(f, "one");
	(void)exec(f, "two");
	expect_stats(f);
	assert_int_equal(answer_to(f, exec(f, "one"), &again), RPC_ALREADY_EXISTS);
	kill_exec(f, "one");
	assert_int_equal(count_failures(f, 2, RPC_CANCELLED), 1);
}

static void test_exec_that_hangs_ends_with_its_container(void **state)
{
	Agent__RemoveContainerRequest in = AGENT__REMOVE_CONTAINER_REQUEST__INIT;
	struct fixture *f = *state;

	(void)running_container(f);
	in.container_id = (char[]){ ID };
	in.timeout = 5;
	peer_loop_start(&f->io);
	(void)exec(f, "one");
	(void)exec(f, "two");
	expect_stats(f);
	(void)call(f, "grpc.AgentService", "RemoveContainer", &in);
	(void)count_failures(f, 3, 0);
	wait_until_taken(f);
}

/* Upstream's shim in Go looks for "ESRCH: No such process", the one in Rust for "no such process",
 * small or not: then the signal was not needed any more. */
static void test_signal_to_a_process_that_has_gone_says_so_as_upstreams_agent(void **state)
{
	Agent__SignalProcessRequest in = AGENT__SIGNAL_PROCESS_REQUEST__INIT;
	_free_ char *message = NULL;
	struct fixture *f = *state;

	(void)running_container(f);
	in.container_id = (char[]){ ID };
	in.exec_id = (char[]){ "gone" };
	in.signal = SIGTERM;
	peer_loop_start(&f->io);
	assert_int_equal(answer_to(f, call(f, "grpc.AgentService", "SignalProcess", &in), &message),
			 RPC_NOT_FOUND);
	assert_string_equal(message,
			    "container '" ID "' has no process 'gone': ESRCH: No such process");
}

/* Whatever its thread made next would be a process of that container's. */
static void test_exec_whose_thread_does_not_come_back_fails(void **state)
{
	_free_ char *there = NULL, *back = NULL;
	struct fixture *f = *state;

	(void)running_container(f);
	peer_loop_start(&f->io);
	setns_that_fails = 1;
	assert_int_not_equal(answer_to(f, exec(f, "there"), &there), 0);
	assert_non_null(strstr(there, "cannot enter the pid namespace"));
	setns_that_fails = 2;
	assert_int_not_equal(answer_to(f, exec(f, "back"), &back), 0);
	assert_non_null(strstr(back, "cannot leave the pid namespace"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* The agent runs itself again to make a process: here that one never gets anywhere. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_call_that_came_before_its_container_does_not_find_it),
		TEST(test_a_container_that_was_cancelled_can_be_removed),
		TEST(test_exec_that_hangs_holds_nobody_up),
		TEST(test_exec_that_hangs_ends_with_its_container),
		TEST(test_signal_to_a_process_that_has_gone_says_so_as_upstreams_agent),
		TEST(test_exec_whose_thread_does_not_come_back_fails),
	};

	if (argc > 1 && strcmp(argv[1], "init") == 0)
		return pause();

	return cmocka_run_group_tests(tests, NULL, NULL);
}
