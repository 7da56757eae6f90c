/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agent_stream - output and exit status go to a caller who is there; input waits for the
 * process.
 *
 * The loop runs on the test's thread, a few rounds at a time, so a case decides what the server has
 * seen when something happens.
 */

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <termios.h>

#include "agent/container/process.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/server.h"
#include "tests/unit/rpc-peer.h"

#define ROUNDS      8
#define EXIT_STATUS 7
#define PIPE_SIZE   4096

enum caller { CALLER_FIRST, CALLER_SECOND, N_CALLER };

struct fixture {
	struct loop *loop;
	struct rpc_server *server;
	struct process *process;
	struct loop_task turn;
	unsigned n_rounds;
	int callers[N_CALLER];
	uint32_t n_calls[N_CALLER];
	int input;  /* the process's end of its standard input */
	int output; /* and of its standard output */
	int gate;   /* closed: the process ends */
};

static int read_stdout(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	struct fixture *f = rpc_context(req);
	const Agent__ReadStreamRequest *request = in;

	return stream_read(&f->process->out, req, request->len, out, e);
}

static int write_stdin(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	struct fixture *f = rpc_context(req);
	const Agent__WriteStreamRequest *request = in;

	return stream_write(&f->process->in, req, request->data.data, request->data.len, out, e);
}

static int wait_process(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	struct fixture *f = rpc_context(req);

	(void)in;
	return process_wait(f->process, req, out, e);
}

static const struct rpc_method methods[] = {
	{ "t.T", "ReadStdout", &agent__read_stream_request__descriptor,
	  &agent__read_stream_response__descriptor, RPC_INLINE, read_stdout },
	{ "t.T", "WriteStdin", &agent__write_stream_request__descriptor,
	  &agent__write_stream_response__descriptor, RPC_INLINE, write_stdin },
	{ "t.T", "WaitProcess", &agent__wait_process_request__descriptor,
	  &agent__wait_process_response__descriptor, RPC_INLINE, wait_process },
};

static void exited(struct process *p)
{
	(void)p;
}

/* A process that ends when the gate closes. */
static pid_t start_process(struct fixture *f)
{
	int gate[2];
	char byte;
	pid_t pid;

	assert_return_code(pipe2(gate, O_CLOEXEC), errno);
	pid = fork();
	assert_return_code(pid, errno);
	if (pid == 0) {
		(void)close_fd(gate[1]);
		(void)!read(gate[0], &byte, 1);
		_exit(EXIT_STATUS);
	}
	(void)close_fd(gate[0]);
	f->gate = gate[1];
	return pid;
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	const struct rpc_service service = { .methods = methods,
					     .n_methods = ARRAY_SIZE(methods),
					     .context = f };
	struct launched launched = { .control = -1, .master = -1 };
	struct process_pipes pipes;
	struct error e;

	*state = f;
	f->loop = loop_new(&e);
	f->server = rpc_server_new(f->loop, NULL, &service, &e);
	launched.pid = start_process(f);
	launched.pidfd = child_open(launched.pid, &e);
	assert_return_code(process_pipes_open(&pipes, PROCESS_INPUT_PIPE, PIPE_SIZE, &e), 0);
	f->input = TAKE_FD(pipes.theirs[0]);
	f->output = TAKE_FD(pipes.theirs[1]);
	f->process = process_new(f->loop, "p", &launched, &pipes, &e);
	process_pipes_close(&pipes);
	process_adopt(f->process, exited, NULL);
	for (size_t i = 0; i < N_CALLER; i++) {
		int fds[2];

		assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), errno);
		f->callers[i] = fds[0];
		assert_return_code(rpc_server_serve(f->server, fds[1], &e), 0);
	}
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	f->gate = close_fd(f->gate);
	if (!f->process->has_exited)
		(void)waitpid(f->process->pid, NULL, 0);
	rpc_server_free(f->server);
	process_free(f->process);
	loop_free(f->loop);
	for (size_t i = 0; i < N_CALLER; i++)
		(void)close_fd(f->callers[i]);
	(void)close_fd(f->input);
	(void)close_fd(f->output);
	free(f);
	return 0;
}

static void next_round(struct loop_task *task)
{
	struct fixture *f = CONTAINER_OF(task, struct fixture, turn);

	if (--f->n_rounds == 0)
		loop_stop(f->loop, 0);
	else
		loop_post(f->loop, task);
}

/* Lets the server see what has happened. */
static void turn(struct fixture *f)
{
	f->n_rounds = ROUNDS;
	f->turn.run = next_round;
	loop_post(f->loop, &f->turn);
	(void)loop_run(f->loop);
}

static void turn_until(struct fixture *f, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (uint64_t end = deadline_in(PEER_PATIENCE_MS); poll(&p, 1, 0) == 0; turn(f))
		assert_true(now_ms() < end);
}

static void call(struct fixture *f, enum caller caller, const char *method, const void *in,
		 int64_t timeout_nano)
{
	Ttrpc__Request request = TTRPC__REQUEST__INIT;
	_free_ uint8_t *payload = NULL;
	_free_ uint8_t *bytes = NULL;
	_free_ char *name = xstrdup(method);
	size_t len;

	request.service = (char[]){ "t.T" };
	request.method = name;
	request.timeout_nano = timeout_nano;
	request.payload.len = message_pack(in, &payload);
	request.payload.data = payload;
	len = message_pack(&request, &bytes);
	peer_frame(f->callers[caller], 1 + 2 * f->n_calls[caller]++, TTRPC_REQUEST, 0, bytes, len);
}

static void call_read(struct fixture *f, enum caller caller, int64_t timeout_nano)
{
	Agent__ReadStreamRequest request = AGENT__READ_STREAM_REQUEST__INIT;

	request.len = 100;
	call(f, caller, "ReadStdout", &request, timeout_nano);
}

static void call_wait(struct fixture *f, enum caller caller)
{
	Agent__WaitProcessRequest request = AGENT__WAIT_PROCESS_REQUEST__INIT;

	call(f, caller, "WaitProcess", &request, 0);
}

/* The next answer CALLER gets. */
static Ttrpc__Response *response_to(struct fixture *f, enum caller caller)
{
	_free_ uint8_t *data = NULL;
	Ttrpc__Response *response;
	struct ttrpc_frame frame;
	struct error e;

	turn_until(f, f->callers[caller]);
	assert_true(peer_read_frame(f->callers[caller], &frame, &data));
	assert_return_code(
		message_unpack(&ttrpc__response__descriptor, data, frame.len, &response, &e), 0);
	return response;
}

static void answer_to(struct fixture *f, enum caller caller, const ProtobufCMessageDescriptor *type,
		      void *ret_out)
{
	_message_ Ttrpc__Response *response = response_to(f, caller);
	struct error e;

	assert_null(response->status);
	assert_return_code(
		message_unpack(type, response->payload.data, response->payload.len, ret_out, &e),
		0);
}

static void expect_output(struct fixture *f, enum caller caller, const char *text)
{
	_message_ Agent__ReadStreamResponse *out = NULL;

	answer_to(f, caller, &agent__read_stream_response__descriptor, &out);
	assert_int_equal(out->data.len, strlen(text));
	assert_memory_equal(out->data.data, text, strlen(text));
}

static void hang_up(struct fixture *f, enum caller caller)
{
	f->callers[caller] = close_fd(f->callers[caller]);
}

static void print(struct fixture *f, const char *text)
{
	assert_int_equal(write(f->output, text, strlen(text)), strlen(text));
}

static void test_output_waits_for_the_next_caller_when_one_has_gone(void **state)
{
	struct fixture *f = *state;

	call_read(f, CALLER_FIRST, 0);
	turn(f);
	hang_up(f, CALLER_FIRST);
	turn(f);
	print(f, "text");
	turn(f);
	call_read(f, CALLER_SECOND, 0);
	expect_output(f, CALLER_SECOND, "text");
}

/* Output and end are ready in the same round, and the output is looked at first. */
static void test_output_is_not_lost_with_a_caller_who_goes_meanwhile(void **state)
{
	struct fixture *f = *state;

	call_read(f, CALLER_FIRST, 0);
	turn(f);
	print(f, "text");
	hang_up(f, CALLER_FIRST);
	turn(f);
	call_read(f, CALLER_SECOND, 0);
	expect_output(f, CALLER_SECOND, "text");
}

static void test_output_is_not_given_to_a_caller_who_has_gone_at_once(void **state)
{
	struct fixture *f = *state;

	print(f, "text");
	call_read(f, CALLER_FIRST, 0);
	hang_up(f, CALLER_FIRST);
	turn(f);
	call_read(f, CALLER_SECOND, 0);
	expect_output(f, CALLER_SECOND, "text");
}

static void test_output_is_not_given_to_a_caller_whose_deadline_passed(void **state)
{
	struct fixture *f = *state;

	call_read(f, CALLER_FIRST, 1000000);
	turn_until(f, f->callers[CALLER_FIRST]);
	print(f, "text");
	turn(f);
	call_read(f, CALLER_SECOND, 0);
	expect_output(f, CALLER_SECOND, "text");
}

static void test_a_gone_caller_does_not_stand_before_one_who_waits(void **state)
{
	struct fixture *f = *state;

	call_read(f, CALLER_FIRST, 0);
	turn(f);
	call_read(f, CALLER_SECOND, 0);
	turn(f);
	hang_up(f, CALLER_FIRST);
	print(f, "text");
	expect_output(f, CALLER_SECOND, "text");
}

static void test_exit_status_is_kept_when_who_waited_has_gone(void **state)
{
	struct fixture *f = *state;
	_message_ Agent__WaitProcessResponse *out = NULL;

	call_wait(f, CALLER_FIRST);
	turn(f);
	hang_up(f, CALLER_FIRST);
	f->gate = close_fd(f->gate);
	turn_until(f, f->process->pidfd);
	turn(f);
	assert_true(f->process->has_exited);
	assert_false(f->process->was_waited_for);
	call_wait(f, CALLER_SECOND);
	answer_to(f, CALLER_SECOND, &agent__wait_process_response__descriptor, &out);
	assert_int_equal(out->status, EXIT_STATUS);
	assert_true(f->process->was_waited_for);
}

/* The process has ended, and a child it left keeps its output open. */
static void test_output_that_a_child_holds_ends_soon_after_the_process(void **state)
{
	struct fixture *f = *state;

	print(f, "last");
	f->gate = close_fd(f->gate);
	turn_until(f, f->process->pidfd);
	call_read(f, CALLER_FIRST, 0);
	expect_output(f, CALLER_FIRST, "last");
	call_read(f, CALLER_FIRST, 0);
	expect_output(f, CALLER_FIRST, "");
	assert_true(stream_has_ended(&f->process->out));
}

static void test_calls_that_wait_are_bounded(void **state)
{
	struct fixture *f = *state;
	_message_ Ttrpc__Response *response = NULL;

	for (unsigned i = 0; i <= PARKED_MAX; i++)
		call_read(f, CALLER_FIRST, 0);
	response = response_to(f, CALLER_FIRST);
	assert_non_null(response->status);
	assert_non_null(strstr(response->status->message, "calls wait already"));
}

/* Reads what is there of the input; returns the bytes, or 0 at its end. */
static size_t read_input(struct fixture *f, uint8_t *bytes, size_t max)
{
	struct pollfd p = { .fd = f->input, .events = POLLIN };
	ssize_t n;

	turn_until(f, f->input);
	assert_int_equal(poll(&p, 1, 0), 1);
	n = read(f->input, bytes, max);
	assert_true(n >= 0);
	return (size_t)n;
}

/* More than the pipe takes, then its end: the call waits, all comes in order, and then the end. */
static void test_input_that_does_not_fit_waits_and_comes_before_the_end(void **state)
{
	struct fixture *f = *state;
	Agent__WriteStreamRequest request = AGENT__WRITE_STREAM_REQUEST__INIT;
	_message_ Agent__WriteStreamResponse *out = NULL;
	struct pollfd answer = { .fd = f->callers[CALLER_FIRST], .events = POLLIN };
	uint8_t sent[5 * PIPE_SIZE], got[sizeof(sent) + 1];
	size_t len = 0;

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i / 7 + i);
	request.data = (ProtobufCBinaryData){ .len = sizeof(sent), .data = sent };
	call(f, CALLER_FIRST, "WriteStdin", &request, 0);
	turn(f);
	assert_int_equal(poll(&answer, 1, 0), 0);
	stream_end(&f->process->in);
	for (size_t n = 1; n > 0 && len < sizeof(got); len += n)
		n = read_input(f, got + len, sizeof(got) - len);
	assert_int_equal(len, sizeof(sent));
	assert_memory_equal(got, sent, sizeof(sent));
	answer_to(f, CALLER_FIRST, &agent__write_stream_response__descriptor, &out);
	assert_int_equal(out->len, sizeof(sent));
}

/* Each call is some journeys of milliseconds under emulation. */
static void test_one_call_moves_what_a_pipe_holds(void **state)
{
	struct fixture *f = *state;
	Agent__ReadStreamRequest request = AGENT__READ_STREAM_REQUEST__INIT;
	_message_ Agent__ReadStreamResponse *out = NULL;
	const size_t len = STREAM_READ_MAX / 2; /* the caller's socket takes it at once */
	_free_ char *text = xcalloc(1, len + 1);
	struct process_pipes pipes;
	struct error e;

	assert_return_code(process_pipes_open(&pipes, PROCESS_INPUT_PIPE, 0, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pipes.ours); i++)
		assert_true(fcntl(pipes.ours[i], F_GETPIPE_SZ) >= (int)STREAM_READ_MAX);
	process_pipes_close(&pipes);

	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + i % 23);
	assert_true(fcntl(f->output, F_SETPIPE_SZ, STREAM_READ_MAX) >= (int)STREAM_READ_MAX);
	print(f, text);
	request.len = STREAM_READ_MAX;
	call(f, CALLER_FIRST, "ReadStdout", &request, 0);
	answer_to(f, CALLER_FIRST, &agent__read_stream_response__descriptor, &out);
	assert_int_equal(out->data.len, len);
	assert_memory_equal(out->data.data, text, len);
}

/* A raw terminal instead of the process's output. */
static void make_terminal(struct fixture *f)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), slave;
	struct termios settings;

	assert_return_code(master, errno);
	assert_return_code(unlockpt(master), errno);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	assert_return_code(tcgetattr(slave, &settings), errno);
	cfmakeraw(&settings);
	assert_return_code(tcsetattr(slave, TCSANOW, &settings), errno);
	stream_done(&f->process->out);
	stream_init(&f->process->out, f->loop, master, STREAM_TERMINAL);
	(void)close_fd(f->output);
	f->output = slave;
}

/* The kernel hands on what is written when it likes. */
static void print_to_terminal(struct fixture *f, const char *text, size_t len)
{
	size_t before = f->process->out.ahead.len, done = 0;

	for (uint64_t end = deadline_in(PEER_PATIENCE_MS); f->process->out.ahead.len < before + len;
	     turn(f)) {
		ssize_t n = write(f->output, text + done, len - done);

		done += n > 0 ? (size_t)n : 0;
		assert_true(now_ms() < end);
	}
}

/* While the runtime is on its way for the next, the process goes on printing. */
static void test_a_terminal_that_is_read_from_is_read_ahead(void **state)
{
	struct fixture *f = *state;
	Agent__ReadStreamRequest request = AGENT__READ_STREAM_REQUEST__INIT;
	_message_ Agent__ReadStreamResponse *all = NULL;
	_message_ Agent__ReadStreamResponse *end = NULL;
	char text[40000];

	make_terminal(f);
	print(f, "first");
	call_read(f, CALLER_FIRST, 0);
	expect_output(f, CALLER_FIRST, "first");
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 23);
	print_to_terminal(f, text, sizeof(text));
	f->output = close_fd(f->output);
	turn(f);
	assert_false(stream_has_ended(&f->process->out));
	request.len = STREAM_READ_MAX;
	call(f, CALLER_FIRST, "ReadStdout", &request, 0);
	answer_to(f, CALLER_FIRST, &agent__read_stream_response__descriptor, &all);
	assert_int_equal(all->data.len, sizeof(text));
	assert_memory_equal(all->data.data, text, sizeof(text));
	/* Else the process would be gone when its caller asks for the end of its output. */
	turn(f);
	assert_false(stream_has_ended(&f->process->out));
	call(f, CALLER_FIRST, "ReadStdout", &request, 0);
	answer_to(f, CALLER_FIRST, &agent__read_stream_response__descriptor, &end);
	assert_int_equal(end->data.len, 0);
	assert_true(stream_has_ended(&f->process->out));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_output_waits_for_the_next_caller_when_one_has_gone),
		TEST(test_output_is_not_lost_with_a_caller_who_goes_meanwhile),
		TEST(test_output_is_not_given_to_a_caller_who_has_gone_at_once),
		TEST(test_output_is_not_given_to_a_caller_whose_deadline_passed),
		TEST(test_a_gone_caller_does_not_stand_before_one_who_waits),
		TEST(test_exit_status_is_kept_when_who_waited_has_gone),
		TEST(test_output_that_a_child_holds_ends_soon_after_the_process),
		TEST(test_calls_that_wait_are_bounded),
		TEST(test_input_that_does_not_fit_waits_and_comes_before_the_end),
		TEST(test_one_call_moves_what_a_pipe_holds),
		TEST(test_a_terminal_that_is_read_from_is_read_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
